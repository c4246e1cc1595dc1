"""Which processes sleep on a word of what they share."""

import contextlib

from shmtui.monitor.shared_memory import Process, SharedMemory
from shmtui.procfs.futex import waits_at
from shmtui.procfs.kept_files import KeptFiles
from shmtui.procfs.thread_calls import ThreadCalls


class Waits:
    """Which processes sleep on a word of what they share, at the moment that it is made. Of one with many
    threads a part is asked: where none of these sleeps, it is not known whether another does.
    """

    def __init__(self, files: KeptFiles, known: dict[int, Process]) -> None:
        self._files = files
        self._unknown: set[int] = set()
        self._addresses: dict[int, tuple[int, ...]] = {}
        for pid, its in known.items():
            if its.memory and not its.waits_known:
                its.waits, its.waits_known = self._asked(pid, its), True
            if its.waits is None or its.waits_in_part:
                self._unknown.add(pid)
            if its.waits:
                self._addresses[pid] = its.waits

    def _asked(self, pid: int, its: Process) -> tuple[int, ...] | None:
        threads = 0 if its.stamp is None else its.stamp.threads
        if threads == 1:
            with contextlib.suppress(OSError):
                return waits_at(self._files.read(pid, "syscall"))
        its.thread_calls = its.thread_calls or ThreadCalls(pid)
        read = its.thread_calls.read(threads)
        if read is None:
            return None
        its.waits_in_part = read.threads is not None
        waiting = {tid: c.address for tid, c in read.calls.items() if c is not None and c.waits}
        if its.waits_in_part:
            shared = [m for mappings in its.memory.values() for m in mappings]
            its.thread_calls.keep(
                tid for tid, at in waiting.items() if any(m.start <= at < m.end for m in shared)
            )
        return (*waiting.values(),)

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
