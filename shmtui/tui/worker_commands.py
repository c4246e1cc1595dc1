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

Complaint = str | None
"""Why nothing was ordered; None where something was."""


@dataclass(frozen=True, slots=True)
class Aim:
    """The live processes that a key applies to: ours to steer, and not ours."""

    label: str
    ours: tuple[Process, ...] = ()
    others: tuple[Process, ...] = ()


def aim_at(row: Row | None, owns: Callable[[int], bool]) -> Aim:
    """All live processes of a row; a group stands for its members."""
    if row is None:
        return Aim("")
    if isinstance(row, Group):
        label, members = _(row.key), row.alive
    else:
        process = row.process
        label = f"{process.name} ({process.pid})"
        members = (process,) if process.alive else ()
    ours = tuple(p for p in members if owns(p.pid))
    return Aim(label, ours, tuple(p for p in members if p not in ours))


class Helm:
    """Gives orders through ``Steering`` to everything that is aimed at."""

    def __init__(self, steering: Steering) -> None:
        self._steering = steering

    def aim(self, row: Row | None) -> Aim:
        """What a row stands for, as ownership is now."""
        return aim_at(row, self._steering.owns)

    def faster(self, aim: Aim) -> Complaint:
        """Each one rung up from its own rate."""
        return self._change_rate(aim, faster)

    def slower(self, aim: Aim) -> Complaint:
        """Each one rung down from its own rate."""
        return self._change_rate(aim, slower)

    def unthrottle(self, aim: Aim) -> Complaint:
        """As fast as they can."""
        return self._change_rate(aim, lambda _rate: UNTHROTTLED)

    def reset_rate(self, aim: Aim) -> Complaint:
        """Back to where each started."""
        paced, complaint = self._paced(aim)
        for process in paced:
            self._steering.reset_rate(process.pid)
        return complaint

    def toggle_pause(self, aim: Aim) -> Complaint:
        """Pause all unless all are paused already; then resume all."""
        if complaint := _nobody(aim):
            return complaint
        waking = all(p.state in _HELD for p in aim.ours)
        for process in aim.ours:
            if waking:
                self._steering.resume(process.pid)
            elif process.state not in _HELD:
                self._steering.pause(process.pid)
        return None

    def step(self, aim: Aim) -> Complaint:
        """Each one protocol step on; one that runs stops before its next."""
        if complaint := _nobody(aim):
            return complaint
        if complaint := _own_program(aim, _("goes its own way: only our workers can be stepped")):
            return complaint
        for process in _workers(aim):
            self._steering.step(process.pid)
        stuck = [p for p in _workers(aim) if p.state is ProcessState.BLOCKED]
        if stuck and len(stuck) == len(_workers(aim)):
            return _("{who}: blocked in its step; it goes on once it has what it waits for").format(
                who=aim.label
            )
        return None

    def cannot_err(self, aim: Aim) -> Complaint:
        """Why none of them can be told to make a mistake."""
        return _nobody(aim) or _own_program(
            aim, _("makes its own mistakes: only our workers can be told to")
        )

    def set_fault(self, aim: Aim, fault: Fault) -> Complaint:
        """Have each make it."""
        if complaint := self.cannot_err(aim):
            return complaint
        for process in _workers(aim):
            self._steering.set_fault(process.pid, fault)
        return None

    def terminate(self, aim: Aim) -> Complaint:
        """SIGTERM to each."""
        if complaint := _nobody(aim):
            return complaint
        for process in aim.ours:
            self._steering.terminate(process.pid)
        return None

    def kill(self, processes: tuple[Process, ...]) -> None:
        """SIGKILL to each; whoever is not ours has been asked about before."""
        for process in processes:
            self._steering.kill(process.pid)

    def _change_rate(self, aim: Aim, change: Callable[[float], float]) -> Complaint:
        paced, complaint = self._paced(aim)
        for process in paced:
            if process.target_rate is not None:
                self._steering.set_rate(process.pid, change(process.target_rate))
        return complaint

    def _paced(self, aim: Aim) -> tuple[tuple[Process, ...], Complaint]:
        """Those with a rate to change. Own programs pace themselves."""
        if complaint := _nobody(aim):
            return (), complaint
        paced = tuple(
            p for p in aim.ours if p.target_rate is not None and p.origin is not Origin.PROGRAM
        )
        if paced:
            return paced, None
        return (), _("{label}: a program of its own sets its own pace").format(label=aim.label)


def _workers(aim: Aim) -> tuple[Process, ...]:
    return tuple(p for p in aim.ours if p.origin is not Origin.PROGRAM)


def _own_program(aim: Aim, why: str) -> Complaint:
    return None if _workers(aim) else f"{aim.label}: {why}"


def _nobody(aim: Aim) -> Complaint:
    """Why there is nobody to order about, if there is nobody.

    >>> _nobody(Aim("")), _nobody(Aim("producers"))
    ('choose a row first, with up and down or the mouse', 'producers: no live process there')
    """
    if not aim.label:
        return _("choose a row first, with up and down or the mouse")
    if aim.ours:
        return None
    if not aim.others:
        return _("{label}: no live process there").format(label=aim.label)
    return _("{label}: not a worker of ours, so it is not ours to steer").format(label=aim.label)
