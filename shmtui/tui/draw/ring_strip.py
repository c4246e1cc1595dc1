"""A ring of any length as rows of glyphs, each for a group of equally many slots. Pure."""

from itertools import groupby
from typing import NamedTuple

from shmtui.i18n import _
from shmtui.tui.draw.index_markers import mark_line
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.spans import Line, Span, clip_line, line

WIDEST = 4
"""Cells to a slot, its gap included, where there is room for more than one."""


class StripShape(NamedTuple):
    """How a ring is laid out as glyphs."""

    size: int
    """Slots to a glyph."""
    per_row: int
    """Groups to a row."""
    pitch: int
    """Cells to a group; from two on the last is a gap."""


def ceil_div(whole: int, parts: int) -> int:
    """Division that rounds up.

    >>> ceil_div(6, 3), ceil_div(7, 3)
    (2, 3)
    """
    return -(-whole // parts)


def strip_shape(slots: int, width: int, rows: int) -> StripShape:
    """The layout in which a slot gets most cells, in as few rows as that takes.

    >>> strip_shape(12, 36, 2), strip_shape(64, 60, 6)
    (StripShape(size=1, per_row=12, pitch=3), StripShape(size=1, per_row=16, pitch=3))
    >>> strip_shape(4096, 61, 6), strip_shape(1_000_000, 60, 1)
    (StripShape(size=12, per_row=57, pitch=1), StripShape(size=16667, per_row=60, pitch=1))
    """
    width, rows = max(1, width), max(1, rows)
    if slots > width * rows:
        size = ceil_div(slots, width * rows)
        return StripShape(size, ceil_div(ceil_div(slots, size), rows), 1)
    shapes = [
        StripShape(1, per_row, width // per_row)
        for r in range(1, rows + 1)
        if (per_row := ceil_div(slots, r)) <= width
    ]
    best = max(shapes, key=lambda shape: (min(shape.pitch, 3), shape.per_row))
    return best._replace(pitch=min(WIDEST, best.pitch))


def group_fill(slots: int, out: int, occupancy: int, size: int) -> list[float]:
    """The full share of each group of ``size`` slots.

    Only the ends of the occupied stretch are computed; all groups between are full.

    >>> group_fill(8, 6, 4, 2), group_fill(6, 1, 3, 4)
    ([1.0, 0.0, 0.0, 1.0], [0.75, 0.0])
    """
    groups = ceil_div(slots, size)
    counts = [0] * groups
    tail = min(slots, out + occupancy)
    for start, stop in ((out, tail), (0, out + occupancy - tail)):
        if stop <= start:
            continue
        first, last = start // size, (stop - 1) // size
        if first == last:
            counts[first] += stop - start
            continue
        counts[first] += (first + 1) * size - start
        counts[first + 1 : last] = [size] * (last - first - 1)
        counts[last] += stop - last * size
    lengths = [size] * (groups - 1) + [slots - (groups - 1) * size]
    return [count / length for count, length in zip(counts, lengths, strict=True)]


def shade(share: float, glyphs: Glyphs) -> str:
    """The glyph of a group; none full and all full have glyphs of their own.

    >>> from shmtui.tui.glyphs import UNICODE
    >>> "".join(shade(s, UNICODE) for s in (0, 0.001, 0.5, 0.999, 1))
    '·░▒▓█'
    """
    if share <= 0 or share >= 1:
        return glyphs.shades[0 if share <= 0 else 4]
    return glyphs.shades[1 + min(2, int(share * 3))]


def strip_lines(
    slots: int,
    in_: int | None,
    out: int | None,
    occupancy: int | None,
    width: int,
    rows: int,
    glyphs: Glyphs,
) -> list[Line]:
    """At most ``rows`` rows of glyphs and a row that explains the marks.

    A single row has arrows under it. In several rows the markers replace the glyphs that they
    point at.
    """
    shape = strip_shape(slots, width, rows)
    cells = _groups(slots, out, occupancy, shape, glyphs)
    groups = len(cells)
    at_in, at_out = (
        at // shape.size if at is not None and 0 <= at < slots else None for at in (in_, out)
    )
    if groups <= shape.per_row:
        middle = max(0, shape.pitch - 2) // 2
        under_in, under_out = (
            None if at is None else at * shape.pitch + middle for at in (at_in, at_out)
        )
        row = line(*_spans(cells, glyphs))
        return [row, mark_line(under_in, under_out, width, glyphs)]
    if at_out is not None:
        cells[at_out] = glyphs.up + cells[at_out][1:]
    if at_in is not None:
        mark = glyphs.both if at_in == at_out else glyphs.down
        cells[at_in] = mark + cells[at_in][1:]
    body = [
        line(*_spans(cells[at : at + shape.per_row], glyphs))
        for at in range(0, groups, shape.per_row)
    ]
    return [*body, legend(width, glyphs)]


def _groups(
    slots: int, out: int | None, occupancy: int | None, shape: StripShape, glyphs: Glyphs
) -> list[str]:
    """The cells of each group; a question mark where it is not known what is full."""
    if occupancy is None or out is None or not 0 <= out < slots:
        chars = ["?"] * ceil_div(slots, shape.size)
    else:
        fill = group_fill(slots, out, min(occupancy, slots), shape.size)
        shades = {share: shade(share, glyphs) for share in set(fill)}
        chars = [shades[share] for share in fill]
    return chars if shape.pitch == 1 else [char * (shape.pitch - 1) + " " for char in chars]


def legend(width: int, glyphs: Glyphs) -> Line:
    """What the marks among the slots mean."""
    return clip_line(
        line(
            (f"{glyphs.up} out", "consumer"),
            "   ",
            (f"{glyphs.down} in", "producer"),
            "   ",
            (f"{glyphs.both} ", "strong"),
            (_("both"), "strong"),
        ),
        width,
        glyphs.ellipsis,
    )


def _spans(cells: list[str], glyphs: Glyphs) -> list[Span]:
    """Equal neighbours in one span."""
    styles = {glyphs.shades[0]: "faint", "?": "warn", " ": "faint"}
    marks = {glyphs.up: "consumer", glyphs.down: "producer", glyphs.both: "strong"}
    return [
        Span("".join(run), marks.get(first) or styles.get(first, "good"))
        for first, run in groupby("".join(cells), key=str)
    ]
