"""What a process may hold, by the step that it records or the waits that it is seen in. Pure."""

from typing import Final

from shmtui.diagnosis.history import History, living
from shmtui.shm.faults import Fault
from shmtui.shm.protocol import Role, SemaphoreRole, Step, step_name
from shmtui.snapshot import Origin, Process, ProcessState, Snapshot


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


def awake(process: Process) -> bool:
    """Whether a foreign process may go on by itself: a thread of it is not asleep on a word of the
    segment, or sleeps there for a time only, or a signal handler may run.
    """
    asleep_there = len(process.waits) + len(process.sleeps_on)
    timed = bool(process.timed_waits) or process.sleeps_timed
    return (process.threads or 1) > asleep_there or timed or process.has_handlers


def may_post(process: Process) -> bool:
    """Whether a foreign process goes on by itself, or once some input comes: it may post a lock that it
    does not hold, as one does that another process has left it to.
    """
    foreign = process.origin is not Origin.WORKER
    for_good = process.asleep_for_good and not (process.timed_waits or process.catches_signals)
    return foreign and may_hold_mutex(process) and not for_good


def slept_since(process: Process) -> bool:
    """Whether a foreign process has not run since somebody else could take mutex, or had it."""
    foreign = process.origin is not Origin.WORKER
    return foreign and (process.idle_since_free or process.idle_since_moved)


def asleep_elsewhere(process: Process) -> bool:
    """Whether a foreign process is asleep in a call that is no wait for anything of the segment."""
    elsewhere = process.state is ProcessState.ASLEEP and not (process.waits or process.sleeps_on)
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


def waits_for_good(s: Snapshot) -> bool:
    """Whether a process waits, and neither a timeout nor a signal handler ends that."""
    if not any((state.waiters or 0) > 0 for state in s.semaphores.values()):
        return False
    waiting = [p for p in s.processes if p.alive and p.waits]
    for_good = (p for p in waiting if set(p.waits) - set(p.timed_waits) and not p.has_handlers)
    return not waiting or any(for_good)


def killed_since_free(s: Snapshot) -> list[Process] | None:
    """The foreign processes that a signal ended since mutex was free; None where it was not seen
    free, where one of those that ended did so by itself, or where somebody has opened the segment
    since then, or let go of it and lives on: he may have mutex in hand.
    """
    if s.mutex_free_ns is None or s.joined_ns is None or s.joined_ns >= s.mutex_free_ns:
        return None
    ended = [p for p in s.processes if p.died_ns is not None and p.died_ns > s.mutex_free_ns]
    return ended if all(p.killed for p in ended) else None


def forked_since_free(s: Snapshot) -> bool:
    """Whether one of those that use the segment may have forked since mutex was free."""
    return s.forked_ns is None or s.mutex_free_ns is None or s.forked_ns >= s.mutex_free_ns


def lent_since_free(s: Snapshot) -> bool:
    """Whether somebody may have got the segment since mutex was free by another's descriptor, which opens nothing."""
    return s.lent_ns is None or s.mutex_free_ns is None or s.lent_ns >= s.mutex_free_ns
