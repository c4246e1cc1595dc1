"""The line of a replay: its speed, where it is, and where the findings are. Pure."""

import time
from dataclasses import dataclass

from shmtui.i18n import _
from shmtui.recording.member import status_of
from shmtui.snapshot import Status
from shmtui.tui.formatting import format_count
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.spans import Line, Span, joined, line, width_of
from shmtui.tui.view_model import Replay

LEAST = 10
"""Cells of the shortest bar."""


@dataclass(frozen=True, slots=True)
class TimeBar:
    """The line, and the cells of its bar, which stand for the time line."""

    line: Line
    start: int
    cells: int


def time_bar(replay: Replay, wall: float, width: int, glyphs: Glyphs) -> TimeBar:
    """The line ``width`` cells wide; ``wall`` is the frame's time in seconds since the epoch. What is least
    of use is left out first.
    """
    if replay.wrong:
        return TimeBar(
            glyphs.fit_line(line((f" {glyphs.inert(replay.wrong)}", "bad")), width), 0, 0
        )
    mark = glyphs.folded if replay.playing else glyphs.paused
    state = (f" {mark} {glyphs.times}{replay.speed:g} ", "accent" if replay.playing else "warn")
    count = _("{at} of {all}").format(
        at=format_count(replay.number + 1), all=format_count(replay.index.frames)
    )
    right = [
        (f" {elapsed(replay.length)} ", "muted"),
        (f" {clock(wall)} ", "strong"),
        (f" {count} ", "muted"),
    ]
    left = [state, (f" {elapsed(replay.seconds)} ", "text")]
    while right and width - width_of(line(*left, *right)) < LEAST:
        right.pop(0 if len(right) == 3 else -1)
    start = width_of(line(*left))
    cells = width - width_of(line(*left, *right))
    if cells < 1:
        return TimeBar(glyphs.fit_line(line(*left), width), 0, 0)
    return TimeBar(line(*left, *_bar(replay, cells, glyphs), *right), start, cells)


def _bar(replay: Replay, cells: int, glyphs: Glyphs) -> Line:
    """The time line: findings by glyph and colour, and the position."""
    looks = {
        Status.UNKNOWN: Span(glyphs.horizontal, "muted"),
        Status.OK: Span(glyphs.horizontal, "good"),
        Status.WARNING: Span(glyphs.up, "warn"),
        Status.CRITICAL: Span(glyphs.no[0], "bad"),
    }
    spans = [looks[status_of(worst)] for worst in replay.index.worst_in(cells)]
    at = int(replay.seconds / replay.length * cells) if replay.length > 0 else 0
    spans[min(at, cells - 1)] = Span(glyphs.thumb, "strong")
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
