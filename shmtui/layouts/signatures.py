"""What can be told from its bytes alone: semaphores and locks that processes share. Pure."""

import re
import struct
from typing import Final

from shmtui.shm.layout import LOCK_SIZE, SEM_SIZE
from shmtui.shm.libc import Libc
from shmtui.shm.semaphore import decode

MAX_WAITERS: Final = 4096
_SHARED: Final = b"\x80" + bytes(SEM_SIZE - 9)
"""What follows value and waiters in a shared semaphore of glibc."""
_LOCK_KIND: Final = re.compile(rb"[\x80-\x83\x90-\x93\xa0-\xa3]\0{3}..\0\0", re.DOTALL)
"""The kind of a shared ``pthread_mutex_t`` of glibc (0x80, with its type, 0x10 where it is robust
and 0x20 where it inherits priority), the spins it has learned, and no elision (read in glibc's
struct_mutex.h and pthreadP.h)."""
_KIND_AT: Final = 16
_MAX_PID: Final = 2**22
LOCK_TO_MARK: Final = 8
"""A shared lock's last 32 bytes look like a semaphore whose value is the lock's owner."""


def signatures(raw: bytes, libc: Libc) -> tuple[int, ...]:
    """Offsets of what can only be initialised, shared semaphores of glibc.

    Its third word is 0x80 then; musl's is 0, which says nothing.
    """
    if libc is not Libc.GLIBC:
        return ()
    found: list[int] = []
    shared = raw.find(_SHARED)
    while shared >= 0:
        at = shared - 8
        if at >= 0 and at % 8 == 0:
            words = decode(raw[at : at + SEM_SIZE], libc)
            if words.value < 2**31 and words.waiters < MAX_WAITERS:
                found.append(at)
        shared = raw.find(_SHARED, shared + 1)
    return tuple(found)


def locks(raw: bytes, libc: Libc) -> tuple[int, ...]:
    """Offsets of what may be a shared ``pthread_mutex_t`` of glibc.

    A semaphore of value 0 behind eight bytes of zero has the bytes of a lock that nobody holds,
    so that more are found than there are.
    """
    if libc is not Libc.GLIBC:
        return ()
    found = []
    for match in _LOCK_KIND.finditer(raw):
        at = match.start() - _KIND_AT
        if at < 0 or at % 8 or at + LOCK_SIZE > len(raw):
            continue
        word, count, owner, users = struct.unpack_from("=IIII", raw, at)
        free = word == count == owner == 0
        if free or (owner < _MAX_PID and users < MAX_WAITERS and count < 2**31 and word):
            found.append(at)
    return tuple(found)
