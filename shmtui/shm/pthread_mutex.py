"""The bytes of a ``pthread_mutex_t`` on a 64-bit system. Pure.

glibc (struct_mutex.h): the lock word at 0 is 0 when free, 1 when held, 2 when held and waited for.
musl (pthread_impl.h): the type is at 0 and the lock word at 4, 0 when free. Both have 40 bytes on
x86-64; a thread that waits sleeps on the lock word.
"""

from typing import Final

from shmtui.shm.libc import Libc

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
