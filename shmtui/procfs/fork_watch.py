"""Tells whether a process has forked, or begun a thread, since it was last asked: by the kernel's own record
of it (PERF_RECORD_FORK), which costs the process nothing, and is there though parent and child have ended.
"""

import contextlib
import mmap
import os
from collections.abc import Collection
from typing import Final

from shmtui.procfs.perf_events import ATTRIBUTES, RING_SIZE, USER_ONLY, open_event, records, written
from shmtui.procfs.process import threads_of

MOST_THREADS: Final = 32
"""A process of more threads is not watched: each takes a descriptor, and 8 KB of what a user may lock."""
MOST_PROCESSES: Final = 64
"""How many processes are watched at the most."""
_SOFTWARE: Final = 1
_DUMMY: Final = 9
"""PERF_COUNT_SW_DUMMY: an event that never happens; its ring holds what ``_TASK`` asks for."""
_TASK: Final = 1 << 13
_ENDED: Final = 4
"""PERF_RECORD_EXIT. All other records are forks, or tell that some were lost."""
_MOST_WRITTEN: Final = mmap.PAGESIZE // 2


class ForkWatch:
    """Watches every thread that ``pid`` has now.

    OSError: it has ended, it has too many threads, or the system refuses it: perf_event_paranoid, another
    user's process, no memory left that may be locked.
    """

    def __init__(self, pid: int) -> None:
        self.full = False
        """Whether its rings may hold no further record, so that a new watch is needed."""
        self._rings: list[tuple[mmap.mmap, int]] = []
        attributes = ATTRIBUTES.pack(
            _SOFTWARE, ATTRIBUTES.size, _DUMMY, 0, 0, 0, USER_ONLY | _TASK, 0, 0, 0, 0
        )
        threads = sorted(threads_of(pid))
        if len(threads) > MOST_THREADS:
            raise OSError
        with contextlib.ExitStack() as opened:
            for tid in threads:
                fd = open_event(attributes, tid)
                try:
                    ring = mmap.mmap(fd, RING_SIZE)  # It keeps a descriptor of its own.
                finally:
                    os.close(fd)
                opened.callback(ring.close)
                self._rings.append((ring, 0))
            if sorted(threads_of(pid)) != threads:
                raise OSError  # One began meanwhile, and is not watched.
            self._opened = opened.pop_all()

    def forked(self) -> bool:
        """Whether one of the threads has begun a process or a thread since the last call."""
        found, rings = False, []
        for ring, before in self._rings:
            head = written(ring)
            kinds = [kind for kind, start in records(ring) if start >= mmap.PAGESIZE + before]
            found = found or any(kind != _ENDED for kind in kinds)
            rings.append((ring, head))
        self._rings = rings
        self.full = any(head > _MOST_WRITTEN for _ring, head in rings)
        return found or self.full

    def close(self) -> None:
        """Watch no longer."""
        self._opened.close()


class ForkWatches:
    """Watches some processes for as long as they are asked for."""

    def __init__(self) -> None:
        self._watches: dict[int, ForkWatch] = {}
        self._refused: set[int] = set()

    def forked(self, pids: Collection[int]) -> bool | None:
        """Whether one of these, or of those of the last call, may have forked since then: those among them that
        are new may have. None: not all of them can be watched.
        """
        found = False
        for pid in self._watches.keys() - pids:
            watch = self._watches.pop(pid)
            found = watch.forked() or found
            watch.close()
        self._refused &= {*pids}
        for pid in pids:
            before = self._watches.get(pid)
            if before is not None and not before.forked():
                continue
            found = True
            if before is not None:
                self._watches.pop(pid).close()
            self._watch(pid)
        return None if self._refused else found

    def _watch(self, pid: int) -> None:
        try:
            if pid not in self._refused and len(self._watches) < MOST_PROCESSES:
                self._watches[pid] = ForkWatch(pid)
                return
        except OSError:
            pass
        self._refused.add(pid)

    def close(self) -> None:
        """Watch none any longer."""
        for watch in self._watches.values():
            watch.close()
        self._watches.clear()
