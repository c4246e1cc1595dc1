"""The dialog that asks for an offset in the segment."""

from typing import ClassVar

from textual.binding import Binding, BindingType

from shmtui.i18n import N_, _
from shmtui.tui.draw.bytes import parse_offset
from shmtui.tui.screens.dialog import Typed, TypingDialog
from shmtui.tui.spans import line
from shmtui.tui.view_model import ViewModel
from shmtui.tui.widgets.panel import Content, Panel


class OffsetPanel(Typed, Panel, can_focus=True):
    """The offset that is typed; below it the bounds, or what is wrong."""

    title = N_("Go to")
    wrong = ""

    def _depends_on(self) -> object:
        return self.typed, self.wrong

    def _content(self, _width: int, _height: int) -> Content:
        glyphs, last = self.view.glyphs, max(0, self.view.snapshot.segment.size - 1)
        text = glyphs.inert(self.typed)
        hint = _("decimal or 0x..., up to {last} (0x{last:x})").format(last=last)
        rows = [
            line((_("offset") + " ", "muted"), (text, "strong"), (glyphs.full, "accent")),
            (),
            line((self.wrong, "bad")) if self.wrong else line((hint, "muted")),
        ]
        return Content(rows, _("enter goes there, esc closes"))

    def write(self, text: str) -> None:
        """Set the text."""
        self.typed, self.wrong = text, ""
        self.draw()


class OffsetScreen(TypingDialog[int | None]):
    """Returns an offset in the segment; None where none was typed."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "go", show=False)]

    def __init__(self, view: ViewModel) -> None:
        self._panel = OffsetPanel(view)
        super().__init__(self._panel)

    def action_go(self) -> None:
        """Return the offset, or show what is wrong with it."""
        panel = self._panel
        try:
            size = panel.view.snapshot.segment.size
            self.dismiss(parse_offset(panel.typed, size) if panel.typed.strip() else None)
        except ValueError as error:
            panel.wrong = str(error)
            panel.draw()
