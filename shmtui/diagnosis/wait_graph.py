"""Who waits for what, and who could give it: a wait-for graph over the segments of some processes. Pure.

A pthread lock names its owner, and a worker's record says whether it holds mutex. A semaphore tells
neither, so that all who use it and do not wait for it themselves may give it. Processes that wait only for
what others of them could give are a deadlock, unless somebody else comes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum

import msgspec

from shmtui.diagnosis.history import POSTERS, living
from shmtui.diagnosis.holders import HOLDS_MUTEX, may_hold_mutex
from shmtui.i18n import N_
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.sync_object import SyncKind, SyncObject
from shmtui.snapshot import Access, Origin, Process, Snapshot


class How(StrEnum):
    """On what it rests that a process could give an object back."""

    OWNER = N_("held by")
    """Its number stands in the lock, or its record says so."""
    ALONE = N_("held, it seems, by")
    """No other process that uses it could have it."""
    MAYBE = N_("perhaps held by")
    POSTS = N_("posted by")
    """Its side of the ring posts that permit."""


class Giver(msgspec.Struct, frozen=True):
    """A process that could give an object."""

    pid: int
    how: How


class WaitedFor(msgspec.Struct, frozen=True):
    """An object that somebody waits for."""

    name: str
    """By the program's own name, with its segment: ``mutex of /jobs``. Hostile text is possible."""
    value: int | None
    givers: tuple[Giver, ...]


class WaitGraph(msgspec.Struct, frozen=True):
    """Processes and what they wait for."""

    names: Mapping[int, str]
    """Of each process, by PID. Hostile text is possible."""
    waits: Mapping[int, tuple[WaitedFor, ...]]
    """What each process that waits does so for; those alone that no timeout ends."""
    stuck: tuple[int, ...]
    """Processes that wait only for what processes among them could give, or nobody."""
    cycles: tuple[tuple[int, ...], ...]
    """Rings of those, each from its lowest PID on; where there are none, rings of processes that wait
    for each other unless one of ``unless`` gives what they wait for.
    """
    unless: tuple[int, ...] = ()
    """Processes that do not wait, and may have what those of the rings wait for."""

    @property
    def owners_named(self) -> bool:
        """Whether each lock that a stuck process waits for names its owner. No proof of a deadlock either:
        glibc lets any process unlock a mutex in its owner's place.
        """
        held = [o for pid in self.stuck for o in self.waits[pid]]
        return bool(held) and all(
            o.givers and all(g.how is How.OWNER for g in o.givers) for o in held
        )


def wait_graph(
    snapshots: Sequence[Snapshot], process_of: Callable[[int], int] = lambda tid: tid
) -> WaitGraph:
    """The graph of the processes of ``snapshots``, one of each segment, taken at one time.
    ``process_of``: the process that a thread belongs to.
    """
    names: dict[int, str] = {}
    waits: dict[int, list[WaitedFor]] = {}
    timed: set[int] = set()
    for snapshot in snapshots:
        for each in _waited_for(snapshot):
            given = WaitedFor(
                _name(each, snapshot),
                each.value if each.owner is None else None,
                tuple(_givers(each, snapshot, process_of)),
            )
            for p in _waiters(each, snapshot):
                waits.setdefault(p.pid, []).append(given)
        for p in living(snapshot):
            names[p.pid] = p.name
            if p.timed_waits or p.sleeps_timed or p.has_handlers:
                timed.add(p.pid)
    found = {pid: tuple(dict.fromkeys(its)) for pid, its in sorted(waits.items())}
    going = timed | _awake(snapshots)
    stuck = _stuck(found, going, strict=True)
    cycles = tuple(_cycles(found, stuck))
    if cycles:
        return WaitGraph(names, found, stuck, cycles)
    perhaps = _stuck(found, going, strict=False)
    cycles = tuple(_cycles(found, perhaps))
    inside = {pid for ring in cycles for pid in ring}
    unless = {g.pid for pid in inside for o in found[pid] for g in o.givers} - inside
    return WaitGraph(names, found, stuck, cycles, tuple(sorted(unless)))


