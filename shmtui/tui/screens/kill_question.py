"""Asks before a process that is not ours is killed."""

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from shmtui.i18n import N_, _
from shmtui.sanitize import inert
from shmtui.tui.screens.text_panel import TextPanel
from shmtui.tui.spans import Line, line
from shmtui.tui.text import clip
from shmtui.tui.view_model import ViewModel

_YES, _NO = N_("  y  Kill  "), N_("  n  Leave it  ")


class KillQuestion(ModalScreen[bool]):
    """True only on a plain yes; every way out that is not one leaves the process alone."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", show=False),
        Binding("n,escape,q,enter", "dismiss(False)", show=False),
    ]

    def __init__(self, label: str, view: ViewModel) -> None:
        super().__init__()
        self._label = label
        self._view = view

    def compose(self) -> ComposeResult:
        """What it is about, what comes of it, and the two answers."""
        name = clip(inert(self._label, self._view.glyphs.ascii_only), 40)
        text: list[Line] = [
            line(_("Kill") + " ", (name, "strong"), "?"),
            (),
            line((_("It is not a worker of ours. If it holds mutex when it dies,"), "muted")),
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
