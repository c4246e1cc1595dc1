"""The slots of a ring one by one: boxes, a row or a grid of values, or a line each. Pure."""

from shmtui.sanitize import inert
from shmtui.shm.value import value_text
from shmtui.snapshot import Slot, Snapshot
from shmtui.tui.cell_text import clip, fit
from shmtui.tui.draw.index_markers import mark_line
from shmtui.tui.draw.ring_strip import legend
from shmtui.tui.formatting import format_value
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.spans import Line, Span, fit_line, line, width_of

BOX_MIN, BOX_MAX = 6, 24
"""Cells from one box to the next: three for a value, two sides, a gap."""

CELL_MIN, CELL_MAX = 5, 9
"""Cells from one value to the next where there is no room for boxes."""

GRID_CELL = 8
GRID_MOST = 512
"""Values that are read at most, so that a tall screen costs no more than a usual one."""

_BRACKETS = {True: ("[", "]"), False: (" ", " "), None: ("?", "?")}


def gutter_width(slots: int) -> int:
    """Cells of the indices beside a grid, blanks included."""
    return len(str(slots - 1)) + 2


def _value(slot: Slot, room: int, glyphs: Glyphs) -> str:
    """The value. A number that is too long keeps its last digits, since those change."""
    text = format_value(slot.value, glyphs.ascii_only)
    if len(text) > room and isinstance(slot.value, int) and room > 1:
        return glyphs.ellipsis + text[-(room - 1) :]
    return clip(text, room, glyphs.ellipsis)


def _centre(index: int | None, slots: int, pitch: int, width: int) -> int | None:
    """The cell under the middle of a box ``width`` wide, if the index is a slot's."""
    if index is None or not 0 <= index < slots:
        return None
    return index * pitch + (width - 1) // 2


def box_lines(snapshot: Snapshot, width: int, glyphs: Glyphs) -> list[Line]:
    """Indices, boxes of three rows, markers. A full box is solid, an empty one dashed."""
    slots = snapshot.layout.slots
    pitch = min(BOX_MAX, (width + 1) // slots)
    wide = pitch - 1
    rows: list[list[Span]] = [[] for _row in range(4)]
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


def value_lines(snapshot: Snapshot, width: int, room: int, glyphs: Glyphs) -> list[Line]:
    """Indices where there is room, values, markers. A full slot is in brackets."""
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


def _bracketed(slot: Slot, pitch: int, glyphs: Glyphs) -> Span:
    value = fit(_value(slot, pitch - 3, glyphs), pitch - 3, "^", glyphs.ellipsis)
    left, right = _BRACKETS[slot.full]
    return Span(f"{left}{value}{right} ", full_style(slot.full))


def grid_lines(snapshot: Snapshot, width: int, glyphs: Glyphs) -> list[Line]:
    """Rows of values, each with its first index; markers before their slots."""
    slots = snapshot.layout.slots
    gutter = gutter_width(slots)
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


COLUMN_LEAST = 30
"""The least cells of a column, where slots are in several columns."""


def list_columns(slots: int, width: int, rows: int) -> int:
    """The fewest columns that hold all slots in so many rows.

    >>> list_columns(5, 60, 7), list_columns(12, 70, 7), list_columns(100, 40, 7)
    (1, 2, 1)
    """
    most = max(1, width // COLUMN_LEAST)
    return max(1, min(most, -(-slots // max(1, rows))))


def list_lines(snapshot: Snapshot, width: int, room: int, glyphs: Glyphs) -> list[Line]:
    """At most ``room`` lines; the slots go down each column."""
    slots = snapshot.layout.slots
    columns = list_columns(slots, width, room)
    rows = min(room, -(-slots // columns))
    cell = (width - 2 * (columns - 1)) // columns
    lines: list[Line] = []
    for row in range(rows):
        spans: list[Span] = []
        for column in range(columns):
            index = column * rows + row
            if index >= slots:
                break
            gap = [Span("  ")] if column else []
            spans += [
                *gap,
                *fit_line(_slot_line(snapshot, index, cell, glyphs), cell, glyphs.ellipsis),
            ]
        lines.append(tuple(spans))
    return lines


def _slot_line(snapshot: Snapshot, index: int, width: int, glyphs: Glyphs) -> Line:
    """Index, full or empty, value, and whether ``in`` or ``out`` points here."""
    slot = slot_at(snapshot, index)
    pips = {True: glyphs.pip, False: glyphs.no_pip, None: "?"}
    style = full_style(slot.full)
    digits = len(str(snapshot.layout.slots - 1))
    head = line((f"{index:>{digits}} ", "faint"), (f"{pips[slot.full]} ", style))
    marks = _marks(snapshot, index, glyphs)
    room = max(0, width - width_of(head) - width_of(marks))
    value = clip(inert(value_text(slot.value), glyphs.ascii_only), room, glyphs.ellipsis)
    return line(*head, (value, "strong" if slot.full else style), *marks)


def _marks(snapshot: Snapshot, index: int, glyphs: Glyphs) -> Line:
    spans: list[Span] = []
    if snapshot.slot_out == index:
        spans.append(Span(f" {glyphs.left} out", "consumer"))
    if snapshot.slot_in == index:
        spans.append(Span(f" {glyphs.left} in", "producer"))
    return tuple(spans)


def slot_at(snapshot: Snapshot, index: int) -> Slot:
    """The slot as sampled; without a value where it was not, and full or empty by the occupancy."""
    if index < len(snapshot.slots) and snapshot.slots[index].index == index:
        return snapshot.slots[index]
    full: bool | None = None
    if snapshot.occupancy is not None and snapshot.out is not None:
        full = (index - snapshot.out) % snapshot.layout.slots < snapshot.occupancy
    return Slot(index, None, full)


def full_style(full: bool | None) -> str:
    """The style of a slot that is full, empty, or not known (None)."""
    if full is None:
        return "warn"
    return "producer" if full else "muted"
