"""Findings about the words of a semaphore: never set, private, too high, stale waiters. Pure."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from shmtui.diagnosis.history import (
    SETTLED_NS,
    WAIT_MUTEX,
    WAIT_PERMIT,
    History,
    by_handler,
    by_own_futex,
    idle_elsewhere,
    living,
    names,
    repair_remedy,
    seconds,
    unaccounted_threads,
    uninitialised,
    unmarked,
    waits_for_good,
)
from shmtui.i18n import _, ngettext
from shmtui.shm.libc import Libc
from shmtui.shm.protocol import Role, SemaphoreRole, Step, waited_semaphore
from shmtui.snapshot import (
    Certainty,
    Finding,
    Origin,
    Process,
    ProcessState,
    Snapshot,
    Status,
)

GHOST_SAMPLES: Final = 4
"""In how many samples a semaphore has to count a waiter that does not exist."""


def never_initialised(history: History) -> Iterator[Finding]:
    """All three semaphores are as ftruncate left them, or as sem_open made them with the value 0."""
    now = history.now
    waiting = [p for p in living(now) if p.blocked_on is not None]
    # While no process waits, the one that made the segment may be about to call sem_init. Where
    # waits are hidden, it is unknown whether one waits.
    # A named semaphore may be opened with 0 and posted to right after.
    enough = 0 if (waiting or now.hidden) and now.layout.semaphores != "named" else SETTLED_NS
    samples = min(2, len(history.snapshots))
    if history.lasted_ns(uninitialised) < enough or history.agreeing(uninitialised) < samples:
        return
    going = sum(unaccounted_threads(p) for p in living(now))
    polls = any(p.timed_waits for p in waiting)
    if by_own_futex(now):
        return  # These are no sem_t.
    if going >= now.layout.slots:
        return  # They may hold all permits: then sem_init ran, and the programs work.
    named = now.layout.semaphores != "embedded"
    soon = all(p.timed_waits for p in waiting) and not now.hidden and not named
    evidence = [_("mutex, empty and full are 0 and not marked as shared: sem_init never ran")]
    if named:
        evidence = [
            _("mutex, empty and full are 0, and so are in and out: sem_open gave them no permits")
            if now.layout.semaphores == "named"
            else _(
                "mutex, empty and full are 0, and so are in and out: nobody called semctl(SETVAL)"
            ),
            _(
                "unless permits were there and are all lost, or a program that comes later gives them"
            ),
        ]
    elif unmarked(now):
        evidence = [
            _(
                "mutex, empty and full are 0, and so are in and out: sem_init seems never to have run"
            ),
            _("musl writes nothing else that would prove it"),
        ]
    if waiting:
        evidence.append(_("blocked since: {who}").format(who=names(waiting)))
    if soon:
        evidence.append(
            _("the waits have a timeout: the program that is to call it may come later")
            if polls
            else _("nobody waits yet: the program that made it may be about to call it")
        )
    if going:
        evidence.append(
            _("unless {who} took all permits at once, and has yet to move an index").format(
                who=names(idle_elsewhere(now))
            )
        )
    handlers = [p for p in living(now) if p.catches_signals]
    if handlers:
        evidence.append(
            _(
                "unless a signal handler of {who} posts it, or ends a wait that then begins anew"
            ).format(who=names(handlers))
        )
    # Who waits for mutex has passed a permit, unless he takes mutex first.
    passed = any(SemaphoreRole.MUTEX in p.waits for p in waiting)
    doubt = unmarked(now) or going or polls or passed or soon or now.layout.slots < 2 or handlers
    yield Finding(
        "never-initialised",
        # Three named semaphores at 0 may be a gate that somebody who comes later opens.
        Status.WARNING if soon or going or polls or named or by_handler(now) else Status.CRITICAL,
        _("no semaphore was given a permit: every sem_wait blocks for ever")
        if named
        else _("nobody has called sem_init yet: a sem_wait would block for ever")
        if soon
        else _("nobody called sem_init: every sem_wait blocks for ever"),
        (*evidence, *history.assumptions),
        Certainty.LIKELY if doubt else history.certainty,
        (
            _(
                "in the program, give sem_open(name, O_CREAT, mode, value) its values: mutex 1, "
                "empty N, full 0; now: {repair}"
            )
            if now.layout.semaphores == "named"
            else _(
                "in the program, give each its value once by semctl(id, n, SETVAL, …): mutex 1, empty "
                "N, full 0"
            )
            if named
            else _(
                "in the program, call sem_init(&s, 1, value) once before any process waits: mutex 1, "
                "empty N, full 0; now: {repair}"
            )
        ).format(
            repair=repair_remedy(history, "--yes" if waits_for_good(now) else "--yes --permits")
        ),
    )


def late_init(history: History) -> Iterator[Finding]:
    """A process began to wait before the semaphore was initialised, or initialised once more.

    Who sleeps privately on a semaphore that is marked as shared began before it was. sem_init
    also sets the count of waiters to 0 (glibc, musl): a sem_post then wakes nobody.
    """
    now = history.now
    private = [p for p in living(now) if _began_private(p, now)]
    uncounted = {
        role
        for role in SemaphoreRole
        if history.unmoved_ns() >= SETTLED_NS
        and history.agreeing(lambda s, role=role: counts_too_few(s, role)) >= GHOST_SAMPLES  # type: ignore[misc]
    }
    late = {p.pid: p for p in private} | {p.pid: p for p in living(now) if uncounted & set(p.waits)}
    if not late:
        return
    facts = []
    if private:
        facts.append(
            _(
                "asleep with a PRIVATE futex operation on a semaphore that is marked as shared "
                "now: {who}"
            ).format(who=names(private))
        )
    facts += [
        _("{semaphore} counts fewer waiters than sleep on it").format(semaphore=role)
        for role in sorted(uncounted)
    ]
    for_ever = not any(p.timed_waits or p.catches_signals for p in late.values())
    sure = for_ever and bool(private)
    if uncounted:
        facts.append(_("unless the program waits on its value by futex(2), which nobody counts"))
    if not for_ever:
        facts.append(_("their waits may end by a timeout or a signal, and then begin anew"))
    yield Finding(
        "late-init",
        Status.CRITICAL if sure else Status.WARNING,
        _("sem_init ran after a process had begun to wait: no sem_post wakes {who}").format(
            who=names(list(late.values()))
        ),
        tuple(facts),
        Certainty.CERTAIN if sure else Certainty.LIKELY,
        _(
            "in the program, call sem_init once, before any other process maps the segment (one "
            "creates with O_EXCL, the others wait for it); now: {repair}"
        ).format(repair=repair_remedy(history)),
    )


def _began_private(process: Process, s: Snapshot) -> bool:
    """Whether it sleeps privately, and on semaphores that are marked as shared alone."""
    if process.wakeable is not False or not process.waits:
        return False
    states = [s.semaphores.get(role) for role in process.waits]
    return all(state is not None and state.shared for state in states)


def counts_too_few(s: Snapshot, role: SemaphoreRole) -> bool:
    """Whether more threads sleep on a semaphore than it counts."""
    state = s.semaphores.get(role)
    if state is None or state.waiters is None:
        return False
    sleeping = (p.waits.count(role) for p in living(s) if p.letter == "S")
    return sum(sleeping) > state.waiters


def process_private(history: History) -> Iterator[Finding]:
    """A process sleeps where no other process can wake it, or soon will.

    Threads of one process wake each other, whoever else maps the segment. So it takes a waiter
    and a poster in different processes: a waiter whose process has no other thread, or one that
    sleeps on while its semaphore has permits.
    """
    now = history.now
    private = [p for p in living(now) if p.wakeable is False and not _began_private(p, now)]
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
    users = _users_together(history)
    waited = {
        p.pid
        for s in history.snapshots
        for p in living(s)
        if p.pid in users and p.waits and not p.same_memory
    }
    together = {p.pid for s in history.snapshots for p in living(s) if p.same_memory}
    spaces = len(users) - (max(len(together), 2) - 1 if together else 0)
    if marked and spaces > 1 and any(s.value for s in now.semaphores.values()):
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


def mutex_overflow(history: History) -> Iterator[Finding]:
    """Mutex has more than one permit."""

    def above(s: Snapshot) -> bool:
        state = s.semaphores.get(SemaphoreRole.MUTEX)
        return state is not None and state.value is not None and state.value > 1

    samples = history.agreeing(above)
    if samples >= 2:
        value = history.value(SemaphoreRole.MUTEX)
        ours = history.ours
        lock = _("assumed: the program uses it as a lock, and not to let several in at once")
        yield Finding(
            "mutex-overflow",
            Status.CRITICAL if ours else Status.WARNING,
            _("mutex is {value}: so many processes can be in the critical section at once").format(
                value=value
            ),
            (
                _("mutex was above 1 in {count} samples; a lock has one permit at most").format(
                    count=samples
                ),
                *(() if ours else (lock,)),
            ),
            Certainty.CERTAIN if ours else Certainty.LIKELY,
            _("in the program, look for an extra sem_post(&mutex); now: {repair}").format(
                repair=repair_remedy(history)
            ),
        )


def ghost_waiter(history: History) -> Iterator[Finding]:
    """A semaphore counts waiters that do not exist."""
    if history.now.hidden:
        return
    unmoved = history.unmoved_ns() >= SETTLED_NS
    for role in SemaphoreRole:

        def too_many(s: Snapshot, role: SemaphoreRole = role) -> bool:
            return _ghosts(s, role, unmoved=unmoved) > 0

        lasted, samples = history.lasted_ns(too_many), history.agreeing(too_many)
        if lasted < SETTLED_NS or samples < GHOST_SAMPLES:
            continue
        ghosts = min(_ghosts(s, role, unmoved=unmoved) for s in history.snapshots[-samples:])
        yield Finding(
            "ghost-waiter",
            Status.WARNING,
            ngettext(
                "{semaphore} counts {ghosts} waiter that no longer exists",
                "{semaphore} counts {ghosts} waiters that no longer exist",
                ghosts,
            ).format(semaphore=role, ghosts=ghosts),
            (
                _(
                    "for {time} its waiter count was above the number of threads that wait on it"
                ).format(time=seconds(lasted)),
                *(
                    ()
                    if history.workers_only
                    else (_("unless one waits in another way than by futex(2)"),)
                ),
                *history.assumptions,
            ),
            history.by_protocol,
            _("harmless: each sem_post makes one system call too many"),
            subject=role,
        )


def _ghosts(s: Snapshot, role: SemaphoreRole, *, unmoved: bool) -> int:
    """Waiters that a semaphore counts beyond every thread that may be going into or out of a wait.

    The count and the sleepers are read one after the other, and a thread counts itself before it
    falls asleep and until after it has woken up. So each thread that may be doing that is allowed
    for; ``unmoved``: for a second nothing has moved, so none is.
    """
    state = s.semaphores.get(role)
    if state is None or not state.waiters:
        return 0
    return state.waiters - sum(
        p.waits.count(role) + _may_count_itself(p, role, unmoved=unmoved) for p in living(s)
    )


def _may_count_itself(p: Process, role: SemaphoreRole, *, unmoved: bool) -> int:
    """Threads that may count themselves as waiters of that semaphore and are not asleep on it."""
    if p.origin is Origin.WORKER:
        step = Step.WAIT_MUTEX if role is SemaphoreRole.MUTEX else Step.WAIT_PERMIT
        if role in p.waits or waited_semaphore(p.role, step) is not role:
            return 0
        return int(
            not unmoved or p.step in (WAIT_MUTEX if step is Step.WAIT_MUTEX else WAIT_PERMIT)
        )
    if p.catches_signals:
        return (p.threads or 1) - p.waits.count(role)  # A wait counts on while a handler sleeps.
    resting = unmoved or p.state is ProcessState.PACING
    going = p.letter not in {"S", "T", ""} or not resting
    threads = (p.threads or 1) - p.waits.count(role)
    return threads if going else 0


def mixed_libc(history: History) -> Iterator[Finding]:
    """Programs of two C libraries share the semaphores."""
    by_libc: dict[Libc, list[Process]] = {}
    for process in living(history.now):
        if process.libc is not None:
            by_libc.setdefault(process.libc, []).append(process)
    if len(by_libc) < 2:
        return
    sleepers = {p.pid for s in history.snapshots for p in living(s) if p.waits}
    seen_waiting = [
        any(p.pid in sleepers or p.origin is Origin.WORKER for p in ps) for ps in by_libc.values()
    ]
    # The first word alone means the same to both: to sem_trywait nothing else matters.
    polls = _("unless none of them ever sleeps in sem_wait: nobody was seen to")
    yield Finding(
        "mixed-libc",
        Status.CRITICAL if any(seen_waiting) else Status.WARNING,
        _("programs of glibc and of musl use the same semaphores"),
        (
            *(f"{libc}: {names(ps)}" for libc, ps in sorted(by_libc.items())),
            *(() if any(seen_waiting) else (polls,)),
        ),
        Certainty.CERTAIN if all(seen_waiting) else Certainty.LIKELY,
        _("build all of them against one C library: their sem_t differ in layout and meaning"),
    )
