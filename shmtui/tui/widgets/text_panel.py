"""A panel of fixed lines that scrolls."""

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType

from shmtui.tui.spans import Line
from shmtui.tui.view_model import ViewModel
from shmtui.tui.widgets.panel import Panel


class TextPanel(Panel, can_focus=True):
    """Lines that do not change while they are on show."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll(-1)", show=False),
        Binding("down,space", "scroll(1)", show=False),
        Binding("pageup", "scroll(-10)", show=False),
        Binding("pagedown", "scroll(10)", show=False),
        Binding("home", "scroll(-10000)", show=False),
        Binding("end", "scroll(10000)", show=False),
    ]

    def __init__(self, title: str, text: list[Line], footer: str, view: ViewModel) -> None:
        super().__init__()
        self.title = title
        self.view = view
        self._text = text
        self.below = footer
        """The footer."""
        self._first = 0

    def depends_on(self) -> object:
        """The position of the view."""
        return self._first

    def lines(self, width: int, height: int) -> list[Line]:
        """The lines in view."""
        del width
        self._first = max(0, min(self._first, len(self._text) - height))
        return self._text[self._first : self._first + height]

    def scroll_position(self) -> tuple[int, int]:
        """The first line in view and how many there are."""
        return self._first, len(self._text)

    def footer(self, width: int, height: int) -> str:
        """How to close the dialog."""
        del width, height
        return self.below

    def action_scroll(self, by: int) -> None:
        """Move the view by so many lines."""
        self._first = max(0, min(self._first + by, len(self._text) - self.inner_size[1]))
        self.draw()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Three lines down."""
        event.stop()
        self.action_scroll(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Three lines up."""
        event.stop()
        self.action_scroll(-3)
