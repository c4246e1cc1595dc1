"""Values of slots for the dialog that shows them: from the segment, or from a recording."""

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from shmtui.i18n import _
from shmtui.monitor.ring_reader import shown_item
from shmtui.shm.layout import Layout
from shmtui.shm.segment_info import Slot
from shmtui.tui.formatting import format_count

if TYPE_CHECKING:
    from shmtui.monitor.sampler import Sampler
    from shmtui.tui.dashboard_state import Dashboard

IN_FULL: Final = 1 << 16
"""Bytes of one item that are shown at the most."""


class SlotReader:
    """Reads the slots of what a dashboard shows, by the layout that it is known by."""

    def __init__(self, dashboard: "Dashboard") -> None:
        self._dashboard = dashboard

    def slots(self, first: int, count: int) -> tuple[Slot, ...]:
        """Up to ``count`` slots from ``first`` on, with as much of each value as a table has room for."""
        live = self._live()
        if live is None:
            snapshot = self._dashboard.view.snapshot
            kept = {slot.index: slot for slot in snapshot.slots}
            wanted = range(first, min(first + count, snapshot.layout.slots))
            return tuple(kept.get(at) or Slot(at, None, self._full(at)) for at in wanted)
        sampler, layout = live
        item = shown_item(layout.item)
        found = []
        for index in range(first, min(first + count, layout.slots)):
            raw = sampler.read(layout.data + index * layout.item.size, item.size)
            value = item.decode(raw) if len(raw) == item.size else None
            found.append(Slot(index, value, self._full(index)))
        return tuple(found)

    def in_full(self, index: int) -> tuple[Slot, str]:
        """A slot with its whole value, and a note on what that leaves out; empty: nothing."""
        live = self._live()
        if live is None:
            kept = (slot for slot in self._dashboard.view.snapshot.slots if slot.index == index)
            slot = next(kept, Slot(index, None, self._full(index)))
            note = _("a recording has the first elements of a long array only")
            return slot, note if isinstance(slot.value, tuple) else ""
        sampler, layout = live
        item, note = layout.item, ""
        if item.shape is not None and item.size > IN_FULL:
            from shmtui.shm.item_shape import clipped  # noqa: PLC0415 - only for others' items

            item = replace(item, shape=clipped(item.shape, IN_FULL))
            note = _("the first {shown} of {count} bytes").format(
                shown=format_count(IN_FULL), count=format_count(layout.item.size)
            )
        raw = sampler.read(layout.data + index * layout.item.size, item.size)
        value = item.decode(raw, whole=True) if len(raw) == item.size else None
        return Slot(index, value, self._full(index)), note

    def _live(self) -> "tuple[Sampler, Layout] | None":
        """What reads the segment, and its layout; None where a recording is shown."""
        dashboard = self._dashboard
        if dashboard.attachment is None or dashboard.replay is not None:
            return None
        sampler = dashboard.attachment.sampler
        return None if sampler.layout is None else (sampler, sampler.layout)

    def _full(self, index: int) -> bool | None:
        snapshot = self._dashboard.view.snapshot
        out, full, slots = snapshot.slot_out, snapshot.occupancy, snapshot.layout.slots
        return None if out is None or full is None or not slots else (index - out) % slots < full
