"""A short history of snapshots, and the questions that the rules ask of it. Pure."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from shmtui.i18n import _
from shmtui.procfs.target import has_name
from shmtui.shm.faults import Fault
from shmtui.shm.libc import Libc
from shmtui.shm.protocol import Role, SemaphoreRole, Step, step_name
from shmtui.snapshot import (
    Certainty,
    LayoutSource,
    Origin,
    Process,
    ProcessState,
    SemaphoreState,
    Snapshot,
)

POSTERS: Final = {SemaphoreRole.EMPTY: Role.CONSUMER, SemaphoreRole.FULL: Role.PRODUCER}
"""Whose side posts a permit."""
SETTLED_NS: Final = 900_000_000
"""How long nothing may have moved before a missing permit counts as lost."""


def _steps(*steps: Step) -> frozenset[str]:
    return frozenset(step_name(role, s) for role in (Role.PRODUCER, Role.CONSUMER) for s in steps)


WAIT_PERMIT: Final = _steps(Step.WAIT_PERMIT)
WAIT_MUTEX: Final = _steps(Step.WAIT_MUTEX)
TRANSFER: Final = _steps(Step.TRANSFER)
HOLDS_MUTEX: Final = _steps(Step.TRANSFER, Step.POST_MUTEX)
"""Steps at which a worker holds mutex, or has just posted it."""
HOLDS_PERMIT: Final = _steps(Step.WAIT_MUTEX, Step.TRANSFER, Step.POST_MUTEX)
"""Steps at which a worker holds a permit, whether the step is begun or done."""
PAST_TRANSFER: Final = _steps(Step.POST_MUTEX, Step.POST_PERMIT)
MAY_HOLD_PERMIT: Final = _steps(Step.WAIT_MUTEX, Step.TRANSFER, Step.POST_MUTEX, Step.POST_PERMIT)
"""The same and the last post, which may be begun or done."""


@dataclass(frozen=True, slots=True)
class History:
    """Snapshots of one segment, the oldest first; at least one."""

    snapshots: tuple[Snapshot, ...]

    @property
    def now(self) -> Snapshot:
        """The last snapshot."""
        return self.snapshots[-1]

    def lasted_ns(self, holds: Callable[[Snapshot], bool]) -> int:
        """For how many ns, up to now, it held in every snapshot; -1 if it does not hold now."""
        since = None
        for snapshot in reversed(self.snapshots):
            if not holds(snapshot):
                break
            since = snapshot.monotonic_ns
        return -1 if since is None else self.now.monotonic_ns - since

    def agreeing(self, holds: Callable[[Snapshot], bool]) -> int:
        """In how many snapshots in a row, up to now, it held."""
        count = 0
        for snapshot in reversed(self.snapshots):
            if not holds(snapshot):
                break
            count += 1
        return count

    @property
    def watched_ns(self) -> int:
        """Nanoseconds from the first snapshot to the last."""
        return self.now.monotonic_ns - self.snapshots[0].monotonic_ns

    @property
    def items_moved(self) -> bool:
        """Whether an index changed between two snapshots."""
        return len({(s.in_, s.out) for s in self.snapshots}) > 1

    @property
    def steady(self) -> tuple[Snapshot, ...]:
        """The snapshots whose indices and semaphores are of one moment, whether items move or not."""
        return tuple(s for s in self.snapshots if s.steady)

    def unmoved_ns(self) -> int:
        """For how many ns nothing has moved: no index, semaphore value, step or wait."""
        mark = position(self.now)
        return self.lasted_ns(lambda s: position(s) == mark)

    @property
    def certainty(self) -> Certainty:
        """How sure a finding is that rests on what no process does: certain only where every
        process that could do it is seen.
        """
        unseen = self.now.unseen or self.now.waits_hidden
        seen = not unseen and not self.now.assumptions
        return Certainty.CERTAIN if seen else Certainty.LIKELY

    @property
    def assumptions(self) -> tuple[str, ...]:
        """The evidence lines that name what such a finding assumes."""
        return tuple(
            _("assumed: {assumption}").format(assumption=what) for what in self.now.assumptions
        )

    @property
    def ours(self) -> bool:
        """Whether shmtui made the segment; one that workers joined later has a control block too."""
        made = self.now.uptime is not None
        return made and self.now.layout.source is LayoutSource.CONTROL

    @property
    def workers_only(self) -> bool:
        """Whether all processes are workers in a buffer of ours: then its protocol is known."""
        return (
            self.ours
            and not self.now.guests
            and all(p.origin is Origin.WORKER for s in self.snapshots for p in living(s))
        )

    @property
    def by_protocol(self) -> Certainty:
        """How sure a finding is that rests on the exercise's protocol as well. Programs that take
        several permits at once, or post after their work, are healthy and keep to another.
        """
        return self.certainty if self.workers_only else Certainty.LIKELY

    @property
    def protocol_assumed(self) -> tuple[str, ...]:
        """The evidence lines of such a finding."""
        if self.workers_only:
            return self.assumptions
        return (
            _("assumed: each program takes one permit for an item, and posts one when it is done"),
            *self.assumptions,
        )

    def semaphore(self, role: SemaphoreRole) -> SemaphoreState | None:
        """A semaphore as of now."""
        return self.now.semaphores.get(role)

    def value(self, role: SemaphoreRole) -> int | None:
        """A semaphore's value as of now."""
        state = self.semaphore(role)
        return None if state is None else state.value


