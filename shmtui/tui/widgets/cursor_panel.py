"""A panel of rows with a cursor: the keys and the wheel that move it."""

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType

from shmtui.tui.widgets.panel import Panel


class CursorPanel(Panel, can_focus=True):
    """A subclass has the rows, and says what `action_open` does."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "edge(0)", show=False),
        Binding("end", "edge(-1)", show=False),
        Binding("enter", "open", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self.at = 0
        """The row that the cursor is on."""
        self._first = 0
        """The first row in view."""

    @property
    def count(self) -> int:
        """How many rows there are, in view or not."""
        raise NotImplementedError

    @property
    def page_rows(self) -> int:
        """How far a page key goes: a screenful less one row."""
        return max(1, self.inner_size[1] - 1)

    def go(self, at: int) -> None:
        """Put the cursor on this row, or on the nearest."""
        self.at = max(0, min(at, self.count - 1))
        self.draw()

    def action_move(self, by: int) -> None:
        """Some rows up or down."""
        self.go(self.at + by)

    def action_page(self, by: int) -> None:
        """A screenful up or down."""
        self.go(self.at + by * self.page_rows)

    def action_edge(self, at: int) -> None:
        """The first row, or the last."""
        self.go(at if at >= 0 else self.count - 1)

    def action_open(self) -> None:
        """Open the row of the cursor."""

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel moves the cursor, so that the cursor stays in view."""
        event.stop()
        self.action_move(1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel moves the cursor, so that the cursor stays in view."""
        event.stop()
        self.action_move(-1)
