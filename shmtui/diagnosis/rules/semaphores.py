"""Findings about a semaphore's own words: never set, private, overflown, haunted. Pure."""

from collections.abc import Iterator

from shmtui.diagnosis.history import (
    SETTLED_NS,
    History,
    living,
    names,
    seconds,
    unaccounted_threads,
    uninitialised,
)
from shmtui.diagnosis.rules.permits import repair_remedy
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

GHOST_LOOKS = 4
"""How many looks have to show a waiter that is not there."""


def never_initialised(history: History) -> Iterator[Finding]:
    """All three semaphores are as ftruncate left them."""
    now = history.now
    waiting = [p for p in living(now) if p.blocked_on is not None]
    # Where nobody waits yet, its maker may be about to map it, or to call sem_init. Whether
    # anybody waits who may not be looked at is not to be known.
    enough = 0 if waiting or now.hidden else SETTLED_NS
    if history.lasted(uninitialised) < enough or history.looks(uninitialised) < min(
        2, len(history.snapshots)
    ):
        return
    going = sum(unaccounted_threads(p) for p in living(now))
    if going >= now.layout.slots:
        return  # They may have all permits in hand: then it is at work, and was initialised.
    musl = now.layout.libc is Libc.MUSL
    evidence = [_("mutex, empty and full are 0 and not marked as shared: sem_init never ran")]
    if musl:
        evidence = [
            _(
                "mutex, empty and full are 0, and so are in and out: sem_init seems never to have run"
            ),
            _("musl leaves no other mark by which that could be told"),
        ]
    if waiting:
        evidence.append(_("blocked since: {who}").format(who=names(waiting)))
    sure = Certainty.LIKELY if musl or going or now.layout.slots < 2 else history.sure
    yield Finding(
        "never-initialised",
        Status.CRITICAL,
        _("nobody called sem_init: every sem_wait blocks for ever"),
        tuple(evidence),
        sure,
        _(
            "in the program, call sem_init(&s, 1, value) once before anyone waits: mutex 1, empty N, "
            "full 0; now: {repair}"
        ).format(repair=repair_remedy(history)),
    )


def process_private(history: History) -> Iterator[Finding]:
    """Somebody sleeps where no other process can wake it, or soon will."""
    now = history.now
    asleep = [p for p in living(now) if p.wakeable is False]
    alone = len(living(now)) == 1 and not uninitialised(now)
    if alone and asleep and unaccounted_threads(asleep[0]):
        return  # Threads of one process wake each other.
    if asleep:
        on = ", ".join(sorted({str(role) for p in asleep for role in p.waits}))
        yield Finding(
            "process-private",
            Status.CRITICAL,
            _("{who} cannot be woken by any other process").format(who=names(asleep)),
            (
                _(
                    "blocked on {semaphores} with a PRIVATE futex operation (/proc/PID/syscall)"
                ).format(semaphores=on),
                _("a sem_post from another process raises the value and wakes nobody"),
            ),
            Certainty.CERTAIN,
            _("in the program, pass 1 as sem_init's second argument; now: {repair}").format(
                repair=repair_remedy(history)
            ),
        )
        return
    private = [role for role, s in now.semaphores.items() if s.shared is False]
    values = [s.value for s in now.semaphores.values()]
    if private and any(values) and len(living(now)) > 1:
        yield Finding(
            "process-private",
            Status.WARNING,
            _("{semaphores} initialised for one process only, and several map them").format(
                semaphores=", ".join(private)
            ),
            (_("the private word is 0: sem_init was called with pshared 0"),)
            if now.layout.libc is not Libc.MUSL
            else (_("the private word is 128: sem_init was called with pshared 0"),),
            Certainty.CERTAIN,
            _("in the program, pass 1 as sem_init's second argument; now: {repair}").format(
                repair=repair_remedy(history)
            ),
        )