def position(s: Snapshot) -> tuple[object, ...]:
    """All that moves. Between two snapshots of the same position nothing was seen to move."""
    values = tuple((role, state.value) for role, state in s.semaphores.items())
    return (s.in_, s.out, values, tuple((p.pid, p.items, p.step, p.waits) for p in living(s)))


def living(snapshot: Snapshot) -> list[Process]:
    """The live processes that take part."""
    return [p for p in snapshot.processes if p.takes_part]


def deficit_of(s: Snapshot) -> int | None:
    """Permits that are neither in ``empty`` nor in ``full``; None where a value is unknown."""
    empty, full = (s.semaphores.get(r) for r in (SemaphoreRole.EMPTY, SemaphoreRole.FULL))
    if empty is None or full is None or empty.value is None or full.value is None:
        return None
    return s.layout.slots - empty.value - full.value


def mutex_taken(s: Snapshot) -> bool:
    """Whether mutex is 0."""
    state = s.semaphores.get(SemaphoreRole.MUTEX)
    return state is not None and state.value == 0


def uninitialised(s: Snapshot) -> bool:
    """Whether all semaphores are as ``ftruncate`` leaves them, or as ``sem_open`` with the value 0:
    no process has passed one.

    In glibc a zero word after the value means private to a process, in musl shared. There, and
    of named ones, a thread asleep on mutex has taken a permit, which shows that the permit was
    initialised.
    """
    states = s.semaphores
    if len(states) != len(SemaphoreRole):
        return False
    if s.layout.semaphores != "embedded" and not _may_be_opened_with_0(s):
        return False
    shared = unmarked(s)
    if shared and any(SemaphoreRole.MUTEX in p.waits for p in living(s)):
        return False
    zero = all(x.value == 0 and x.shared is shared for x in states.values())
    return zero and s.in_ == s.out == 0


def _may_be_opened_with_0(s: Snapshot) -> bool:
    """Whether named semaphores may never have had a permit: those of our own buffers had, and in
    a ring of one or two slots a death leaves zeros as well.
    """
    return s.layout.source is not LayoutSource.CONTROL and s.layout.slots > 2


def unmarked(s: Snapshot) -> bool:
    """Whether zeros are all that tells that nobody initialised the semaphores: musl marks none,
    sem_open marks every one, whatever value it is given, and those of a set have no mark.
    """
    return s.layout.libc is Libc.MUSL or s.layout.semaphores != "embedded"


def asleep(process: Process) -> bool:
    """Whether it sleeps in the wait that it is seen in, by the kernel's state letter.

    A worker records a wait before it falls asleep, and until after it has woken up.
    """
    return process.state is ProcessState.BLOCKED and process.letter in {"S", ""}


def by_handler(snapshot: Snapshot) -> list[Process]:
    """Processes that may post a semaphore from a signal handler, while every thread sleeps."""
    return [p for p in living(snapshot) if p.has_handlers]


def unaccounted_threads(process: Process) -> int:
    """How many threads of a foreign process are not asleep on a semaphore."""
    return max((process.threads or 1) - len(process.waits), 0)


def may_hold_mutex(process: Process) -> bool:
    """Whether a live process could hold mutex and may go on by itself.

    A worker records its step a moment after it has taken mutex. A foreign thread asleep on a
    semaphore holds no mutex if it keeps to the order; any other foreign thread might, and one
    whose wait for a permit has a timeout goes on with what it holds.
    """
    if process.origin is not Origin.WORKER:
        times_out = set(process.timed_waits) - {SemaphoreRole.MUTEX}
        return unaccounted_threads(process) > 0 or bool(times_out)
    if process.step in HOLDS_MUTEX:
        return True
    if process.holds_mutex:
        return not asleep(process)
    waits = asleep(process) or process.state is ProcessState.STEPPING
    return process.step in WAIT_MUTEX and not waits


def slept_since(process: Process) -> bool:
    """Whether a foreign process has not run since somebody else could take mutex, or had it."""
    foreign = process.origin is not Origin.WORKER
    return foreign and (process.idle_since_free or process.idle_since_moved)


def asleep_elsewhere(process: Process) -> bool:
    """Whether a foreign process is asleep in a call that is no wait for anything of the segment."""
    elsewhere = process.state is ProcessState.PACING and not (process.waits or process.sleeps_on)
    return process.origin is not Origin.WORKER and elsewhere


def may_hold_permit(process: Process) -> bool:
    """Whether a live process could hold a permit that it has not passed on.

    A foreign process asleep in another call is taken to hold none; see `idle_elsewhere`.
    """
    if process.origin is not Origin.WORKER:
        if SemaphoreRole.MUTEX in process.waits:
            return True
        going = {ProcessState.RUNNING, ProcessState.STOPPED}
        return process.state in going and unaccounted_threads(process) > 0
    waits = asleep(process) or process.state is ProcessState.STEPPING
    return process.step in MAY_HOLD_PERMIT or (process.step in WAIT_PERMIT and not waits)


