"""Where each process stands in the protocol, read from the kernel and not from the segment.

A thread asleep on a semaphore has taken nothing from it. A worker's record names its step. A
foreign process asleep in another call (a sleep, a read from the terminal) holds no mutex while
the mutex is free. A process that runs has no known position: it may be anywhere.

Which word a thread sleeps on is in ``/proc/PID/syscall``. Where this user may not read that
(Yama scope 1, and the process is not a descendant), the wait channel still says that it sleeps
on a futex, and how many sleep on each semaphore tells the rest (`eliminate`).
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final

import msgspec
from msgspec.structs import replace

from shmtui.diagnosis.holders import WAIT_PERMIT
from shmtui.monitor.counted_waits import left_open, share_out, uncounted
from shmtui.monitor.process_states import semaphore_at
from shmtui.procfs.futex import FutexWait, futex_sleepers, futex_waits, in_system_call
from shmtui.procfs.maps import mappings
from shmtui.procfs.process import thread_count
from shmtui.shm.layout import Layout
from shmtui.shm.protocol import Role, SemaphoreRole, Step, step_name
from shmtui.shm.segment import FileIdentity
from shmtui.snapshot import Origin, Process, ProcessState, Snapshot

_OUTSIDE: Final = {
    step_name(role, step)
    for role in (Role.PRODUCER, Role.CONSUMER)
    for step in (Step.STARTING, Step.PACE, Step.ENDED)
}

Sleeper = tuple[SemaphoreRole, bool]
"""A thread asleep on a semaphore: on which, and whether no other process can wake it."""


class Place(StrEnum):
    """Where a process stands."""

    OUTSIDE = "outside"
    """Between two items: it holds nothing."""
    EMPTY = "empty"
    """Asleep on ``empty``: it holds nothing."""
    FULL = "full"
    """Asleep on ``full``: it holds nothing."""
    MUTEX = "mutex"
    """Asleep on ``mutex`` with a permit in hand."""
    ELSEWHERE = "elsewhere"
    """A foreign process with a thread asleep in some other call: outside, unless the mutex is
    taken."""
    HIDDEN = "hidden"
    """Every thread sleeps on some futex; this user may not read on which."""
    UNKNOWN = "unknown"
    """It runs, or is at a place where it does not stay."""


_AT: Final = {
    SemaphoreRole.EMPTY: Place.EMPTY,
    SemaphoreRole.FULL: Place.FULL,
    SemaphoreRole.MUTEX: Place.MUTEX,
}


class ProtocolPosition(msgspec.Struct, frozen=True):
    """One process and where it stands."""

    process: Process
    place: Place
    asleep: tuple[Sleeper, ...] = ()
    """Its threads that sleep on a semaphore."""
    readable: bool = True
    """Whether this user may read what its threads wait on. Where not, ``asleep`` is what the
    numbers of waiters leave, and ``place`` what was seen before the process was stopped."""
    unsettled: bool = False
    """Whether another one like it may sleep where it is said to, and it where that one is."""

    @property
    def private(self) -> bool:
        """Whether a thread sleeps where no other process can wake it."""
        return any(private for _role, private in self.asleep)

    @property
    def private_for_good(self) -> bool:
        """Whether such a thread does not look again after a while: its wait has no timeout, or has lasted for long
        where that cannot be read.
        """
        if not self.readable and self.process.wakeable is not False:
            return False
        timed = self.process.timed_waits
        return any(private and role not in timed for role, private in self.asleep)

    @property
    def on_mutex(self) -> int:
        """Threads asleep on mutex; each has a permit in hand."""
        return sum(role is SemaphoreRole.MUTEX for role, _private in self.asleep)

    @property
    def side(self) -> Role:
        """Producer or consumer: as seen; unknown where it works as both."""
        if {SemaphoreRole.EMPTY, SemaphoreRole.FULL} <= {role for role, _private in self.asleep}:
            return Role.UNKNOWN
        return self.process.role


def locate(
    process: Process,
    identity: FileIdentity,
    layout: Layout,
    named: dict[SemaphoreRole, FileIdentity],
) -> ProtocolPosition:
    """Where ``process`` stands now; ``named`` are the files of its named semaphores."""
    asleep = _asleep(process.pid, identity, layout, named)
    if asleep is None:
        return _locate_unreadable(process)
    if asleep and thread_count(process.pid) <= len(asleep):
        return ProtocolPosition(process, _AT[asleep[0][0]], asleep)
    still = in_system_call(process.pid)
    if process.origin is Origin.WORKER:
        # Asleep in that step and on no semaphore, it waits for a key: it goes step by step.
        steps = still and process.step in WAIT_PERMIT and not process.holds_mutex
        outside = process.step in _OUTSIDE or steps
        return ProtocolPosition(process, Place.OUTSIDE if outside else Place.UNKNOWN)
    return ProtocolPosition(process, Place.ELSEWHERE if still else Place.UNKNOWN, asleep)


def _locate_unreadable(process: Process) -> ProtocolPosition:
    """The position of a process whose waits this user may not read."""
    asleep: tuple[Sleeper, ...] = ()
    place = Place.UNKNOWN
    if process.origin is not Origin.WORKER:
        all_sleep = futex_sleepers(process.pid) == thread_count(process.pid)
        place = Place.HIDDEN if all_sleep else place
    elif process.state is ProcessState.BLOCKED and process.blocked_on is not None:
        place, asleep = _AT[process.blocked_on], ((process.blocked_on, False),)
    elif process.step in _OUTSIDE:
        place = Place.OUTSIDE
    return ProtocolPosition(process, place, asleep, readable=False)


def with_earlier(
    now: Sequence[ProtocolPosition], before: Sequence[ProtocolPosition]
) -> tuple[ProtocolPosition, ...]:
    """``now``; a process that cannot be placed now gets the place where it slept ``before``.

    A stopped process has the wait channel of a stop, whatever it slept on. Holds only if nothing
    in the ring changed between the two.
    """
    slept = {Place.HIDDEN, *_AT.values()}
    earlier = {p.process.pid: p for p in before if not p.readable and p.place in slept}
    return tuple(
        replace(earlier[p.process.pid], process=p.process)
        if not p.readable and p.place is Place.UNKNOWN and p.process.pid in earlier
        else p
        for p in now
    )


def with_earlier_waits(now: Snapshot, before: Snapshot) -> Snapshot:
    """``now``, with what those waited on ``before`` of whom the numbers of sleepers told it: who is stopped is
    counted by nobody. Holds as `with_earlier` does.
    """
    told = {(p.pid, p.start_time): p for p in before.processes if p.pid in before.waits_counted}
    return replace(
        now,
        sleepers=before.sleepers,
        processes=tuple(
            replace(
                p, role=then.role, waits=then.waits, sleeps_on=then.sleeps_on, one_of=then.one_of,
                blocked_on=then.blocked_on, blocked_name=then.blocked_name, wakeable=then.wakeable,
            )
            if (then := told.get((p.pid, p.start_time))) is not None and not p.waits
            else p
            for p in now.processes
        ),
    )  # fmt: skip


def eliminate(
    positions: Sequence[ProtocolPosition], snapshot: Snapshot
) -> tuple[ProtocolPosition, ...] | None:
    """Give each hidden sleeper a semaphore by how many sleep on each; None where the numbers do not add up.

    Which of two producers sleeps on which is not told apart, and does not have to be: what they
    hold together is the same.
    """
    hidden = [p for p in positions if p.place is Place.HIDDEN]
    if not hidden:
        return tuple(positions)
    read = (role for p in positions for role, _private in p.asleep)
    left = uncounted(snapshot.semaphores, snapshot.sleepers, read)
    sleepers = [(p.process.pid, p.process.threads or 1, p.side) for p in hidden]
    waits = None if left is None else share_out(sleepers, left)
    if waits is None:
        return None
    unsettled = left_open(sleepers, waits)
    found = []
    for position in positions:
        # Private words of glibc: who waits on them waits privately.
        asleep = tuple(
            (role, snapshot.semaphores[role].shared is False)
            for role in waits.get(position.process.pid, ())
            if isinstance(role, SemaphoreRole)
        )
        if asleep:
            unread = position.process.pid in unsettled
            position = replace(  # noqa: PLW2901 - it is the same one, placed
                position, place=_AT[asleep[0][0]], asleep=asleep, unsettled=unread
            )
        found.append(position)
    return tuple(found)


def participants(processes: Iterable[Process]) -> tuple[Process, ...]:
    """The processes of a snapshot that live and take part."""
    return tuple(p for p in processes if p.takes_part)


def _asleep(
    pid: int, identity: FileIdentity, layout: Layout, named: dict[SemaphoreRole, FileIdentity]
) -> tuple[Sleeper, ...] | None:
    """Its threads that sleep on a semaphore; None where this user may not read what they wait on."""
    found: list[Sleeper] = []
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
