"""From a chosen row to commands for its processes. Knows no screen.

A command that cannot be given comes back as a sentence for the user: a key that does nothing
and says nothing looks broken.
"""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from shmtui.i18n import _
from shmtui.procfs.identity import start_time
from shmtui.procfs.process import started_at
from shmtui.shm.faults import Fault
from shmtui.shm.protocol import UNTHROTTLED, faster, slower
from shmtui.snapshot import Origin, Process, ProcessState
from shmtui.tui.process_rows import Group, Row

if TYPE_CHECKING:
    from shmtui.workers.supervisor import Supervisor

_HELD: Final = {ProcessState.PAUSED, ProcessState.STEPPING}
_SAME_START: Final = 1.0
"""Seconds by which two readings of one start time may differ, if the clock was set between."""

Reason = str | None
"""Why a command was not given; None where it was."""


@dataclass(frozen=True, slots=True)
class Targets:
    """The live processes that a key applies to."""

    label: str
    """What the row is called; empty where no row is chosen."""
    ours: tuple[Process, ...] = ()
    """Our workers, and the programs that we started."""
    others: tuple[Process, ...] = ()


def targets_of(row: Row | None, owns: Callable[[int], bool]) -> Targets:
    """All live processes of a row; a group stands for its members."""
    if row is None:
        return Targets("")
    if isinstance(row, Group):
        label, members = _(row.key), row.alive
    else:
        process = row.process
        label = named(process)
        members = (process,) if process.alive else ()
    ours = tuple(p for p in members if owns(p.pid))
    return Targets(label, ours, tuple(p for p in members if p not in ours))


def named(process: Process) -> str:
    """A process as messages call it.

    >>> from shmtui.shm.protocol import Role
    >>> named(Process(412, "produtor", Role.PRODUCER, ProcessState.RUNNING))
    'produtor (412)'
    """
    return f"{process.name} ({process.pid})"


class WorkerCommands:
    """Commands to the workers of one supervisor. Each returns why it was not given."""

    def __init__(self, supervisor: "Supervisor") -> None:
        self._supervisor = supervisor

    def faster(self, targets: Targets) -> Reason:
        """One rung up for each, from its own rate."""
        return self._change_rate(targets, faster)

    def slower(self, targets: Targets) -> Reason:
        """One rung down for each, from its own rate."""
        return self._change_rate(targets, slower)

    def unthrottle(self, targets: Targets) -> Reason:
        """As fast as they can."""
        return self._change_rate(targets, lambda _rate: UNTHROTTLED)

    def reset_rate(self, targets: Targets) -> Reason:
        """Back to the rate that each started with."""
        paced, reason = _paced(targets)
        for process in paced:
            self._supervisor.orders.reset_rate(process.pid)
        return reason

    def toggle_pause(self, targets: Targets) -> Reason:
        """Pause all; where all are paused already, resume all."""
        if reason := _not_ours(targets):
            return reason
        resume = all(p.state in _HELD for p in targets.ours)
        for process in targets.ours:
            if resume:
                self._supervisor.orders.resume(process.pid)
            elif process.state not in _HELD:
                self._supervisor.orders.pause(process.pid)
        return None

    def step(self, targets: Targets) -> Reason:
        """One protocol step for each; a worker that runs stops before its next step."""
        if reason := _not_ours(targets):
            return reason
        workers = _workers(targets)
        if not workers:
            return _("{who}: only workers of shmtui can be stepped").format(who=targets.label)
        for process in workers:
            self._supervisor.orders.step(process.pid)
        if all(p.state is ProcessState.BLOCKED for p in workers):
            return _("{who}: blocked in its step; it goes on once it has what it waits for").format(
                who=targets.label
            )
        return None

    def why_no_fault(self, targets: Targets) -> Reason:
        """Why none of them can be told to make a mistake."""
        if reason := _not_ours(targets):
            return reason
        if not _workers(targets):
            text = _("{who}: only workers of shmtui can be told to make a mistake")
            return text.format(who=targets.label)
        return None

    def set_fault(self, targets: Targets, fault: Fault) -> Reason:
        """Have each make this mistake; NONE ends it."""
        if reason := self.why_no_fault(targets):
            return reason
        for process in _workers(targets):
            self._supervisor.orders.set_fault(process.pid, fault)
        return None

    def terminate(self, targets: Targets) -> Reason:
        """SIGTERM to each."""
        if reason := _not_ours(targets):
            return reason
        for process in targets.ours:
            self._supervisor.terminate(process.pid)
        return None

    def kill(self, targets: Targets) -> Reason:
        """SIGKILL to each that is ours."""
        if reason := _not_ours(targets):
            return reason
        for process in targets.ours:
            self._supervisor.kill(process.pid)
        return None

    def _change_rate(self, targets: Targets, change: Callable[[float], float]) -> Reason:
        paced, reason = _paced(targets)
        for process in paced:
            if process.target_rate is not None:
                self._supervisor.orders.set_rate(process.pid, change(process.target_rate))
        return reason


def kill_foreign(process: Process) -> Reason:
    """SIGKILL to a process that is not ours, if its PID still is that process; never to shmtui.

    Its start time is compared after a pidfd is open, so that a process which got the same PID
    later is not hit.
    """
    who = named(process)
    if process.pid == os.getpid():
        return _("{who}: this is shmtui itself; q ends it").format(who=who)
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
            return _("{who}: not killed, since its start time cannot be read").format(who=who)
        if abs(started_at(ticks) - process.since) > _SAME_START:
            return _("{who}: not killed, since another process has this PID now").format(who=who)
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    except ProcessLookupError:
        return ended
    except PermissionError:
        return _("{who}: this user may not kill it; {owner} or root may").format(
            who=who, owner=process.user or "?"
        )
    finally:
        os.close(pidfd)
    return None


def _paced(targets: Targets) -> tuple[tuple[Process, ...], Reason]:
    """The targets that have a rate to change. A program of the user's has none."""
    if reason := _not_ours(targets):
        return (), reason
    paced = tuple(
        p for p in targets.ours if p.target_rate is not None and p.origin is not Origin.PROGRAM
    )
    if paced:
        return paced, None
    return (), _("{label}: a program of yours sets its own pace").format(label=targets.label)


def _workers(targets: Targets) -> tuple[Process, ...]:
    return tuple(p for p in targets.ours if p.origin is not Origin.PROGRAM)


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
    return _("{label}: shmtui did not start it, so only K works on it").format(label=targets.label)
