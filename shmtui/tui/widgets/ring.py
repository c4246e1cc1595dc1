"""The ring panel."""

from shmtui.i18n import N_
from shmtui.tui.draw import ring
from shmtui.tui.spans import Line
from shmtui.tui.widgets.panel import Panel


class RingPanel(Panel, can_focus=True):
    """Slots, marks, occupancy."""

    title = N_("Ring")
    number = "1"

    def depends_on(self) -> object:
        """The ring alone."""
        s = self.view.snapshot
        return s.layout.slots, s.in_, s.out, s.occupancy, s.slots

    def values_wanted(self) -> int:
        """How many slots' values the next samples should carry."""
        if not self.display:
            return 0
        snapshot = self.view.snapshot
        slots, compound = snapshot.layout.slots, ring.is_compound(snapshot)
        return ring.values_wanted(slots, *self.inner_size, compound=compound)

    def lines(self, width: int, height: int) -> list[Line]:
        """Slots above, bar below."""
        return ring.ring_lines(self.view.snapshot, width, height, self.view.glyphs)

    def footer(self, width: int, height: int) -> str:
        """The indices."""
        if self.view.snapshot.layout.slots <= 0:
            return ""
        return ring.footer(self.view.snapshot, width, height, self.view.glyphs)
