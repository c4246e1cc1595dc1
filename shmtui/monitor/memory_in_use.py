"""How much of a shared memory is in use, by a descriptor of it or by page tables; nothing of it is read."""

import contextlib
import errno
import mmap
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from shmtui.monitor.shared_memory import Process, ResidentPages, SharedMemory
from shmtui.procfs.resident_pages import count_pages, resident_pages
from shmtui.procfs.shared_mappings import SharedMapping

_PAGE_BUDGET: Final = 1 << 21
"""Pages whose state is asked for in one pass, at the most: some 20 ms."""


def status_of(memory: SharedMemory) -> os.stat_result | None:
    """As it is at this pass; None where this user may not know."""
    memory.status = memory.status or _asked_status(memory)
    return memory.status


def _asked_status(memory: SharedMemory) -> os.stat_result | None:
    """By a descriptor or a mapping. Only root may follow the links of map_files (CAP_CHECKPOINT_RESTORE):
    who may not follow one of his own processes may follow none.
    """
    for pid, link in memory.descriptors.items():
        with contextlib.suppress(OSError):
            status = os.stat(f"/proc/{pid}/{link}")  # noqa: PTH116 - it is no path
            if (status.st_dev, status.st_ino) == (memory.key.device, memory.key.inode):
                return status
    for pid, mappings in memory.mappings.items():
        path = f"/proc/{pid}/map_files/{mappings[0].start:x}-{mappings[0].end:x}"
        try:
            return os.stat(path)  # noqa: PTH116 - it is no path
        except OSError as error:
            if error.errno == errno.EPERM:
                return None
    return None


class MemoryInUse:
    """Asks page tables how much of what has no file at hand is in memory, within a budget. A process
    without a page fault since it was asked has the pages that it had.
    """

    def __init__(self, processes: Mapping[int, Process]) -> None:
        self._processes = processes
        self._left = _PAGE_BUDGET

    def of(self, memory: SharedMemory) -> tuple[int | None, bool]:
        """Bytes, and whether they are a bound from below; None where nothing can be told."""
        status = status_of(memory)
        if status is not None:
            return status.st_blocks * 512, False
        key = memory.key
        changed = memory.resident is None or memory.resident[0] != (*memory.mappings,)
        for pid, mappings in memory.mappings.items():
            its = self._processes[pid]
            known = its.resident.get(key)
            if known is None or known.faults is None or known.faults != its.faults:
                now = its.resident[key] = self._asked(pid, its, mappings)
                changed = changed or known is None or known.pages != now.pages
        if changed or memory.resident is None:
            tables = (self._processes[pid].resident[key].pages for pid in memory.mappings)
            pages = _pages([table for table in tables if table is not None])
            memory.resident = (*memory.mappings,), pages
        pages = memory.resident[1]
        return (None if pages is None else pages * mmap.PAGESIZE), True

    def _asked(self, pid: int, its: Process, mappings: Iterable[SharedMapping]) -> ResidentPages:
        """What a process's page table has; a mapping that the budget does not allow is asked for in the next pass."""
        pages: dict[int, int] = {}
        faults = its.faults
        for mapping in mappings:
            size = (mapping.end - mapping.start) // mmap.PAGESIZE
            if size > self._left:
                faults = None
                continue
            self._left -= size
            try:
                resident_pages(pid, mapping, pages)
            except OSError:
                return ResidentPages(None, faults)
        return ResidentPages(pages, faults)


def _pages(tables: Sequence[Mapping[int, int]]) -> int | None:
    """How many pages are in any of some page tables; None where there are none."""
    if not tables:
        return None
    found: dict[int, int] = {}
    for table in tables:
        for block, bits in table.items():
            found[block] = found.get(block, 0) | bits
    return count_pages(found)
