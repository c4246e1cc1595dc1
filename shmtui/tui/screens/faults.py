"""The dialog of the mistakes that workers can make: what each does, and what to expect."""

from typing import ClassVar

from textual.binding import BindingType

from shmtui.i18n import N_, _
from shmtui.shm.faults import Fault, expected_outcome, fault_name
from shmtui.shm.protocol import Role
from shmtui.tui.screens.dialog import ChoicePanel, Dialog
from shmtui.tui.spans import Line, fit, line, wrapped
from shmtui.tui.view_model import ViewModel
from shmtui.tui.widgets.bindings import binding
from shmtui.tui.widgets.moving_panels import LETTERS
from shmtui.tui.worker_commands import Targets

_NAME = 24
"""Cells for the name of a fault."""


class FaultsPanel(ChoicePanel[Fault]):
    """A row for each mistake, *none* among them where one is made now; below, what to expect."""

    BINDINGS: ClassVar[list[BindingType]] = [*LETTERS]
    title = N_("Faults")

    def __init__(self, targets: Targets, view: ViewModel) -> None:
        super().__init__(view)
        self._who = targets.label
        self._role = targets.ours[0].role if targets.ours else Role.PRODUCER
        self._now = {p.fault for p in targets.ours} - {Fault.NONE}
        self.items = tuple(Fault) if self._now else tuple(Fault)[1:]

    def _depends_on(self) -> object:
        return self.at

    def _above(self, width: int) -> list[Line]:
        text = _("A mistake for {who} to make: a real one, by a real process.")
        return [*wrapped(text.format(who=self.view.glyphs.inert(self._who)), width), ()]

    def _choice(self, at: int, width: int) -> Line:
        fault = self.items[at]
        style = "warn-strong" if fault in self._now else "strong"
        does = expected_outcome(fault, self._role).action
        name = fit(fault_name(fault, self._role), _NAME)
        return self.view.glyphs.clip_line(line((name, style), (does, "muted")), width)

    def _below(self, width: int) -> list[Line]:
        outcome = expected_outcome(self.items[self.at], self._role)
        finding = f" ({outcome.finding})" if outcome.finding else ""
        action = f"{_('It')}: {outcome.action}"
        effect = f"{_('To expect')}: {outcome.effect}{finding}"
        return [(), *wrapped(action, width), *wrapped(effect, width)]

    def _footer(self, _width: int) -> str:
        return self.view.naming(_("{open} starts it, {close} goes back"))


class FaultScreen(Dialog[Fault | None]):
    """Returns the mistake that was chosen; None where none was."""

    BINDINGS: ClassVar[list[BindingType]] = [binding("dialog.leave", "dismiss(None)")]
    opened_by = ("faults",)

    def __init__(self, targets: Targets, view: ViewModel) -> None:
        self._panel = FaultsPanel(targets, view)
        super().__init__(self._panel)
        self._panel.choose = self.choose

    def choose(self) -> None:
        self.dismiss(self._panel.chosen)
