"""The keys that change workers or the buffer: from a chosen row to commands for its processes.

A command that cannot be given comes back as a sentence for the user: a key that does nothing
and says nothing looks broken.
"""

import os
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec

from shmtui.i18n import _
from shmtui.procfs.identity import start_time
from shmtui.procfs.process import started_at
from shmtui.shm.protocol import UNTHROTTLED, Role, faster, slower
from shmtui.snapshot import Origin, Process, ProcessState
from shmtui.tui.process_rows import Group, Row

if TYPE_CHECKING:
    from shmtui.shm.faults import Fault
    from shmtui.tui.app import DashboardApp
    from shmtui.workers.supervisor import Supervisor

# ruff: noqa: PLC0415 - the first frame does not wait for dialogs

_HELD: Final = {ProcessState.PAUSED, ProcessState.STEPPING}
_SAME_START: Final = 1.0
"""Seconds by which two readings of one start time may differ, if the clock was set between."""

_RATES: Final[dict[str, Callable[[float], float]]] = {
    "faster": faster,
    "slower": slower,
    "unthrottle": lambda _rate: UNTHROTTLED,
}
"""The rate after a key, from the one before: a rung up or down, or as fast as it can."""

Reason = str | None
"""Why a command was not given; None where it was."""


class Targets(msgspec.Struct, frozen=True):
    """The live processes that a key applies to."""

    label: str
    """What the row is called; empty where no row is chosen."""
    ours: tuple[Process, ...] = ()
    """Our workers, and the programs that we started."""
    others: tuple[Process, ...] = ()

    @property
    def workers(self) -> tuple[Process, ...]:
        """Our workers: they take a pace and a fault, which a program does not."""
        return tuple(p for p in self.ours if p.origin is not Origin.PROGRAM)


def label_of(row: Row | None) -> str:
    """What messages call a row; empty where none is chosen."""
    if row is None:
        return ""
    return _(row.key) if isinstance(row, Group) else named(row.process)


def members_of(row: Row | None) -> tuple[Process, ...]:
    """The processes of a row, the ended ones too; a group stands for its members."""
    if row is None:
        return ()
    return row.members if isinstance(row, Group) else (row.process,)


def targets_of(row: Row | None, owns: Callable[[int], bool]) -> Targets:
    """All live processes of a row."""
    label, members = label_of(row), tuple(p for p in members_of(row) if p.alive)
    ours = tuple(p for p in members if owns(p.pid))
    return Targets(label, ours, tuple(p for p in members if p not in ours))


def named(process: Process) -> str:
    """A process as messages call it.

    >>> named(Process(412, "produtor", Role.PRODUCER, ProcessState.RUNNING))
    'produtor (412)'
    """
    return f"{process.name} ({process.pid})"


def _not_ours(targets: Targets) -> Reason:
    """Why there is no process to command.

    >>> _not_ours(Targets("")), _not_ours(Targets("producers"))
    ('choose a row first, with up and down or the mouse', 'producers: no live process there')
    """
    if not targets.label:
        return _("choose a row first, with up and down or the mouse")
    if targets.ours:
        return None
    if not targets.others:
        return _("{label}: no live process there").format(label=targets.label)
    text = _("{label}: shmtui did not start it: it can be killed, or sent a signal, and no more")
    return text.format(label=targets.label)


def give(name: str, supervisor: "Supervisor", targets: Targets) -> Reason:
    """Give the command of this name to the targets."""
    if reason := _not_ours(targets):
        return reason
    orders, ours, workers = supervisor.orders, targets.ours, targets.workers
    match name:
        case "terminate" | "kill":
            end = supervisor.kill if name == "kill" else supervisor.terminate
            for process in ours:
                end(process.pid)
        case "toggle_pause":
            running = [p for p in ours if p.state not in _HELD]
            change = orders.pause if running else orders.resume
            for process in running or ours:
                change(process.pid)
        case "step":
            return _step(supervisor, targets)
        case _:
            paced = [p for p in workers if p.target_rate is not None]
            if not paced:
                text = _("{label}: a program of yours sets its own pace")
                if name == "slower" and any(p.state is ProcessState.STEPPING for p in ours):
                    text = _(
                        "{label}: no way back in a program that lives; shmtui explore --schedule FILE, and then "
                        "shmtui replay FILE, goes both ways"
                    )
                return text.format(label=targets.label)
            for process in paced:
                if name == "reset_rate":
                    orders.reset_rate(process.pid)
                else:
                    orders.set_rate(process.pid, _RATES[name](process.target_rate or 0.0))
    return None


def _step(supervisor: "Supervisor", targets: Targets) -> Reason:
    reasons = [supervisor.step(process.pid) for process in targets.ours]
    if reason := next(filter(None, reasons), None):
        return reason
    if all(p.state is ProcessState.BLOCKED for p in targets.ours):
        text = _("{who}: blocked in this step, which goes on once what it waits for is there")
        return text.format(who=targets.label)
    return None


