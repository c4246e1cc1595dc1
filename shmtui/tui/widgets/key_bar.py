"""The key bar: the keys that fit, each a button."""

from textual import events

from shmtui.tui.draw.key_bar import Button, key_bar
from shmtui.tui.spans import Line
from shmtui.tui.widgets.panel import Panel


class KeyBar(Panel):
    """One line made from the table of keys."""

    framed = False
    _buttons: tuple[Button, ...] = ()

    def depends_on(self) -> object:
        """Nothing that a sample changes."""
        return self.view.read_only, self.view.missing, self.view.glyphs.ascii_only

    def lines(self, width: int, height: int) -> list[Line]:
        """The line, and where its buttons are."""
        view = self.view
        bar, self._buttons = key_bar(width, view.read_only, view.glyphs, view.missing)
        return [bar][:height]

    def on_click(self, event: events.Click) -> None:
        """Press the key under the pointer."""
        event.stop()
        for button in self._buttons:
            if button.start <= event.x < button.stop:
                self.call_next(self.app.run_action, button.action)
