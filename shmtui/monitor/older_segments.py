"""Who still maps a segment that had a name before another one took it: the two share nothing."""

import math
import os
import time
from typing import Final

from shmtui.procfs.process import process_name, processes
from shmtui.procfs.shared_mappings import SharedMappings
from shmtui.shm.segment import FileIdentity

KEPT_SECONDS: Final = 30.0
_FORGOTTEN_SECONDS: Final = 2 * KEPT_SECONDS
"""A segment that was not asked for in this time is forgotten, and asked for anew."""
_DELETED: Final = b" (deleted)"


class UnlinkedMappings:
    """Who maps unlinked files, as of `KEPT_SECONDS` ago at the most: the maps of all
    processes are read for it, so all samplers of a program share one.

    Once another file has the name, only a child of one that maps the old one comes to map that: where
    nobody was found after that, nobody is looked for again.
    """

    def __init__(self) -> None:
        self._found: dict[bytes, dict[int, set[int]]] = {}
        """PIDs by path and inode."""
        self._read_at = -math.inf
        self._asked: dict[tuple[bytes, FileIdentity], tuple[float, float]] = {}
        """Since when each file is known to have its path, and when it was last asked for."""
        self._forget_at = 0.0

    def users(self, name: str, identity: FileIdentity, folder: str) -> tuple[str, ...]:
        """Processes that map an unlinked segment of this name, by name and PID, as far as this user
        may see. ``identity``: the file that has the name now.
        """
        path, now = os.fsencode(f"{folder}{name}"), time.monotonic()
        asked, _last = self._asked.get((path, identity), (now, now))
        self._asked[path, identity] = asked, now
        self._forget(now)
        pids = self._of(path, identity)
        if now >= self._read_at + KEPT_SECONDS and (pids or self._read_at < asked):
            self._read_at, self._found = now, _unlinked()
            pids = self._of(path, identity)
        named = ((pid, process_name(pid)) for pid in sorted(pids))
        return tuple(f"{comm} (PID {pid})" for pid, comm in named if comm)

    def _forget(self, now: float) -> None:
        if now >= self._forget_at:
            self._forget_at = now + KEPT_SECONDS
            since = now - _FORGOTTEN_SECONDS
            # Several threads look: what one adds meanwhile is asked for anew.
            known = [*self._asked.items()]
            self._asked = {key: times for key, times in known if times[1] >= since}

    def _of(self, path: bytes, identity: FileIdentity) -> set[int]:
        inodes = self._found.get(path, {})
        return set().union(*(who for inode, who in inodes.items() if inode != identity.inode))


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
