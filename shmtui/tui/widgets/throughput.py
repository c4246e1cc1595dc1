"""The throughput panel."""

from shmtui.i18n import N_, _
from shmtui.tui.draw import throughput
from shmtui.tui.spans import Line
from shmtui.tui.widgets.panel import Panel


class ThroughputPanel(Panel, can_focus=True):
    """The last minute, and now."""

    title = N_("Throughput")
    number = "3"

    def depends_on(self) -> object:
        """The graph moves with the history's buckets; the figures beside it move with the graph."""
        return self.view.history_version, self.view.snapshot.throughput.method

    def lines(self, width: int, height: int) -> list[Line]:
        """Graph and figures."""
        history = self.view.history
        return throughput.throughput_lines(
            self.view.snapshot, history.series, history.peak(), width, height, self.view.glyphs
        )

    def footer(self, width: int, height: int) -> str:
        """What the graph shows."""
        del width, height
        return f"{_('items/s')} {self.view.glyphs.dot} {_('last 60 s')}"
