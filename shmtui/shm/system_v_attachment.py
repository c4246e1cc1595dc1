"""A System V segment attached to this process, read-only, for reading what nobody else shows.

Attaching is the only way to the bytes of one that nobody has attached. It changes what the kernel keeps of
the segment: nattch, atime and lpid (shmop(2)). A page that is in no memory is a hole, and reading it would
allocate it: mincore(2) is asked first.
"""

import ctypes
import mmap
from typing import Final

from shmtui.shm.libc import attach_segment, system_call

_READ_ONLY: Final = 0o10000
"""SHM_RDONLY, by linux/shm.h."""
attached_here: Final[set[int]] = set()
"""The numbers of the segments that this process has attached so: it is none of their users."""


class SystemVAttachment:
    """A segment of ``size`` bytes while it is attached. PermissionError: this user may not read it.
    OSError: it is gone, or cannot be attached.
    """

    def __init__(self, number: int, size: int) -> None:
        self._number, self._size = number, size
        self._address: int | None = attach_segment(number, _READ_ONLY)
        attached_here.add(number)

    def read(self, offset: int, length: int) -> bytes:
        """Up to ``length`` bytes; fewer where it ends before. Holes read as zeros."""
        end, found = min(offset + length, self._size), b""
        if self._address is None:
            return found
        while offset < end:
            part = min(end - offset, mmap.PAGESIZE - offset % mmap.PAGESIZE)
            there = self._in_memory(offset)
            found += ctypes.string_at(self._address + offset, part) if there else bytes(part)
            offset += part
        return found

    def _in_memory(self, offset: int) -> bool:
        assert self._address is not None
        page, answer = offset // mmap.PAGESIZE * mmap.PAGESIZE, ctypes.create_string_buffer(1)
        system_call(
            "mincore", ctypes.c_void_p(self._address + page), ctypes.c_size_t(mmap.PAGESIZE), answer
        )
        return bool(answer.raw[0] & 1)

    def close(self) -> None:
        """Detach it. A second call does nothing."""
        if self._address is not None:
            system_call("shmdt", ctypes.c_void_p(self._address))
            self._address = None
            attached_here.discard(self._number)
