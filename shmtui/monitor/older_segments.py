"""Who still maps a segment that had a name before another one took it: the two share nothing."""

import os
import time
from typing import Final

from shmtui.procfs.process import process_name, processes
from shmtui.procfs.shared_mappings import SharedMappings
from shmtui.shm.segment import FileIdentity

KEPT_SECONDS: Final = 30.0
_DELETED: Final = b" (deleted)"


class UnlinkedMappings:
    """Who maps unlinked files, as of `KEPT_SECONDS` ago at the most: the maps of all
    processes are read for it, so all samplers of a program share one.
    """

    def __init__(self) -> None:
        self._found: dict[bytes, dict[int, set[int]]] = {}
        """PIDs by path and inode."""
        self._until = 0.0

    def users(self, name: str, identity: FileIdentity, folder: str) -> tuple[str, ...]:
        """Processes that map an unlinked segment of this name, by name and PID, as far as this user
        may see. ``identity``: the file that has the name now.
        """
        if time.monotonic() >= self._until:
            self._found, self._until = _unlinked(), time.monotonic() + KEPT_SECONDS
        inodes = self._found.get(os.fsencode(f"{folder}{name}"), {})
        pids = set().union(*(who for inode, who in inodes.items() if inode != identity.inode))
        named = ((pid, process_name(pid)) for pid in sorted(pids))
        return tuple(f"{comm} (PID {pid})" for pid, comm in named if comm)


def _unlinked() -> dict[bytes, dict[int, set[int]]]:
    maps = SharedMappings()
    found: dict[bytes, dict[int, set[int]]] = {}
    for pid in processes():
        for mapping in maps.of(pid) or ():
            path = mapping.path
            if path.endswith(_DELETED):
                inodes = found.setdefault(path.removesuffix(_DELETED), {})
                inodes.setdefault(mapping.inode, set()).add(pid)
    return found


unlinked_mappings: Final = UnlinkedMappings()
