"""Who maps a file: the lines of /proc/PID/maps that show it, found by device and inode.

A name can be used again and a deleted file keeps its inode, so a segment is known by device and
inode here. The kernel lets a user read the maps of his own processes (proc_pid_maps(5)); where
that is refused the answer is None: unknown, not empty.
"""

import os
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shmtui.procfs.process import processes
from shmtui.shm.segment import FileIdentity


@dataclass(frozen=True, slots=True)
class Mapping:
    """One address range of a process that shows part of the segment."""

    start: int
    end: int
    offset: int
    """Byte of the segment that the range begins at."""

    def offset_of(self, address: int) -> int | None:
        """The segment offset behind an address of that process, or None if it lies elsewhere."""
        if self.start <= address < self.end:
            return address - self.start + self.offset
        return None


def mappings(pid: int, identity: FileIdentity) -> tuple[Mapping, ...] | None:
    """Where ``pid`` maps the file; empty if it does not, None if this user may not know."""
    lines = map_lines(pid)
    return None if lines is None else parse_maps(lines, identity)


def parse_maps(lines: list[bytes], identity: FileIdentity) -> tuple[Mapping, ...]:
    r"""The lines of a maps file that show the file of ``identity``.

    >>> line = b"7f00-7f80 rw-s 00001000 00:1b 42 /dev/shm/x (deleted)\n"
    >>> parse_maps([line], FileIdentity(0x1b, 42))
    (Mapping(start=32512, end=32640, offset=4096),)
    """
    device, inode = _device(identity.device), b"%d" % identity.inode
    key = b" %s %s " % (device, inode)
    found = []
    for line in lines:
        if key in line:
            addresses, _permissions, offset, its_device, its_inode, *_path = line.split(maxsplit=5)
            # The path may hold the key too: a file can have any name.
            if (its_device, its_inode) == (device, inode):
                start, end = addresses.split(b"-")
                found.append(Mapping(int(start, 16), int(end, 16), int(offset, 16)))
    return tuple(found)


def mapped_inodes(lines: list[bytes], device: int) -> set[int]:
    r"""The inodes of a device's files that the lines of a maps file show.

    >>> sorted(mapped_inodes([b"1-2 rw-s 0 00:1b 42 /a", b"2-3 rw-s 0 00:1c 7 /b 00:1b 8 "], 0x1b))
    [42]
    """
    text = _device(device)
    key = b" %s " % text
    fields = (line.split(maxsplit=5) for line in lines if key in line)
    return {int(found[4]) for found in fields if found[3] == text}


def _device(device: int) -> bytes:
    """A device as maps files write it."""
    return b"%02x:%02x" % (os.major(device), os.minor(device))


def map_lines(pid: int) -> list[bytes] | None:
    """The lines of /proc/PID/maps; none where it is gone, None where this user may not know."""
    try:
        with open(f"/proc/{pid}/maps", "rb", buffering=0) as file:
            return file.readall().splitlines()
    except PermissionError:
        return None
    except (FileNotFoundError, ProcessLookupError):
        return []


def named_semaphores_of(pid: int, folder: str) -> tuple[str, ...]:
    """The named semaphores in ``folder`` that ``pid`` maps, by the names that they have now.

    The inode tells, and not the path in the maps file: the C library makes a semaphore under a
    name of its own and links it to the final one, so its creator seems to map a deleted file.
    """
    mapped = mapped_inodes(map_lines(pid) or [], Path(folder).stat().st_dev)
    names = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("sem.") and entry.inode() in mapped:
                names.append("/" + entry.name.removeprefix("sem."))
    return tuple(sorted(names))


def mapped_by(identity: FileIdentity) -> list[int]:
    """PIDs that map the file, sorted, as far as this user may see."""
    return sorted(pid for pid in processes() if mappings(pid, identity))


class MapperWatch:
    """Keeps the list of who maps a file, and reads a part of /proc at a time.

    Reading every process's maps at every scan costs tens of milliseconds on a busy machine. A
    new process is read in each of its first ``YOUNG`` scans, a process that maps the file in
    every scan, every other process once in ``ROUND`` scans.
    """

    ROUND: Final = 8
    YOUNG: Final = 6

    def __init__(self, identity: FileIdentity) -> None:
        self._identity = identity
        self._maps: dict[int, tuple[Mapping, ...]] = {}
        self._age: dict[int, int] = {}
        self._scans = 0
        self._unreadable: set[int] = set()
        self.refused: set[int] = set()
        """Those of the unreadable whose maps the last scan tried to read."""

    @property
    def maps(self) -> dict[int, tuple[Mapping, ...]]:
        """The processes found so far that map the file, by PID."""
        return self._maps

    @property
    def unreadable(self) -> frozenset[int]:
        """Processes whose maps this user may not read: they may map the file."""
        return frozenset(self._unreadable)

    def scan(self, *, everybody: bool = False, but: Set[int] = frozenset()) -> None:
        """Read the maps that are due, or those of ``everybody``; the first scan reads all.

        ``but``: PIDs that are left out, since it is known otherwise whether they map the file.
        """
        self._scans += 1
        self.refused.clear()
        present = set(processes()) - but
        self._unreadable &= present
        for gone in self._age.keys() - present:
            del self._age[gone]
            self._maps.pop(gone, None)
        for pid in present:
            age = self._age.get(pid, 0)
            self._age[pid] = age + 1
            due = everybody or age < self.YOUNG or (pid + self._scans) % self.ROUND == 0
            if due or pid in self._maps:
                self._read(pid)

    def _read(self, pid: int) -> None:
        maps = mappings(pid, self._identity)
        if maps is None:
            self._unreadable.add(pid)
            self.refused.add(pid)
        else:
            self._unreadable.discard(pid)
        if maps:
            self._maps[pid] = maps
        else:
            self._maps.pop(pid, None)
