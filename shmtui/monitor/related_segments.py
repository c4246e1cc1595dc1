"""The other segments and named semaphores that the processes of a segment use: a process may hold what
another waits for in one of them, and wait itself in the next.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator
from typing import Final, Self

from shmtui.errors import ShmtuiError
from shmtui.layouts.options import LayoutOptions
from shmtui.monitor.sampler import Sampler
from shmtui.procfs.futex import name_of_inode
from shmtui.procfs.process import read_file
from shmtui.procfs.shared_mappings import SharedMappings
from shmtui.shm.control_format import SUFFIX
from shmtui.shm.segment import SHM_DIR
from shmtui.snapshot import Snapshot

MOST: Final = 16
"""So many are looked at, the first by name."""
_MOST_PROCESSES: Final = 64
_DELETED: Final = " (deleted)"


class RelatedSegments:
    """Samplers of them, opened for as long as the block lasts."""

    def __init__(self, snapshot: Snapshot, folder: str = SHM_DIR) -> None:
        """Those of the processes of ``snapshot``."""
        pids = [p.pid for p in snapshot.processes if p.alive][:_MOST_PROCESSES]
        self.names = [n for n in names_used(pids, folder) if n != snapshot.segment.name][:MOST]
        self._samplers: list[Sampler] = []
        for name in self.names:
            with contextlib.suppress(ShmtuiError, OSError):
                self._samplers.append(_sampler(name, folder))

    def sample(self) -> tuple[Snapshot, ...]:
        return tuple(sampler.sample() for sampler in self._samplers)

    def close(self) -> None:
        """Close the samplers. A second call does nothing."""
        while self._samplers:
            self._samplers.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def _sampler(name: str, folder: str) -> Sampler:
    """By what its programs tell of it; else as bytes, whose sleepers are told all the same."""
    try:
        return Sampler(name, LayoutOptions(), folder=folder)
    except ShmtuiError:
        return Sampler(name, LayoutOptions(raw=True), folder=folder)


def names_used(pids: Iterable[int], folder: str = SHM_DIR) -> list[str]:
    """The names under ``folder`` of all that these processes map, sorted; semaphores as ``/NAME``."""
    return sorted(set(_names(pids, folder)))


def _names(pids: Iterable[int], folder: str) -> Iterator[str]:
    mappings, prefix = SharedMappings(), f"{folder}/"
    for pid in pids:
        for mapping in mappings.of(pid) or ():
            path = os.fsdecode(mapping.path)
            if not path.startswith(prefix):
                continue
            file = path.removeprefix(prefix)
            if file.endswith(_DELETED):
                # sem_open(3) maps a semaphore that it makes under a passing name.
                file = name_of_inode(mapping.inode, folder) or ""
            if file and not file.endswith(SUFFIX):
                yield "/" + file.removeprefix("sem.")


def process_of(tid: int) -> int:
    """The process that a thread belongs to; the number itself where it is gone."""
    with contextlib.suppress(OSError):
        for line in read_file(f"/proc/{tid}/status", 4096).splitlines():
            if line.startswith(b"Tgid:"):
                return int(line.split()[1])
    return tid
