"""The key bar: the keys that fit, each a button."""

from textual import events

from shmtui.tui.draw.key_bar import Target, key_bar
from shmtui.tui.spans import Line
from shmtui.tui.widgets.panel import Panel


class KeyBar(Panel):
    """One line made from the table of keys."""

    framed = False
    _targets: tuple[Target, ...] = ()

    def sources(self) -> object:
        """Nothing that a sample changes."""
        return self.view.read_only, self.view.lacks, self.view.glyphs.ascii_only

    def lines(self, width: int, height: int) -> list[Line]:
        """The line, and where its buttons are."""
        view = self.view
        bar, self._targets = key_bar(width, view.read_only, view.glyphs, view.lacks)
        return [bar][:height]

    def on_click(self, event: events.Click) -> None:
        """Press the key under the pointer."""
        event.stop()
        for target in self._targets:
            if target.start <= event.x < target.stop:
                self.call_next(self.app.run_action, target.action)