def _waited_for(s: Snapshot) -> Iterator[SyncObject]:
    """Every object that a process sleeps on: those of the layout, and words without a name."""
    known = {each.name for each in s.sync}
    # A named semaphore that plays no role is told of by its own snapshot.
    own = [each for each in s.sync if s.alone is each or not each.beside]
    yield from (each for each in own if _waiters(each, s))
    words = {name for p in living(s) for name in p.sleeps_on} - known
    yield from (SyncObject(name, "") for name in sorted(words) if not name.startswith("/"))


def _waiters(each: SyncObject, s: Snapshot) -> list[Process]:
    return [p for p in living(s) if p.waits_for(each)]


def _name(each: SyncObject, s: Snapshot) -> str:
    return each.name if each.name.startswith("/") else f"{each.name} ({s.segment.name})"


def _givers(each: SyncObject, s: Snapshot, process_of: Callable[[int], int]) -> Iterator[Giver]:
    """Who could give it: its owner, those that may hold it, or the side that posts it."""
    crew = living(s)
    if each.owner is not None:
        owner = process_of(each.owner)
        yield from (Giver(p.pid, How.OWNER) for p in crew if p.pid == owner)
        return
    if each.role is SemaphoreRole.MUTEX:
        recorded = [p for p in crew if p.holds_mutex or p.step in HOLDS_MUTEX]
        if recorded:
            yield from (Giver(p.pid, How.OWNER) for p in recorded)
            return
    others = [p for p in crew if not p.waits_for(each) and _may_give(p, each)]
    side = None if each.role is None else POSTERS.get(each.role)
    if side is not None:
        peers = [p for p in others if p.role is side] or others
        yield from (Giver(p.pid, How.POSTS) for p in peers)
        return
    lock = each.kind != SyncKind.CONDITION
    how = How.ALONE if lock and len(others) == 1 else How.MAYBE
    yield from (Giver(p.pid, how) for p in others)


def _may_give(p: Process, each: SyncObject) -> bool:
    if each.role is SemaphoreRole.MUTEX and p.origin is Origin.WORKER:
        return may_hold_mutex(p)
    return not p.idle_since_free and p.access is not Access.FILE


def _awake(snapshots: Sequence[Snapshot]) -> set[int]:
    """Processes with more threads than are seen to sleep in one of the segments."""
    asleep: dict[int, int] = {}
    threads: dict[int, int] = {}
    for s in snapshots:
        for p in living(s):
            asleep[p.pid] = asleep.get(p.pid, 0) + len(p.waits) + len(p.sleeps_on)
            threads[p.pid] = p.threads or 1
    return {pid for pid, count in threads.items() if asleep[pid] < count}


def _stuck(
    waits: Mapping[int, tuple[WaitedFor, ...]], going: set[int], *, strict: bool
) -> tuple[int, ...]:
    """The largest set of processes in which each waits for objects that none outside of it gives; or,
    not ``strict``, that somebody inside of it could give.
    """
    left = set(waits) - going
    enough = all if strict else any
    while True:
        free = {
            pid
            for pid in left
            for o in waits[pid]
            if o.givers and not enough(giver.pid in left for giver in o.givers)
        }
        if not free:
            return tuple(sorted(left))
        left -= free


def _cycles(
    waits: Mapping[int, tuple[WaitedFor, ...]], stuck: tuple[int, ...]
) -> Iterator[tuple[int, ...]]:
    """The shortest ring through each stuck process, each ring once."""
    seen: set[tuple[int, ...]] = set()
    for start in stuck:
        ring = _ring_through(start, waits, set(stuck))
        if ring:
            least = ring.index(min(ring))
            turned = (*ring[least:], *ring[:least])
            if turned not in seen:
                seen.add(turned)
                yield turned


def _ring_through(
    start: int, waits: Mapping[int, tuple[WaitedFor, ...]], stuck: set[int]
) -> tuple[int, ...]:
    known = {start}
    paths: list[tuple[int, ...]] = [(start,)]
    while paths:
        path = paths.pop(0)
        for giver in (g.pid for o in waits[path[-1]] for g in o.givers):
            if giver == start:
                return path
            if giver in stuck and giver not in known:
                known.add(giver)
                paths.append((*path, giver))
    return ()
