"""The help screen."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from shmtui.i18n import _
from shmtui.tui.draw.help import help_lines
from shmtui.tui.screens.text_panel import TextPanel
from shmtui.tui.view_model import ViewModel


class HelpScreen(ModalScreen[None]):
    """All keys, made from the table that binds them."""

    AUTO_FOCUS = "TextPanel"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,h,f1,enter", "dismiss", show=False)
    ]

    def __init__(self, view: ViewModel) -> None:
        super().__init__()
        self._view = view

    def compose(self) -> ComposeResult:
        """One panel."""
        text = help_lines(self._view.read_only, self._view.glyphs, self._view.missing)
        yield TextPanel(_("Help"), text, _("esc closes"), self._view)

    def on_click(self) -> None:
        """A click anywhere closes."""
        self.dismiss()
