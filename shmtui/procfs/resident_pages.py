"""How much of a process's mapping is in memory, without reading a byte of it.

A read through a mapping allocates the page that it meets a hole at; the page table's own list does
not (/proc/PID/pagemap, pagemap.rst of the kernel).
"""

import mmap
import os
from collections.abc import Iterator
from typing import Final

from shmtui.procfs.shared_mappings import SharedMapping

_ENTRY: Final = 8
_THERE: Final = 0xC0
"""Bits 63 and 62 of an entry, in its last byte: the page is in memory and this process has it, or it
is in the swap.
"""
_CHUNK: Final = 1 << 16


class PageTable:
    """The page table of a process, as long as it runs this program. PermissionError: this user may
    not know.
    """

    def __init__(self, pid: int) -> None:
        self._fd = os.open(f"/proc/{pid}/pagemap", os.O_RDONLY | os.O_CLOEXEC)

    def has(self, address: int) -> bool:
        """Whether the process has the page of an address: reading it allocates none."""
        raw = os.pread(self._fd, _ENTRY, address // mmap.PAGESIZE * _ENTRY)
        return len(raw) == _ENTRY and bool(raw[-1] & _THERE)

    def pages(self, mapping: SharedMapping) -> Iterator[int]:
        """The pages of the mapping's file, by number, that the process has. A page that nobody
        touched through this mapping is not among them, though others may have it.
        """
        page = mapping.offset // mmap.PAGESIZE
        at, end = (edge // mmap.PAGESIZE * _ENTRY for edge in (mapping.start, mapping.end))
        while at < end:
            raw = os.pread(self._fd, min(_CHUNK, end - at), at)
            if not raw:
                return
            for bits in raw[_ENTRY - 1 :: _ENTRY]:
                if bits & _THERE:
                    yield page
                page += 1
            at += len(raw)

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._fd)


def resident_pages(pid: int, mapping: SharedMapping) -> list[int]:
    """As `PageTable.pages`, once. PermissionError: this user may not know."""
    table = PageTable(pid)
    try:
        return [*table.pages(mapping)]
    finally:
        table.close()
