"""Dialogs of text: help, a finding or process in full, the question before a kill."""

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.screen import ModalScreen

from shmtui.i18n import N_, _
from shmtui.sanitize import inert
from shmtui.tui.cell_text import clip
from shmtui.tui.draw.keys import help_lines
from shmtui.tui.spans import Line, line
from shmtui.tui.view_model import ViewModel
from shmtui.tui.widgets.text_panel import TextPanel

_YES, _NO = N_("  y  Kill  "), N_("  n  Leave it  ")


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


class KillQuestion(ModalScreen[bool]):
    """Returns True only for y or a click on *Kill*."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", show=False),
        Binding("n,escape,q,enter", "dismiss(False)", show=False),
    ]

    def __init__(self, label: str, view: ViewModel) -> None:
        super().__init__()
        self._label = label
        self._view = view

    def compose(self) -> ComposeResult:
        """The question, the risk, and the two answers."""
        name = clip(inert(self._label, self._view.glyphs.ascii_only), 40)
        text: list[Line] = [
            line(_("Kill") + " ", (name, "strong"), "?"),
            (),
            line((_("shmtui did not start it. If it holds mutex when it dies,"), "muted")),
            line((_("the others wait for ever."), "muted")),
            (),
            line((_(_YES), "banner"), "   ", (_(_NO), "key")),
        ]
        yield TextPanel(_("Kill a foreign process"), text, "", self._view)

    def on_click(self, event: events.Click) -> None:
        """The answers are buttons."""
        panel = self.query_one(TextPanel)
        x, y = event.screen_x - panel.region.x - 2, event.screen_y - panel.region.y - 1
        yes, no = len(_(_YES)), len(_(_NO))
        if y == 5 and 0 <= x < yes:
            self.dismiss(True)
        elif y == 5 and yes + 3 <= x < yes + 3 + no:
            self.dismiss(False)
