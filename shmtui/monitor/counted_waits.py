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

from msgspec.structs import replace

from shmtui.i18n import _
from shmtui.procfs.futex import futex_sleepers
from shmtui.procfs.thread_calls import MANY
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.shm.segment_info import SemaphoreState
from shmtui.snapshot import Process, ProcessState, short_name

OWN = {Role.PRODUCER: SemaphoreRole.EMPTY, Role.CONSUMER: SemaphoreRole.FULL}
_SIDES = {semaphore: role for role, semaphore in OWN.items()}

Sleeper = tuple[int, int, Role]
"""A process whose waits are hidden: its PID, how many threads of it sleep, and its side."""
Shares = dict[int, tuple[SemaphoreRole, ...]]
"""The semaphores that the threads of each sleep on, by PID."""


def uncounted(
    semaphores: Mapping[SemaphoreRole, SemaphoreState],
    sleepers: Mapping[SemaphoreRole, int],
    read: Iterable[SemaphoreRole],
) -> Counter[SemaphoreRole] | None:
    """How many sleep on each semaphore beyond those that were ``read``; None where it is not known. ``sleepers``:
    as `Snapshot.sleepers`.
    """
    left: Counter[SemaphoreRole] = Counter()
    for role, state in semaphores.items():
        count = state.waiters if state.shared is False else sleepers.get(role, state.waiters)
        if count is None:
            return None
        left[role] = count
    left.subtract(read)
    return left


def share_out(sleepers: Sequence[Sleeper], left: Counter[SemaphoreRole]) -> Shares | None:
    """One way in which they can sleep on the semaphores; None where there is none.

    ``left``: see `uncounted`; they have to add up to the threads. A producer sleeps on ``empty`` or ``mutex``, a
    consumer on ``full`` or ``mutex``, and one of an unknown side on any of them.

    >>> M, E, F = SemaphoreRole
    >>> share_out([(7, 1, Role.UNKNOWN)], Counter({M: 1, E: 0, F: 0}))
    {7: (<SemaphoreRole.MUTEX: 'mutex'>,)}
    """
    if min(left.values(), default=-1) < 0 or left.total() != sum(n for _pid, n, _side in sleepers):
        return None
    left, found = left.copy(), {}
    for pid, threads, side in sorted(sleepers, key=lambda each: each[2] not in OWN):
        taken: list[SemaphoreRole] = []
        for role in _may(side):
            count = min(left[role], threads - len(taken))
            left[role] -= count
            taken += [role] * count
        if len(taken) < threads:
            return None
        found[pid] = tuple(taken)
    return found


def left_open(sleepers: Sequence[Sleeper], shares: Shares) -> frozenset[int]:
    """Those that another way would give something else: they can change places with others, in a ring of moves
    from semaphore to semaphore.

    >>> M, E, F = SemaphoreRole
    >>> two = [(7, 1, Role.PRODUCER), (8, 1, Role.PRODUCER)]
    >>> sorted(left_open(two, {7: (E,), 8: (M,)})), sorted(left_open(two, {7: (E,), 8: (E,)}))
    ([7, 8], [])
    """
    moves = {
        (pid, now, then)
        for pid, _threads, side in sleepers
        for now in shares[pid]
        for then in _may(side)
        if now is not then
    }
    reached = {(now, then) for _pid, now, then in moves}
    for over in SemaphoreRole:
        reached |= {(a, d) for a, b in reached for c, d in reached if b is c is over}
    found = {pid for pid, now, then in moves if (then, now) in reached}
    return frozenset(found if len(found) > 1 else ())


def _may(side: Role) -> tuple[SemaphoreRole, ...]:
    """What one of that side may sleep on."""
    return (OWN[side], SemaphoreRole.MUTEX) if side in OWN else tuple(SemaphoreRole)


def with_counted_waits(
    processes: tuple[Process, ...],
    hidden: Collection[int],
    semaphores: Mapping[SemaphoreRole, SemaphoreState],
    sleepers: Mapping[SemaphoreRole, int],
    names: Mapping[SemaphoreRole, str],
) -> tuple[tuple[Process, ...], tuple[int, ...]]:
    """``processes`` with what those whose waits are ``hidden`` wait on, and the PIDs of these. ``sleepers``: as
    `Snapshot.sleepers`; ``names``: what the program calls the semaphores.

    Unchanged, and no PIDs, where the numbers do not add up or a wait channel cannot be read.
    Whether such a wait has a timeout is not known.
    """
    unread = [p for p in processes if p.alive and p.pid in hidden]
    asleep = {p.pid: futex_sleepers(p.pid, MANY) for p in unread}
    if not unread or None in asleep.values():
        return processes, ()
    left = uncounted(semaphores, sleepers, (role for p in processes if p.alive for role in p.waits))
    hidden_sleepers = [(p.pid, n, p.role) for p in unread if (n := asleep[p.pid])]
    shares = None if left is None else share_out(hidden_sleepers, left)
    if shares is None:
        return processes, ()
    private = {r for r, s in semaphores.items() if s.shared is False and sleepers.get(r) == 0}
    unsettled = left_open(hidden_sleepers, shares)
    among = tuple(f"{p.name} (PID {p.pid})" for p in unread if p.pid in unsettled)
    told = {
        p.pid: _one_of(p, shares, unsettled, among, names)
        if p.pid in unsettled
        else _waiting(p, shares[p.pid], names)
        for p in unread
        if p.pid in shares
    }
    # Who sleeps there does so privately: another wait would be counted.
    told |= {
        pid: replace(p, wakeable=False) for pid, p in told.items() if private.issuperset(p.waits)
    }
    return tuple(told.get(p.pid, p) for p in processes), tuple(p.pid for p in unread)


def _waiting(
    process: Process, waits: tuple[SemaphoreRole, ...], names: Mapping[SemaphoreRole, str]
) -> Process:
    side = next((_SIDES[role] for role in waits if role in _SIDES), process.role)
    return replace(
        process, role=side, waits=waits, blocked_on=waits[0], blocked_name=names.get(waits[0], ""),
        state=ProcessState.BLOCKED,
    )  # fmt: skip


def _one_of(
    process: Process,
    shares: Shares,
    unsettled: Collection[int],
    among: tuple[str, ...],
    names: Mapping[SemaphoreRole, str],
) -> Process:
    """One that sleeps on one of the semaphores that those like it sleep on."""
    found = {role for pid in unsettled for role in shares[pid]}
    may = (role for role in _may(process.role) if role in found)
    words = [short_name(role, names.get(role, "")) for role in may]
    return replace(
        process, waits=shares[process.pid], blocked_name=_(" or ").join(words), one_of=among,
        state=ProcessState.BLOCKED,
    )  # fmt: skip
