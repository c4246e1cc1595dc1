"""The dialog that asks for an offset in the segment."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from shmtui.i18n import N_, _
from shmtui.sanitize import inert
from shmtui.tui.draw.bytes import parse_offset
from shmtui.tui.screens.typed_screen import TypedScreen
from shmtui.tui.spans import Line, line
from shmtui.tui.view_model import ViewModel
from shmtui.tui.widgets.panel import Panel


class OffsetPanel(Panel, can_focus=True):
    """The offset that is typed, and what is wrong with it."""

    title = N_("Go to")

    def __init__(self, view: ViewModel) -> None:
        super().__init__()
        self.view = view
        self.text = ""
        self.wrong = ""

    def depends_on(self) -> object:
        """The offset that is typed, and what is wrong with it."""
        return self.text, self.wrong

    def lines(self, width: int, height: int) -> list[Line]:
        """The offset with a cursor; below it the bounds, or what is wrong."""
        del width, height
        glyphs, size = self.view.glyphs, self.view.snapshot.segment.size
        typed_so_far = inert(self.text, glyphs.ascii_only)
        hint = _("decimal or 0x..., up to {last} (0x{last:x})").format(last=max(0, size - 1))
        return [
            line((_("offset") + " ", "muted"), (typed_so_far, "strong"), (glyphs.full, "accent")),
            (),
            line((self.wrong, "bad")) if self.wrong else line((hint, "muted")),
        ]

    def footer(self, width: int, height: int) -> str:
        """Its keys."""
        del width, height
        return _("enter goes there, esc closes")

    def write(self, text: str) -> None:
        """Set the text."""
        self.text, self.wrong = text, ""
        self.draw()


class OffsetScreen(TypedScreen[int | None]):
    """Returns an offset in the segment; None where none was typed."""

    AUTO_FOCUS = "OffsetPanel"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+q", "dismiss(None)", show=False),
        Binding("enter", "go", show=False),
    ]

    def __init__(self, view: ViewModel) -> None:
        super().__init__()
        self._length = view.snapshot.segment.size
        self._panel = OffsetPanel(view)

    def compose(self) -> ComposeResult:
        """One panel."""
        yield self._panel

    @property
    def written(self) -> str:
        """The text."""
        return self._panel.text

    def write(self, text: str) -> None:
        """Set the text."""
        self._panel.write(text)

    def action_go(self) -> None:
        """Return the offset, or show what is wrong with it."""
        if not self._panel.text.strip():
            self.dismiss(None)
            return
        try:
            self.dismiss(parse_offset(self._panel.text, self._length))
        except ValueError as error:
            self._panel.wrong = str(error)
            self._panel.draw()
