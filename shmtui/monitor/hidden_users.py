"""Who has what no process is seen to share: private mappings, writers that the kernel alone knows, and processes
whose maps this user may not read.
"""

import contextlib
import stat
import time
from collections.abc import Iterable, Set
from typing import Final

import msgspec

from shmtui.monitor.mapped_memory import MappedMemoryReader
from shmtui.monitor.segment_content import SeenFile
from shmtui.monitor.shared_memory import Process
from shmtui.procfs.file_writers import anybody_writes_to
from shmtui.procfs.maps import map_lines, mapped_inodes
from shmtui.procfs.process import resident_shared
from shmtui.shm.segment import FileIdentity

_PROVED_SECONDS: Final = 10.0
"""How long it is kept who maps files MAP_PRIVATE, and that nobody has one open for writing: all maps
are read for the one, and the other asks by a lease, which could get in an opener's way.
"""


class UnreadMemory:
    """How much shared memory processes map whose maps this user may not read: everybody may read that
    number (RssShmem of /proc/PID/status). It is asked for every `_PROVED_SECONDS`.
    """

    def __init__(self) -> None:
        self._bytes = 0
        self._until = 0.0

    def of(self, pids: Iterable[int]) -> int:
        """Bytes in all; what several of them map counts for each."""
        now = time.monotonic()
        if now >= self._until:
            self._bytes, self._until = sum(map(resident_shared, pids)), now + _PROVED_SECONDS
        return self._bytes


class _Mapped(msgspec.Struct, frozen=True):
    """What processes map of one device, in any way."""

    inodes: dict[int, tuple[Process, Set[int]]]
    """By PID, with the process as it was."""
    pids: dict[int, list[int]]
    """By inode."""

    def again(self, processes: dict[int, Process], device: int) -> "_Mapped":
        """As it is now: a process is read again where its stamp or what it shares is another, and in its turn."""
        inodes: dict[int, tuple[Process, Set[int]]] = {}
        pids: dict[int, list[int]] = {}
        for pid, process in processes.items():
            known = self.inodes.get(pid)
            if known is None or not _as_it_was(known[0], process):
                known = process, mapped_inodes(map_lines(pid) or [], device)
            inodes[pid] = known
            for inode in known[1]:
                pids.setdefault(inode, []).append(pid)
        return _Mapped(inodes, pids)


def _as_it_was(before: Process, now: Process) -> bool:
    """Whether a process is likely to map what it did."""
    if before is now:
        return True
    same = before.stamp == now.stamp is not None and before.mappings == now.mappings
    return same and now.reading - before.reading < MappedMemoryReader.LONG_ROUND


_NOTHING: Final = 0.0, _Mapped({}, {})


class HiddenUsers:
    """Who has a file that no process shares by a mapping, as it was found `_PROVED_SECONDS` ago at
    the most.
    """

    def __init__(self) -> None:
        self._private: dict[int, tuple[float, _Mapped]] = {}
        """What processes map, by device, and until when that holds."""
        self._written: dict[FileIdentity, tuple[float, bool | None]] = {}

    def private_mappers(self, identity: FileIdentity, processes: dict[int, Process]) -> list[int]:
        """Those of the processes that map the file MAP_PRIVATE."""
        now = time.monotonic()
        until, known = self._private.get(identity.device, _NOTHING)
        if now >= until:
            known = known.again(processes, identity.device)
            self._private[identity.device] = now + _PROVED_SECONDS, known
        return known.pids.get(identity.inode, [])

    def forget(self) -> None:
        """Drop what was found too long ago."""
        now = time.monotonic()
        self._written = {file: found for file, found in self._written.items() if found[0] > now}

    def anybody_writes(self, seen: SeenFile) -> bool | None:
        """Whether anybody has the file open for writing; None where the kernel does not tell."""
        if not stat.S_ISREG(seen.status.st_mode):
            return None
        now = time.monotonic()
        until, found = self._written.get(seen.identity, (0.0, None))
        if now >= until:
            found = None
            with contextlib.suppress(OSError):
                found = anybody_writes_to(seen.opened())
            self._written[seen.identity] = now + _PROVED_SECONDS, found
        return found
