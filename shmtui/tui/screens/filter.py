"""The filter of a panel of the main screen, which acts while it is typed."""

from typing import Any, ClassVar

from textual.binding import BindingType

from shmtui.i18n import N_, _
from shmtui.tui.screens.dialog import Typed, TypingDialog
from shmtui.tui.spans import line
from shmtui.tui.widgets.bindings import binding
from shmtui.tui.widgets.moving_panels import NarrowedPanel
from shmtui.tui.widgets.panel import Content, Panel


class FilterField(Typed, Panel, can_focus=True):
    """The words that rows have to have."""

    title = N_("Filter")

    def __init__(self, narrowed: NarrowedPanel[Any]) -> None:
        super().__init__(narrowed.view)
        self._narrowed = narrowed
        self.typed = narrowed.words

    def _depends_on(self) -> object:
        return self.typed

    def _content(self, _width: int, _height: int) -> Content:
        glyphs = self.view.glyphs
        row = line((glyphs.inert(self.typed), "strong"), (glyphs.full, "accent"))
        return Content([row], self.view.naming(_("{open} keeps it, {close} shows all rows")))

    def write(self, text: str) -> None:
        self.typed = text
        self._narrowed.narrow(text)
        self.draw()


class FilterScreen(TypingDialog[None]):
    """Filters the rows of a panel, which stays in view."""

    BINDINGS: ClassVar[list[BindingType]] = [
        binding("rows.open", "dismiss(None)"),
        binding("dialog.close", "all_rows"),
    ]

    def __init__(self, narrowed: NarrowedPanel[Any]) -> None:
        super().__init__(FilterField(narrowed))

    def action_all_rows(self) -> None:
        self._field.write("")
        self.dismiss(None)
