"""The bytes of every POSIX object that processes wait on, in a segment. Pure.

Sizes and words are those of 64-bit glibc (``struct_mutex.h``, ``internaltypes.h``,
``pthreadtypes.h``) and of musl 1.2 (``pthread_impl.h``). A semaphore has no owner.

The words of a mutex in glibc: the lock word, 0 when free, 1 when held, 2 when held and waited for;
the recursion count; the owner's TID while it is held, of the owner's PID namespace; how many threads
use it; and the kind: a type of 0 to 3, 0x10 robust, 0x20 with priority inheritance, 0x40 with a
priority ceiling, 0x80 shared between processes. A thread that waits sleeps on the lock word.

A robust one whose owner has died has no TID in its lock word, and 0x40000000: the next one to lock it
is told (EOWNERDEAD). If that one unlocks it without pthread_mutex_consistent(3), it is for good that
nobody can lock it (ENOTRECOVERABLE): in glibc the owner is 0x7ffffffe then, in musl all bits of the TID
are set.
"""

from collections.abc import Iterable
from enum import StrEnum
from struct import unpack_from
from typing import Final

import msgspec

from shmtui.i18n import _
from shmtui.shm.layout import MUTEX_SIZE, SEM_SIZE
from shmtui.shm.libc import Libc
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.semaphore import decode
from shmtui.shm.word_change import WordChange


class SyncKind(StrEnum):
    """The types, by their names in C."""

    SEMAPHORE = "sem_t"
    MUTEX = "pthread_mutex_t"
    CONDITION = "pthread_cond_t"
    RWLOCK = "pthread_rwlock_t"
    BARRIER = "pthread_barrier_t"
    SPINLOCK = "pthread_spinlock_t"
    RUST_MUTEX = "std::sync::Mutex"
    """The futex word in one: 0 when free, 1 when held, 2 when held and waited for. It is private to a
    process."""


class Robustness(StrEnum):
    """What has become of a robust mutex whose owner died."""

    OWNER_DIED = "owner-died"
    """Nobody has locked it since: who does is told, and has to mend what it guards."""
    NOT_RECOVERABLE = "not-recoverable"
    """Who was told unlocked it without having done so: no thread can lock it any more."""

    @property
    def text(self) -> str:
        """The same in words, beside the lock."""
        if self is Robustness.OWNER_DIED:
            return _("its owner died, the next is told")
        return _("not recoverable")


RUST_MUTEX: Final = SyncKind.RUST_MUTEX
OF_A_SET: Final = "semop"
"""The kind of a semaphore of a System V set, which has no bytes in a segment."""


SYNC_SIZES: Final = {
    SyncKind.SEMAPHORE: SEM_SIZE,
    SyncKind.MUTEX: MUTEX_SIZE,
    SyncKind.CONDITION: 48,
    SyncKind.RWLOCK: 56,
    SyncKind.BARRIER: 32,
    SyncKind.SPINLOCK: 4,
    SyncKind.RUST_MUTEX: 4,
}
"""Bytes of each on x86-64; the same in both libraries."""
_ROBUST, _INHERITS, _CEILING, _PSHARED = 0x10, 0x20, 0x40, 0x80
_OWNER_DIED: Final = 0x4000_0000
_NOT_RECOVERABLE: Final = 0x7FFF_FFFE
"""In place of glibc's owner."""
_TID: Final = 0x3FFF_FFFF
"""The bits of a robust or priority-inheriting lock word that hold the owner's TID."""


class SyncMember(msgspec.Struct, frozen=True):
    """A member of the program's struct that processes wait on."""

    name: str
    """Its path in the struct: ``lock``, ``rings[1].full``."""
    kind: SyncKind
    offset: int
    """Byte of the segment."""
    declared: str = ""
    """The class of a library that it is declared as, around its type in C."""
    listed: bool = True
    """Whether its value is read: of a long array that of the first elements is."""

    @property
    def in_an_element(self) -> bool:
        """Whether it is a member of an array's element."""
        return "]." in self.name

    def contains(self, offset: int) -> bool:
        """Whether a futex word at that byte of the segment is one of its own: of a semaphore it is
        the first word, its value.
        """
        if self.kind is SyncKind.SEMAPHORE:
            return offset == self.offset
        return self.offset <= offset < self.offset + SYNC_SIZES[self.kind]


class SyncWords(msgspec.Struct, frozen=True):
    """What its bytes say; None where they do not say it."""

    value: int | None = None
    """Permits of a semaphore; 1 for a lock that is free, 0 for one that is held."""
    owner: int | None = None
    """TID of the thread that holds it; None where it is free, or does not tell."""
    waiters: int | None = None
    shared: bool | None = None
    """Between processes. False: no other process can wake its waiters."""
    robust: bool = False
    """Whether the kernel passes it on when its owner dies."""
    robustness: Robustness | None = None


