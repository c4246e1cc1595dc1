"""Findings about a ring of one lock and condition variables, which counts its items itself. Pure.

A condition variable keeps nothing: a signal that comes while nobody waits is gone. What its waiters
wait for stands in the program's text alone. That a producer waits for a slot and a consumer for an
item is what nearly every program does, and so what rests on it is likely at most.
"""

from collections.abc import Iterator
from typing import Final

from shmtui.diagnosis.history import History, living, lock_taken, vanished
from shmtui.diagnosis.holders import unaccounted_threads
from shmtui.diagnosis.wording import names, seconds
from shmtui.i18n import _
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.sync_object import SyncKind, SyncObject
from shmtui.snapshot import Certainty, Finding, Process, Snapshot, Status

UNSIGNALLED_NS: Final = 2_500_000_000
"""How long nothing may have moved before a waiter is said to have missed its signal."""
_ATTRIBUTES: Final = {
    str(SyncKind.MUTEX): ("pthread_mutexattr_setpshared", "pthread_mutex_init"),
    str(SyncKind.CONDITION): ("pthread_condattr_setpshared", "pthread_cond_init"),
}
"""What marks a lock or a condition as shared, and what has to be told so."""
FIT_SAMPLES: Final = 3
"""In so many samples the count has to miss the indices before it is said to."""


def by_conditions(s: Snapshot) -> bool:
    """Whether it is such a ring: it has condition variables, and no semaphore."""
    conditions = any(each.kind == SyncKind.CONDITION for each in s.sync)
    return s.layout.has_ring and not s.semaphores and conditions


def lock_of(s: Snapshot) -> SyncObject | None:
    """The mutex of such a ring."""
    return next((each for each in s.sync if each.role is SemaphoreRole.MUTEX), None)


def waiters_of(s: Snapshot) -> dict[str, list[Process]]:
    """The processes that sleep on each condition variable that anybody sleeps on."""
    found = {
        each.name: [p for p in living(s) if p.waits_for(each)]
        for each in s.sync
        if each.kind == SyncKind.CONDITION
    }
    return {name: waiting for name, waiting in found.items() if waiting}


def unmoved_conditions_ns(history: History) -> int:
    """For how many ns no index, no count and no waiter has changed, and the lock was free."""

    def mark(s: Snapshot) -> tuple[object, ...]:
        waiting = [(name, [p.pid for p in them]) for name, them in waiters_of(s).items()]
        return s.in_, s.out, s.count, waiting, lock_taken(s)

    now = mark(history.now)
    lasted = history.lasted_ns(lambda s: mark(s) == now)
    # One that runs now and then waits anew, and looks again whether it may go on.
    slept = [
        int((p.blocked_for or 0) * 1e9) for them in waiters_of(history.now).values() for p in them
    ]
    return min([lasted, *slept])


def misfits(history: History) -> tuple[int, int]:
    """In how many steady samples, and of how many, the count is none that the indices allow."""
    samples = [s for s in history.steady if s.count is not None and not lock_taken(s)]
    return sum(not _fits(s) for s in samples), len(samples)


def _fits(s: Snapshot) -> bool:
    if s.count is None or s.in_ is None or s.out is None:
        return True
    return 0 <= s.count <= s.layout.slots and (s.in_ - s.out - s.count) % s.layout.slots == 0


