"""A ring of any length as rows of glyphs, each for a group of equally many slots; and the markers
of ``in`` and ``out`` under a row of slots. Pure.
"""

from functools import lru_cache
from itertools import chain, product
from typing import NamedTuple

from shmtui.i18n import _
from shmtui.snapshot import Snapshot
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.spans import Line, Span, joined, line

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

    >>> group_fill(8, 6, 4, 2), group_fill(6, 1, 3, 4)
    ([1.0, 0.0, 0.0, 1.0], [0.75, 0.0])
    """
    end = out + occupancy
    shares = []
    for start in range(0, slots, size):
        stop = min(start + size, slots)
        # From ``out`` on, and from the first slot on where it goes round.
        full = max(0, min(stop, end) - max(start, out)) + max(0, min(stop, end - slots) - start)
        shares.append(full / (stop - start))
    return shares


def strip_lines(snapshot: Snapshot, width: int, rows: int, glyphs: Glyphs) -> list[Line]:
    """At most ``rows`` rows of glyphs and a row that explains the marks.

    A single row has arrows under it. In several rows the markers replace the glyphs that they
    point at.
    """
    slots = snapshot.layout.slots
    shape = strip_shape(slots, width, rows)
    groups = _groups(snapshot, shape, glyphs)
    at_in, at_out = (
        at // shape.size if at is not None and 0 <= at < slots else None
        for at in (snapshot.slot_in, snapshot.slot_out)
    )
    more = max(0, shape.pitch - 2)
    single = len(groups) <= shape.per_row
    for at in {at for at in (at_in, at_out) if at is not None and not single}:
        (group,) = groups[at]
        mark = index_mark(at, at_in, at_out, glyphs) or group
        groups[at] = (mark, group._replace(text=group.text[1:]))
    body = [
        joined(chain.from_iterable(groups[at : at + shape.per_row]))
        for at in range(0, len(groups), shape.per_row)
    ]
    if not single:
        return [*body, legend(width, glyphs)]
    in_x, out_x = (None if at is None else at * shape.pitch + more // 2 for at in (at_in, at_out))
    return [*body, mark_line(in_x, out_x, width, glyphs)]


def _groups(snapshot: Snapshot, shape: StripShape, glyphs: Glyphs) -> list[Line]:
    """The cells of each group; a question mark where it is not known what is full."""

    def group(char: str, style: str) -> Line:
        return (Span(char if shape.pitch == 1 else char * (shape.pitch - 1) + " ", style),)

    slots, out, occupancy = snapshot.layout.slots, snapshot.slot_out, snapshot.occupancy
    if occupancy is None or out is None or not 0 <= out < slots:
        return [group("?", "warn")] * ceil_div(slots, shape.size)
    fill = group_fill(slots, out, min(occupancy, slots), shape.size)
    shades = glyphs.shades
    made = {share: group(shades[1 + min(2, int(share * 3))], "good") for share in set(fill)}
    # None full and all full have glyphs of their own.
    made |= {0.0: group(shades[0], "faint"), 1.0: group(shades[4], "good")}
    return [made[share] for share in fill]


def index_mark(at: int, in_: int | None, out: int | None, glyphs: Glyphs) -> Span | None:
    """The mark of a slot that ``in`` or ``out`` points at."""
    if at == in_ == out:
        return Span(glyphs.both, "strong")
    if at == in_:
        return Span(glyphs.down, "producer")
    return Span(glyphs.up, "consumer") if at == out else None


def legend(width: int, glyphs: Glyphs) -> Line:
    """What the marks among the slots mean."""
    text = line(
        (f"{glyphs.up} out", "consumer"),
        "   ",
        (f"{glyphs.down} in", "producer"),
        "   ",
        (f"{glyphs.both} " + _("both"), "strong"),
    )
    return glyphs.clip_line(text, width)


@lru_cache(maxsize=256)
def mark_line(in_x: int | None, out_x: int | None, width: int, glyphs: Glyphs) -> Line:
    """Arrows under the cells ``in_x`` and ``out_x``, each with its word where there is room.

    If there is room, each word is on the outer side of its arrow, so that markers of neighbouring
    slots, or of one slot, stay readable.

    >>> plain(mark_line(12, 4, 18, UNICODE)), plain(mark_line(1, 3, 10, UNICODE))
    ('out ▲       ▲ in  ', ' ▲ ▲ out  ')
    >>> [plain(mark_line(at, at, 14, UNICODE)) for at in (6, 2, 11)]
    ['  out ▲ in    ', '  ▲ out in    ', '    out in ▲  ']
    """
    # Producers write at ``in``, so it has their colour.
    both = ((out_x, "out", "consumer"), (in_x, "in", "producer"))
    marks = [(x, word, style) for x, word, style in both if x is not None and 0 <= x < width]
    marks.sort(key=lambda mark: mark[0])
    row = [Span(" ")] * width
    for (x, _word, style), (start, text) in zip(marks, _labels(marks, width), strict=True):
        row[start : start + len(text)] = [Span(char, style) for char in text]
        row[x] = Span(glyphs.up, "strong" if row[x].text == glyphs.up else style)
    return joined(row)


def _labels(marks: list[tuple[int, str, str]], width: int) -> list[tuple[int, str]]:
    """Where each word goes: the first placing in which no two overlap and all fit."""
    options = []
    for index, (x, word, _style) in enumerate(marks):
        left, right, bare = (x - len(word) - 1, word), (x + 2, word), (x, "")
        options.append([left, right, bare] if index == 0 else [right, left, bare])
    if len(marks) == 2 and marks[0][0] == marks[1][0]:
        # At an edge both words share the side that has room.
        x, first = marks[0][:2]
        second = marks[1][1]
        options[0].append((x - len(f"{first} {second} "), first))
        options[1].append((x + len(f"  {first} "), second))
    arrows = {mark[0] for mark in marks}

    def missing(placing: tuple[tuple[int, str], ...]) -> int:
        return sum(not text for _x, text in placing)

    for placing in sorted(product(*options), key=missing):
        taken = [*arrows]
        for start, text in placing:
            taken += range(start, start + len(text))
        if len(set(taken)) == len(taken) and all(0 <= x < width for x in taken):
            return list(placing)
    return [(mark[0], "") for mark in marks]
