"""The named semaphores that the processes of a segment map, and its layout does not name."""

import os
from collections.abc import Iterable, Iterator, Set
from contextlib import suppress
from pathlib import Path
from typing import Final

from shmtui.errors import ShmtuiError
from shmtui.procfs.process import MemoryStamp, memory_stamp
from shmtui.procfs.shared_mappings import SharedMappings
from shmtui.shm.layout import SEM_SIZE
from shmtui.shm.libc import Libc
from shmtui.shm.segment import open_readonly
from shmtui.shm.semaphore import named_semaphore_path
from shmtui.shm.sync_object import SyncKind, SyncObject, decode_sync

MOST: Final = 32
"""So many are read, the first by name."""
MOST_PROCESSES: Final = 64
"""Of so many processes it is looked at what they map."""


class OtherSemaphores:
    """Finds them as its processes come and go, and reads them at each sample."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._mappings = SharedMappings()
        self._mapped: dict[int, tuple[MemoryStamp | None, frozenset[int]]] = {}
        self._inodes: frozenset[int] = frozenset()
        """Of the files under the folder that they map, as they were when their names were looked up."""
        self._files: dict[str, int] = {}
        """Descriptors, by name."""

    def scan(self, pids: Iterable[int], known: Set[str]) -> None:
        """Find what these processes map; ``known``: names that are read elsewhere."""
        self._mapped = {pid: self._of(pid) for pid in sorted(pids)[:MOST_PROCESSES]}
        inodes: frozenset[int] = frozenset().union(
            *(mapped for _stamp, mapped in self._mapped.values())
        )
        if inodes == self._inodes:
            return
        self.close()
        self._inodes = inodes
        for name, inode in sorted(self._named(inodes)):
            if name not in known and len(self._files) < MOST:
                self._open(name, inode)

    def read(self, libc: Libc) -> Iterator[SyncObject]:
        """Their words as they are; ``libc``: whose they are. sem_open(3) makes every one for all processes."""
        for name, file in self._files.items():
            words = decode_sync(SyncKind.SEMAPHORE, os.pread(file, SEM_SIZE, 0), libc)
            yield SyncObject(
                name, SyncKind.SEMAPHORE, value=words.value, waiters=words.waiters,
                shared=True,
            )  # fmt: skip

    def close(self) -> None:
        """Close what is open. A second call does nothing."""
        while self._files:
            os.close(self._files.popitem()[1])

    def _of(self, pid: int) -> tuple[MemoryStamp | None, frozenset[int]]:
        """The inodes under the folder that a process maps, read anew where its memory has changed."""
        stamp, before = memory_stamp(pid, of_main=True), self._mapped.get(pid)
        if before is not None and stamp is not None and before[0] == stamp:
            return before
        with suppress(OSError):
            device = Path(self._folder).stat().st_dev
            found = self._mappings.of(pid) or ()
            return stamp, frozenset(each.inode for each in found if each.device == device)
        return stamp, frozenset()

    def _named(self, inodes: Set[int]) -> Iterator[tuple[str, int]]:
        """Those of the files that are semaphores, by name: sem_open(3) maps one that it makes under a passing
        name, so that the inode tells.
        """
        with suppress(OSError), os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.name.startswith("sem.") and entry.inode() in inodes:
                    yield "/" + entry.name.removeprefix("sem."), entry.inode()

    def _open(self, name: str, inode: int) -> None:
        with suppress(ShmtuiError, OSError):
            file = open_readonly(named_semaphore_path(name, self._folder))
            if os.fstat(file).st_ino == inode:
                self._files[name] = file
            else:
                os.close(file)
