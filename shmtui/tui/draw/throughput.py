"""Throughput: the graph of the last minute, and the current rates beside it. Pure."""

import time
from typing import NamedTuple

from shmtui.i18n import _
from shmtui.shm.item_counts import Method
from shmtui.snapshot import Snapshot
from shmtui.tui.draw.graph import AXIS, graph_lines, spark
from shmtui.tui.formatting import format_count, format_rate, known_rate, method_words
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.rate_history import RateHistory
from shmtui.tui.spans import Line, Span, line, width_of

NOW = 26
"""Cells of the figures beside the graph."""

GRAPH_LEAST = 24
"""The least cells of a graph."""


class _Side(NamedTuple):
    """What one side produces or consumes."""

    mark: str
    word: str
    style: str
    rate: str
    """Per second, in words or figures."""
    how: str
    """How the rate was told; empty where it is unknown."""
    peak: Span


def throughput_lines(
    snapshot: Snapshot, history: RateHistory, width: int, height: int, glyphs: Glyphs
) -> list[Line]:
    """At most ``height`` lines: graph and figures, or figures with a spark line each."""
    graph_width = width - NOW - 3
    if height < 3 or graph_width < GRAPH_LEAST:
        return _narrow(snapshot, history, width, height, glyphs)
    rows = height if height % 2 else height - 1
    graph = graph_lines(history.series(2 * (graph_width - AXIS), 2), graph_width, rows, glyphs)
    now = now_lines(snapshot, history.peak(), height, glyphs)
    graph += [()] * (height - len(graph))
    now += [()] * (height - len(now))
    return [
        line(
            *glyphs.fit_line(left, graph_width),
            (f" {glyphs.vertical} ", "faint"),
            *glyphs.fit_line(right, NOW),
        )
        for left, right in zip(graph, now, strict=True)
    ]


def now_lines(
    snapshot: Snapshot, peak: tuple[float, float], height: int, glyphs: Glyphs
) -> list[Line]:
    """The rates of both sides in ``height`` lines."""
    sides = _sides(snapshot, peak, glyphs)
    if height < 7:
        short = [line((f"{s.mark} ", s.style), (s.rate, "strong"), s.peak) for s in sides]
        return [*short, *_tail(snapshot, glyphs)][:height]
    rows: list[Line] = []
    for side in sides:
        rows += [
            line((f"{side.mark} {side.word}", f"{side.style}-strong")),
            line("  ", (side.rate, "strong"), (side.how, "muted")),
            line(" ", side.peak),
        ]
        if height >= 9:
            rows.append(())
    last = [row for row in (_total(snapshot, glyphs), _cost(snapshot)) if row]
    return [*rows, *last][: max(height, len(rows))]


def _sides(snapshot: Snapshot, peak: tuple[float, float], glyphs: Glyphs) -> tuple[_Side, _Side]:
    rates, method = snapshot.throughput, snapshot.throughput.method

    def side(mark: str, word: str, style: str, rate: float | None, top: float) -> _Side:
        text = known_rate(rate, method, glyphs)
        known = method is not Method.UNKNOWN
        told = text != _("unknown")
        text = f"{text} /s" if told else text
        how = f"  {method_words(method)}" if told and known else ""
        highest = _("peak {rate}").format(rate=format_rate(top, glyphs))
        return _Side(mark, word, style, text, how, Span(f" {highest}" if known else "", "muted"))

    return (
        side(glyphs.up, _("produced"), "producer", rates.produced_per_s, peak[0]),
        side(glyphs.down, _("consumed"), "consumer", rates.consumed_per_s, peak[1]),
    )


def _total(snapshot: Snapshot, glyphs: Glyphs) -> Line:
    exact = snapshot.exact
    if exact is not None and exact.consumed is not None and exact.since is not None:
        since = time.strftime("%H:%M:%S", time.localtime(exact.since))
        count = format_count(exact.consumed, glyphs)
        text = _("{count} since {time}").format(count=count, time=since)
        return line((f"{glyphs.down} {text}", "muted"))
    if snapshot.counted is None:
        return ()
    count = format_count(snapshot.counted.consumed, glyphs)
    return line((_("{count} consumed in all").format(count=count), "muted"))


def _cost(snapshot: Snapshot) -> Line:
    """What exact counts cost the watched program: by hits, and by context switches."""
    exact = snapshot.exact
    if exact is None or not exact.watched:
        return ()
    text = _("costs {cost:.1f} + {more:.1f} %")
    return line((text.format(cost=exact.cost, more=exact.switch_cost), "muted"))


def _tail(snapshot: Snapshot, glyphs: Glyphs) -> list[Line]:
    """How the rates are measured, and the total; no line where the rates are unknown."""
    method, total = snapshot.throughput.method, _total(snapshot, glyphs)
    if method is Method.UNKNOWN:
        return []
    dot = f" {glyphs.dot} " if total else ""
    how = line((method_words(method), "muted"))
    cost = _cost(snapshot)
    if cost:
        return [line(*how, (f" {glyphs.dot} ", "muted"), *cost), total]
    return [line(*how, (dot, "muted"), *total)]


def _narrow(
    snapshot: Snapshot, history: RateHistory, width: int, height: int, glyphs: Glyphs
) -> list[Line]:
    """A line for each side, with the last minute as bars in the room that is left."""
    sides = _sides(snapshot, history.peak(), glyphs)
    heads = []
    for side in sides:
        label = f"{side.mark} {side.word} " if width >= 34 else f"{side.mark} "
        figures = line((label, side.style), (side.rate, "strong"))
        more = line(*figures, " ", side.peak)
        heads.append(more if width_of(more) <= width - 8 else figures)
    if height == 1:
        return [glyphs.clip_line(line(*heads[0], "  ", *heads[1]), width)]
    start = max(width_of(head) for head in heads) + 2
    pairs = history.series(max(0, width - start), 1)
    rows = [
        line(
            *glyphs.fit_line(head, start),
            (spark([pair[at] if pair else 0.0 for pair in pairs], glyphs), side.style),
        )
        for at, (side, head) in enumerate(zip(sides, heads, strict=True))
    ]
    if height >= 3:
        rows += _tail(snapshot, glyphs)
    return [glyphs.clip_line(row, width) for row in rows[:height]]
