"""The line of a replay: its speed, where it is, and where the findings are. Pure."""

import time

import msgspec

from shmtui.i18n import _
from shmtui.recording.gzip_members import status_of
from shmtui.snapshot import Status
from shmtui.tui.formatting import format_count
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.spans import Line, Span, joined, line, width_of
from shmtui.tui.view_model import Comparison, Replay, Side

LEAST = 10
"""Cells of the shortest bar."""


class TimeBarLine(msgspec.Struct, frozen=True):
    """The line, and the cells of its bar, which stand for the time line."""

    line: Line
    start: int
    cells: int


def time_bar(replay: Replay, wall: float, width: int, glyphs: Glyphs) -> TimeBarLine:
    """The line ``width`` cells wide; ``wall`` is the frame's time in seconds since the epoch. What is least
    of use is left out first.
    """
    if replay.wrong:
        return TimeBarLine(
            glyphs.fit_line(line((f" {glyphs.inert(replay.wrong)}", "bad")), width), 0, 0
        )
    count = _("{at} of {all}").format(
        at=format_count(replay.number + 1), all=format_count(replay.index.frames)
    )
    right = [
        (f" {elapsed(replay.length)} ", "muted"),
        (f" {clock(wall)} ", "strong"),
        (f" {count} ", "muted"),
    ]
    left = _state(replay, glyphs)
    while right and width - width_of(line(*left, *right)) < LEAST:
        right.pop(0 if len(right) == 3 else -1)
    start = width_of(line(*left))
    cells = width - width_of(line(*left, *right))
    if cells < 1:
        return TimeBarLine(glyphs.fit_line(line(*left), width), 0, 0)
    return TimeBarLine(line(*left, *_bar(replay, cells, glyphs), *right), start, cells)


def pair_bars(
    comparison: Comparison, width: int, glyphs: Glyphs
) -> tuple[TimeBarLine, TimeBarLine]:
    """A line for each of two recordings, their bars on one time line below each other."""
    first, second = comparison.sides
    replay = first.replay
    state, *rest = _state(replay, glyphs)
    heads = (
        line(state, *rest, (" A ", "accent")),
        line((" " * width_of(line(state, *rest)), "muted"), (" B ", "accent")),
    )
    ends = [_end(side, glyphs) for side in (first, second)]
    right = max(map(width_of, ends))
    cells = width - width_of(heads[0]) - right
    if cells < LEAST:
        right, cells = 0, max(0, width - width_of(heads[0]))
    bars = [
        TimeBarLine(
            glyphs.fit_line(line(*head, *_bar(side.replay, cells, glyphs),
                                 *(glyphs.fit_line(end, right) if right else ())), width),
            width_of(head), cells,
        )
        for head, side, end in zip(heads, (first, second), ends, strict=True)
    ]  # fmt: skip
    if replay.wrong:
        wrong = glyphs.fit_line(line((f" {glyphs.inert(replay.wrong)}", "bad")), width)
        bars[0] = TimeBarLine(wrong, 0, 0)
    return bars[0], bars[1]


def _end(side: Side, glyphs: Glyphs) -> Line:
    """The time of a frame, and which it is."""
    place = side.replay
    if not side.there:
        within = place.seconds - place.start
        return line((f" {_('not begun') if within < 0 else _('over')}", "warn"))
    at = format_count(place.number + 1, glyphs)
    return line((f" {clock(side.snapshot.time)}", "strong"), (f" {at} ", "muted"))


def _state(replay: Replay, glyphs: Glyphs) -> Line:
    """Whether it plays, how fast, and where it is."""
    mark = glyphs.folded if replay.playing else glyphs.paused
    style = "accent" if replay.playing else "warn"
    state = (f" {mark} {glyphs.times}{replay.speed:g} ", style)
    return line(state, (f" {elapsed(replay.seconds)} ", "text"))


def _bar(replay: Replay, cells: int, glyphs: Glyphs) -> Line:
    """The time line: findings by glyph and colour, and the position. What a recording that shares it does
    not have of it is blank.
    """
    looks = {
        Status.UNKNOWN: Span(glyphs.horizontal, "muted"),
        Status.OK: Span(glyphs.horizontal, "good"),
        Status.WARNING: Span(glyphs.up, "warn"),
        Status.CRITICAL: Span(glyphs.no[0], "bad"),
    }
    if cells <= 0:
        return ()
    scale = cells / replay.length if replay.length > 0 else 0.0
    before = min(int(replay.start * scale), cells - 1)
    own = cells if replay.span is None else max(1, round(replay.index.length * scale))
    own = min(own, cells - before)
    spans = [Span(" ")] * before
    spans += [looks[status_of(worst)] for worst in replay.index.worst_in(own)]
    spans += [Span(" ")] * (cells - before - own)
    spans[min(int(replay.seconds * scale), cells - 1)] = Span(glyphs.thumb, "strong")
    return joined(spans)


def elapsed(seconds: float) -> str:
    """A position on the time line.

    >>> elapsed(0.0), elapsed(75.26), elapsed(36000.0)
    ('0:00.0', '1:15.2', '10:00:00.0')
    """
    tenths = int(seconds * 10 + 1e-6)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    ending = f"{rest // 10:02}.{rest % 10}"
    return f"{hours}:{minutes:02}:{ending}" if hours else f"{minutes}:{ending}"


def clock(epoch: float) -> str:
    """Time of day, to a tenth of a second."""
    return f"{time.strftime('%H:%M:%S', time.localtime(epoch))}.{int(epoch * 10) % 10}"
