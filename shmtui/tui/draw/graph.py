"""Throughput over time: produced goes up from the middle line, consumed goes down. Pure.

On one scale the two curves would mostly hide each other, and without colour they could not be told
apart. Back to back, a difference between them shows as a lack of symmetry.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby

from shmtui.i18n import _
from shmtui.tui.formatting import format_axis, nice_ceiling
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.rate_history import Pair
from shmtui.tui.spans import Line, Span, line

AXIS = 7
"""Cells that the axis and its labels take."""

_LEFT = (0x40, 0x04, 0x02, 0x01)
"""Braille dots of the left half of a cell, from the bottom up."""
_RIGHT = (0x80, 0x20, 0x10, 0x08)
_RISING = tuple((sum(_LEFT[:n]), sum(_RIGHT[:n])) for n in range(5))
_HANGING = tuple((sum(_LEFT[4 - n :]), sum(_RIGHT[4 - n :])) for n in range(5))
_ASCII_RISING = " .:|#"
_ASCII_HANGING = " '\":#"


def graph_lines(series: Sequence[Pair], width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """``height`` lines of ``width`` cells; ``series`` holds two means for each cell.

    The middle line is the time axis, with the same number of rows above and below. Both sides
    have one scale, which ends at a round number.
    """
    cells = width - AXIS
    half = (height - 1) // 2
    if half < 1 or cells < 4:
        return []
    pairs = [pair or (0.0, 0.0) for pair in series[-2 * cells :]]
    pairs = [(0.0, 0.0)] * (2 * cells - len(pairs)) + pairs
    top = nice_ceiling(max(max(pair) for pair in pairs))

    # Labelled at its end, and half-way where rows are many.
    labelled = {half - 1, half // 2 - 1} if half >= 4 and half % 2 == 0 else {half - 1}
    blank = " " * (AXIS - 1)
    scales = [
        line(
            (f"{format_axis(top * (level + 1) / half):>{AXIS - 1}}", "muted"),
            (glyphs.tick, "faint"),
        )
        if level in labelled
        else line((blank + glyphs.vertical, "faint"))
        for level in range(half)
    ]

    def outwards(side: int, style: str) -> list[Line]:
        # At least one dot for what is above zero.
        dots = [max(pair[side] > 0, round(pair[side] / top * 4 * half)) for pair in pairs]
        area = _area(tuple(dots), half, style, side == 1, glyphs.ascii_only)
        return [line(*scale, *spans) for scale, spans in zip(scales, area, strict=True)]

    above, below = outwards(0, "producer"), outwards(1, "consumer")
    return [*reversed(above), _time_axis(cells, glyphs), *below]


@lru_cache(maxsize=4)
def _area(
    dots: tuple[int, ...], half: int, style: str, hanging: bool, ascii_only: bool
) -> tuple[Line, ...]:
    """The rows of one side from the middle outwards. Cached: a steady flow looks the same at each frame."""
    columns = [
        _column(dots[at], dots[at + 1], half, hanging, ascii_only) for at in range(0, len(dots), 2)
    ]
    rows = []
    for level in range(half):
        # The edge of the area is bright, the inside dim.
        runs = groupby([column[level] for column in columns], key=lambda cell: cell[1])
        spans = [
            Span("".join([char for char, _inside in run]), f"{style}-dim" if inside else style)
            for inside, run in runs
        ]
        rows.append(line(*spans))
    return tuple(rows)


@lru_cache(maxsize=512)
def _column(
    left: int, right: int, half: int, hanging: bool, ascii_only: bool
) -> tuple[tuple[str, bool], ...]:
    """The cells of a column from the middle outwards: each with its glyph, and whether it is inside
    the area and not at its edge. Cached, since most columns look like an earlier one.
    """
    cells = []
    for floor in range(0, 4 * half, 4):
        low, high = max(0, min(4, left - floor)), max(0, min(4, right - floor))
        if not low and not high:
            char = " "
        elif ascii_only:
            char = (_ASCII_HANGING if hanging else _ASCII_RISING)[max(low, high)]
        else:
            dots = _HANGING if hanging else _RISING
            char = chr(0x2800 | dots[low][0] | dots[high][1])
        cells.append((char, min(left, right) > floor + 4))
    return tuple(cells)


def _time_axis(cells: int, glyphs: Glyphs) -> Line:
    """The time axis: zero, and how long ago.

    >>> plain(_time_axis(30, UNICODE))
    '     0┤60 s ago ─── 30 s ──────── now'
    """
    left, middle, right = _("60 s ago") + " ", " 30 s ", " " + _("now")
    if cells < len(left + middle + right) + 2:
        left, middle = "60 s ", ""
    if cells < len(left + right):
        left, right = "", ""
    before = max(0, cells // 2 - len(left) - len(middle) // 2) if middle else 0
    after = cells - len(left + middle + right) - before
    return line(
        (f"{'0':>{AXIS - 1}}", "muted"),
        (glyphs.tick, "faint"),
        (left, "muted"),
        (glyphs.horizontal * before, "faint"),
        (middle, "muted"),
        (glyphs.horizontal * after, "faint"),
        (right, "muted"),
    )


def spark(values: Sequence[float], glyphs: Glyphs) -> str:
    """A line of bars, each as high as its value; the highest fills its cell.

    >>> spark([0, 1, 2, 4], UNICODE)
    ' ▂▄█'
    """
    top, most = max(values, default=0.0), len(glyphs.bars) - 1
    return "".join(glyphs.bars[0 if v <= 0 else max(1, round(v / top * most))] for v in values)
