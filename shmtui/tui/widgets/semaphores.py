"""The semaphores panel."""

from shmtui.i18n import N_
from shmtui.tui.draw import semaphores
from shmtui.tui.spans import Line
from shmtui.tui.widgets.panel import Panel


class SemaphoresPanel(Panel, can_focus=True):
    """Values, waiters, invariant."""

    title = N_("Semaphores")
    number = "2"

    def depends_on(self) -> object:
        """The semaphores, and those who wait on them."""
        s = self.view.snapshot
        waiting = tuple((p.name, p.blocked_on) for p in s.processes if p.blocked_on is not None)
        return s.layout, s.semaphores, s.in_flight, waiting, self.view.balance_settled

    def lines(self, width: int, height: int) -> list[Line]:
        """A line each, then whether they add up."""
        return semaphores.semaphore_lines(
            self.view.snapshot, self.view.balance_settled, width, height, self.view.glyphs
        )

    def footer(self, width: int, height: int) -> str:
        """Where they live."""
        del width, height
        if self.view.snapshot.layout.slots <= 0:
            return ""
        text = semaphores.footer(self.view.snapshot)
        return text.replace("·", self.view.glyphs.dot)
