"""Where each participant stands in the protocol, told from the kernel and not from memory.

A thread asleep on a semaphore has taken nothing from it. A worker says between which steps
it is. A foreign process asleep elsewhere (a sleep, a read from the terminal) holds no mutex
where the mutex is free. Whoever runs is nowhere yet: stopped or asleep, it can be told.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from shmtui.diagnosis.history import WAIT_PERMIT
from shmtui.monitor.process_table import semaphore_at
from shmtui.procfs.futex import FutexWait, futex_waits, in_system_call
from shmtui.procfs.maps import mappings
from shmtui.procfs.process import thread_count
from shmtui.shm.layout import Layout
from shmtui.shm.protocol import Role, SemaphoreRole, Step, step_name
from shmtui.shm.segment import FileIdentity
from shmtui.snapshot import Origin, Process, ProcessState

_OUTSIDE: Final = {
    step_name(role, step)
    for role in (Role.PRODUCER, Role.CONSUMER)
    for step in (Step.STARTING, Step.PACE, Step.ENDED)
}


class Place(StrEnum):
    """Where a participant stands."""

    OUTSIDE = "outside"
    """It holds nothing: between two items."""
    EMPTY = "empty"
    """Asleep on ``empty``: it holds nothing."""
    FULL = "full"
    """Asleep on ``full``: it holds nothing."""
    MUTEX = "mutex"
    """Asleep on ``mutex`` with a permit in hand."""
    ELSEWHERE = "elsewhere"
    """A foreign process with a thread asleep in some other call: outside, unless the mutex is
    taken."""
    UNKNOWN = "unknown"
    """It runs, or is somewhere that it cannot stay."""


_AT: Final = {
    SemaphoreRole.EMPTY: Place.EMPTY,
    SemaphoreRole.FULL: Place.FULL,
    SemaphoreRole.MUTEX: Place.MUTEX,
}


@dataclass(frozen=True, slots=True)
class ProtocolPosition:
    """One participant."""

    process: Process
    place: Place
    asleep: tuple[tuple[SemaphoreRole, bool], ...] = ()
    """Each thread asleep on a semaphore: on which, and whether no other process can wake it."""

    @property
    def private(self) -> bool:
        """Whether a thread of it sleeps where no other process can wake it."""
        return any(private for _, private in self.asleep)


def locate(
    process: Process,
    identity: FileIdentity,
    layout: Layout,
    named: dict[SemaphoreRole, FileIdentity],
) -> ProtocolPosition:
    """Where ``process`` stands now; ``named`` are the files of its named semaphores."""
    asleep = _asleep(process.pid, identity, layout, named)
    if asleep is None:
        return ProtocolPosition(process, Place.UNKNOWN)
    if asleep and thread_count(process.pid) <= len(asleep):
        return ProtocolPosition(process, _AT[asleep[0][0]], asleep)
    still = in_system_call(process.pid)
    if process.origin is Origin.WORKER:
        # Asleep in that step and on no semaphore, it waits to be let on: step by step.
        steps = still and process.step in WAIT_PERMIT and not process.holds_mutex
        outside = process.step in _OUTSIDE or steps
        return ProtocolPosition(process, Place.OUTSIDE if outside else Place.UNKNOWN)
    return ProtocolPosition(process, Place.ELSEWHERE if still else Place.UNKNOWN, asleep)


def participants(processes: Iterable[Process]) -> tuple[Process, ...]:
    """Those of a snapshot's processes that live and take part."""
    return tuple(
        p for p in processes if p.state is not ProcessState.ENDED and p.role is not Role.OBSERVER
    )


def _asleep(
    pid: int,
    identity: FileIdentity,
    layout: Layout,
    named: dict[SemaphoreRole, FileIdentity],
) -> tuple[tuple[SemaphoreRole, bool], ...] | None:
    """What its threads sleep on, with whether privately; None where this user may not know."""
    found: list[tuple[SemaphoreRole, bool]] = []
    waits = _waits(pid, identity)
    if waits is None:
        return None
    for wait in waits:
        role = semaphore_at(layout, wait.offset)
        if role is not None:
            found.append((role, wait.private))
    for role, file in named.items():
        found += [(role, wait.private) for wait in _waits(pid, file) or ()]
    return tuple(found)


def _waits(pid: int, identity: FileIdentity) -> tuple[FutexWait, ...] | None:
    maps = mappings(pid, identity)
    return None if maps is None else futex_waits(pid, maps)
