"""A System V set of semaphores as it stands: values, who waits and by how much, who used each last."""

import msgspec

from shmtui.errors import MissingSegmentError, ShmtuiError
from shmtui.i18n import _
from shmtui.procfs.identity import start_time
from shmtui.procfs.process import process_name
from shmtui.procfs.semop_waits import SemopWait, semop_waits
from shmtui.procfs.sysvipc import SysvSet, by_number, sysv_sets
from shmtui.shm.segment_reader import user_name
from shmtui.shm.system_v import SysvSemaphore, read_set


class LastUser(msgspec.Struct, frozen=True):
    """The last process whose operation on a semaphore succeeded. Of a binary one at 0 it is the one
    that took it.
    """

    pid: int
    name: str | None
    """None: it has ended, unless it is of a PID namespace that this one does not see."""


class SemaphoreSet(msgspec.Struct, frozen=True):
    """One look at a set."""

    row: SysvSet
    semaphores: tuple[SysvSemaphore, ...]
    last: tuple[LastUser | None, ...]
    """Of each semaphore; None where nobody has used it."""
    blocked: tuple[tuple[SemopWait, str], ...]
    """Threads asleep in an operation on the set, with their processes' names."""
    refused: int
    """Processes that this user may not look into: some of them may be blocked too."""

    @property
    def owner(self) -> str:
        """Its owner's login name."""
        return user_name(self.row.uid)


def look_at_set(number: int) -> SemaphoreSet:
    """A set of this IPC namespace. MissingSegmentError: there is none of that number. ShmtuiError:
    this user may not read it.
    """
    row = by_number(sysv_sets(), number)
    if row is None:
        wrong = _("there is no {name}: shmtui ls --kind {kind} shows those there are")
        raise MissingSegmentError(wrong.format(name=f"semset:{number}", kind="semset"))
    try:
        semaphores = read_set(number, row.count)
    except OSError:
        wrong = _("this user may not read {name}: run shmtui as {owner}, or as root")
        owner = user_name(row.uid)
        raise ShmtuiError(wrong.format(name=f"semset:{number}", owner=owner)) from None
    waits, refused = semop_waits()
    blocked = tuple((wait, process_name(wait.pid)) for wait in waits if wait.set_number == number)
    return SemaphoreSet(row, semaphores, tuple(map(_last, semaphores)), blocked, refused)


def _last(semaphore: SysvSemaphore) -> LastUser | None:
    if not semaphore.last:
        return None
    ended = start_time(semaphore.last) is None
    return LastUser(semaphore.last, None if ended else process_name(semaphore.last))