class SyncObject(msgspec.Struct, frozen=True):
    """A lock or semaphore by the program's own name, whether or not it plays a role in the ring."""

    name: str
    """Its member, as ``log_ready``, or its name with a slash. Hostile text is possible."""
    kind: str
    """``sem_t``, ``pthread_mutex_t``, …"""
    role: SemaphoreRole | None = None
    offset: int | None = None
    """Byte of the segment; None for a named semaphore."""
    value: int | None = None
    """Permits of a semaphore; 1 for a lock that is free, 0 for one that is held."""
    owner: int | None = None
    """TID of the thread that holds it, in the PID namespace of that thread."""
    owner_dead: bool | None = None
    """Whether no thread has that TID any more; None where it has no owner or that is unknown."""
    waiters: int | None = None
    shared: bool | None = None
    robust: bool = False
    """Whether the kernel passes it on when its owner dies."""
    robustness: Robustness | None = None
    """What has become of it, where its owner died."""
    last: int | None = None
    """PID of the last process that changed a semaphore of a System V set (GETPID)."""
    last_dead: bool | None = None
    """Whether that process has ended."""
    declared: str = ""
    """The class of a library that it is declared as: ``std::mutex``. Hostile text is possible."""
    sleepers: int | None = None
    """How many threads sleep on it, by the kernel's own count (`shmtui.shm.futex_queue`); None: not asked, or not told."""

    @property
    def beside(self) -> bool:
        """Whether it is a named semaphore that plays no role in the ring."""
        return self.role is None and self.offset is None and self.name.startswith("/")

    @property
    def why_private(self) -> str:
        """That its language shares it between the threads of one process only; empty where that is not
        told.
        """
        if self.kind == SyncKind.RUST_MUTEX:
            return _("Rust shares it between the threads of one process only")
        if self.declared.startswith("std::") and self.shared is False:
            return _("the C++ standard shares it between the threads of one process only")
        return ""

    @property
    def among_semaphores(self) -> bool:
        """Whether the view by role has it: a semaphore with a role in the ring."""
        return self.role is not None and self.kind in {SyncKind.SEMAPHORE, OF_A_SET}


def own_name(known: Iterable[SyncObject], role: SemaphoreRole) -> str:
    """What the program calls its semaphore of that role; empty where the role's word is in that, or it
    is not known. Hostile text is possible.

    >>> own_name([SyncObject("vazio", "sem_t", SemaphoreRole.EMPTY)], SemaphoreRole.EMPTY)
    'vazio'
    >>> own_name([SyncObject("/jobs.empty", "sem_t", SemaphoreRole.EMPTY)], SemaphoreRole.EMPTY)
    ''
    """
    names = [each.name for each in known if each.role is role and each.among_semaphores]
    return next((name for name in names if role.value not in name.lower()), "")


def decode_sync(kind: SyncKind, raw: bytes, libc: Libc) -> SyncWords:
    """What the bytes of an object say.

    >>> held = (1).to_bytes(4, "little") + bytes(4) + (77).to_bytes(4, "little") + bytes(4)
    >>> decode_sync(SyncKind.MUTEX, held + (0x80).to_bytes(4, "little") + bytes(20), Libc.GLIBC)
    SyncWords(value=0, owner=77, waiters=None, shared=True, robust=False, robustness=None)
    """
    if len(raw) < SYNC_SIZES[kind]:
        return SyncWords()
    if kind is SyncKind.SEMAPHORE:
        words = decode(raw, libc)
        return SyncWords(words.value, None, words.waiters, words.shared)
    if kind is SyncKind.SPINLOCK:
        # glibc: 1 is free on x86, 0 on others; musl: 0. Neither tells who has it.
        return SyncWords()
    if kind is SyncKind.RUST_MUTEX:
        return SyncWords(int(not any(raw[:4])), shared=False)
    if libc is Libc.MUSL:
        return _musl_mutex(raw) if kind is SyncKind.MUTEX else SyncWords()
    match kind:
        case SyncKind.MUTEX:
            lock, _count, owner, _users, flags = unpack_from("=IIIII", raw)
            robust = bool(flags & _ROBUST)
            tid = lock & _TID if robust else owner if lock else 0
            fate = _robustness(lock, lost=owner == _NOT_RECOVERABLE) if robust else None
            shared = bool(flags & _PSHARED)
            return SyncWords(_is_free(lock, fate), tid or None, None, shared, robust, fate)
        case SyncKind.RWLOCK:
            readers, (writer, shared) = unpack_from("=I", raw)[0], unpack_from("=ii", raw, 24)
            return SyncWords(
                int(not readers >> 3 and not writer), writer or None, None, bool(shared)
            )
        case SyncKind.CONDITION:
            references = _references(raw)
            if references is None:
                return SyncWords()
            return SyncWords(None, None, references >> 3, bool(references & 1))
    return SyncWords()


