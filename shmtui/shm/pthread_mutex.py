"""The bytes of a ``pthread_mutex_t`` on a 64-bit system. Pure.

glibc (struct_mutex.h): the lock word at 0 is 0 when free, 1 when held, 2 when held and waited for.
musl (pthread_impl.h): the type is at 0 and the lock word at 4, 0 when free. Both have 40 bytes on
x86-64; a thread that waits sleeps on the lock word.

In glibc the words after it are the recursion count, the owner's TID (of its own PID namespace; kept
for every kind), how many threads use it, and the kind: a type of 0 to 3, 0x10 robust, 0x20 with
priority inheritance, 0x80 shared between processes.
"""

import struct
from typing import Final

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


_ROBUST, _INHERITS, _SHARED = 0x10, 0x20, 0x80


def unlock_words(raw: bytes, libc: Libc, offset: int) -> tuple[WordChange, ...] | None:
    """What to write to unlock the mutex at byte ``offset`` for an owner that is dead.

    Run on glibc 2.36 with a killed owner and four waiters of each type: all go on, once they have
    read the lock word anew. The lock word comes last: nobody gets in before all is written. None:
    it cannot be mended so. A robust mutex tells the next one who locks it that its owner died; one
    with priority inheritance is the kernel's; one that is private to a process wakes nobody else.

    >>> words = unlock_words(struct.pack("=5I", 2, 1, 4711, 3, 0x81), Libc.GLIBC, 64)
    >>> [(word.offset, word.before, word.after) for word in words or ()]
    [(68, 1, 0), (72, 4711, 0), (76, 3, 2), (64, 2, 0)]
    """
    if libc is not Libc.GLIBC or not held(raw, libc):
        return None
    kind = struct.unpack_from("=5I", raw)[4]
    if kind & (_ROBUST | _INHERITS) or not kind & _SHARED:
        return None
    lock, count, tid, users, _kind = struct.unpack_from("=5I", raw)
    wanted = ((4, count, 0), (8, tid, 0), (12, users, users - 1), (0, lock, 0))
    return tuple(
        WordChange(offset + at, 4, before, after) for at, before, after in wanted if before != after
    )
