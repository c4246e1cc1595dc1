"""Findings about the words of a semaphore: too high, stale waiters, two C libraries. Pure."""

from collections.abc import Iterator
from itertools import combinations

from shmtui.diagnosis.history import SETTLED_NS, History, living
from shmtui.diagnosis.holders import WAIT_MUTEX, WAIT_PERMIT
from shmtui.diagnosis.rules.initialisation import GHOST_SAMPLES
from shmtui.diagnosis.wording import names, repair_remedy, seconds
from shmtui.i18n import _, ngettext
from shmtui.procfs.freezer import FROZEN
from shmtui.shm.libc import Libc
from shmtui.shm.protocol import SemaphoreRole, Step, waited_semaphore
from shmtui.snapshot import Certainty, Finding, Origin, Process, ProcessState, Snapshot, Status


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
            _(
                "{mutex} is {value}: so many processes can be in the critical section at once"
            ).format(**history.names, value=value),
            (
                _("{mutex} was above 1 in {count} samples; a lock has one permit at most").format(
                    **history.names, count=samples
                ),
                *(() if ours else (lock,)),
            ),
            Certainty.CERTAIN if ours else Certainty.LIKELY,
            _("in the program, look for one sem_post of {mutex} too many; now: {repair}").format(
                **history.names,
                repair=repair_remedy(history, "--yes" if ours else "--yes --permits"),
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
            ).format(semaphore=history.names[role], ghosts=ghosts),
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
    if p.catches_signals or p.threads_read is not None:
        # A wait counts on while a handler sleeps; who was not looked at may wait.
        return (p.threads or 1) - p.waits.count(role)
    resting = unmoved or p.state is ProcessState.ASLEEP
    going = p.letter not in {"S", "T", FROZEN, ""} or not resting
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
    ours = {p.pid for p in living(history.now) if p.origin is Origin.WORKER}
    slept = {(p.pid, role) for s in history.snapshots for p in living(s) for role in p.waits}
    used = [
        {role for role in SemaphoreRole if any(p.pid in ours or (p.pid, role) in slept for p in ps)}
        for ps in by_libc.values()
    ]
    # The first word alone means the same to both: to sem_trywait nothing else matters. And programs
    # of each may keep to semaphores of their own.
    shared = any(one & other for one, other in combinations(used, 2))
    polls = _("unless none of them ever sleeps in sem_wait: nobody was seen to")
    apart = _(
        "unless each keeps to semaphores of its own: no two were seen to wait for the same one"
    )
    yield Finding(
        "mixed-libc",
        Status.CRITICAL if shared else Status.WARNING,
        _("programs of glibc and of musl use the same semaphores"),
        (
            *(f"{libc}: {names(ps)}" for libc, ps in sorted(by_libc.items())),
            *(() if shared else (apart if any(used) else polls,)),
        ),
        Certainty.CERTAIN if shared else Certainty.LIKELY,
        _("build all of them against one C library: their sem_t differ in layout and meaning"),
    )
