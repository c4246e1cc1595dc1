"""The slots of a ring whose items are structs, arrays or text: a line each. Pure."""

from shmtui.sanitize import inert
from shmtui.shm.value import value_text
from shmtui.snapshot import Slot, Snapshot
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.spans import Line, Span, fit_line, line, width_of
from shmtui.tui.text import clip

COLUMN_LEAST = 30
"""Cells of a column of slots, where they stand in several."""


def list_columns(slots: int, width: int, rows: int) -> int:
    """How many columns hold all slots in so many rows; as few as will do.

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
    """The slot as sampled, or what the occupancy says of it where it was not."""
    if index < len(snapshot.slots) and snapshot.slots[index].index == index:
        return snapshot.slots[index]
    full: bool | None = None
    if snapshot.occupancy is not None and snapshot.out is not None:
        full = (index - snapshot.out) % snapshot.layout.slots < snapshot.occupancy
    return Slot(index, None, full)


def full_style(full: bool | None) -> str:
    """The colour of a slot, by whether it is full."""
    if full is None:
        return "warn"
    return "producer" if full else "muted"
