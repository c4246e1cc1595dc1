"""Who waits though others go on, or though items moved before; and what is left to mend. Pure."""

from collections.abc import Iterator, Sequence, Set
from typing import Final

from shmtui.diagnosis.history import AT_REST_NS, SETTLED_NS, History, living, lock_taken
from shmtui.diagnosis.rules.initialisation import counts_too_few
from shmtui.diagnosis.wording import names, seconds
from shmtui.i18n import _
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.sync_object import Robustness, SyncKind
from shmtui.snapshot import Origin, Process, Snapshot

_LOCKS: Final = {SyncKind.MUTEX, SyncKind.RWLOCK, SyncKind.RUST_MUTEX}
_MOVES: Final = 4
"""So many moves tell how long a ring is used to rest between two of them."""
_OVERDUE: Final = 3
"""So many times as long it rests where it may have ceased to move."""


def left_behind(history: History) -> Iterator[str]:
    """Somebody slept on a semaphore all the while, and it was 0 in all samples, or counts too few
    waiters to wake him: nobody may ever, though others move items.
    """
    if history.workers_only:
        return
    samples = len(history.snapshots)
    asleep = _asleep(history)
    waiting = [p for p in asleep if SemaphoreRole.MUTEX in p.waits]
    if waiting and history.items_moved and history.agreeing(lock_taken) == samples:
        yield _(
            "{mutex} was 0 in all {count} samples while items moved, and is waited for by {who}"
        ).format(**history.names, count=samples, who=names(waiting))
    yield from _left_on_objects(history, [p for p in asleep if not p.sleeps_timed])
    yield from _running(history)
    for role in SemaphoreRole:
        late = [p for p in asleep if role in p.waits]
        if late and history.agreeing(lambda s, role=role: counts_too_few(s, role)) == samples:  # type: ignore[misc]
            yield _(
                "{semaphore} counted fewer waiters than sleep on it in all {count} samples: it may "
                "have been initialised once more, and then nobody wakes {who}"
            ).format(semaphore=history.names[role], count=samples, who=names(late))


def left_beside(history: History) -> Iterator[str]:
    """The same of a ring without semaphores: of what is neither its lock nor a condition of it."""
    conditions = {s.name for s in history.now.sync if s.kind == SyncKind.CONDITION}
    asleep = [p for p in _asleep(history) if not p.sleeps_timed]
    yield from _left_on_objects(history, asleep, conditions)
    yield from _running(history)


def _asleep(history: History) -> list[Process]:
    """Who slept on something for half of the watch at least, up to now."""
    crew = living(history.now)
    return [p for p in crew if (p.blocked_for or 0.0) * 1e9 >= history.watched_ns / 2]


def _left_on_objects(
    history: History, asleep: Sequence[Process], but: Set[str] = frozenset()
) -> Iterator[str]:
    """The same of what plays no role in the ring: a lock or semaphore that was never to be had, or
    a condition, a barrier or a word that does not tell whether anybody will wake him. And a lock that
    was never free, waited for or not, of which nothing tells who holds it.
    """
    objects = {each.name: each for each in history.now.sync if each.name not in but}
    samples = len(history.snapshots)
    taken = {
        name
        for name in objects
        if history.agreeing(lambda s, name=name: _is_taken(s, name)) == samples  # type: ignore[misc]
    }
    waited = [n for n in dict.fromkeys(n for p in asleep for n in p.sleeps_on) if n not in but]
    for name in waited:
        each, waiting = objects.get(name), [p for p in asleep if name in p.sleeps_on]
        if each is not None and each.role is not None:
            continue
        if each is None or each.value is None:
            longest = max(p.blocked_for or 0.0 for p in waiting)
            yield _(
                "{object} has been waited for by {who} for {time}, and nothing tells whether anybody wakes a waiter"
            ).format(who=names(waiting), object=name, time=seconds(round(longest * 1e9)))
        elif name in taken:
            yield _(
                "{object} was 0 or held in all {count} samples, and is waited for by {who}"
            ).format(object=name, count=samples, who=names(waiting))
    for name in sorted(taken - {*waited}):
        each = objects[name]
        if each.role is None and each.kind in _LOCKS and each.owner is None:
            yield _(
                "{object} was held in all {count} samples, and nothing tells by whom: its holder may be dead"
            ).format(object=name, count=samples)


def held_on(history: History) -> Iterator[str]:
    """Each lock that was held in all samples, and by whom: who tries it now and then is seen nowhere."""
    samples = len(history.snapshots)
    for each in history.now.sync:
        owned = each.owner is not None and each.kind in _LOCKS
        if owned and history.agreeing(lambda s, e=each: _owner(s, e.name) == e.owner) == samples:  # type: ignore[misc]
            yield _("{lock} was held by thread {tid} in all {count} samples").format(
                lock=each.name, tid=each.owner, count=samples
            )


def _owner(s: Snapshot, name: str) -> int | None:
    return next((each.owner for each in s.sync if each.name == name), None)


def _running(history: History) -> Iterator[str]:
    """Who ran in all samples while nothing moved: it may spin on a lock whose holder is dead, which no word of
    the segment tells.
    """
    if history.unmoved_ns() < min(AT_REST_NS, history.watched_ns):
        return
    ran = [{p.pid for p in living(s) if p.letter == "R"} for s in history.snapshots]
    always = set.intersection(*ran)
    spinning = [p for p in living(history.now) if p.pid in always and p.origin is not Origin.WORKER]
    if spinning:
        yield _(
            "nothing moved, and {who} ran in all {count} samples: it computes, or looks again and again for "
            "what never comes"
        ).format(who=names(spinning), count=len(ran))


def _is_taken(s: Snapshot, name: str) -> bool:
    """Whether that lock or semaphore is held, or 0."""
    return any(each.name == name and each.value == 0 for each in s.sync)


def left_to_mend(history: History) -> Iterator[str]:
    """A robust mutex whose owner died, which nobody has locked for a while."""
    for each in history.now.sync:
        if history.lasted_ns(lambda s, n=each.name: _unmended(s, n)) >= min(  # type: ignore[misc]
            SETTLED_NS, history.watched_ns
        ):
            yield _(
                "the owner of {lock} died, and nobody has locked it since: the next one is told (EOWNERDEAD), and "
                "has to mend what it guards; check again once a program has locked it"
            ).format(lock=each.name)


def _unmended(s: Snapshot, name: str) -> bool:
    return any(e.name == name and e.robustness is Robustness.OWNER_DIED for e in s.sync)


def ceased(history: History) -> Iterator[str]:
    """Items moved while it was watched, and have not for much longer than between any two of them:
    who should move the next one is awake, and may wait for what never comes.
    """
    moves = history.now.moves
    if history.workers_only or moves.count < _MOVES:
        return
    usual, rest = moves.longest_ns, history.now.monotonic_ns - moves.last_ns
    crew = living(history.now)
    others = [p for p in crew if p.goes_on]
    if rest > max(AT_REST_NS, _OVERDUE * usual) and others and any(p.waits for p in crew):
        yield _(
            "no item has moved for {time}, after one every {usual} at least: awake, and perhaps waiting "
            "for something that never comes: {who}"
        ).format(time=seconds(rest), usual=seconds(usual), who=names(others))