def _references(raw: bytes) -> int | None:
    """The word of glibc's condition variable that counts its waiters, eight each, and has bit 0 set where
    it is shared; None where the bytes do not tell which word that is.

    Up to glibc 2.40 it is at 36, and two words at 16 count the waiters of both groups, two each. From
    2.41 on it is at 28, and the signals at 32 and 36 follow the first group's start, at 8. Distributions
    carry that change back, so that the version of a library does not tell. Tried on 2.36 and 2.41 with
    up to 14 waiters, 1,200 states of each: none was read wrong.

    >>> older = "3c00000000000000 3200000000000000 00000000 08000000 00000000 00000000 04000000 21000000"
    >>> newer = "3c00000000000000 1900000000000000 00000000 04000000 14000000 21000000 15000000 19000000"
    >>> [_references(bytes.fromhex(words) + bytes(8)) for words in (older, newer)]
    [33, 33]
    """
    start, _high, first, second, _third, newer, signals, older, *unused = unpack_from(
        "=8I2I", raw, 8
    )
    as_older = (first >> 1) + (second >> 1) == older >> 3
    as_newer = not any(unused) and max(signals, older) == start
    if as_older and as_newer:
        return newer if older == newer or not any(raw[:24]) else None
    return older if as_older else newer if as_newer else None


def _musl_mutex(raw: bytes) -> SyncWords:
    """musl: the type is at 0 and the lock word at 4, which holds the owner's TID unless the mutex
    is a normal one.
    """
    kind, lock, waiters = unpack_from("=III", raw)
    tid, robust, shared = lock & _TID if kind & 0xF else 0, bool(kind & 4), bool(kind & _PSHARED)
    fate = _robustness(lock, lost=tid == _TID) if robust else None
    owner = tid if 0 < tid < _TID else None
    return SyncWords(_is_free(lock, fate), owner, waiters, shared, robust, fate)


def _is_free(lock: int, fate: Robustness | None) -> int:
    """1 if the next one gets it at once."""
    return int(not lock if fate is None else fate is Robustness.OWNER_DIED)


def _robustness(lock: int, *, lost: bool) -> Robustness | None:
    """The state of a robust mutex. ``lost``: it is marked as one that nobody can lock."""
    if lost:
        return Robustness.NOT_RECOVERABLE
    died = lock & _OWNER_DIED and not lock & _TID
    return Robustness.OWNER_DIED if died else None


def why_not_unlocked(raw: bytes, libc: Libc) -> str:
    """Why nobody else can unlock the mutex for its dead owner; empty where one can.

    >>> from struct import pack
    >>> why_not_unlocked(pack("=5I", 2, 1, 4711, 3, 0xA0), Libc.GLIBC)
    'it has priority inheritance: the kernel keeps its waiters, and passes it to none of them'
    """
    if libc is not Libc.GLIBC:
        return _("it is musl's, and what its words mean for that is not proved")
    kind = unpack_from("=I", raw, 16)[0]
    if kind & _ROBUST:
        return _("it is robust, and passing it on is left to the kernel")
    if kind & _INHERITS:
        return _(
            "it has priority inheritance: the kernel keeps its waiters, and passes it to none of "
            "them"
        )
    if kind & _CEILING:
        return _("it has a priority ceiling, which its lock word holds as well")
    if not kind & _PSHARED:
        return _(
            "it is private to a process (no pthread_mutexattr_setpshared): none but the owner's "
            "own process can wake its waiters"
        )
    return ""


def unlock_words(raw: bytes, libc: Libc, offset: int) -> tuple[WordChange, ...] | None:
    """What to write to unlock the mutex at byte ``offset`` for an owner that is dead.

    Run on glibc 2.36 with a killed owner and four waiters of each type: all go on, once they have
    read the lock word anew. The lock word comes last: nobody gets in before all is written. None:
    it is free, or cannot be mended so (`why_not_unlocked`).

    >>> from struct import pack
    >>> words = unlock_words(pack("=5I", 2, 1, 4711, 3, 0x81), Libc.GLIBC, 64)
    >>> [(word.offset, word.before, word.after) for word in words or ()]
    [(68, 1, 0), (72, 4711, 0), (76, 3, 2), (64, 2, 0)]
    """
    if why_not_unlocked(raw, libc) or not any(raw[:4]):
        return None
    lock, count, tid, users = unpack_from("=4I", raw)
    # Killed between two stores of its own, the owner is not yet counted as a user.
    wanted = ((4, count, 0), (8, tid, 0), (12, users, max(users - 1, 0)), (0, lock, 0))
    return tuple(
        WordChange(offset + at, 4, before, after) for at, before, after in wanted if before != after
    )
