"""Findings about processes that wait although they could go on, or that get no items. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from shmtui.diagnosis.history import SETTLED_NS, History, living, vanished
from shmtui.diagnosis.holders import asleep as sleeping
from shmtui.diagnosis.holders import awake, unaccounted_threads
from shmtui.diagnosis.rules.initialisation import uninitialised
from shmtui.diagnosis.wording import names, seconds, target
from shmtui.i18n import _, ngettext
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.shm.sync_object import SyncKind
from shmtui.snapshot import Access, Certainty, Finding, Process, ProcessState, Snapshot, Status

STARVED_NS: Final = 10_000_000_000
"""Longer than a worker's longest sleep between two reads of its orders: that costs it its place in
the queue."""
STARVED_ITEMS: Final = 50
KEPT_NS: Final = 2_500_000_000
"""How long a lock whose state is unknown may be held while others wait for it."""
ALONE_NS: Final = 2_500_000_000
"""How long nothing may have moved before those that wait are said to be left alone."""
_TAKEN: Final = {SyncKind.SEMAPHORE, SyncKind.MUTEX}
"""Of these it is known whether they are to be had: 0 is not."""
FLOWING_NS: Final = 2_000_000_000
"""The others have to have moved items within this time: else none of them gets any."""


def unwoken(history: History) -> Iterator[Finding]:
    """A process sleeps on a semaphore that has permits."""
    for role in SemaphoreRole:

        def asleep(s: Snapshot, role: SemaphoreRole = role) -> list[Process]:
            state = s.semaphores.get(role)
            if state is None or not state.value or not state.shared:
                return []
            return [p for p in living(s) if p.blocked_on is role and p.wakeable and sleeping(p)]

        if history.unmoved_ns() >= SETTLED_NS and (now := asleep(history.now)):
            lasted = history.lasted_ns(lambda s, asleep=asleep: bool(asleep(s)))  # type: ignore[misc]
            if lasted >= SETTLED_NS:
                yield Finding(
                    "stalled",
                    Status.WARNING,
                    ngettext(
                        "{who} sleeps on {semaphore}, which has permits",
                        "{who} sleep on {semaphore}, which has permits",
                        len(now),
                    ).format(who=names(now), semaphore=history.names[role]),
                    (
                        _("{semaphore} is {value}, and nothing changed for {time}").format(
                            semaphore=history.names[role],
                            value=history.value(role),
                            time=seconds(lasted),
                        ),
                        *history.assumptions,
                    ),
                    Certainty.LIKELY,
                    _("a wake-up was lost; wake with: {command}").format(
                        command="; ".join(f"kill -STOP {p.pid}; kill -CONT {p.pid}" for p in now)
                    ),
                    subject=role,
                )


def kept_lock(history: History) -> Iterator[Finding]:
    """A process waits for a lock that is no semaphore, and nothing moves."""
    if SemaphoreRole.MUTEX in history.now.semaphores or history.now.layout.semaphores != "embedded":
        return

    def waiting(s: Snapshot) -> list[Process]:
        return [p for p in living(s) if SemaphoreRole.MUTEX in p.waits]

    if any(each.owner_dead and each.role is SemaphoreRole.MUTEX for each in history.now.sync):
        return  # Then its owner is known to be dead.
    now, lasted = (
        waiting(history.now),
        min(history.unmoved_ns(), history.lasted_ns(lambda s: bool(waiting(s)))),
    )
    if now and lasted >= KEPT_NS:
        itself = _waits_for_itself(history.now, now)
        yield Finding(
            "stalled",
            Status.WARNING,
            _kept_by(history.names, now, itself),
            (
                _("nothing changed for {time}").format(time=seconds(lasted)),
                *_owner(history.now, itself),
                _(
                    "the lock is a pthread_mutex_t, and it names no dead owner: shmtui repair leaves it as it is"
                ),
            ),
            Certainty.LIKELY,
            _(
                "unlock it before it is locked again, or make it recursive (PTHREAD_MUTEX_RECURSIVE); an "
                "errorcheck mutex tells the thread (EDEADLK)"
            )
            if itself
            else _(
                "gdb -p PID shows the holder in mutex.__data.__owner; the kernel passes a robust mutex "
                "(pthread_mutexattr_setrobust) on when its holder dies"
            ),
            subject=SemaphoreRole.MUTEX,
        )


def _kept_by(own: Mapping[str, str], waiting: Sequence[Process], itself: Process | None) -> str:
    if itself is not None:
        return _("{mutex} is held by {who}, which waits for it itself, and nothing moves").format(
            **own, who=names([itself])
        )
    return ngettext(
        "{who} waits for {mutex} and nothing moves: its holder keeps it, or died",
        "{who} wait for {mutex} and nothing moves: its holder keeps it, or died",
        len(waiting),
    ).format(**own, who=names(waiting))


def _waits_for_itself(s: Snapshot, waiting: Sequence[Process]) -> Process | None:
    """The process of one thread whose number stands in the lock that it waits for without end. No proof that it waits
    for ever: glibc lets another process unlock it.
    """
    for p in waiting:
        alone = p.threads == 1 and not (p.timed_waits or p.has_handlers)
        if alone and any(o.role is SemaphoreRole.MUTEX and o.owner == p.pid for o in s.sync):
            return p
    return None


def _owner(s: Snapshot, itself: Process | None) -> Iterator[str]:
    """Whose number stands in the lock."""
    for each in s.sync:
        if each.role is SemaphoreRole.MUTEX and each.owner is not None:
            owner = next((p for p in living(s) if p.pid == each.owner), None)
            if itself is not None:
                yield _("its number is in the lock, and it has no other thread to unlock it")
                yield _("unless another process unlocks it in its place, as glibc allows")
            elif owner is not None:
                yield _("the number in the lock is that of {who}").format(who=names([owner]))
            else:
                yield _("the number in the lock is that of thread {tid}").format(tid=each.owner)


def nobody_left(history: History) -> Iterator[Finding]:
    """All wait for the same permit, and no live process could post it."""
    now, slept = history.now, history.unmoved_ns()
    crew = living(now)
    if slept < ALONE_NS or now.hidden or uninitialised(now) or not crew:
        return
    if history.workers_only and now.supervised:
        return  # Whoever sits before it adds workers as he likes.
    for role, poster in ((SemaphoreRole.EMPTY, _("consumer")), (SemaphoreRole.FULL, _("producer"))):
        if history.value(role) == 0 and all(_only_waits(p, role) for p in crew):
            yield Finding(
                "nobody-left",
                Status.WARNING,
                _("all wait for {semaphore}, and no live {poster} could post it: {who}").format(
                    semaphore=history.names[role], poster=poster, who=names(crew)
                ),
                (
                    _("{semaphore} is 0, and nothing changed for {time}").format(
                        semaphore=history.names[role], time=seconds(slept)
                    ),
                    *_who_left(history, role),
                    _("unless a {poster} starts").format(poster=poster),
                    *history.assumptions,
                ),
                Certainty.LIKELY,
                _("in the program, pass MAP_SHARED to mmap")
                if any(p.alive and p.access is Access.PRIVATE for p in now.processes)
                else _("start a {poster}; if one died, see why in its own output").format(
                    poster=poster
                ),
                subject=role,
            )


def nobody_wakes(history: History) -> Iterator[Finding]:
    """Every thread of all that take part sleeps on a lock or a semaphore of the segment that is not to be had, without
    a timeout: what each is waiting for, none of the others posts. To be asked where no other rule tells why. All that
    wait for one semaphore may be an idle crew, whose work short programs bring that come and go.
    """
    now = history.now
    crew = living(now)
    if now.hidden or uninitialised(now) or not crew:
        return
    if history.workers_only and now.supervised:
        return
    if any(SemaphoreRole.MUTEX in p.waits for p in crew):
        return  # Why it is kept is asked by rules that take longer.
    mark = _sleeps(now)
    lasted = min(history.lasted_ns(lambda s: _sleeps(s) == mark), history.unmoved_ns())
    # One that sleeps at each look may have run between two.
    if mark is None or min(lasted, *((p.blocked_for or 0) * 1e9 for p in crew)) < ALONE_NS:
        return
    waited = {history.names.get(each, each) for on in mark.values() for each in on}
    semaphores = {each.name for each in now.sync if each.kind == SyncKind.SEMAPHORE}
    if len(waited) == 1 and waited <= semaphores:
        return
    objects = ", ".join(sorted(waited))
    yield Finding(
        "nobody-left",
        Status.WARNING,
        _("all wait, and no live process could post what they wait for: {who}").format(
            who=names(crew)
        ),
        (
            _("waited for, and 0 or held: {objects}; nothing changed for {time}").format(
                objects=objects, time=seconds(lasted)
            ),
            _("unless one that was seen to open it, or to let go of it, comes again and posts")
            if now.came_ns > history.snapshots[0].monotonic_ns
            else _("unless a process that does not map it now comes and posts"),
            *history.assumptions,
        ),
        Certainty.LIKELY,
        _(
            "see in the program who is to post {objects}: shmtui stat {name} says who waits for which; then end all of "
            "them, and start them again"
        ).format(objects=objects, name=target(now)),
        subject="all",
    )


def _sleeps(s: Snapshot) -> dict[int, tuple[str, ...]] | None:
    """What the threads of each process sleep on; None where one is awake, or may be woken by something else."""
    taken = {o.name for o in s.sync if o.offset is not None and o.value == 0 and o.kind in _TAKEN}
    found: dict[int, tuple[str, ...]] = {}
    for p in living(s):
        roles = (s.semaphores.get(role) for role in p.waits)
        to_be_had = any(state is None or state.value != 0 for state in roles)
        if awake(p) or not sleeping(p) or to_be_had or not taken.issuperset(p.sleeps_on):
            return None
        found[p.pid] = (*p.waits, *p.sleeps_on)
    return found


def _only_waits(process: Process, role: SemaphoreRole) -> bool:
    """Whether every thread of it sleeps on that semaphore, without a timeout."""
    return (
        set(process.waits) == {role}
        and not process.timed_waits
        and sleeping(process)
        and not unaccounted_threads(process)
    )


def _who_left(history: History, role: SemaphoreRole) -> Iterator[str]:
    """The signs that somebody was there: a death that was seen, or a waiter that no longer exists."""
    ended = {p.pid: p for p in history.now.processes if not p.alive}
    gone = list(({p.pid: p for p in vanished(history)} | ended).values())
    if gone:
        yield _("ended: {who}").format(who=names(gone))
    other = SemaphoreRole.FULL if role is SemaphoreRole.EMPTY else SemaphoreRole.EMPTY
    state = history.semaphore(other)
    if state is not None and state.waiters:
        yield ngettext(
            "{semaphore} counts {count} waiter and no live process waits on it: it died waiting",
            "{semaphore} counts {count} waiters and no live process waits on it: they died waiting",
            state.waiters,
        ).format(semaphore=history.names[other], count=state.waiters)


def starved(history: History) -> Iterator[Finding]:
    """A worker gets no items while its peers do."""
    then = next(
        (s for s in history.snapshots if history.now.monotonic_ns - s.monotonic_ns >= STARVED_NS),
        None,
    )
    first = history.snapshots[0] if then is None else then
    if history.now.monotonic_ns - first.monotonic_ns < STARVED_NS:
        return
    before = {p.pid: p for p in first.processes}
    recent = next(
        s for s in history.snapshots if history.now.monotonic_ns - s.monotonic_ns <= FLOWING_NS
    )
    lately = {p.pid: p.items or 0 for p in recent.processes}
    for role in (Role.PRODUCER, Role.CONSUMER):
        peers = [
            p
            for p in living(history.now)
            if p.role is role and p.items is not None and p.pid in before
        ]
        gains = {p.pid: (p.items or 0) - (before[p.pid].items or 0) for p in peers}
        others = [
            gains[p.pid]
            for p in peers
            if gains[p.pid] >= STARVED_ITEMS and (p.items or 0) > lately.get(p.pid, 0)
        ]
        for process in peers if others else ():
            waited = history.lasted_ns(
                lambda s, pid=process.pid: any(  # type: ignore[misc]
                    p.pid == pid and p.state is ProcessState.BLOCKED for p in s.processes
                )
            )
            if gains[process.pid] == 0 and waited >= STARVED_NS:
                yield Finding(
                    "starved",
                    Status.WARNING,
                    _("{name} (PID {pid}) moved no item in {time}").format(
                        name=process.name, pid=process.pid, time=seconds(waited)
                    ),
                    (_("its peers moved {count:,} items meanwhile").format(count=sum(others)),),
                    Certainty.CERTAIN,
                    _(
                        "sem_wait is not fair: slow its peers down, or give it a semaphore of its own"
                    ),
                    subject=str(process.pid),
                )
