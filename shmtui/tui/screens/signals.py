"""The dialog of the signals that a process can be sent: what each does to it, and a question."""

import signal
from typing import ClassVar, Final

from textual.binding import BindingType

from shmtui.i18n import N_, _
from shmtui.procfs.stop_effects import catches, ignores
from shmtui.snapshot import Process
from shmtui.tui.screens.dialog import ChoicePanel, Dialog
from shmtui.tui.screens.text_screens import Question, asked
from shmtui.tui.spans import Line, line, wrapped
from shmtui.tui.view_model import ViewModel
from shmtui.tui.widgets.bindings import binding
from shmtui.tui.widgets.moving_panels import LETTERS
from shmtui.tui.worker_commands import named

SIGNALS: Final = (
    signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGSTOP, signal.SIGCONT, signal.SIGUSR1,
    signal.SIGUSR2, signal.SIGKILL,
)  # fmt: skip
"""The gentle ones first."""
_NAME: Final = 9
"""Cells for the name of a signal."""
_ENDS_GENTLY: Final = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
_KILLS: Final = N_("ends it wherever it is; a lock that it holds then stays locked")
_STOPS: Final = N_("stops it wherever it is; a lock that it holds stays locked until SIGCONT")
_CONTINUES: Final = N_("lets it go on, if it is stopped")
_AFTER: Final = N_("ends it after its critical section; it holds nothing then")
_CAUGHT: Final = N_("it has a handler of its own for it, which says what happens")
_IGNORED: Final = N_("it ignores it")


def effect(number: signal.Signals, process: Process, worker: bool) -> str:
    """What a signal does to a process; ``worker``: it is one of ours."""
    match number:
        case signal.SIGKILL:
            return _(_KILLS)
        case signal.SIGSTOP:
            return _(_STOPS)
        case signal.SIGCONT:
            return _(_CONTINUES)
    if worker:
        return _(_AFTER) if number in _ENDS_GENTLY else _(_KILLS)
    if catches(process.pid, number):
        return _(_CAUGHT)
    return _(_IGNORED) if ignores(process.pid, number) else _(_KILLS)


class SignalsPanel(ChoicePanel[signal.Signals]):
    """A row for each signal, with what it does."""

    BINDINGS: ClassVar[list[BindingType]] = [*LETTERS]
    title = N_("Signal")
    items = SIGNALS

    def __init__(self, process: Process, worker: bool, view: ViewModel) -> None:
        super().__init__(view)
        self._who = named(process)
        self.effects = {number: effect(number, process, worker) for number in SIGNALS}

    def _depends_on(self) -> object:
        return self.at

    def _above(self, width: int) -> list[Line]:
        text = _("To {who}:").format(who=self.view.glyphs.inert(self._who))
        return [*wrapped(text, width), ()]

    def _choice(self, at: int, width: int) -> Line:
        number = self.items[at]
        name = f"{number.name:<{_NAME}}"
        return self.view.glyphs.clip_line(
            line((name, "strong"), (self.effects[number], "muted")), width
        )

    def _below(self, width: int) -> list[Line]:
        chosen = self.items[self.at]
        return [(), *wrapped(f"{chosen.name}: {self.effects[chosen]}.", width)]

    def _footer(self, _width: int) -> str:
        return self.view.naming(_("{open} asks, {close} goes back"))


class SignalScreen(Dialog[signal.Signals | None]):
    """Returns the signal that was chosen, and agreed to; None where none was."""

    BINDINGS: ClassVar[list[BindingType]] = [binding("dialog.leave", "dismiss(None)")]
    opened_by = ("signal",)

    def __init__(self, process: Process, worker: bool, view: ViewModel) -> None:
        self._panel = SignalsPanel(process, worker, view)
        super().__init__(self._panel)
        self._panel.choose = self.choose
        self._who = named(process)

    def choose(self) -> None:
        """Ask before it is sent."""
        number, view = self._panel.chosen, self._panel.view
        if number is None:
            return
        does = f"{number.name}: {self._panel.effects[number]}."
        verb = _("Send {signal} to").format(signal=number.name)
        send = _("Send it")
        question = Question(_("Send a signal"), asked(verb, self._who, view), does, send, view)

        def answered(sure: bool | None) -> None:
            if sure:
                self.dismiss(number)

        self.app.push_screen(question, answered)
