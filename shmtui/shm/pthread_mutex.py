"""The bytes of a ``pthread_mutex_t`` on a 64-bit system. Pure.

glibc (struct_mutex.h): the lock word at 0 is 0 when free, 1 when held, 2 when held and waited for.
musl (pthread_impl.h): the type is at 0 and the lock word at 4, 0 when free. Both have 40 bytes on
x86-64; a thread that waits sleeps on the lock word.

In glibc the words after it are the recursion count, the owner's TID (of its own PID namespace; kept
for every kind), how many threads use it, and the kind: a type of 0 to 3, 0x10 robust, 0x20 with
priority inheritance, 0x40 with a priority ceiling, 0x80 shared between processes.
"""

import struct
from typing import Final

from shmtui.i18n import _
from shmtui.shm.libc import Libc
from shmtui.shm.word_change import WordChange

LOCK_SIZE: Final = 40
"""``sizeof(pthread_mutex_t)``."""
_LOCK_WORD: Final = {Libc.GLIBC: 0, Libc.MUSL: 4}


def held(raw: bytes, libc: Libc) -> bool:
    """Whether the mutex that ``raw`` begins with is held; at least 8 bytes.

    >>> held(bytes([1, 0, 0, 0, 0, 0, 0, 0]), Libc.GLIBC), held(bytes(8), Libc.GLIBC)
    (True, False)
    >>> held(bytes([1, 0, 0, 0, 0, 0, 0, 0]), Libc.MUSL)
    False
    """
    at = _LOCK_WORD[libc]
    return any(raw[at : at + 4])


def contains(mutex: int, offset: int) -> bool:
    """Whether ``offset`` lies inside the mutex at ``mutex``, both in bytes of the segment."""
    return mutex <= offset < mutex + LOCK_SIZE


_ROBUST, _INHERITS, _CEILING, _SHARED = 0x10, 0x20, 0x40, 0x80


def kind_of(raw: bytes) -> int:
    """The kind of a mutex of glibc's; at least 20 bytes."""
    kind: int = struct.unpack_from("=I", raw, 16)[0]
    return kind


def why_not_unlocked(raw: bytes, libc: Libc) -> str:
    """Why nobody else can unlock the mutex for its dead owner; empty where one can.

    >>> why_not_unlocked(struct.pack("=5I", 2, 1, 4711, 3, 0xA0), Libc.GLIBC)
    'it has priority inheritance: the kernel keeps its waiters, and passes it to none of them'
    """
    if libc is not Libc.GLIBC:
        return _("it is musl's, whose words for that are not proved")
    kind = kind_of(raw)
    if kind & _ROBUST:
        return _("it is robust: the next one to lock it is told that its owner died")
    if kind & _INHERITS:
        return _(
            "it has priority inheritance: the kernel keeps its waiters, and passes it to none of "
            "them"
        )
    if kind & _CEILING:
        return _("it has a priority ceiling, which its lock word holds as well")
    if not kind & _SHARED:
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

    >>> words = unlock_words(struct.pack("=5I", 2, 1, 4711, 3, 0x81), Libc.GLIBC, 64)
    >>> [(word.offset, word.before, word.after) for word in words or ()]
    [(68, 1, 0), (72, 4711, 0), (76, 3, 2), (64, 2, 0)]
    """
    if why_not_unlocked(raw, libc) or not held(raw, libc):
        return None
    lock, count, tid, users = struct.unpack_from("=4I", raw)
    # Killed between two stores of its own, the owner is not yet counted as a user.
    wanted = ((4, count, 0), (8, tid, 0), (12, users, max(users - 1, 0)), (0, lock, 0))
    return tuple(
        WordChange(offset + at, 4, before, after) for at, before, after in wanted if before != after
    )
