"""perf_event_open(2): one event of one thread, and the records that the kernel writes into its ring.

A user may open events of the processes that he may trace, where perf_event_paranoid is 2 or lower.
"""

import ctypes
import errno
import mmap
import os
import struct
from collections.abc import Iterator
from typing import Final

ATTRIBUTES: Final = struct.Struct("=IIQQQQQIIQQ40x")
"""``struct perf_event_attr`` up to PERF_ATTR_SIZE_VER5 (linux/perf_event.h)."""
USER_ONLY: Final = 1 << 5 | 1 << 6
"""``exclude_kernel``, ``exclude_hv``."""
RING_SIZE: Final = 2 * mmap.PAGESIZE
"""Bytes of a ring: its header, and a page of records."""
_NUMBERS: Final = {"x86_64": 298, "aarch64": 241}
"""The system call's number (asm/unistd_64.h, asm-generic/unistd.h)."""
_CLOSE_ON_EXEC: Final = 8
_HEAD_AT: Final = 1024
"""Of ``data_head`` in ``struct perf_event_mmap_page``."""
_HEADER: Final = struct.Struct("=IHH")


def open_event(attributes: bytes, tid: int) -> int:
    """The descriptor of an event in one thread; 0: this one. OSError: the system refuses it."""
    number = _NUMBERS.get(os.uname().machine)
    if number is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    libc = ctypes.CDLL(None, use_errno=True)
    fd: int = libc.syscall(number, attributes, tid, -1, -1, _CLOSE_ON_EXEC)
    if fd < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return fd


def written(ring: mmap.mmap) -> int:
    """How many bytes the kernel has written into a ring: ``data_head``."""
    (head,) = struct.unpack_from("=Q", ring, _HEAD_AT)
    return int(head)


def records(ring: mmap.mmap) -> Iterator[tuple[int, int]]:
    """The kind of each record of a ring that is never emptied, and where its fields begin."""
    head, at = written(ring), 0
    while at + _HEADER.size <= head:
        kind, _misc, size = _HEADER.unpack_from(ring, mmap.PAGESIZE + at)
        yield kind, mmap.PAGESIZE + at + _HEADER.size
        at += max(size, _HEADER.size)
