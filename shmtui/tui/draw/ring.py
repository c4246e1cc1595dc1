"""The ring: its slots, the two marks, and how full it is. Pure.

A few slots are boxes with their values, some more a row or a grid of values,
and beyond that each glyph stands for a group of equally many. Groups are
counted arithmetically from ``out`` and the occupancy: a million slots cost what
a hundred do.
"""

from enum import Enum

from shmtui.i18n import _
from shmtui.shm.layout import ITEM_TYPES
from shmtui.snapshot import Slot, Snapshot
from shmtui.tui.draw.index_markers import mark_line
from shmtui.tui.draw.ring_strip import legend, strip_lines, strip_shape
from shmtui.tui.draw.slot_list import full_style, list_columns, list_lines, slot_at
from shmtui.tui.formatting import format_count, format_percent, format_value
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.spans import Line, Span, fit_line, line, width_of
from shmtui.tui.text import clip, fit

BOX_MIN, BOX_MAX = 6, 24
"""Cells from one box to the next: three for a value, two sides, a gap."""

CELL_MIN, CELL_MAX = 5, 9
"""Cells from one value to the next where there is no room for boxes."""

GRID_CELL = 8
GRID_MOST = 512
"""Values beyond these are not read, so a tall screen costs no more than a usual one."""


class Style(Enum):
    """How the slots are drawn."""

    BAR = "the occupancy alone"
    BOXES = "a box for each slot"
    VALUES = "a row of values"
    GRID = "rows of values"
    LIST = "a line for each slot"
    STRIP = "a glyph for each group of slots"


def is_compound(snapshot: Snapshot) -> bool:
    """Whether items are structs, arrays or text, whose values need a line rather than a cell."""
    item = snapshot.layout.item_type
    return bool(item) and item not in ITEM_TYPES


def style_for(slots: int, width: int, height: int, compound: bool = False) -> Style:
    """The richest style which fits.

    >>> [style_for(n, 60, 8).name for n in (5, 12, 30, 500)]
    ['BOXES', 'VALUES', 'GRID', 'STRIP']
    >>> style_for(5, 46, 3).name, style_for(5, 46, 1).name, style_for(0, 60, 8).name
    ('VALUES', 'BAR', 'BAR')
    """
    if slots <= 0 or height < 2 or width < 8:
        return Style.BAR
    if compound:
        fits = height >= 3 and slots <= (height - 1) * list_columns(slots, width, height - 1)
        return Style.LIST if fits else Style.STRIP
    if height >= 6 and slots * BOX_MIN <= width + 1:
        return Style.BOXES
    if height >= 3 and slots * CELL_MIN <= width:
        return Style.VALUES
    per_row = (width - _gutter(slots)) // GRID_CELL
    if per_row >= 2 and height >= 4 and slots <= min(GRID_MOST, per_row * (height - 2)):
        return Style.GRID
    return Style.STRIP


def values_wanted(slots: int, width: int, height: int, compound: bool = False) -> int:
    """How many slots' values the drawing will show.

    >>> values_wanted(5, 60, 8), values_wanted(1_000_000, 60, 8)
    (5, 0)
    """
    style = style_for(slots, width, height, compound)
    return 0 if style in {Style.BAR, Style.STRIP} else slots


