"""Findings about semaphores that are private to one process. Pure."""

from collections.abc import Iterator
from itertools import pairwise

from shmtui.diagnosis.history import SETTLED_NS, History, living
from shmtui.diagnosis.holders import unaccounted_threads
from shmtui.diagnosis.rules.initialisation import began_private, uninitialised
from shmtui.diagnosis.wording import names, repair_remedy
from shmtui.i18n import _
from shmtui.shm.libc import Libc
from shmtui.shm.protocol import Role
from shmtui.snapshot import Certainty, Finding, Process, Snapshot, Status


def process_private(history: History) -> Iterator[Finding]:
    """A process sleeps where no other process can wake it, or soon will.

    Threads of one process wake each other, whoever else maps the segment. So it takes a waiter
    and a poster in different processes: a waiter whose process has no other thread, or one that
    sleeps on while its semaphore has permits.
    """
    now = history.now
    private = [p for p in living(now) if p.wakeable is False and not began_private(p, now)]
    others = len(living(now)) > 1 or uninitialised(now)
    stuck = [p for p in private if _cannot_wake(p, history)] if others else []
    if stuck:
        on = ", ".join(sorted({str(role) for p in stuck for role in p.waits}))
        yield _private_finding(
            history,
            Status.CRITICAL,
            Certainty.CERTAIN,
            _("no sem_post of another process wakes {who}").format(who=names(stuck)),
            _("blocked on {semaphores} with a PRIVATE futex operation (/proc/PID/syscall)").format(
                semaphores=on
            ),
            _("a sem_post from another process raises the value and wakes nobody"),
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
    together = {p.pid for s in history.snapshots for p in living(s) if p.same_memory}
    spaces = len(users) - (max(len(together), 2) - 1 if together else 0)
    if spaces > 1 and any(s.value for s in now.semaphores.values()):
        yield _private_finding(
            history,
            Status.WARNING,
            history.certainty if len(waited) > 1 else Certainty.LIKELY,
            _(
                "initialised for one process only, and several processes use them: {semaphores}"
            ).format(semaphores=", ".join(marked)),
            _("the private word is 128: sem_init was called with pshared 0")
            if now.layout.libc is Libc.MUSL
            else _("the private word is 0: sem_init was called with pshared 0"),
            _("used by {who}").format(who=names(list(users.values()))),
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
    history: History, severity: Status, sure: Certainty, claim: str, *evidence: str
) -> Finding:
    return Finding(
        "process-private",
        severity,
        claim,
        evidence,
        sure,
        _("in the program, pass 1 as sem_init's second argument; now: {repair}").format(
            repair=repair_remedy(history)
        ),
    )
