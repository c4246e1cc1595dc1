"""Something in full: a finding with its evidence and remedy, or an event."""

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.screen import ModalScreen

from shmtui.i18n import _
from shmtui.tui.screens.text_panel import TextPanel
from shmtui.tui.spans import Line
from shmtui.tui.view_model import ViewModel


class WrappedPanel(TextPanel):
    """Lines that are made for the width of the panel."""

    def __init__(
        self, title: str, text: Callable[[int], list[Line]], footer: str, view: ViewModel
    ) -> None:
        super().__init__(title, [], footer, view)
        self._make = text

    def lines(self, width: int, height: int) -> list[Line]:
        """The lines in view."""
        self._text = self._make(width)
        return super().lines(width, height)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As high as its lines and its frame, where the style leaves it open."""
        del container, viewport
        return len(self._make(max(0, width - 4))) + 2


class DetailScreen(ModalScreen[None]):
    """One text that scrolls."""

    AUTO_FOCUS = "WrappedPanel"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "dismiss", show=False),
    ]

    def __init__(self, title: str, text: Callable[[int], list[Line]], view: ViewModel) -> None:
        super().__init__()
        self._heading = title
        self._text = text
        self._view = view

    def compose(self) -> ComposeResult:
        """One panel."""
        yield WrappedPanel(self._heading, self._text, _("esc closes"), self._view)

    def on_click(self) -> None:
        """A click anywhere closes."""
        self.dismiss()
