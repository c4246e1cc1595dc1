"""Which processes sleep on a word of what they share."""

import contextlib

from shmtui.monitor.shared_memory import Process, SharedMemory
from shmtui.procfs.futex import system_calls, waits_at
from shmtui.procfs.kept_files import KeptFiles


class Waits:
    """Which processes sleep on a word of what they share, at the moment that it is made."""

    def __init__(self, files: KeptFiles, known: dict[int, Process]) -> None:
        self._files = files
        self._unknown: set[int] = set()
        self._addresses: dict[int, tuple[int, ...]] = {}
        for pid, its in known.items():
            if its.memory and not its.waits_known:
                its.waits, its.waits_known = self._asked(pid, its), True
            if its.waits is None:
                self._unknown.add(pid)
            elif its.waits:
                self._addresses[pid] = its.waits

    def _asked(self, pid: int, its: Process) -> tuple[int, ...] | None:
        if its.stamp is not None and its.stamp.threads == 1:
            with contextlib.suppress(OSError):
                return waits_at(self._files.read(pid, "syscall"))
        calls = system_calls(pid)
        if calls is None:
            return None
        return tuple(c.address for c in calls.values() if c is not None and c.waits)

    def among(self, memory: SharedMemory) -> tuple[int, ...] | None:
        """PIDs that were seen to sleep on a word of a memory; None where none was, and one may not be asked."""
        if not self._addresses and not self._unknown:
            return ()
        pids = memory.mappings.keys()
        found = tuple(
            pid
            for pid in sorted(pids & self._addresses.keys())
            if any(
                m.start <= at < m.end for at in self._addresses[pid] for m in memory.mappings[pid]
            )
        )
        return None if not found and pids & self._unknown else found
