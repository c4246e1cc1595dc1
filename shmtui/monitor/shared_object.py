"""What processes of a machine share, as a list shows it: one record for memory of every kind, for
semaphores and for message queues.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec

from shmtui.i18n import N_
from shmtui.snapshot import Health

_COUNTING_ERROR: Final = 1 << 20
"""The kernel adds each processor's count to the whole now and then (/proc/meminfo)."""


class ObjectKind(StrEnum):
    """By which call of the system a thing was made; what ``ls --kind`` takes."""

    POSIX = "posix"
    """shm_open(3): a file of /dev/shm."""
    MEMFD = "memfd"
    """memfd_create(2)."""
    ANONYMOUS = "anon"
    """mmap(2) with MAP_SHARED | MAP_ANONYMOUS: who has it was forked."""
    SYSV = "sysv"
    """shmget(2)."""
    HUGETLB = "hugetlb"
    """Huge pages, by a file of hugetlbfs, MFD_HUGETLB or MAP_HUGETLB; those of shmget(2) are `SYSV`."""
    TMPFS = "tmpfs"
    """A file of another file system in memory; or all that no process maps of one."""
    SEMAPHORE = "sem"
    """sem_open(3)."""
    SYSV_SET = "semset"
    """semget(2)."""
    QUEUE = "mqueue"
    """mq_open(3)."""
    SYSV_QUEUE = "msgqueue"
    """msgget(2)."""


class Content(StrEnum):
    """What a thing holds, by its bytes or its name."""

    BUFFER = N_("bounded buffer")
    LOCKS = N_("locks without a ring")
    SEMAPHORE = N_("named semaphore")
    CONTROL = N_("shmtui control block")
    PYTHON = N_("python multiprocessing")
    KNOWN = "known"
    """Made by a program whose names are known."""
    UNKNOWN = "unknown"
    NOT_A_FILE = N_("not a segment")


DIAGNOSED: Final = frozenset({Content.BUFFER, Content.LOCKS})
"""What the rules of the diagnosis are about."""


Judged = tuple[str, int | None]
"""Target and inode: what gets a name later is another object than what had it."""


class SharedObject(msgspec.Struct, frozen=True):
    """One thing that processes share."""

    target: str
    """What the other commands take for it: ``/NAME``, ``sysv:SHMID``, ``pid:PID:INODE``."""
    name: str
    """What its program calls it, or called it before it was unlinked; a semaphore without
    ``sem.``; undecodable bytes as surrogates. Empty where it never had a name.
    """
    kind: ObjectKind
    content: Content
    looks: str
    """What it holds, in words."""
    size: int | None
    """Bytes; of a System V queue those in it, of a POSIX queue those that it may hold."""
    owner: str | None
    mode: int | None
    age: float | None
    """Seconds since it was made, or last changed in its metadata."""
    mappers: tuple[tuple[int, str], ...] = ()
    """(PID, name) of each process that is seen to map it, or to have it open."""
    orphan: bool | None = False
    """No live process has it; None where an unreadable process may (`unseen_processes`)."""
    readable: bool = True
    in_use: int | None = None
    """Bytes of memory that it takes; None where this user may not know."""
    in_use_at_least: bool = False
    """``in_use`` is a bound: pages that no process of this user's has touched are not counted."""
    waiting: tuple[int, ...] | None = ()
    """PIDs of its mappers that were seen to sleep on a word of it; None where none was, and one may not be
    looked at.
    """
    waiters: int | None = None
    """Threads that wait for it, by its own count; None where it keeps none."""
    messages: int | None = None
    """Those in a message queue."""
    device: int | str = 0
    """Of its file system; the IPC namespace of a System V segment of another one."""
    inode: int | None = None
    unlinked: bool = False
    """It lost its name while processes have it: nobody else can join them by that."""
    replaced: bool = False
    """Another object has the name now, so that programs of one name meet in two."""
    huge: bool = False
    """It takes huge pages, which the kernel counts apart (Hugetlb, not Shmem)."""
    links: tuple[str, ...] = ()
    """Its other names in the same folder: hard links to it."""
    health: Health | None = None
    """By a diagnosis over several looks; None: it was not diagnosed."""
    size_mapped: bool = False
    """``size`` is as much as processes map of it, in whole pages: it may be a little smaller, or larger."""

    @property
    def identity(self) -> tuple[object, ...]:
        """What it is at this look and the next, whatever name it gets or loses, and whichever process
        it is named after.
        """
        named = self.inode is None
        return (self.kind, self.target) if named else (self.kind, self.device, self.inode)

    @property
    def judged_as(self) -> Judged:
        """What a verdict about it is kept by."""
        return self.target, self.inode


class Survey(msgspec.Struct, frozen=True):
    """Everything shared, and the machine's totals at that moment."""

    objects: tuple[SharedObject, ...]
    folder: str
    capacity: int
    """Bytes that /dev/shm may hold."""
    used: int
    """Bytes of memory that /dev/shm takes."""
    shared: int | None
    """Bytes of shared memory in the whole machine, files in memory included (Shmem)."""
    unreadable: tuple[int, ...]
    """PIDs of the processes whose maps this user may not read."""
    queues_listed: bool = True
    """Whether the file system of POSIX message queues is mounted: else only those are seen that a
    process has open.
    """

    unlisted_unread: int = 0
    """Bytes of `unlisted` that may be what processes map that this user may not read: a bound from above."""

    @property
    def unread(self) -> int:
        """How many processes have maps that this user may not read."""
        return len(self.unreadable)

    @property
    def in_rows(self) -> tuple[int, bool]:
        """Bytes of memory that objects take by themselves, as the kernel counts shared memory (huge pages
        count apart), and whether they are a bound from below.
        """
        return _in_use(e for e in self.objects if e.kind is not ObjectKind.TMPFS)

    @property
    def in_file_systems(self) -> tuple[int, bool]:
        """The same of other files in memory."""
        return _in_use(e for e in self.objects if e.kind is ObjectKind.TMPFS)

    @property
    def huge(self) -> int:
        """Bytes of huge pages that objects take."""
        return sum(each.in_use or 0 for each in self.objects if each.huge)

    @property
    def unlisted(self) -> int:
        """Bytes of shared memory of the machine that no object accounts for; 0 where they are within
        the kernel's own error, which counts by page and processor.
        """
        if self.shared is None:
            return 0
        left = self.shared - self.in_rows[0] - self.in_file_systems[0]
        return left if left > max(self.shared // 50, _COUNTING_ERROR) else 0

    @property
    def in_orphans(self) -> tuple[int, int]:
        """How many objects nobody has any more, and the bytes of memory that they take."""
        lost = [each for each in self.objects if each.orphan]
        return len(lost), sum(each.in_use or 0 for each in lost)


def _in_use(objects: Iterable[SharedObject]) -> tuple[int, bool]:
    its = [each for each in objects if not each.huge]
    return sum(e.in_use or 0 for e in its), any(e.in_use_at_least for e in its)
