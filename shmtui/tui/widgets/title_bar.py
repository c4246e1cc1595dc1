"""The title line."""

from shmtui.tui.draw.title import title_line
from shmtui.tui.spans import Line
from shmtui.tui.widgets.panel import Panel


class TitleBar(Panel):
    """What is looked at, and how it is."""

    framed = False

    def depends_on(self) -> object:
        """Uptime counts in whole seconds here, so the line is drawn once a second at most."""
        view = self.view
        uptime = view.snapshot.uptime
        return (
            view.snapshot.segment,
            view.snapshot.layout,
            None if uptime is None else int(uptime),
            view.status_word,
            view.frozen,
            view.read_only,
        )

    def lines(self, width: int, height: int) -> list[Line]:
        """The one line."""
        return [title_line(self.view, width)][:height]
