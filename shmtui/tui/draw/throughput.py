"""Throughput: the graph of the last minute, and the current rates beside it. Pure."""

from collections.abc import Callable, Sequence

from shmtui.i18n import _
from shmtui.snapshot import Method, Snapshot
from shmtui.tui.draw.graph import graph_lines, spark
from shmtui.tui.formatting import format_count, format_rate, known_rate, method_words
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.rate_history import Pair
from shmtui.tui.spans import Line, Span, clip_line, fit_line, line, width_of

NOW = 26
"""Cells of the figures beside the graph."""

GRAPH_LEAST = 24
"""The least cells of a graph."""

Series = Callable[[int, int], Sequence[Pair]]
"""`RateHistory.series`."""


def throughput_lines(
    snapshot: Snapshot,
    series: Series,
    peak: tuple[float, float],
    width: int,
    height: int,
    glyphs: Glyphs,
) -> list[Line]:
    """At most ``height`` lines: graph and figures, or figures with a spark line each."""
    if width <= 0 or height <= 0:
        return []
    graph_width = width - NOW - 3
    if height < 3 or graph_width < GRAPH_LEAST:
        return _narrow(snapshot, series, peak, width, height, glyphs)
    cells = graph_width - 7
    rows = height if height % 2 else height - 1
    graph = graph_lines(series(2 * cells, 2), graph_width, rows, glyphs)
    now = now_lines(snapshot, peak, height, glyphs)
    out: list[Line] = []
    for at in range(height):
        left = fit_line(graph[at] if at < len(graph) else (), graph_width, glyphs.ellipsis)
        right = fit_line(now[at] if at < len(now) else (), NOW, glyphs.ellipsis)
        out.append(line(*left, (f" {glyphs.vertical} ", "faint"), *right))
    return out


def now_lines(
    snapshot: Snapshot, peak: tuple[float, float], height: int, glyphs: Glyphs
) -> list[Line]:
    """The rates of both sides in ``height`` lines."""
    rates = snapshot.throughput
    sides = _sides(snapshot, peak, glyphs)
    how = (
        () if rates.method is Method.UNKNOWN else line("  ", (method_words(rates.method), "muted"))
    )
    total = through_line(snapshot, glyphs)
    if height < 7:
        short = [
            line(
                (f"{mark} ", style), (_per_second(rate), "strong"), _peak(top, rates.method, glyphs)
            )
            for mark, _side, style, rate, top in sides
        ]
        return [*short, *_tail(rates.method, total, glyphs)][:height]
    rows: list[Line] = []
    loose = height >= 9
    for mark, word, style, rate, top in sides:
        rows.append(line((f"{mark} {word}", f"{style}-strong")))
        rows.append(line("  ", (_per_second(rate), "strong"), *how))
        rows.append(line(" ", _peak(top, rates.method, glyphs)))
        if loose:
            rows.append(())
    if total and len(rows) < height:
        rows.append(total)
    return rows


def _tail(method: Method, total: Line, glyphs: Glyphs) -> list[Line]:
    """How the rates are measured, and the total; no line where the rates are unknown."""
    if method is Method.UNKNOWN:
        return []
    how = line((method_words(method), "muted"))
    return [line(*how, *((f" {glyphs.dot} ", "muted"), *total) if total else ())]


def _per_second(rate: str) -> str:
    return rate if rate == _("unknown") else f"{rate} /s"


def _peak(top: float, method: Method, glyphs: Glyphs) -> Span:
    if method is Method.UNKNOWN:
        return Span("", "muted")
    return Span(" " + _("peak {rate}").format(rate=format_rate(top, glyphs)), "muted")


def _sides(
    snapshot: Snapshot, peak: tuple[float, float], glyphs: Glyphs
) -> tuple[tuple[str, str, str, str, float], ...]:
    rates = snapshot.throughput
    return (
        (
            glyphs.up,
            _("produced"),
            "producer",
            known_rate(rates.produced_per_s, rates.method, glyphs),
            peak[0],
        ),
        (
            glyphs.down,
            _("consumed"),
            "consumer",
            known_rate(rates.consumed_per_s, rates.method, glyphs),
            peak[1],
        ),
    )


def through_line(snapshot: Snapshot, glyphs: Glyphs) -> Line:
    """How many items have been consumed, where that is known."""
    if snapshot.totals is None or snapshot.throughput.method is not Method.COUNTERS:
        return ()
    count = format_count(snapshot.totals.consumed, glyphs)
    return line((_("{count} consumed in all").format(count=count), "muted"))


def _narrow(
    snapshot: Snapshot,
    series: Series,
    peak: tuple[float, float],
    width: int,
    height: int,
    glyphs: Glyphs,
) -> list[Line]:
    """A line for each side, with the last minute as bars in the room that is left."""
    method = snapshot.throughput.method
    heads = []
    for mark, word, style, rate, top in _sides(snapshot, peak, glyphs):
        label = f"{mark} {word} " if width >= 34 else f"{mark} "
        figures = line((label, style), (_per_second(rate), "strong"))
        more = line(*figures, " ", _peak(top, method, glyphs))
        heads.append(more if width_of(more) <= width - 8 else figures)
    if height == 1:
        both = line(*heads[0], "  ", *heads[1])
        return [clip_line(both, width, glyphs.ellipsis)]
    start = max(width_of(head) for head in heads) + 2
    pairs = series(max(0, width - start), 1)
    rows = []
    for side, head in enumerate(heads):
        text = spark([pair[side] if pair else 0.0 for pair in pairs], glyphs)
        style = ("producer", "consumer")[side]
        row = line(*fit_line(head, start, glyphs.ellipsis), (text, style))
        rows.append(clip_line(row, width, glyphs.ellipsis))
    if height >= 3:
        total = through_line(snapshot, glyphs)
        tail = _tail(method, total, glyphs)
        rows += [clip_line(each, width, glyphs.ellipsis) for each in tail]
    return rows
