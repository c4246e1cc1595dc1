"""Foreign processes that ended while they were followed: when, how, and where they stood.

A pidfd is kept of each: it tells the end even where the PID is given to another process at once.
"""

import os
import select
from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec.structs import replace

from shmtui.i18n import _
from shmtui.procfs.identity import describe_exit, exit_status, start_time
from shmtui.snapshot import Process, ProcessState

MOST: Final = 64
"""How many processes are followed, and how many ended ones remembered, at the most."""
REMEMBERED_NS: Final = 60_000_000_000
"""How long an ended process stays in the snapshots; while mutex is taken it stays, if it has ended
since it was free: it may have been the one that took it."""


class _Followed(msgspec.Struct):
    pidfd: int
    last: Process
    """As it was last seen alive."""


class Deaths:
    """Follows foreign processes and remembers those that have ended."""

    def __init__(self) -> None:
        self._followed: dict[int, _Followed] = {}
        self._ended: dict[tuple[int, int], Process] = {}
        self._unexplained: dict[tuple[int, int], int] = {}
        """Pidfds of the ended whose exit code is not known yet."""
        self._poll = select.poll()
        self.left_ns = 0
        """CLOCK_MONOTONIC of the last update that saw a followed process have nothing of the segment
        any more that it could move something by, and live on."""

    def update(
        self, living: Iterable[Process], now_ns: int, free_ns: int | None = None
    ) -> tuple[Process, ...]:
        """Take in the processes as they are seen now; returns the ended ones, the latest last.
        ``free_ns``: when mutex was last seen with its one permit.

        A process that lives on and has nothing of the segment any more is followed no longer.
        """
        present = {p.pid: p for p in living if p.alive}
        over = {fd for fd, _event in self._poll.poll(0)} if self._followed else set()
        for pid, followed in list(self._followed.items()):
            if followed.pidfd in over:
                self._end(pid, now_ns)
            elif pid not in present:
                self._drop(followed.pidfd, pid)
                self.left_ns = now_ns
            elif followed.last.start_time == present[pid].start_time:
                if followed.last.takes_part and not present[pid].takes_part:
                    self.left_ns = now_ns  # It keeps a mapping to read, or a copy of its own.
                followed.last = present[pid]
        for pid in present.keys() - self._followed.keys():
            self._follow(present[pid])
        self._explain()
        self._forget(min(now_ns - REMEMBERED_NS, now_ns if free_ns is None else free_ns))
        return tuple(self._ended.values())

    def close(self) -> None:
        for pid, followed in list(self._followed.items()):
            self._drop(followed.pidfd, pid)
        for pidfd in self._unexplained.values():
            os.close(pidfd)
        self._unexplained.clear()

    def _follow(self, process: Process) -> None:
        key = (process.pid, process.start_time)
        if len(self._followed) >= MOST or key in self._ended:
            return
        try:
            pidfd = os.pidfd_open(process.pid)
        except OSError:
            return  # It has ended by now, or no descriptor is left: it is not followed.
        if start_time(process.pid) != process.start_time:
            os.close(pidfd)
            return
        self._followed[process.pid] = _Followed(pidfd, process)
        self._poll.register(pidfd, select.POLLIN)

    def _drop(self, pidfd: int, pid: int) -> None:
        self._poll.unregister(pidfd)
        os.close(pidfd)
        del self._followed[pid]

    def _end(self, pid: int, now_ns: int) -> None:
        followed = self._followed.pop(pid)
        self._poll.unregister(followed.pidfd)
        key = (pid, followed.last.start_time)
        self._unexplained[key] = followed.pidfd
        self._ended[key] = replace(
            followed.last, state=ProcessState.ENDED, letter="", cpu=None, rate=None,
            blocked_for=None, blocked_before=False, died_ns=now_ns,
            ending=_("ended, and how is not known"),
        )  # fmt: skip

    def _explain(self) -> None:
        for key, pidfd in list(self._unexplained.items()):
            status = exit_status(pidfd, key[0])
            if status is not None:
                os.close(self._unexplained.pop(key))
                self._ended[key] = replace(
                    self._ended[key], ending=describe_exit(status), killed=status < 0
                )

    def _forget(self, before_ns: int) -> None:
        old = [k for k, p in self._ended.items() if (p.died_ns or 0) < before_ns]
        for key in {*old, *list(self._ended)[:-MOST]}:
            del self._ended[key]
            if key in self._unexplained:
                os.close(self._unexplained.pop(key))
