"""Findings about the words of a semaphore: never set, private, too high, stale waiters. Pure."""

from collections.abc import Iterator
from typing import Final

from shmtui.diagnosis.history import (
    SETTLED_NS,
    History,
    living,
    names,
    repair_remedy,
    seconds,
    unaccounted_threads,
    uninitialised,
)
from shmtui.i18n import _, ngettext
from shmtui.shm.libc import Libc
from shmtui.shm.protocol import SemaphoreRole
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
    """All three semaphores are as ftruncate left them."""
    now = history.now
    waiting = [p for p in living(now) if p.blocked_on is not None]
    # While no process waits, the one that made the segment may be about to call sem_init. Where
    # waits are hidden, it is unknown whether one waits.
    enough = 0 if waiting or now.hidden else SETTLED_NS
    samples = min(2, len(history.snapshots))
    if history.lasted_ns(uninitialised) < enough or history.agreeing(uninitialised) < samples:
        return
    going = sum(unaccounted_threads(p) for p in living(now))
    if going >= now.layout.slots:
        return  # They may hold all permits: then sem_init ran, and the programs work.
    musl = now.layout.libc is Libc.MUSL
    evidence = [_("mutex, empty and full are 0 and not marked as shared: sem_init never ran")]
    if musl:
        evidence = [
            _(
                "mutex, empty and full are 0, and so are in and out: sem_init seems never to have run"
            ),
            _("musl writes nothing else that would prove it"),
        ]
    if waiting:
        evidence.append(_("blocked since: {who}").format(who=names(waiting)))
    doubt = musl or going or now.layout.slots < 2
    yield Finding(
        "never-initialised",
        Status.CRITICAL,
        _("nobody called sem_init: every sem_wait blocks for ever"),
        (*evidence, *history.assumptions),
        Certainty.LIKELY if doubt else history.certainty,
        _(
            "in the program, call sem_init(&s, 1, value) once before any process waits: mutex 1, "
            "empty N, full 0; now: {repair}"
        ).format(repair=repair_remedy(history)),
    )


def process_private(history: History) -> Iterator[Finding]:
    """A process sleeps where no other process can wake it, or soon will."""
    now = history.now
    asleep = [p for p in living(now) if p.wakeable is False]
    alone = len(living(now)) == 1 and not uninitialised(now)
    if alone and asleep and unaccounted_threads(asleep[0]):
        return  # Threads of one process wake each other.
    if asleep:
        on = ", ".join(sorted({str(role) for p in asleep for role in p.waits}))
        yield _private_finding(
            history,
            Status.CRITICAL,
            _("{who} cannot be woken by any other process").format(who=names(asleep)),
            _("blocked on {semaphores} with a PRIVATE futex operation (/proc/PID/syscall)").format(
                semaphores=on
            ),
            _("a sem_post from another process raises the value and wakes nobody"),
        )
        return
    private = [role for role, s in now.semaphores.items() if s.shared is False]
    values = [s.value for s in now.semaphores.values()]
    if private and any(values) and len(living(now)) > 1:
        yield _private_finding(
            history,
            Status.WARNING,
            _(
                "initialised for one process only, and several processes map them: {semaphores}"
            ).format(semaphores=", ".join(private)),
            _("the private word is 128: sem_init was called with pshared 0")
            if now.layout.libc is Libc.MUSL
            else _("the private word is 0: sem_init was called with pshared 0"),
        )


def _private_finding(history: History, severity: Status, claim: str, *evidence: str) -> Finding:
    return Finding(
        "process-private",
        severity,
        claim,
        evidence,
        Certainty.CERTAIN,
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
        yield Finding(
            "mutex-overflow",
            Status.CRITICAL,
            _("mutex is {value}: so many processes can be in the critical section at once").format(
                value=value
            ),
            (
                _("mutex was above 1 in {count} samples; a lock has one permit at most").format(
                    count=samples
                ),
            ),
            Certainty.CERTAIN,
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
                *history.assumptions,
            ),
            history.certainty,
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
        waits = p.step is not None and p.step.startswith("wait")
        return int(role not in p.waits and (waits or not unmoved))
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
    seen_waiting = [
        any(p.waits or p.origin is Origin.WORKER for p in ps) for ps in by_libc.values()
    ]
    yield Finding(
        "mixed-libc",
        Status.CRITICAL,
        _("programs of glibc and of musl use the same semaphores"),
        tuple(f"{libc}: {names(ps)}" for libc, ps in sorted(by_libc.items())),
        Certainty.CERTAIN if all(seen_waiting) else Certainty.LIKELY,
        _("build all of them against one C library: their sem_t differ in layout and meaning"),
    )
