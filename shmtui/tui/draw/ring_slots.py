"""The slots of a ring one by one: boxes, a row or a grid of values, or a line each. Pure."""

from shmtui.shm.segment_info import Slot
from shmtui.shm.value import value_text
from shmtui.snapshot import Snapshot
from shmtui.tui.draw.ring_strip import index_mark, legend, mark_line
from shmtui.tui.formatting import format_value
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.spans import Line, Span, fit, line, width_of

BOX_MIN, BOX_MAX = 6, 24
"""Cells from one box to the next: three for a value, two sides, a gap."""

CELL_MIN, CELL_MAX = 5, 9
"""Cells from one value to the next where there is no room for boxes."""

GRID_CELL = 8
GRID_MOST = 512
"""Values that are read at most, so that a tall screen costs no more than a usual one."""

COLUMN_LEAST = 30
"""The least cells of a column, where slots are in several columns."""

_BRACKETS = {True: ("[", "]"), False: (" ", " "), None: ("?", "?")}
_STYLES = {True: "producer", False: "muted", None: "warn"}


def gutter_width(slots: int) -> int:
    """Cells of the indices beside a grid, blanks included."""
    return len(str(slots - 1)) + 2


def _slots(snapshot: Snapshot) -> list[Slot]:
    """All slots as sampled; those that were not have no value, and are full by the occupancy."""
    sampled = {slot.index: slot for slot in snapshot.slots}
    count, out, occupancy = snapshot.layout.slots, snapshot.out, snapshot.occupancy
    known = occupancy is not None and out is not None
    return [
        sampled.get(index)
        or Slot(index, None, (index - (out or 0)) % count < (occupancy or 0) if known else None)
        for index in range(count)
    ]


def _value(slot: Slot, room: int, glyphs: Glyphs) -> str:
    """The value. A number that is too long keeps its last digits, since those change."""
    text = format_value(slot.value, glyphs.ascii_only)
    if len(text) > room > 1 and isinstance(slot.value, int):
        text = glyphs.ellipsis + text[-(room - 1) :]
    return glyphs.fit(text, room, "^")


def _markers(snapshot: Snapshot, pitch: int, width: int, glyphs: Glyphs) -> Line:
    """The markers under the middles of cells, of which the last of each ``pitch`` is a gap."""
    at_in, at_out = (
        None if at is None or not 0 <= at < snapshot.layout.slots else at * pitch + pitch // 2 - 1
        for at in (snapshot.slot_in, snapshot.slot_out)
    )
    return mark_line(at_in, at_out, width, glyphs)


def box_lines(snapshot: Snapshot, width: int, glyphs: Glyphs) -> list[Line]:
    """Indices, boxes of three rows, markers. A full box is solid, an empty one dashed."""
    pitch = min(BOX_MAX, (width + 1) // snapshot.layout.slots)
    inner = pitch - 3
    rows: list[list[Span]] = [[], [], [], []]
    for slot in _slots(snapshot):
        # Dashed, so that it reads without colour.
        empty = slot.full is False
        side = glyphs.dashed_vertical if empty else glyphs.vertical
        edge = (glyphs.dashed_horizontal if empty else glyphs.horizontal) * inner
        outline = "faint" if empty else _STYLES[slot.full]
        style = "producer-strong" if slot.full else _STYLES[slot.full]
        gap = " " if slot.index else ""
        rows[0].append(Span(gap + fit(str(slot.index), pitch - 1, "^"), "faint"))
        rows[1].append(Span(f"{gap}{glyphs.top_left}{edge}{glyphs.top_right}", outline))
        value = Span(_value(slot, inner, glyphs), style)
        rows[2] += [Span(gap + side, outline), value, Span(side, outline)]
        rows[3].append(Span(f"{gap}{glyphs.bottom_left}{edge}{glyphs.bottom_right}", outline))
    return [*(tuple(row) for row in rows), _markers(snapshot, pitch, width, glyphs)]


def value_lines(snapshot: Snapshot, width: int, room: int, glyphs: Glyphs) -> list[Line]:
    """Indices where there is room, values, markers. A full slot is in brackets."""
    pitch = min(CELL_MAX, width // snapshot.layout.slots)
    slots = _slots(snapshot)
    head = line(("".join(fit(str(slot.index), pitch - 1, "^") + " " for slot in slots), "faint"))
    values = line(*(_bracketed(slot, pitch, glyphs) for slot in slots))
    rows = [values, _markers(snapshot, pitch, width, glyphs)]
    return [head, *rows] if room >= 3 else rows


def _bracketed(slot: Slot, pitch: int, glyphs: Glyphs) -> Span:
    left, right = _BRACKETS[slot.full]
    return Span(f"{left}{_value(slot, pitch - 3, glyphs)}{right} ", _STYLES[slot.full])


def grid_lines(snapshot: Snapshot, width: int, glyphs: Glyphs) -> list[Line]:
    """Rows of values, each with its first index; markers before their slots."""
    gutter = gutter_width(snapshot.layout.slots)
    per_row = (width - gutter) // GRID_CELL
    slots = _slots(snapshot)
    rows: list[Line] = []
    for start in range(0, len(slots), per_row):
        spans = [Span(f"{start:>{gutter - 1}} ", "faint")]
        for slot in slots[start : start + per_row]:
            mark = index_mark(slot.index, snapshot.slot_in, snapshot.slot_out, glyphs)
            spans += [mark or Span(" "), _bracketed(slot, GRID_CELL - 1, glyphs)]
        rows.append(tuple(spans))
    return [*rows, legend(width, glyphs)]


def list_columns(slots: int, width: int, rows: int) -> int:
    """The fewest columns that hold all slots in ``rows`` rows.

    >>> list_columns(5, 60, 7), list_columns(12, 70, 7), list_columns(100, 40, 7)
    (1, 2, 1)
    """
    most = max(1, width // COLUMN_LEAST)
    return max(1, min(most, -(-slots // max(1, rows))))


def list_lines(snapshot: Snapshot, width: int, room: int, glyphs: Glyphs) -> list[Line]:
    """At most ``room`` lines; the slots go down each column."""
    slots = _slots(snapshot)
    columns = list_columns(len(slots), width, room)
    rows = min(room, -(-len(slots) // columns))
    cell = (width - 2 * (columns - 1)) // columns
    lines: list[Line] = []
    for row in range(rows):
        spans: list[Span] = []
        for slot in slots[row : columns * rows : rows]:
            spans += [Span("  ")] if spans else []
            spans += glyphs.fit_line(_slot_line(snapshot, slot, cell, glyphs), cell)
        lines.append(tuple(spans))
    return lines


def _slot_line(snapshot: Snapshot, slot: Slot, width: int, glyphs: Glyphs) -> Line:
    pips = {True: glyphs.pip, False: glyphs.no_pip, None: "?"}
    style = _STYLES[slot.full]
    digits = len(str(snapshot.layout.slots - 1))
    head = line((f"{slot.index:>{digits}} ", "faint"), (f"{pips[slot.full]} ", style))
    marks = line(
        (f" {glyphs.left} out" if snapshot.slot_out == slot.index else "", "consumer"),
        (f" {glyphs.left} in" if snapshot.slot_in == slot.index else "", "producer"),
    )
    room = width - width_of(head) - width_of(marks)
    value = glyphs.clip(glyphs.inert(value_text(slot.value)), room)
    return line(*head, (value, "strong" if slot.full else style), *marks)
