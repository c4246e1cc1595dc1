"""The ring: its slots, the markers of ``in`` and ``out``, and how full it is. Pure.

A few slots are boxes with their values, more of them a row or a grid of values. Beyond that each
glyph stands for a group of slots. Groups are computed from ``out`` and the occupancy, so a million
slots cost what a hundred do.
"""

from enum import Enum

from shmtui.diagnosis.rules.lock_free import full_text
from shmtui.i18n import _
from shmtui.shm.layout import ITEM_TYPES
from shmtui.snapshot import Snapshot
from shmtui.tui.draw import ring_slots
from shmtui.tui.draw.ring_strip import strip_lines, strip_shape
from shmtui.tui.formatting import format_count, format_percent
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.spans import Line, line, width_of


class SlotView(Enum):
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


def slot_view(slots: int, width: int, height: int, compound: bool = False) -> SlotView:
    """The view with most detail that fits.

    >>> [slot_view(n, 60, 8).name for n in (5, 12, 30, 500)]
    ['BOXES', 'VALUES', 'GRID', 'STRIP']
    >>> slot_view(5, 46, 3).name, slot_view(5, 46, 1).name, slot_view(0, 60, 8).name
    ('VALUES', 'BAR', 'BAR')
    """
    if slots <= 0 or height < 2 or width < 8:
        return SlotView.BAR
    if compound:
        fits = height >= 3 and slots <= (height - 1) * ring_slots.list_columns(
            slots, width, height - 1
        )
        return SlotView.LIST if fits else SlotView.STRIP
    if height >= 6 and slots * ring_slots.BOX_MIN <= width + 1:
        return SlotView.BOXES
    if height >= 3 and slots * ring_slots.CELL_MIN <= width:
        return SlotView.VALUES
    per_row = (width - ring_slots.gutter_width(slots)) // ring_slots.GRID_CELL
    if per_row >= 2 and height >= 4 and slots <= min(ring_slots.GRID_MOST, per_row * (height - 2)):
        return SlotView.GRID
    return SlotView.STRIP


def values_wanted(slots: int, width: int, height: int, compound: bool = False) -> int:
    """How many slots' values the drawing will show.

    >>> values_wanted(5, 60, 8), values_wanted(1_000_000, 60, 8)
    (5, 0)
    """
    view = slot_view(slots, width, height, compound)
    return 0 if view in {SlotView.BAR, SlotView.STRIP} else slots


def ring_lines(snapshot: Snapshot, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """At most ``height`` lines of at most ``width`` cells: slots, markers and the bar."""
    slots, room = snapshot.layout.slots, height - 1
    if width <= 0 or height <= 0:
        return []
    if slots <= 0:
        return [line((_("no buffer seen yet"), "muted"))]
    match slot_view(slots, width, height, is_compound(snapshot)):
        case SlotView.BAR:
            body = []
        case SlotView.BOXES:
            body = ring_slots.box_lines(snapshot, width, glyphs)
        case SlotView.VALUES:
            body = ring_slots.value_lines(snapshot, width, room, glyphs)
        case SlotView.GRID:
            body = ring_slots.grid_lines(snapshot, width, glyphs)
        case SlotView.LIST:
            body = ring_slots.list_lines(snapshot, width, room, glyphs)
        case SlotView.STRIP:
            body = strip_lines(snapshot, width, max(1, room - 1), glyphs)[:room]
    spare = room - len(body)
    if body and spare >= 1:
        body.append(())
        spare -= 1
    return [*[()] * (spare // 2), *body, bar_line(snapshot, width, glyphs)]


def footer(snapshot: Snapshot, width: int, height: int, glyphs: Glyphs) -> str:
    """The indices, and how many slots a glyph stands for."""
    slots = snapshot.layout.slots
    if slots <= 0:
        return ""
    indices = (("out", snapshot.out, snapshot.slot_out), ("in", snapshot.in_, snapshot.slot_in))
    parts = [
        f"{name} {format_count(at, glyphs)}{_stands_for(at, slot, slots)}"
        for name, at, slot in indices
    ]
    if slot_view(slots, width, height, is_compound(snapshot)) is SlotView.STRIP:
        size = strip_shape(slots, width, height - 2).size
        if size > 1:
            parts.append(_("1 glyph = {size} slots").format(size=format_count(size)))
    return f" {glyphs.dot} ".join(parts)


def _stands_for(index: int | None, slot: int | None, slots: int) -> str:
    """What an index means that is not the number of a slot."""
    if index == slot:
        return ""
    if slot is None:
        return " " + _("is outside 0..{last}").format(last=slots - 1)
    return " " + _("= slot {slot}").format(slot=slot)


def bar_line(snapshot: Snapshot, width: int, glyphs: Glyphs) -> Line:
    """How full the ring is, as a bar and in figures.

    >>> from shmtui.snapshot import EMPTY
    >>> plain(bar_line(EMPTY, 30, UNICODE))
    'occupancy unknown'
    """
    slots, full = snapshot.layout.slots, snapshot.occupancy
    if full is None or slots <= 0:
        open_ = full_text(snapshot) or _("occupancy unknown")
        return line((glyphs.clip(open_, width), "warn"))
    count, most = format_count(full, glyphs), format_count(slots, glyphs)
    figures = line(
        (count, "strong"),
        (" " + _("of {slots} full").format(slots=most), "text"),
        (f"{format_percent(full, slots):>7}", "muted"),
    )
    short = line((f"{count}/{most}", "strong"))
    for text in (figures, short):
        room = width - width_of(text) - 2
        if room >= 4:
            return line(*bar(full, slots, min(room, 98), glyphs), "  ", *text)
    return glyphs.fit_line(short, width)


def bar(full: int, slots: int, width: int, glyphs: Glyphs) -> Line:
    """A bar of ``width`` cells; a single full slot shows, and only a full ring fills it.

    >>> plain(bar(3, 5, 10, UNICODE)), plain(bar(1, 1000, 4, UNICODE))
    ('██████────', '▏───')
    """
    eighths = max(1 if full > 0 else 0, min(8 * width, full * 8 * width // slots))
    whole, part = divmod(eighths, 8)
    filled = glyphs.full * whole + glyphs.eighths[part].strip()
    style = "warn" if full >= slots else "good"
    return line((filled, style), (glyphs.rest * (width - len(filled)), "faint"))