def ring_lines(snapshot: Snapshot, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """At most ``height`` lines of at most ``width`` cells: slots, marks and the bar."""
    slots = snapshot.layout.slots
    if width <= 0 or height <= 0:
        return []
    if slots <= 0:
        return [line((_("no buffer seen yet"), "muted"))]
    bar = bar_line(snapshot, width, glyphs)
    style = style_for(slots, width, height, is_compound(snapshot))
    body = _body(snapshot, style, width, height - 1, glyphs)
    spare = height - len(body) - 1
    if body and spare >= 1:
        body.append(())
        spare -= 1
    return [*[()] * (spare // 2), *body, bar]


def _body(snapshot: Snapshot, style: Style, width: int, room: int, glyphs: Glyphs) -> list[Line]:
    """The slots and their marks, in ``room`` lines."""
    if style is Style.BOXES:
        return _boxes(snapshot, width, glyphs)
    if style is Style.VALUES:
        return _values(snapshot, width, room, glyphs)
    if style is Style.GRID:
        return _grid(snapshot, width, glyphs)
    if style is Style.LIST:
        return list_lines(snapshot, width, room, glyphs)
    return [] if style is Style.BAR else _strip(snapshot, width, room, glyphs)


def footer(snapshot: Snapshot, width: int, height: int, glyphs: Glyphs) -> str:
    """The indices in figures, and how many slots a glyph stands for."""
    slots = snapshot.layout.slots
    indices = (
        ("out", snapshot.out, snapshot.slot_out),
        ("in", snapshot.in_, snapshot.slot_in),
    )
    parts = [
        f"{name} {format_count(at, glyphs)}" + _stands_for(at, slot, slots)
        for name, at, slot in indices
    ]
    if style_for(slots, width, height, is_compound(snapshot)) is Style.STRIP:
        size = strip_shape(slots, width, _strip_rows(height - 1)).size
        if size > 1:
            parts.append(_("1 glyph = {size} slots").format(size=format_count(size)))
    return f" {glyphs.dot} ".join(parts)


def _stands_for(index: int | None, slot: int | None, slots: int) -> str:
    """What has to be said of an index that is no slot's number."""
    if index == slot:
        return ""
    if slot is None:
        return " " + _("is outside 0..{last}").format(last=slots - 1)
    return " " + _("= slot {slot}").format(slot=slot)


def bar_line(snapshot: Snapshot, width: int, glyphs: Glyphs) -> Line:
    """How full the ring is, as a bar and in figures.

    >>> from shmtui.snapshot import EMPTY
    >>> from shmtui.tui.glyphs import UNICODE
    >>> from shmtui.tui.spans import plain
    >>> plain(bar_line(EMPTY, 30, UNICODE))
    'occupancy unknown'
    """
    slots, full = snapshot.layout.slots, snapshot.occupancy
    if full is None or slots <= 0:
        return line((clip(_("occupancy unknown"), width, glyphs.ellipsis), "warn"))
    share = format_percent(full, slots)
    figures = line(
        (format_count(full, glyphs), "strong"),
        (" " + _("of {slots} full").format(slots=format_count(slots, glyphs)), "text"),
        (f"{share:>7}", "muted"),
    )
    short = line((f"{format_count(full, glyphs)}/{format_count(slots, glyphs)}", "strong"))
    room = width - width_of(figures) - 2
    if room < 4:
        figures, room = short, width - width_of(short) - 2
    if room < 4:
        return fit_line(short, width, glyphs.ellipsis)
    return line(*bar(full, slots, min(room, 98), glyphs), "  ", *figures)


def bar(full: int, slots: int, width: int, glyphs: Glyphs) -> Line:
    """A bar of ``width`` cells; anything at all shows, and only full is full.

    >>> from shmtui.tui.glyphs import UNICODE
    >>> from shmtui.tui.spans import plain
    >>> plain(bar(3, 5, 10, UNICODE)), plain(bar(1, 1000, 4, UNICODE))
    ('██████────', '▏───')
    """
    eighths = max(0, min(8 * width, full * 8 * width // slots))
    if full > 0:
        eighths = max(1, eighths)
    whole, part = divmod(eighths, 8)
    partial = glyphs.eighths[part].strip() if part else ""
    filled = glyphs.full * whole + partial
    style = "warn" if full >= slots else "good"
    return line((filled, style), (glyphs.rest * (width - len(filled)), "faint"))


def _gutter(slots: int) -> int:
    return len(str(slots - 1)) + 2


def _value(slot: Slot, room: int, glyphs: Glyphs) -> str:
    """The value; a number too long keeps its last digits, which are those that change."""
    text = format_value(slot.value, glyphs.ascii_only)
    if len(text) > room and isinstance(slot.value, int) and room > 1:
        return glyphs.ellipsis + text[-(room - 1) :]
    return clip(text, room, glyphs.ellipsis)


def _centre(index: int | None, slots: int, pitch: int, width: int) -> int | None:
    """The cell under the middle of a box ``width`` wide, if the index is a slot's."""
    if index is None or not 0 <= index < slots:
        return None
    return index * pitch + (width - 1) // 2


def _boxes(snapshot: Snapshot, width: int, glyphs: Glyphs) -> list[Line]:
    """Index, box of three rows, marks. A full box is solid and an empty one dashed."""
    slots = snapshot.layout.slots
    pitch = min(BOX_MAX, (width + 1) // slots)
    wide = pitch - 1
    rows: list[list[Span]] = [[] for _ in range(4)]
    for index in range(slots):
        slot = slot_at(snapshot, index)
        style = full_style(slot.full)
        sides, edge = _box_sides(slot.full, glyphs)
        top, bottom = glyphs.corners[:2], glyphs.corners[2:]
        value = fit(_value(slot, wide - 2, glyphs), wide - 2, "^", glyphs.ellipsis)
        gap = " " if index < slots - 1 else ""
        rows[0].append(Span(fit(str(index), wide, "^") + gap, "faint"))
        outline = "faint" if slot.full is False else style
        rows[1].append(Span(top[0] + edge * (wide - 2) + top[1] + gap, outline))
        rows[2] += [
            Span(sides, outline),
            Span(value, "producer-strong" if slot.full else style),
            Span(sides + gap, outline),
        ]
        rows[3].append(Span(bottom[0] + edge * (wide - 2) + bottom[1] + gap, outline))
    at_in, at_out = (
        _centre(at, slots, pitch, wide) for at in (snapshot.slot_in, snapshot.slot_out)
    )
    return [*(line(*row) for row in rows), mark_line(at_in, at_out, width, glyphs)]


def _box_sides(full: bool | None, glyphs: Glyphs) -> tuple[str, str]:
    """Side and edge of a box: solid, dashed when empty, so that it reads without colour."""
    if full is False:
        return (":", ".") if glyphs.ascii_only else ("┆", "╌")
    return glyphs.vertical, glyphs.horizontal


def _values(snapshot: Snapshot, width: int, room: int, glyphs: Glyphs) -> list[Line]:
    """Index where there is room, values, marks. A full slot stands in brackets."""
    slots = snapshot.layout.slots
    pitch = min(CELL_MAX, width // slots)
    cells: list[Span] = []
    head: list[Span] = []
    for index in range(slots):
        slot = slot_at(snapshot, index)
        cells.append(_bracketed(slot, pitch, glyphs))
        head.append(Span(fit(str(index), pitch - 1, "^") + " ", "faint"))
    at_in, at_out = (
        _centre(at, slots, pitch, pitch - 1) for at in (snapshot.slot_in, snapshot.slot_out)
    )
    rows = [line(*cells), mark_line(at_in, at_out, width, glyphs)]
    return [line(*head), *rows] if room >= 3 else rows


_BRACKETS = {True: ("[", "]"), False: (" ", " "), None: ("?", "?")}


def _bracketed(slot: Slot, pitch: int, glyphs: Glyphs) -> Span:
    value = fit(_value(slot, pitch - 3, glyphs), pitch - 3, "^", glyphs.ellipsis)
    left, right = _BRACKETS[slot.full]
    return Span(f"{left}{value}{right} ", full_style(slot.full))


def _grid(snapshot: Snapshot, width: int, glyphs: Glyphs) -> list[Line]:
    """Rows of values, the first index of each in the gutter, marks in front of their slots."""
    slots = snapshot.layout.slots
    gutter = _gutter(slots)
    per_row = (width - gutter) // GRID_CELL
    rows: list[Line] = []
    for start in range(0, slots, per_row):
        spans = [Span(f"{start:>{gutter - 1}} ", "faint")]
        for index in range(start, min(slots, start + per_row)):
            spans.append(_grid_mark(snapshot, index, glyphs))
            spans.append(_bracketed(slot_at(snapshot, index), GRID_CELL - 1, glyphs))
        rows.append(line(*spans))
    return [*rows, legend(width, glyphs)]


def _grid_mark(snapshot: Snapshot, index: int, glyphs: Glyphs) -> Span:
    is_in, is_out = snapshot.slot_in == index, snapshot.slot_out == index
    if is_in and is_out:
        return Span(glyphs.both, "strong")
    if is_in:
        return Span(glyphs.down, "producer")
    return Span(glyphs.up, "consumer") if is_out else Span(" ")


def _strip_rows(room: int) -> int:
    """Rows of glyphs in ``room`` rows; one is left for the marks."""
    return max(1, room - 1)


def _strip(snapshot: Snapshot, width: int, room: int, glyphs: Glyphs) -> list[Line]:
    rows = strip_lines(
        snapshot.layout.slots,
        snapshot.slot_in,
        snapshot.slot_out,
        snapshot.occupancy,
        width,
        _strip_rows(room),
        glyphs,
    )
    return rows[:room]
