"""Asks before a process that is not ours is killed."""

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from shmtui.tui.lines import Line, line
from shmtui.tui.screens.text_panel import TextPanel
from shmtui.tui.text import clip, inert
from shmtui.tui.view import View

_YES, _NO = "  y  Kill  ", "  n  Leave it  "


class KillQuestion(ModalScreen[bool]):
    """True only on a plain yes; every way out that is not one leaves the process alone."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", show=False),
        Binding("n,escape,q,enter", "dismiss(False)", show=False),
    ]

    def __init__(self, label: str, view: View) -> None:
        super().__init__()
        self._label = label
        self._view = view

    def compose(self) -> ComposeResult:
        """What it is about, what comes of it, and the two answers."""
        name = clip(inert(self._label, self._view.glyphs.ascii_only), 40)
        text: list[Line] = [
            line("Kill ", (name, "strong"), "?"),
            (),
            line(("It is not a worker of ours. If it holds mutex when it dies,", "muted")),
            line(("the others wait for ever.", "muted")),
            (),
            line((_YES, "banner"), "   ", (_NO, "key")),
        ]
        yield TextPanel("Kill a foreign process", text, "", self._view)

    def on_click(self, event: events.Click) -> None:
        """The answers are buttons."""
        panel = self.query_one(TextPanel)
        x, y = event.screen_x - panel.region.x - 2, event.screen_y - panel.region.y - 1
        if y == 5 and 0 <= x < len(_YES):
            self.dismiss(True)
        elif y == 5 and len(_YES) + 3 <= x < len(_YES) + 3 + len(_NO):
            self.dismiss(False)