def unsignalled(history: History) -> Iterator[Finding]:
    """Every process waits for a condition without a timeout, and nothing moves: nobody is left to signal,
    or a signal was lost. A process that is awake may signal yet, and may let others wait on purpose,
    such as until the ring is half empty.
    """
    now = history.now
    if not by_conditions(now) or now.count is None or not _fits(now) or now.hidden:
        return
    waiting, still, crew = waiters_of(now), unmoved_conditions_ns(history), living(now)
    if still < UNSIGNALLED_NS or lock_taken(now) or not waiting:
        return
    if not all(p.sleeps_on and not p.sleeps_timed and not _awake(p) for p in crew):
        return
    slots, conditions = now.layout.slots, ", ".join(waiting)
    facts = (
        _(
            "{count} of {slots} slots are full, the lock is free, and nothing changed for {time}"
        ).format(count=now.count, slots=slots, time=seconds(still)),
        *(
            _("waiting for {condition}: {who}").format(condition=name, who=names(them))
            for name, them in waiting.items()
        ),
    )
    doubts = (_("unless the program has them wait for something else"), *history.assumptions)
    poster = _("consumer") if now.count else _("producer")
    if now.count in {0, slots} and len(waiting) == 1:
        gone = {p.pid: p for p in (*vanished(history), *now.processes) if p not in crew}
        ended = [_("ended: {who}").format(who=names(list(gone.values())))] if gone else []
        yield Finding(
            "nobody-left",
            Status.WARNING,
            _("all wait for {condition}, and no live {poster} could signal it: {who}").format(
                condition=conditions, poster=poster, who=names(crew)
            ),
            (*facts, *ended, _("unless a {poster} starts").format(poster=poster), *doubts),
            Certainty.LIKELY,
            _("start a {poster}; if one died, see why in its own output").format(poster=poster),
            subject=conditions,
        )
        return
    yield Finding(
        "stalled",
        Status.WARNING,
        _(
            "all wait for conditions, and the ring leaves room to go on: a signal was lost ({who})"
        ).format(who=names(crew)),
        (*facts, *doubts),
        Certainty.LIKELY,
        _(
            "in the program, change the count with the lock held, signal after each change, and test "
            "the condition in a while loop; then restart those that wait"
        ),
        subject=conditions,
    )


def private_objects(history: History) -> Iterator[Finding]:
    """Somebody waits for a lock or a condition that was not made for several processes, while another
    process maps it, and nothing moves: no other process can wake the waiter. Threads of one process
    wake each other, so that this takes one in which no other thread is awake.
    """
    now = history.now
    private = [e for e in now.sync if e.kind in _ATTRIBUTES and e.shared is False]
    if not private or now.hidden or unmoved_conditions_ns(history) < UNSIGNALLED_NS:
        return
    for each in private:
        crew = living(now)
        waiting = [p for p in crew if p.waits_for(each) and not p.sleeps_timed and not _awake(p)]
        others = [p for p in crew if p not in waiting]
        if waiting and (others or len(waiting) > 1):
            yield Finding(
                "process-private",
                Status.WARNING,
                _(
                    "{who} waits for {object}, which is private to a process: no other one can wake it"
                ).format(who=names(waiting), object=each.name),
                (
                    _(
                        "the {kind} at byte {offset} is not marked as shared between processes"
                    ).format(kind=each.kind, offset=each.offset),
                    _("it is mapped by {who} as well").format(who=names(others or waiting[1:])),
                    _(
                        "unless it is meant for the threads of one process, and one of them is to come"
                    ),
                    *history.assumptions,
                ),
                Certainty.LIKELY,
                _remedy(each),
                subject=each.name,
            )


def _remedy(each: SyncObject) -> str:
    """What to write instead: no attribute makes a lock of C++'s own shared."""
    if each.why_private:
        return _(
            "in the program, take a {kind} with PTHREAD_PROCESS_SHARED, or one of Boost.Interprocess, in "
            "the place of {declared}: {why}"
        ).format(kind=each.kind, declared=each.declared, why=each.why_private)
    return _("in the program: {call}(&attr, PTHREAD_PROCESS_SHARED) before {init}").format(
        call=_ATTRIBUTES[each.kind][0], init=_ATTRIBUTES[each.kind][1]
    )


def _awake(process: Process) -> bool:
    """Whether a thread of it sleeps on nothing of the segment."""
    return unaccounted_threads(process) > len(process.sleeps_on)
