"""From a chosen row to orders for workers. Knows ``Steering`` and no screen.

An order that cannot be given comes back as a sentence for the user, never as
silence: a key that does nothing teaches that the program is broken.
"""

from collections.abc import Callable
from dataclasses import dataclass

from shmtui.i18n import _
from shmtui.shm.faults import Fault
from shmtui.shm.protocol import UNTHROTTLED, faster, slower
from shmtui.snapshot import Origin, Process, ProcessState
from shmtui.tui.ports import Steering
from shmtui.tui.process_rows import Group, Row

_HELD = {ProcessState.PAUSED, ProcessState.STEPPING}

Reason = str | None
"""Why nothing was ordered; None where something was."""


@dataclass(frozen=True, slots=True)
class Targets:
    """The live processes that a key applies to: ours to steer, and not ours."""

    label: str
    ours: tuple[Process, ...] = ()
    others: tuple[Process, ...] = ()


def targets_of(row: Row | None, owns: Callable[[int], bool]) -> Targets:
    """All live processes of a row; a group stands for its members."""
    if row is None:
        return Targets("")
    if isinstance(row, Group):
        label, members = _(row.key), row.alive
    else:
        process = row.process
        label = f"{process.name} ({process.pid})"
        members = (process,) if process.state is not ProcessState.ENDED else ()
    ours = tuple(p for p in members if owns(p.pid))
    return Targets(label, ours, tuple(p for p in members if p not in ours))


class WorkerCommands:
    """Gives orders through ``Steering`` to everything that is aimed at."""

    def __init__(self, steering: Steering) -> None:
        self._steering = steering

    def targets(self, row: Row | None) -> Targets:
        """What a row stands for, as ownership is now."""
        return targets_of(row, self._steering.owns)

    def faster(self, targets: Targets) -> Reason:
        """Each one rung up from its own rate."""
        return self._change_rate(targets, faster)

    def slower(self, targets: Targets) -> Reason:
        """Each one rung down from its own rate."""
        return self._change_rate(targets, slower)

    def unthrottle(self, targets: Targets) -> Reason:
        """As fast as they can."""
        return self._change_rate(targets, lambda _rate: UNTHROTTLED)

    def reset_rate(self, targets: Targets) -> Reason:
        """Back to where each started."""
        paced, reason = self._paced(targets)
        for process in paced:
            self._steering.reset_rate(process.pid)
        return reason

    def toggle_pause(self, targets: Targets) -> Reason:
        """Pause all unless all are paused already; then resume all."""
        if reason := _nobody(targets):
            return reason
        waking = all(p.state in _HELD for p in targets.ours)
        for process in targets.ours:
            if waking:
                self._steering.resume(process.pid)
            elif process.state not in _HELD:
                self._steering.pause(process.pid)
        return None

    def step(self, targets: Targets) -> Reason:
        """Each one protocol step on; one that runs stops before its next."""
        if reason := _nobody(targets):
            return reason
        if reason := _own_program(targets, _("goes its own way: only our workers can be stepped")):
            return reason
        for process in _workers(targets):
            self._steering.step(process.pid)
        stuck = [p for p in _workers(targets) if p.state is ProcessState.BLOCKED]
        if stuck and len(stuck) == len(_workers(targets)):
            return _("{who}: blocked in its step; it goes on once it has what it waits for").format(
                who=targets.label
            )
        return None

    def why_no_fault(self, targets: Targets) -> Reason:
        """Why none of them can be told to make a mistake."""
        return _nobody(targets) or _own_program(
            targets, _("makes its own mistakes: only our workers can be told to")
        )

    def set_fault(self, targets: Targets, fault: Fault) -> Reason:
        """Have each make it."""
        if reason := self.why_no_fault(targets):
            return reason
        for process in _workers(targets):
            self._steering.set_fault(process.pid, fault)
        return None

    def terminate(self, targets: Targets) -> Reason:
        """SIGTERM to each."""
        if reason := _nobody(targets):
            return reason
        for process in targets.ours:
            self._steering.terminate(process.pid)
        return None

    def kill(self, processes: tuple[Process, ...]) -> None:
        """SIGKILL to each; whoever is not ours has been asked about before."""
        for process in processes:
            self._steering.kill(process.pid)

    def _change_rate(self, targets: Targets, change: Callable[[float], float]) -> Reason:
        paced, reason = self._paced(targets)
        for process in paced:
            if process.target_rate is not None:
                self._steering.set_rate(process.pid, change(process.target_rate))
        return reason

    def _paced(self, targets: Targets) -> tuple[tuple[Process, ...], Reason]:
        """Those with a rate to change. Own programs pace themselves."""
        if reason := _nobody(targets):
            return (), reason
        paced = tuple(
            p for p in targets.ours if p.target_rate is not None and p.origin is not Origin.PROGRAM
        )
        if paced:
            return paced, None
        return (), _("{label}: a program of its own sets its own pace").format(label=targets.label)


def _workers(targets: Targets) -> tuple[Process, ...]:
    return tuple(p for p in targets.ours if p.origin is not Origin.PROGRAM)


def _own_program(targets: Targets, why: str) -> Reason:
    return None if _workers(targets) else f"{targets.label}: {why}"


def _nobody(targets: Targets) -> Reason:
    """Why there is nobody to order about, if there is nobody.

    >>> _nobody(Targets("")), _nobody(Targets("producers"))
    ('choose a row first, with up and down or the mouse', 'producers: no live process there')
    """
    if not targets.label:
        return _("choose a row first, with up and down or the mouse")
    if targets.ours:
        return None
    if not targets.others:
        return _("{label}: no live process there").format(label=targets.label)
    return _("{label}: not a worker of ours, so it is not ours to steer").format(
        label=targets.label
    )
