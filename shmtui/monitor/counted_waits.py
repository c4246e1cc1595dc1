"""What threads wait on where /proc/PID/syscall is refused: told by the semaphores' waiter counts.

Under Yama's scope 1 a user may read the ``syscall`` of descendants alone, and the wait channels
(``wchan``) of all own processes. These say which threads sleep on some futex. Where the
semaphores count as many waiters as there are such threads, each sleeps on one of them.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec.structs import replace

from shmtui.procfs.futex import futex_sleepers
from shmtui.procfs.thread_calls import MANY
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.shm.segment_info import SemaphoreState
from shmtui.snapshot import Process, ProcessState

OWN = {Role.PRODUCER: SemaphoreRole.EMPTY, Role.CONSUMER: SemaphoreRole.FULL}
_SIDES = {semaphore: role for role, semaphore in OWN.items()}

Sleeper = tuple[int, int, Role]
"""A process whose waits are hidden: its PID, how many threads of it sleep, and its side."""


def uncounted(
    semaphores: Mapping[SemaphoreRole, SemaphoreState], read: Iterable[SemaphoreRole]
) -> Counter[SemaphoreRole] | None:
    """How many waiters each semaphore counts beyond those of the sleepers that were ``read``; None
    where a count is not known.
    """
    left: Counter[SemaphoreRole] = Counter()
    for role, state in semaphores.items():
        if state.waiters is None:
            return None
        left[role] = state.waiters
    left.subtract(read)
    return left


def share_out(
    sleepers: Sequence[Sleeper], left: Counter[SemaphoreRole], *, by_name: bool
) -> dict[int, tuple[SemaphoreRole, ...]] | None:
    """The semaphores of each sleeper, by PID; None where the counts leave it open.

    ``left``: see `uncounted`; they have to add up to the threads. A producer sleeps on ``empty`` or ``mutex``, a consumer on ``full``
    or ``mutex``. One of an unknown side can only be told where one semaphore is left. Without
    ``by_name`` also where nobody is left on ``mutex``: who sleeps on a permit holds none,
    whichever it is.

    >>> M, E, F = SemaphoreRole
    >>> share_out([(7, 1, Role.UNKNOWN)], Counter({M: 1, E: 0, F: 0}), by_name=True)
    {7: (<SemaphoreRole.MUTEX: 'mutex'>,)}
    """
    if min(left.values(), default=-1) < 0 or left.total() != sum(n for _pid, n, _side in sleepers):
        return None
    left, found = left.copy(), {}
    for pid, threads, side in sorted(sleepers, key=lambda each: each[2] not in OWN):
        kinds = [role for role, count in left.items() if count]
        if side in OWN:
            kinds = [OWN[side], SemaphoreRole.MUTEX]
        elif len(kinds) > 1 and (by_name or left[SemaphoreRole.MUTEX]):
            return None
        taken: list[SemaphoreRole] = []
        for role in kinds:
            count = min(left[role], threads - len(taken))
            left[role] -= count
            taken += [role] * count
        if len(taken) < threads:
            return None
        found[pid] = tuple(taken)
    return found


def with_counted_waits(
    processes: tuple[Process, ...],
    hidden: Collection[int],
    semaphores: Mapping[SemaphoreRole, SemaphoreState],
    names: Mapping[SemaphoreRole, str],
) -> tuple[tuple[Process, ...], tuple[int, ...]]:
    """``processes`` with what those whose waits are ``hidden`` wait on, and the PIDs of these. ``names``: what
    the program calls the semaphores.

    Unchanged, and no PIDs, where the counts leave it open or a wait channel cannot be read.
    Whether such a wait is private or has a timeout is not known.
    """
    unread = [p for p in processes if p.alive and p.pid in hidden]
    asleep = {p.pid: futex_sleepers(p.pid, MANY) for p in unread}
    if not unread or None in asleep.values():
        return processes, ()
    left = uncounted(semaphores, (role for p in processes if p.alive for role in p.waits))
    sleepers = [(p.pid, n, p.role) for p in unread if (n := asleep[p.pid])]
    shared_out = None if left is None else share_out(sleepers, left, by_name=True)
    if shared_out is None:
        return processes, ()
    return (
        tuple(
            _waiting(p, shared_out[p.pid], names) if p.pid in shared_out else p for p in processes
        ),
        tuple(p.pid for p in unread),
    )


def _waiting(
    process: Process, waits: tuple[SemaphoreRole, ...], names: Mapping[SemaphoreRole, str]
) -> Process:
    side = next((_SIDES[role] for role in waits if role in _SIDES), process.role)
    return replace(
        process, role=side, waits=waits, blocked_on=waits[0], blocked_name=names.get(waits[0], ""),
        state=ProcessState.BLOCKED,
    )  # fmt: skip