def signal_foreign(process: Process, number: signal.Signals) -> Reason:
    """A signal to a process that is not ours, if its PID still is that process; never to shmtui.

    Its start time is compared after a pidfd is open, so that a process which got the same PID
    later is not hit.
    """
    who = named(process)
    if process.pid == os.getpid():
        return _("{who}: this is shmtui itself: end it by the key that quits").format(who=who)
    ended = _("{who}: it has ended already").format(who=who)
    try:
        pidfd = os.pidfd_open(process.pid)
    except OSError:
        return ended
    try:
        ticks = start_time(process.pid)
        if ticks is None:
            return ended
        if process.since is None:
            return _("{who}: nothing sent, since its start time cannot be read").format(who=who)
        if abs(started_at(ticks) - process.since) > _SAME_START:
            return _("{who}: nothing sent, since another process has this PID now").format(who=who)
        signal.pidfd_send_signal(pidfd, number)
    except ProcessLookupError:
        return ended
    except PermissionError:
        return _("{who}: this user may not send it a signal; {owner} or root may").format(
            who=who, owner=process.user or "?"
        )
    finally:
        os.close(pidfd)
    return None


def send_one(process: Process, number: signal.Signals, supervisor: "Supervisor | None") -> Reason:
    """A signal to one process: our own gets it from its supervisor."""
    if supervisor is None or not supervisor.owns(process.pid):
        return signal_foreign(process, number)
    supervisor.send(process.pid, number)
    return None


class WorkerActions:
    """The actions of those keys in the app, by name."""

    def __init__(self, app: "DashboardApp") -> None:
        self._app = app

    def run(self, name: str) -> None:
        """Carry out the action of this name, and show what it did, or why it did nothing."""
        supervisor = self._app.dashboard.supervisor
        if name == "repair":
            self._repair()
        elif name == "kill":
            self._kill()
        elif name == "signal":
            self._signal()
        elif supervisor is not None:
            self._of_workers(name, supervisor)

    def _of_workers(self, name: str, supervisor: "Supervisor") -> None:
        """An action that needs workers of ours."""
        match name:
            case "add_producer" | "add_consumer":
                supervisor.add(Role.PRODUCER if name == "add_producer" else Role.CONSUMER)
                self._app.refresh_now()
            case "audit":
                self._audit()
            case "faults":
                self._faults(supervisor)
            case "toggle_pause_all" | "step_all":
                everyone = self._everyone(supervisor)
                self._report(give(name.removesuffix("_all"), supervisor, everyone))
            case _:
                self._report(give(name, supervisor, self._targets()))

    def _targets(self) -> Targets:
        # A worker that has just been started is in the events before it is in the table.
        self._app.refresh_now()
        supervisor = self._app.dashboard.supervisor
        owns = supervisor.owns if supervisor is not None else lambda _pid: False
        return targets_of(self._app.main.table.chosen, owns)

    def _everyone(self, supervisor: "Supervisor") -> Targets:
        """All live workers and programs of ours, whatever the filter leaves in view."""
        self._app.refresh_now()
        processes = self._app.dashboard.latest.processes
        ours = tuple(p for p in processes if p.alive and supervisor.owns(p.pid))
        return Targets(_("all workers"), ours)

    def _report(self, reason: Reason) -> None:
        if reason is not None:
            self._app.tell(reason)
        self._app.refresh_now()

    def _kill(self) -> None:
        """SIGKILL; to a process that is not ours only after a question."""
        from shmtui.tui.screens.text_screens import KillQuestion

        targets, supervisor = self._targets(), self._app.dashboard.supervisor
        if targets.ours or not targets.others:
            self._report(
                _not_ours(targets) if supervisor is None else give("kill", supervisor, targets)
            )
            return

        def answered(sure: bool | None) -> None:
            if sure:
                reasons = [signal_foreign(each, signal.SIGKILL) for each in targets.others]
                self._report(next((reason for reason in reasons if reason), None))

        self._app.push_screen(KillQuestion(targets.label, self._app.dashboard.view), answered)

    def _signal(self) -> None:
        """A signal that is chosen from a list, to one process, after a question."""
        from shmtui.tui.screens.signals import SignalScreen

        targets, supervisor = self._targets(), self._app.dashboard.supervisor
        processes = (*targets.ours, *targets.others)
        if len(processes) != 1:
            reason = _("{who}: choose one of its processes: a signal goes to one")
            none = not processes and _not_ours(targets)
            self._report(none or reason.format(who=targets.label))
            return
        process = processes[0]

        def chosen(number: signal.Signals | None) -> None:
            if number is not None:
                self._report(send_one(process, number, supervisor))

        worker = process in targets.workers
        self._app.push_screen(SignalScreen(process, worker, self._app.dashboard.view), chosen)

    def _faults(self, supervisor: "Supervisor") -> None:
        from shmtui.tui.screens.faults import FaultScreen

        targets = self._targets()
        reason = _not_ours(targets)
        if not reason and not targets.workers:
            text = _("{who}: only workers of shmtui can be told to make a mistake")
            reason = text.format(who=targets.label)
        if reason:
            self._report(reason)
            return

        def chosen(fault: "Fault | None") -> None:
            if fault is not None:
                for process in targets.workers:
                    supervisor.orders.set_fault(process.pid, fault)
                self._app.refresh_now()

        self._app.push_screen(FaultScreen(targets, self._app.dashboard.view), chosen)

    def _audit(self) -> None:
        attachment = self._app.dashboard.attachment
        if attachment is not None and attachment.live is not None:
            attachment.live.auditor.begin()
            self._app.refresh_now()

    def _repair(self) -> None:
        from shmtui.repair.executor import Repairer
        from shmtui.tui.screens.repair import RepairScreen

        dashboard = self._app.dashboard
        if dashboard.attachment is not None:
            sampler = dashboard.attachment.sampler
            findings = dashboard.latest.health.findings
            repairer = Repairer(sampler.name, sampler.options, seen=findings)
            self._app.push_screen(RepairScreen(repairer, dashboard.report, dashboard.view))