def mutex_overflow(history: History) -> Iterator[Finding]:
    """The mutex has more permits than one."""

    def above(s: Snapshot) -> bool:
        state = s.semaphores.get(SemaphoreRole.MUTEX)
        return state is not None and state.value is not None and state.value > 1

    if above(history.now) and history.looks(above) >= 2:
        value = history.value(SemaphoreRole.MUTEX)
        yield Finding(
            "mutex-overflow",
            Status.CRITICAL,
            _("mutex is {value}: that many can be in the critical section at once").format(
                value=value
            ),
            (
                _("value {value} in {looks} looks; one permit is all a lock may have").format(
                    value=value, looks=history.looks(above)
                ),
            ),
            Certainty.CERTAIN,
            _("in the program, look for a sem_post(&mutex) too many; now: {repair}").format(
                repair=repair_remedy(history)
            ),
        )


def ghost_waiter(history: History) -> Iterator[Finding]:
    """A semaphore counts waiters that are not there."""
    if history.now.hidden:
        return
    still = history.still() >= SETTLED_NS
    for role in SemaphoreRole:

        def haunted(s: Snapshot, role: SemaphoreRole = role) -> bool:
            return _ghosts(s, role, still=still) > 0

        lasted = history.lasted(haunted)
        looks = history.looks(haunted)
        if lasted < SETTLED_NS or looks < GHOST_LOOKS:
            continue
        ghosts = min(_ghosts(s, role, still=still) for s in history.snapshots[-looks:])
        yield Finding(
            "ghost-waiter",
            Status.WARNING,
            ngettext(
                "{semaphore} counts {ghosts} waiter that no longer exists",
                "{semaphore} counts {ghosts} waiters that no longer exist",
                ghosts,
            ).format(semaphore=role, ghosts=ghosts),
            (
                _("its waiter count is above the threads blocked on it, for {time}").format(
                    time=seconds(lasted)
                ),
            ),
            history.sure,
            _("harmless but for a needless system call at each post; {repair}").format(
                repair=repair_remedy(history)
            ),
            subject=role,
        )


def _ghosts(s: Snapshot, role: SemaphoreRole, *, still: bool) -> int:
    """Waiters that a semaphore counts above all that may be on their way in or out of a wait.

    The count and who sleeps are read one after the other, and a thread counts itself before
    it falls asleep and after it was woken: while things move, whoever could be at it counts.
    """
    state = s.semaphores.get(role)
    if state is None or not state.waiters:
        return 0
    return state.waiters - sum(
        p.waits.count(role) + _at_it(p, role, still=still) for p in living(s)
    )


def _at_it(p: Process, role: SemaphoreRole, *, still: bool) -> int:
    """Threads that may count themselves as waiters of that semaphore without being asleep on it."""
    if p.origin is Origin.WORKER:
        waits = p.step is not None and p.step.startswith("wait")
        return int(role not in p.waits and (waits or not still))
    resting = still or p.state is ProcessState.PACING
    going = p.letter not in {"S", "T", ""} or not resting
    threads = (p.threads or 1) - p.waits.count(role)
    return threads if going else 0


def mixed_libc(history: History) -> Iterator[Finding]:
    """Programs of two C libraries share one semaphore."""
    by_libc: dict[Libc, list[Process]] = {}
    for process in living(history.now):
        if process.libc is not None:
            by_libc.setdefault(process.libc, []).append(process)
    if len(by_libc) < 2:
        return
    at_it = [
        {p.libc for p in ps if p.waits or p.origin is Origin.WORKER} for ps in by_libc.values()
    ]
    yield Finding(
        "mixed-libc",
        Status.CRITICAL,
        _("programs of glibc and of musl use the same semaphores"),
        tuple(f"{libc}: {names(ps)}" for libc, ps in sorted(by_libc.items())),
        Certainty.CERTAIN if all(at_it) else Certainty.LIKELY,
        _("build all of them against one C library: their sem_t differ in layout and meaning"),
    )
