"""Whether all that have touched a page of shared memory are seen, by the kernel's own count.

The kernel counts for each page the page tables that have it, of all processes of the machine: of
other users, in other namespaces, and of those whose maps this user may not read. The highest count
among the pages of a mapping is "mapmax" in /proc/PID/numa_maps (numa(7)), for who may read that
process; a kernel without NUMA has no such file. Where those that are seen make up the whole count,
no other process has the page: none sleeps on a word there, and none holds a lock there.

A page that the kernel takes away, as where memory is short, goes from all page tables at once. So a
count tells something only where each other process that may write has the page: then none was taken
away since the last of them touched it. Tried on Linux 6.18.
"""

import contextlib
import ctypes
import os
from collections.abc import Collection, Mapping, Set
from typing import Final

from shmtui.procfs.maps import Mapping as Mapped
from shmtui.procfs.maps import map_lines, mappings
from shmtui.procfs.process import resident
from shmtui.procfs.resident_pages import PageTable
from shmtui.shm.segment import FileIdentity

_KCMP: Final = {"x86_64": 312, "aarch64": 272}
"""The number of kcmp(2), by machine."""
_KCMP_VM: Final = 1
_Mappers = dict[int, tuple[Mapped, ...]]
"""Who maps one file, and where."""


def nobody_else_has(pages: Mapping[FileIdentity, Set[int]], pids: Collection[int]) -> bool:
    """Whether no process but ``pids`` has any of these pages; by file, each as a byte in it. False, too, where it
    cannot be told.

    >>> nobody_else_has({}, [os.getpid()])
    False
    """
    return bool(pages) and all(_only(pids, file, offsets) for file, offsets in pages.items())


def _only(pids: Collection[int], file: FileIdentity, offsets: Set[int]) -> bool:
    before = _mappers(pids, file)
    for offset in offsets:
        known = _known(before, offset)
        if not known or _counted(before, offset) != known:
            return False
    return _mappers(pids, file) == before


def _mappers(pids: Collection[int], file: FileIdentity) -> _Mappers:
    """Of several that share one memory, the first alone: they have one page table."""
    found: _Mappers = {}
    for pid in sorted(pids):
        its = mappings(pid, file)
        if its and not any(_same_memory(pid, other) for other in found if found[other] == its):
            found[pid] = its
    return found


def _same_memory(pid: int, other: int) -> bool:
    """Whether two processes share one memory, as vfork(2) has it for a while; True where it cannot be told."""
    number = _KCMP.get(os.uname().machine)
    if number is None:
        return True
    return ctypes.CDLL(None).syscall(number, pid, other, _KCMP_VM, 0, 0) in {0, -1}


def _addresses(its: tuple[Mapped, ...], offset: int) -> list[tuple[Mapped, int]]:
    """The mappings that show a byte of the file, each with its address there."""
    placed = [(each, each.start + offset - each.offset) for each in its]
    return [(each, at) for each, at in placed if each.start <= at < each.end]


def _known(mappers: _Mappers, offset: int) -> int:
    """How often these have the page; 0 where one that may write to it has not, but for this process."""
    count, own = 0, os.getpid()
    for pid, its in mappers.items():
        shown = _addresses(its, offset)
        try:
            table = PageTable(pid)
        except OSError:
            return 0
        with contextlib.closing(table):
            has = sum(table.has_shared(at) for _each, at in shown)
        if not has and pid != own and any(each.writable and each.shared for each, _at in shown):
            return 0
        count += has
    return count


def _counted(mappers: _Mappers, offset: int) -> int | None:
    """The kernel's highest count among the pages of a mapping that shows the byte; None: it does not tell."""
    starts = {
        pid: _addresses(its, offset)[0][0].start
        for pid, its in mappers.items()
        if _addresses(its, offset)
    }
    pid = min(starts, key=resident)  # To read it takes as long as the process is large.
    for line in map_lines(pid, "numa_maps") or ():
        address, *fields = line.split()
        if int(address, 16) == starts[pid]:
            told = (
                field.removeprefix(b"mapmax=") for field in fields if field.startswith(b"mapmax=")
            )
            return int(next(told, b"1"))
    return None