def may_still_post(process: Process) -> bool:
    """Whether a live process could post a permit without taking mutex first: a worker past its
    transfer, or a foreign process with a thread that is not asleep on a semaphore for good.
    """
    if process.origin is not Origin.WORKER:
        return unaccounted_threads(process) > 0 or bool(process.timed_waits)
    return process.step in PAST_TRANSFER


def idle_elsewhere(snapshot: Snapshot) -> list[Process]:
    """Foreign processes with a thread that is not asleep on a semaphore."""
    return [
        p for p in living(snapshot) if p.origin is not Origin.WORKER and unaccounted_threads(p) > 0
    ]


def permits_held(snapshot: Snapshot) -> tuple[int, int] | None:
    """The fewest and the most permits that live workers hold.

    None unless every process is a worker, each keeps to the order, and none moved during the
    sample. A step is recorded before it is done: a worker that waits for its permit may have it
    already, unless it is asleep; one that posts a permit may have posted it.
    """
    workers = living(snapshot)
    if snapshot.in_flight is None or any(p.fault is Fault.SWAPPED_WAITS for p in workers):
        return None
    sure = sum(p.step in HOLDS_PERMIT for p in workers)
    maybe = sum(
        (p.step in MAY_HOLD_PERMIT and p.step not in HOLDS_PERMIT)
        or (p.step in WAIT_PERMIT and not asleep(p))
        for p in workers
    )
    return sure, sure + maybe


def died_last(history: History, steps: frozenset[str]) -> Process | None:
    """The worker that died last in one of ``steps``, if neither index has moved since."""
    still = history.lasted_ns(lambda s: (s.in_, s.out) == (history.now.in_, history.now.out))
    seen: set[int] = set()
    found: Process | None = None
    for snapshot in history.snapshots:
        since = history.now.monotonic_ns - snapshot.monotonic_ns
        for p in snapshot.processes:
            if p.alive or p.step not in steps:
                continue
            if p.pid not in seen and since <= still:
                found = p
            elif found is not None and found.pid == p.pid:
                found = p  # Its exit status is known a moment later than its death.
            seen.add(p.pid)
    return found


def vanished(history: History) -> list[Process]:
    """Foreign processes of an earlier snapshot that are gone now; as they ended, where that was seen."""
    present = {p.pid for p in history.now.processes if p.alive}
    gone: dict[int, Process] = {}
    for snapshot in history.snapshots:
        for p in living(snapshot):
            if p.origin is not Origin.WORKER and p.pid not in present:
                gone[p.pid] = p
    ended = {p.pid: p for p in history.now.processes if not p.alive}
    return [ended.get(pid, p) for pid, p in gone.items()]


def names(processes: Sequence[Process]) -> str:
    """Processes by name and PID."""
    return ", ".join(f"{p.name} (PID {p.pid})" for p in processes)


def seconds(ns: int) -> str:
    """A duration as it is written in evidence."""
    return f"{ns / 1e9:.1f} s"


def by_own_futex(s: Snapshot) -> list[Process]:
    """Where nobody has called sem_init: processes that sleep as sem_wait of glibc never does there, for
    all processes on a word that is marked as private to one. It is no ``sem_t`` but a word of the
    program's own.
    """
    if unmarked(s) or not uninitialised(s):
        return []
    return [
        p
        for p in living(s)
        if p.wakeable
        and any((state := s.semaphores.get(role)) and state.shared is False for role in p.waits)
    ]


def waits_for_good(s: Snapshot) -> bool:
    """Whether a process waits, and neither a timeout nor a signal handler ends that."""
    if not any((state.waiters or 0) > 0 for state in s.semaphores.values()):
        return False
    waiting = [p for p in s.processes if p.alive and p.waits]
    for_good = (p for p in waiting if set(p.waits) - set(p.timed_waits) and not p.has_handlers)
    return not waiting or any(for_good)


def repair_remedy(history: History, consent: str = "--yes") -> str:
    """The repair, as a command; or what is to be done where there is none."""
    if history.now.layout.semaphores == "system-v":
        return _(
            "shmtui sets no semaphore of a System V set: end the programs, and start them again; SEM_UNDO in "
            "each semop gives back what a process dies with"
        )
    if not has_name(history.now.segment.name):
        return _("memory without a name is not repaired: end the programs, and start them again")
    return _(
        "shmtui repair {name} shows what to set, and sets it with {consent}; the key r does the "
        "same in a dashboard that may write"
    ).format(name=target(history.now), consent=consent)


def target(snapshot: Snapshot) -> str:
    """The segment and what the user said of its layout, as a command names them."""
    return command_target(snapshot.segment.name, snapshot.layout.options)


def command_target(name: str, options: str) -> str:
    """A segment with options of its layout, as a shell takes them.

    >>> command_target("/a b", ""), command_target("/x", "--slots 5")
    ("'/a b'", '/x --slots 5')
    """
    return f"{shlex.quote(name)} {options}".rstrip()
