"""The actions of the keys that change workers or the buffer."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from shmtui.shm.protocol import Role
from shmtui.tui.worker_commands import (
    Reason,
    Targets,
    WorkerCommands,
    kill_foreign,
    targets_of,
)

if TYPE_CHECKING:
    from shmtui.shm.faults import Fault
    from shmtui.tui.dashboard_state import Dashboard
    from shmtui.tui.dialogs import Dialogs
    from shmtui.tui.main_screen import MainScreen


class WorkerActions:
    """The actions by name. Each does nothing in a read-only dashboard."""

    def __init__(
        self,
        dashboard: "Dashboard",
        main: "MainScreen",
        dialogs: "Dialogs",
        refresh: Callable[[], None],
    ) -> None:
        self._dashboard = dashboard
        self._main = main
        self._dialogs = dialogs
        self._refresh = refresh
        """Samples and draws."""
        self._actions: dict[str, Callable[[WorkerCommands], None]] = {
            "add_producer": lambda _commands: self._add(Role.PRODUCER),
            "add_consumer": lambda _commands: self._add(Role.CONSUMER),
            "faster": lambda commands: self._give(commands.faster),
            "slower": lambda commands: self._give(commands.slower),
            "unthrottle": lambda commands: self._give(commands.unthrottle),
            "reset_rate": lambda commands: self._give(commands.reset_rate),
            "toggle_pause": lambda commands: self._give(commands.toggle_pause),
            "step": lambda commands: self._give(commands.step),
            "terminate": lambda commands: self._give(commands.terminate),
            "kill": self._kill,
            "faults": self._faults,
            "audit": self._audit,
            "repair": self._repair,
        }

    def run(self, name: str) -> None:
        """Carry out the action of this name."""
        commands = self._dashboard.commands
        if commands is not None:
            self._actions[name](commands)

    def _targets(self) -> Targets:
        # A worker that has just been started is in the events before it is in the table.
        self._refresh()
        supervisor = self._dashboard.supervisor
        return targets_of(self._main.chosen, supervisor.owns) if supervisor else Targets("")

    def _give(self, command: Callable[[Targets], Reason]) -> None:
        """Give a command to the chosen workers; show what it did, or say why it did nothing."""
        self._report(command(self._targets()))

    def _report(self, reason: Reason) -> None:
        if reason is not None:
            self._dialogs.tell(reason, self._dashboard.view)
        self._refresh()

    def _add(self, role: Role) -> None:
        supervisor = self._dashboard.supervisor
        if supervisor is not None:
            supervisor.add(role)
            self._refresh()

    def _kill(self, commands: WorkerCommands) -> None:
        """SIGKILL; to a process that is not ours only after a question."""
        targets = self._targets()
        if targets.ours or not targets.others:
            self._report(commands.kill(targets))
            return

        def kill() -> None:
            reasons = [kill_foreign(process) for process in targets.others]
            self._report(next((reason for reason in reasons if reason), None))

        self._dialogs.kill(targets.label, self._dashboard.view, kill)

    def _faults(self, commands: WorkerCommands) -> None:
        """Choose a mistake for them to make."""
        targets = self._targets()
        reason = commands.why_no_fault(targets)
        if reason is not None:
            self._report(reason)
            return

        def make(fault: "Fault | None") -> None:
            if fault is not None:
                self._report(commands.set_fault(targets, fault))

        self._dialogs.faults(targets, self._dashboard.view, make)

    def _audit(self, _commands: WorkerCommands) -> None:
        """Compare what was produced with what was consumed."""
        attachment = self._dashboard.attachment
        if attachment is not None and attachment.auditor is not None:
            attachment.auditor.begin()
            self._refresh()

    def _repair(self, _commands: WorkerCommands) -> None:
        """Show the plan of a repair, and carry it out if the user agrees."""
        attachment, supervisor = self._dashboard.attachment, self._dashboard.supervisor
        if attachment is not None and supervisor is not None and attachment.make_repairer:
            self._dialogs.repair(attachment.make_repairer(), supervisor, self._dashboard.view)
