"""How many threads sleep on a word of shared memory, by the kernel's own count: who died waiting is not in it.

FUTEX_REQUEUE (futex(2)) moves those that sleep on one word to another, and returns how many it woke
and moved. From a word to the same word, and with none to wake, it moves nobody, and counts. It needs
no right but to map the file read-only: who sleeps may be another user's, or closed by Yama. A private
wait, of a semaphore that is not shared between processes, is not counted: no other process can wake
it. No byte of the memory is read. Tried on Linux 6.18.
"""

import ctypes
import mmap
import os
from functools import cache
from typing import Final

from shmtui.shm.libc import FUTEX_NUMBERS

_REQUEUE: Final = 3
"""FUTEX_REQUEUE without FUTEX_PRIVATE_FLAG."""
_ALL: Final = 2**31 - 1
_PROT_READ: Final = 1
_FAILED: Final = ctypes.c_void_p(-1).value


@cache
def _libc() -> ctypes.CDLL:
    found = ctypes.CDLL(None)
    found.mmap.restype = ctypes.c_void_p
    found.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    found.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    return found


def sleepers(fd: int, offset: int, size: int = 4) -> int | None:
    """How many threads of any process sleep on the words of 4 bytes among ``size`` bytes at ``offset`` of a file, by a
    read-only descriptor.

    None: the kernel does not tell, the file ends before, or it is a hole there, which a look would fill.
    """
    number = FUTEX_NUMBERS.get(os.uname().machine)
    first = offset - offset % mmap.PAGESIZE
    pages = range(first, offset + size, mmap.PAGESIZE)
    if number is None or not all(_has_data(fd, page) for page in pages):
        return None
    length = len(pages) * mmap.PAGESIZE
    start = _libc().mmap(None, length, _PROT_READ, mmap.MAP_SHARED, fd, first)
    if start == _FAILED:
        return None
    counts: list[int] = []
    try:
        for at in range(start + offset - first, start + offset - first + size, 4):
            word = ctypes.c_void_p(at)
            counts.append(
                _libc().syscall(number, word, _REQUEUE, 0, ctypes.c_void_p(_ALL), word, 0)
            )
    finally:
        _libc().munmap(start, length)
    return None if min(counts) < 0 else sum(counts)


def _has_data(fd: int, page: int) -> bool:
    try:
        return os.lseek(fd, page, os.SEEK_DATA) == page
    except OSError:
        return False
