"""A short history of snapshots, and what the doctor's rules ask of it. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from shmtui.shm.faults import Fault
from shmtui.shm.libc import Libc
from shmtui.shm.protocol import Role, SemaphoreRole, Step, step_name
from shmtui.snapshot import (
    Certainty,
    Origin,
    Process,
    ProcessState,
    SemaphoreState,
    Snapshot,
)

SETTLED_NS: Final = 900_000_000
"""How long everything has to stand still before what is missing counts as lost."""


def _steps(*steps: Step) -> frozenset[str]:
    return frozenset(step_name(role, s) for role in (Role.PRODUCER, Role.CONSUMER) for s in steps)


WAIT_PERMIT: Final = _steps(Step.WAIT_PERMIT)
WAIT_MUTEX: Final = _steps(Step.WAIT_MUTEX)
TRANSFER: Final = _steps(Step.TRANSFER)
HOLDING: Final = _steps(Step.TRANSFER, Step.POST_MUTEX)
CERTAINLY: Final = _steps(Step.WAIT_MUTEX, Step.TRANSFER, Step.POST_MUTEX)
"""Steps at which a permit is in hand, whether the step is begun or done."""
BETWEEN: Final = _steps(Step.WAIT_MUTEX, Step.TRANSFER, Step.POST_MUTEX, Step.POST_PERMIT)


@dataclass(frozen=True, slots=True)
class History:
    """A history; the oldest look comes first."""

    snapshots: tuple[Snapshot, ...]

    @property
    def now(self) -> Snapshot:
        """The last snapshot."""
        return self.snapshots[-1]

    def lasted(self, holds: Callable[[Snapshot], bool]) -> int:
        """For how many ns, up to now, every look has agreed; -1 if even the last does not."""
        since = None
        for snapshot in reversed(self.snapshots):
            if not holds(snapshot):
                break
            since = snapshot.monotonic_ns
        return -1 if since is None else self.now.monotonic_ns - since

    def looks(self, holds: Callable[[Snapshot], bool]) -> int:
        """How many looks in a row, up to now, agree."""
        count = 0
        for snapshot in reversed(self.snapshots):
            if not holds(snapshot):
                break
            count += 1
        return count

    def still(self) -> int:
        """For how many ns nobody has moved: no index, value, step or place of a sleeper."""
        mark = position(self.now)
        return self.lasted(lambda s: position(s) == mark)

    @property
    def sure(self) -> Certainty:
        """Certain, unless somebody may take part whom this user cannot look at."""
        return Certainty.LIKELY if self.now.hidden else Certainty.CERTAIN

    def semaphore(self, role: SemaphoreRole) -> SemaphoreState | None:
        """That semaphore as it stands."""
        return self.now.semaphores.get(role)

    def value(self, role: SemaphoreRole) -> int | None:
        """Its value."""
        state = self.semaphore(role)
        return None if state is None else state.value


def position(s: Snapshot) -> tuple[object, ...]:
    """Where everything stands: two looks with the same position saw nobody move."""
    values = tuple((role, state.value) for role, state in s.semaphores.items())
    return (s.in_, s.out, values, tuple((p.pid, p.items, p.step, p.waits) for p in living(s)))


def living(snapshot: Snapshot) -> list[Process]:
    """Those who take part and live."""
    return [
        p
        for p in snapshot.processes
        if p.state is not ProcessState.ENDED and p.role is not Role.OBSERVER
    ]


def deficit_of(s: Snapshot) -> int | None:
    """Permits that are neither in ``empty`` nor in ``full``."""
    empty, full = (s.semaphores.get(r) for r in (SemaphoreRole.EMPTY, SemaphoreRole.FULL))
    if empty is None or full is None or empty.value is None or full.value is None:
        return None
    return s.layout.slots - empty.value - full.value


def mutex_taken(s: Snapshot) -> bool:
    """Whether the mutex is 0."""
    state = s.semaphores.get(SemaphoreRole.MUTEX)
    return state is not None and state.value == 0


def uninitialised(s: Snapshot) -> bool:
    """Whether all semaphores are as ``ftruncate`` leaves them: then nobody has got past one.

    In glibc a zero word after the value means private to a process, in musl shared between
    them. There, somebody asleep on mutex with a permit in hand shows that it was initialised.
    """
    states = s.semaphores
    if s.layout.semaphores != "embedded" or len(states) != len(SemaphoreRole):
        return False
    musl = s.layout.libc is Libc.MUSL
    if musl and any(SemaphoreRole.MUTEX in p.waits for p in living(s)):
        return False
    zero = all(x.value == 0 and x.shared is musl for x in states.values())
    return zero and s.in_ == s.out == 0


def asleep(process: Process) -> bool:
    """Whether it sleeps in the wait that it is seen in.

    A worker says so before it falls asleep, and until it is on its feet again; the kernel
    knows better.
    """
    return process.state is ProcessState.BLOCKED and process.letter in {"S", ""}


def unaccounted_threads(process: Process) -> int:
    """Threads of a foreign process that are not asleep on a semaphore."""
    return max((process.threads or 1) - len(process.waits), 0)


def may_hold_mutex(process: Process) -> bool:
    """Whether a live process could hold the mutex, and is not itself asleep on a semaphore.

    A worker says where it stands, and says so a moment after it has taken the mutex. A
    foreign thread asleep on a semaphore holds none, in the right order; any other might.
    """
    if process.origin is not Origin.WORKER:
        return unaccounted_threads(process) > 0
    if process.step in HOLDING:
        return True
    if process.holds_mutex:
        return not asleep(process)
    stands = asleep(process) or process.state is ProcessState.STEPPING
    return process.step in WAIT_MUTEX and not stands


def may_hold_permit(process: Process) -> bool:
    """Whether a live process could have a permit in hand that it has not passed on.

    A foreign one asleep elsewhere is taken to have none; `idle_elsewhere` tells of it.
    """
    if process.origin is not Origin.WORKER:
        if SemaphoreRole.MUTEX in process.waits:
            return True
        going = {ProcessState.RUNNING, ProcessState.STOPPED}
        return process.state in going and unaccounted_threads(process) > 0
    stands = asleep(process) or process.state is ProcessState.STEPPING
    return process.step in BETWEEN or (process.step in WAIT_PERMIT and not stands)


def idle_elsewhere(snapshot: Snapshot) -> list[Process]:
    """Foreign processes of which not every thread is accounted for by a semaphore."""
    return [
        p for p in living(snapshot) if p.origin is not Origin.WORKER and unaccounted_threads(p) > 0
    ]


def permits_in_hand(snapshot: Snapshot) -> tuple[int, int] | None:
    """The fewest and the most permits that live workers have in hand.

    None unless all take part by record, each by the right order, and none moved while the look
    was taken. A step is told before it is done: waiting for its permit a worker may have it
    already, unless it is asleep; posting it, it may have given it.
    """
    crew = living(snapshot)
    if snapshot.in_flight is None or any(p.fault is Fault.SWAPPED_WAITS for p in crew):
        return None
    sure = sum(p.step in CERTAINLY for p in crew)
    maybe = sum(
        (p.step in BETWEEN and p.step not in CERTAINLY) or (p.step in WAIT_PERMIT and not asleep(p))
        for p in crew
    )
    return sure, sure + maybe


def died_last(history: History, steps: frozenset[str]) -> Process | None:
    """The worker that died last in one of ``steps``, if neither index has moved since."""
    still = history.lasted(lambda s: (s.in_, s.out) == (history.now.in_, history.now.out))
    seen: set[int] = set()
    found: Process | None = None
    for snapshot in history.snapshots:
        since = history.now.monotonic_ns - snapshot.monotonic_ns
        for p in snapshot.processes:
            if p.state is not ProcessState.ENDED or p.step not in steps:
                continue
            if p.pid not in seen and since <= still:
                found = p
            elif found is not None and found.pid == p.pid:
                found = p  # How it ended is known a moment later than that it did.
            seen.add(p.pid)
    return found


def vanished(history: History) -> list[Process]:
    """Foreign processes that took part a moment ago and are gone."""
    present = {p.pid for p in history.now.processes}
    gone: dict[int, Process] = {}
    for snapshot in history.snapshots:
        for p in living(snapshot):
            if p.origin is not Origin.WORKER and p.pid not in present:
                gone[p.pid] = p
    return list(gone.values())


def names(processes: Sequence[Process]) -> str:
    """Who, by name and PID."""
    return ", ".join(f"{p.name} (PID {p.pid})" for p in processes)


def seconds(ns: int) -> str:
    """A time that was watched."""
    return f"{ns / 1e9:.1f} s"
