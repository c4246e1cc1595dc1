"""Findings about semaphores that are private to one process. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

from shmtui.diagnosis.history import SETTLED_NS, History, living
from shmtui.diagnosis.holders import unaccounted_threads
from shmtui.diagnosis.rules.initialisation import began_private, forgotten, uninitialised
from shmtui.diagnosis.wording import names, repair_remedy
from shmtui.i18n import _
from shmtui.shm.libc import Libc
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.snapshot import Access, Certainty, Finding, Process, Snapshot, Status

_ONLOOKERS: Final = frozenset({Access.READ, Access.PRIVATE, Access.FILE})
"""What one has of a segment that cannot take or give a permit there."""


def process_private(history: History) -> Iterator[Finding]:
    """A process sleeps where no other process can wake it, or soon will.

    Threads of one process wake each other, whoever else maps the segment. So it takes a waiter
    and a poster in different processes: a waiter whose process has no other thread, or one that
    sleeps on while its semaphore has permits.
    """
    now = history.now
    stuck = stuck_privately(history)
    if stuck:
        on = {role for p in stuck for role in p.waits}
        counted = any(p.pid in now.waits_counted for p in stuck)
        private = (
            _(
                "blocked on {semaphores}, marked as private: the kernel counts nobody who sleeps there for others"
            )
            if counted
            else _("blocked on {semaphores} with a PRIVATE futex operation (/proc/PID/syscall)")
        )
        never = [role for role in forgotten(now) if role in on]
        yield _private_finding(
            history,
            Status.WARNING if counted else Status.CRITICAL,
            Certainty.LIKELY if counted else Certainty.CERTAIN,
            _("no sem_post of another process wakes {who}").format(who=names(stuck)),
            *_not_initialised(now, never),
            private.format(semaphores=", ".join(history.names[role] for role in sorted(on))),
            _("a sem_post from another process raises the value and wakes nobody"),
            *((_("unless these waits have a timeout, which cannot be read"),) if counted else ()),
            forgotten_ones=never,
        )
        return
    marked = [role for role, s in now.semaphores.items() if s.shared is False]
    if not marked:
        return
    users = _users_together(history)
    waited = {
        p.pid
        for s in history.snapshots
        for p in living(s)
        if p.pid in users and set(p.waits) - set(p.timed_waits) and not p.same_memory
    }
    spaces = _address_spaces(history, users)
    if spaces > 1 and any(s.value for s in now.semaphores.values()):
        yield _private_finding(
            history,
            Status.WARNING,
            history.certainty if len(waited) > 1 else Certainty.LIKELY,
            _(
                "initialised for one process only, and several processes use them: {semaphores}"
            ).format(semaphores=", ".join(history.names[role] for role in marked)),
            _("the private word is 128: sem_init was called with pshared 0")
            if now.layout.libc is Libc.MUSL
            else _("the private word is 0: sem_init was called with pshared 0, or not at all"),
            _("used by {who}").format(who=names(list(users.values()))),
            nobody_stuck=True,
        )


def of_one_process(history: History) -> Iterator[str]:
    """While items move: semaphores that are marked as private, where several processes may use them.

    One that has slept since an index moved does not, and one that cannot write to them cannot.
    """
    now = history.now
    marked = [role for role, s in now.semaphores.items() if s.shared is False]
    may = {p.pid: p for p in living(now) if p.access not in _ONLOOKERS and not p.idle_since_moved}
    if marked and _address_spaces(history, may) > 1:
        yield _(
            "initialised for one process only: {semaphores}; whether more than one of these uses them is not seen: {who}; "
            "in the source, see who calls sem_wait and sem_post, and sem_init's second argument"
        ).format(
            semaphores=", ".join(history.names[role] for role in marked),
            who=names(list(may.values())),
        )


def stuck_privately(history: History) -> list[Process]:
    """Who sleeps where no other process can wake it, and nothing of its own does."""
    now = history.now
    if len(living(now)) < 2 and not uninitialised(now):
        return []
    private = [p for p in living(now) if p.wakeable is False and not began_private(p, now)]
    return [p for p in private if _cannot_wake(p, history)]


def _not_initialised(s: Snapshot, never: Sequence[SemaphoreRole]) -> Iterator[str]:
    """What shows that sem_init was called for some of the semaphores alone."""
    if never:
        marked = [role for role, state in s.semaphores.items() if state.shared]
        yield _(
            "{semaphores}: 0 and not marked as shared, as ftruncate leaves it, while {others} are marked: sem_init was not called for it, or with 0 as its second argument"
        ).format(
            semaphores=", ".join(s.own_names[role] for role in never),
            others=", ".join(s.own_names[role] for role in marked),
        )


def _users_together(history: History) -> dict[int, Process]:
    """Those that were seen to use the semaphores, by PID: as many as lived at one time, in two
    samples at the least. A program that is started again uses them after another.
    """
    users = {
        p.pid: p
        for s in history.snapshots
        for p in living(s)
        if p.waits or p.role is not Role.UNKNOWN
    }
    lived = [{p.pid for p in living(s)} & set(users) for s in history.snapshots]
    together = (one & other for one, other in pairwise(lived))
    return {pid: users[pid] for pid in max(together, key=len, default=set())}


def _address_spaces(history: History, users: Mapping[int, Process]) -> int:
    """How many address spaces ``users`` have."""
    together = {p.pid for s in history.snapshots for p in living(s) if p.same_memory}
    return len(users) - (max(len(together), 2) - 1 if together else 0)


def _cannot_wake(process: Process, history: History) -> bool:
    """Whether it has slept for a while where nothing of its own can wake it: it has no other
    thread and no signal handler, or its semaphore has permits.
    """

    def asleep(s: Snapshot) -> bool:
        found = next((p for p in s.processes if p.pid == process.pid), None)
        if found is None or found.wakeable is not False or found.timed_waits:
            return False
        states = [s.semaphores.get(role) for role in found.waits]
        permits = all(state is not None and state.value for state in states)
        # A handler of its own may post, or end the wait, which then begins anew.
        own = found.same_memory or unaccounted_threads(found) or found.catches_signals
        return found.waits == process.waits and (permits or not own)

    # A semaphore that nobody initialised has no permit that could be on its way.
    enough = 0 if uninitialised(history.now) else SETTLED_NS
    return min(history.lasted_ns(asleep), history.unmoved_ns()) >= enough


def _private_finding(
    history: History,
    severity: Status,
    sure: Certainty,
    claim: str,
    *evidence: str,
    forgotten_ones: Sequence[SemaphoreRole] = (),
    nobody_stuck: bool = False,
) -> Finding:
    remedy = _("in the program, pass 1 as sem_init's second argument; now: {repair}")
    if forgotten_ones:
        remedy = _(
            "in the program, call sem_init(&s, 1, value) for {semaphores} too, once before any process waits; now: "
            "{repair}"
        )
    if nobody_stuck:
        remedy = _(
            "in the program, pass 1 as sem_init's second argument; look again once something is stuck"
        )
    consent = "--yes"
    if SemaphoreRole.MUTEX in forgotten_ones:
        consent += " --lock"  # Nothing proves that nobody has it.
    repair = repair_remedy(history, consent)
    if SemaphoreRole.EMPTY in forgotten_ones:
        # There was never a permit, and the indices do not tell an empty ring from a full one.
        repair = _("end every process that maps it, and start them again")
    return Finding(
        "process-private",
        severity,
        claim,
        evidence,
        sure,
        remedy.format(
            repair=repair, semaphores=", ".join(history.names[role] for role in forgotten_ones)
        ),
    )
