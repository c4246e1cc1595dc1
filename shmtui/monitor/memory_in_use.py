"""How much of a shared memory is in use, by a descriptor of it or by page tables; nothing of it is read."""

import contextlib
import mmap
import os
from typing import Final

from shmtui.monitor.shared_memory import SharedMemory
from shmtui.procfs.resident_pages import count_pages, resident_pages

_PAGE_BUDGET: Final = 1 << 21
"""Pages whose state is asked for in one pass, at the most: some 20 ms."""


def status_of(memory: SharedMemory) -> os.stat_result | None:
    """As it is at this pass; None where this user may not know."""
    memory.status = memory.status or _asked_status(memory)
    return memory.status


def _asked_status(memory: SharedMemory) -> os.stat_result | None:
    """By a descriptor or a mapping. Only root may follow the links of map_files (CAP_CHECKPOINT_RESTORE)."""
    for pid, link in memory.descriptors.items():
        with contextlib.suppress(OSError):
            status = os.stat(f"/proc/{pid}/{link}")  # noqa: PTH116 - it is no path
            if (status.st_dev, status.st_ino) == (memory.key.device, memory.key.inode):
                return status
    for pid, mappings in memory.mappings.items():
        path = f"/proc/{pid}/map_files/{mappings[0].start:x}-{mappings[0].end:x}"
        with contextlib.suppress(OSError):
            return os.stat(path)  # noqa: PTH116 - it is no path
    return None


class MemoryInUse:
    """Asks page tables how much of what has no file at hand is in memory, within a budget."""

    def __init__(self, pages: int = _PAGE_BUDGET) -> None:
        self._left = pages

    def of(self, memory: SharedMemory) -> tuple[int | None, bool]:
        """Bytes, and whether they are a bound from below; None where nothing can be told."""
        status = status_of(memory)
        if status is not None:
            return status.st_blocks * 512, False
        pages: dict[int, int] = {}
        asked = False
        for pid, mappings in memory.mappings.items():
            for mapping in mappings:
                size = (mapping.end - mapping.start) // mmap.PAGESIZE
                if size > self._left:
                    continue
                self._left -= size
                with contextlib.suppress(OSError):
                    resident_pages(pid, mapping, pages)
                    asked = True
        return (count_pages(pages) * mmap.PAGESIZE if asked else None), True
