"""What threads wait on where /proc/PID/syscall is refused: told by how many sleep on each semaphore.

Under Yama's scope 1 a user may read the ``syscall`` of descendants alone, and the wait channels
(``wchan``) of all own processes. These say which threads sleep on some futex. Where as many threads
sleep on the semaphores as there are such, each sleeps on one of them. How many do, the kernel tells
(`shmtui.shm.futex_queue`); of semaphores of one process alone it counts none, and their own waiter
counts are taken, in which those who died waiting stay.

Which of several sleeps on which may be left open. What is said of them together holds all the same:
nobody of them runs, or sleeps elsewhere.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from shmtui.i18n import _
from shmtui.procfs.futex import futex_sleepers
from shmtui.procfs.run_times import asleep_for
from shmtui.procfs.thread_calls import MANY
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.shm.segment_info import SemaphoreState
from shmtui.shm.sync_object import SyncObject
from shmtui.snapshot import Process, ProcessState, short_name

OWN = {Role.PRODUCER: SemaphoreRole.EMPTY, Role.CONSUMER: SemaphoreRole.FULL}
_SIDES = {semaphore: role for role, semaphore in OWN.items()}

FOR_GOOD_S: Final = 10.0
"""Who has slept for so long is taken to do so without a timeout, which cannot be read."""

Sleeper = tuple[int, int, Role]
"""A process whose waits are hidden: its PID, how many threads of it sleep, and its side."""
Lock = SemaphoreRole | int
"""What threads sleep on: a semaphore or lock of the ring, or another one by its number in `Snapshot.sync`."""
Shares = dict[int, tuple[Lock, ...]]
"""What the threads of each sleep on, by PID."""


def uncounted(
    semaphores: Mapping[SemaphoreRole, SemaphoreState],
    sleepers: Mapping[SemaphoreRole, int],
    read: Iterable[SemaphoreRole],
) -> Counter[Lock] | None:
    """How many sleep on each semaphore beyond those that were ``read``; None where it is not known. ``sleepers``:
    as `Snapshot.sleepers`.
    """
    left: Counter[Lock] = Counter()
    for role, state in semaphores.items():
        count = state.waiters if state.shared is False else sleepers.get(role, state.waiters)
        if count is None:
            return None
        left[role] = count
    left.subtract(read)
    return left


def share_out(sleepers: Sequence[Sleeper], left: Mapping[Lock, int]) -> Shares | None:
    """One way in which they can sleep on the locks; None where there is none.

    ``left``: how many sleep on each; they have to add up to the threads. Of the ring's a producer sleeps on
    ``empty`` or ``mutex``, a consumer on ``full`` or ``mutex``; on any other anybody does.

    >>> M, E, F = SemaphoreRole
    >>> share_out([(7, 1, Role.UNKNOWN)], Counter({M: 1, E: 0, F: 0}))
    {7: (<SemaphoreRole.MUTEX: 'mutex'>,)}
    """
    enough = sum(left.values()) == sum(n for _pid, n, _side in sleepers)
    if min(left.values(), default=-1) < 0 or not enough:
        return None
    rest, found = dict(left), {}
    for pid, threads, side in sorted(sleepers, key=lambda each: each[2] not in OWN):
        taken: list[Lock] = []
        for lock in _may(side, rest):
            count = min(rest[lock], threads - len(taken))
            rest[lock] -= count
            taken += [lock] * count
        if len(taken) < threads:
            return None
        found[pid] = tuple(taken)
    return found


def left_open(sleepers: Sequence[Sleeper], shares: Shares) -> frozenset[int]:
    """Those that another way would give something else: they can change places with others, in a ring of moves
    from lock to lock.

    >>> M, E, F = SemaphoreRole
    >>> two = [(7, 1, Role.PRODUCER), (8, 1, Role.PRODUCER)]
    >>> sorted(left_open(two, {7: (E,), 8: (M,)})), sorted(left_open(two, {7: (E,), 8: (E,)}))
    ([7, 8], [])
    """
    locks = {lock for its in shares.values() for lock in its}
    moves = {
        (pid, now, then)
        for pid, _threads, side in sleepers
        for now in shares[pid]
        for then in _may(side, locks)
        if now != then
    }
    reached = {(now, then) for _pid, now, then in moves}
    for over in locks:
        reached |= {(a, d) for a, b in reached for c, d in reached if b == c == over}
    found = {pid for pid, now, then in moves if (then, now) in reached}
    return frozenset(found if len(found) > 1 else ())


def _may(side: Role, locks: Iterable[Lock]) -> list[Lock]:
    """Those of the locks that one of that side may sleep on, its own permit first."""
    own, other = OWN.get(side), set(_SIDES) - {OWN.get(side)} if side in OWN else set()
    return sorted((lock for lock in locks if lock not in other), key=lambda lock: lock != own)


def with_counted_waits(
    processes: tuple[Process, ...],
    hidden: Collection[int],
    semaphores: Mapping[SemaphoreRole, SemaphoreState],
    sleepers: Mapping[SemaphoreRole, int],
    sync: Sequence[SyncObject],
    names: Mapping[SemaphoreRole, str],
) -> tuple[tuple[Process, ...], tuple[int, ...]]:
    """``processes`` with what those whose waits are ``hidden`` wait on, and the PIDs of these. ``sleepers``, ``sync``:
    as `Snapshot` has them; ``names``: what the program calls the semaphores.

    Unchanged, and no PIDs, where the numbers do not add up or a wait channel cannot be read.
    Whether such a wait has a timeout is not known.
    """
    unread = [p for p in processes if p.alive and p.pid in hidden]
    asleep = {p.pid: futex_sleepers(p.pid, MANY) for p in unread}
    if not unread or None in asleep.values():
        return processes, ()
    left = uncounted(semaphores, sleepers, (role for p in processes if p.alive for role in p.waits))
    if left is None:
        return processes, ()
    locks = {**left, **_on_others(sync, semaphores, processes)}
    hidden_sleepers = [(p.pid, n, p.role) for p in unread if (n := asleep[p.pid])]
    shares = share_out(hidden_sleepers, locks)
    if shares is None:
        return processes, ()
    private = {r for r, s in semaphores.items() if s.shared is False and sleepers.get(r) == 0}
    words: dict[Lock, str] = {number: each.name for number, each in enumerate(sync)}
    words |= {role: short_name(role, names.get(role, "")) for role in SemaphoreRole}
    unsettled = left_open(hidden_sleepers, shares)
    among = tuple(p.label for p in unread if p.pid in unsettled)
    several = sorted({lock for pid in unsettled for lock in shares[pid]}, key=str)
    told = {p.pid: _asleep(p, shares[p.pid], words) for p in unread if p.pid in shares}
    for pid, p in told.items():
        if pid in unsettled:
            on = _(" or ").join(words[lock] for lock in _may(p.role, several))
            told[pid] = replace(p, one_of=among, blocked_name=on)
        elif p.waits:
            side = next((_SIDES[role] for role in p.waits if role in _SIDES), p.role)
            on = names.get(p.waits[0], "")
            told[pid] = replace(p, role=side, blocked_on=p.waits[0], blocked_name=on)
        # Who sleeps there does so privately: another wait would be counted. One with a timeout ends some time.
        if p.waits and private.issuperset(p.waits) and (asleep_for(pid) or 0.0) >= FOR_GOOD_S:
            told[pid] = replace(told[pid], wakeable=False)
    return tuple(told.get(p.pid, p) for p in processes), tuple(p.pid for p in unread)


def _on_others(
    sync: Sequence[SyncObject],
    semaphores: Collection[SemaphoreRole],
    processes: Iterable[Process],
) -> Counter[Lock]:
    """How many sleep on each lock that is no semaphore of the ring, beyond those that were read."""
    found: Counter[Lock] = Counter()
    for number, each in enumerate(sync):
        if each.sleepers and each.role not in semaphores:
            read = sum(p.waits_for(each) for p in processes if p.alive)
            found[number if each.role is None else each.role] = each.sleepers - read
    return found


def _asleep(process: Process, locks: tuple[Lock, ...], words: Mapping[Lock, str]) -> Process:
    roles = tuple(lock for lock in locks if isinstance(lock, SemaphoreRole))
    others = tuple(words[lock] for lock in locks if not isinstance(lock, SemaphoreRole))
    return replace(process, waits=roles, sleeps_on=others, state=ProcessState.BLOCKED)
