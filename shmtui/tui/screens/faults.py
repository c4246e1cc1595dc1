"""The dialog of the mistakes that workers can make: what each does, and what to expect."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from shmtui.i18n import _
from shmtui.sanitize import inert
from shmtui.shm.faults import Fault, expected_outcome, fault_name
from shmtui.shm.protocol import Role
from shmtui.tui.cell_text import fit, wrap
from shmtui.tui.screens.rows_panel import RowsPanel
from shmtui.tui.spans import Line, clip_line, line
from shmtui.tui.view_model import ViewModel
from shmtui.tui.worker_commands import Targets

_NAME = 24
"""Cells for the name of a fault."""


class FaultsPanel(RowsPanel):
    """A row for each mistake; below them the effect of the chosen one."""

    def __init__(self, targets: Targets, view: ViewModel) -> None:
        super().__init__(view)
        self.title = _("Faults")
        self._who = targets.label
        self._role = targets.ours[0].role if targets.ours else Role.PRODUCER
        made = {p.fault for p in targets.ours} - {Fault.NONE}
        self._now = made
        self.faults = tuple(Fault) if made else tuple(Fault)[1:]

    @property
    def count(self) -> int:
        """All mistakes; before them *none*, where a worker makes one now."""
        return len(self.faults)

    def depends_on(self) -> object:
        """All that can change in it."""
        return self.at, self.faults

    def above(self, width: int) -> list[Line]:
        """The workers that will make it."""
        who = inert(self._who, self.view.glyphs.ascii_only)
        text = _("A mistake for {who} to make: a real one, by a real process.")
        return [*(line(row) for row in wrap(text.format(who=who), width)), ()]

    def row(self, at: int, width: int) -> Line:
        """The name of a mistake, and what it does."""
        fault, glyphs = self.faults[at], self.view.glyphs
        name = fault_name(fault, self._role)
        style = "warn-strong" if fault in self._now else "strong"
        does = (expected_outcome(fault, self._role).action, "muted")
        return clip_line(line((fit(name, _NAME), style), does), width, glyphs.ellipsis)

    def below(self, width: int) -> list[Line]:
        """What the chosen mistake does, and what to expect."""
        told = expected_outcome(self.faults[self.at], self._role)
        rows: list[Line] = [()]
        finding = f" ({told.finding})" if told.finding else ""
        for head, text in (
            (_("It"), told.action),
            (_("To expect"), told.effect + finding),
        ):
            pieces = wrap(f"{head}: {text}", width)
            rows += [line(piece) for piece in pieces]
        return rows

    def footer(self, width: int, height: int) -> str:
        """Its keys."""
        del width, height
        return _("enter starts it, esc goes back")


class FaultScreen(ModalScreen[Fault | None]):
    """Returns the mistake that was chosen; None where none was."""

    AUTO_FOCUS = "FaultsPanel"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,x,ctrl+q", "dismiss(None)", show=False),
    ]

    def __init__(self, targets: Targets, view: ViewModel) -> None:
        super().__init__()
        self._panel = FaultsPanel(targets, view)

    def compose(self) -> ComposeResult:
        """One panel."""
        yield self._panel

    def on_rows_panel_chosen(self) -> None:
        """Return the chosen mistake."""
        self.dismiss(self._panel.faults[self._panel.at])
