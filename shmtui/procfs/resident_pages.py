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
_SHARED: Final = 0xA0
"""Bits 63 and 61, likewise: it is in memory, and it is a file's and not a copy of this process's own."""
_BLOCK: Final = 1 << 13
"""Pages that are asked for at once."""
_FLAGS: Final = bytes(1 if bits & _THERE else 0 for bits in range(256))


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

    def has_shared(self, address: int) -> bool:
        """Whether the process has a file's page there now, which others see what it stores in."""
        raw = os.pread(self._fd, _ENTRY, address // mmap.PAGESIZE * _ENTRY)
        return len(raw) == _ENTRY and raw[-1] & _SHARED == _SHARED

    def add(self, mapping: SharedMapping, known: dict[int, int]) -> None:
        """Note in ``known`` the pages of the mapping's file that the process has: a bit in every eighth
        place for each, `_BLOCK` pages to a number. A page that nobody touched through this mapping
        is not among them, though others may have it.
        """
        page = mapping.offset // mmap.PAGESIZE
        at, end = (edge // mmap.PAGESIZE * _ENTRY for edge in (mapping.start, mapping.end))
        while at < end:
            block, first = divmod(page, _BLOCK)
            raw = os.pread(self._fd, min((_BLOCK - first) * _ENTRY, end - at), at)
            if not raw:
                return
            there = raw[_ENTRY - 1 :: _ENTRY].translate(_FLAGS)
            bits = int.from_bytes(there, "little") << 8 * first
            known[block] = known.get(block, 0) | bits
            page += len(there)
            at += len(raw)

    def close(self) -> None:
        os.close(self._fd)


def resident_pages(
    pid: int, mapping: SharedMapping, known: dict[int, int] | None = None
) -> dict[int, int]:
    """As `PageTable.add`, once. PermissionError: this user may not know."""
    known = {} if known is None else known
    table = PageTable(pid)
    try:
        table.add(mapping, known)
    finally:
        table.close()
    return known


def count_pages(known: dict[int, int]) -> int:
    """How many pages `PageTable.add` noted."""
    return sum(bits.bit_count() for bits in known.values())


def pages_of(known: dict[int, int]) -> Iterator[int]:
    """The numbers of the pages that `PageTable.add` noted, in order.

    >>> list(pages_of({1: 1 << 8, 0: 1 | 1 << 16}))
    [0, 2, 8193]
    """
    for block in sorted(known):
        flags = known[block].to_bytes(_BLOCK, "little")
        at = flags.find(1)
        while at >= 0:
            yield block * _BLOCK + at
            at = flags.find(1, at + 1)
