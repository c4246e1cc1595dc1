"""Which processes have not run since the ring moved: none of them has taken the lock since."""

from collections.abc import Iterable
from typing import Final

import msgspec

from shmtui.procfs.fork_watch import ForkWatches
from shmtui.procfs.run_times import sleep_stamp

MOST: Final = 64
"""How many processes are watched, at the most; the others are never proved idle."""

Indices = tuple[int | None, int | None]


class _Sleep(msgspec.Struct):
    stamp: tuple[bytes, ...]
    """Of all its threads, asleep."""
    indices: frozenset[int | None] | None = None
    """The ring's, read after that; None until they have been. Which of them is ``in`` may be found
    out meanwhile, and is no move."""
    moved: bool = False
    free: bool = False
    """Whether mutex was read after that, with its one permit."""


class SleepProof:
    """Watches processes from scan to scan.

    It proves of a process, by three looks: at the first all its threads slept; the ring's indices
    were read after that, and read again later with another value; and after that its threads'
    run times and turns on a processor (/proc/PID/task/TID/schedstat) are what they were at the
    first. So it has not run in between, and somebody else moved an index while it slept. If
    whoever moves an index holds the lock (the assumption: a program that moves one outside the
    lock proves nothing), this process did not hold it then; and as it has not run, it has taken
    no ``sem_t`` and no plain mutex since. A lock that the kernel hands to a sleeper (a PI mutex, a
    SysV semaphore) is taken by a process that is woken for it; it then no longer sleeps.

    Where mutex is a semaphore that was read with its one permit while the process slept, nobody
    held it then, wherever the program moves its indices.
    """

    def __init__(self, *, watches_forks: bool = True) -> None:
        """``watches_forks``: whether the kernel is asked who forks, from the second scan on; where many segments are
        looked at, that takes too much.
        """
        self._watches_forks = watches_forks
        self._forks: ForkWatches | None = None
        self._sleeps: dict[int, _Sleep] = {}
        self._slept = False
        """Whether all slept from the scan before the last one to the last one."""
        self._given = 0
        self._runs: dict[int, int] = {}
        self.forked_ns: int | None = None
        """As `Snapshot.forked_ns`."""

    def scan(
        self,
        pids: Iterable[int],
        indices: Indices,
        *,
        free: bool = False,
        given: int = 0,
        now_ns: int = 0,
    ) -> None:
        """Look at all of them. ``indices`` were read before this call and after the last one, and so
        was mutex; ``free``: it had one permit. So was ``given``, the PID that the machine gave last; 0 where
        that is not known.
        """
        before, self._sleeps, now = self._sleeps, {}, frozenset(indices)
        wanted = sorted(pids)
        runs, self._runs = self._runs, {}
        slept = before.keys() <= {*wanted}
        for at, pid in enumerate(wanted):
            stamp = sleep_stamp(pid) if at < MOST else None
            sleep = before.get(pid)
            slept = slept and sleep is not None and sleep.stamp == stamp
            # One that runs now is counted once it sleeps.
            ran = stamp is not None and pid in runs and (sleep is None or sleep.stamp != stamp)
            if stamp is not None or pid in runs:
                self._runs[pid] = runs.get(pid, 0) + ran
            if stamp is None:
                continue
            if sleep is None or sleep.stamp != stamp:
                sleep = _Sleep(stamp)
            else:
                sleep.free |= free
                sleep.moved |= sleep.indices not in {None, now}
                sleep.indices = sleep.indices or now
            self._sleeps[pid] = sleep
        forked = self._seen_forking(wanted)
        if forked or (forked is None and given != self._given and not (slept and self._slept)):
            # Who slept from the scan before the last one up to this one has not forked since ``given`` was
            # read for the last one.
            self.forked_ns = now_ns
        if forked is None and not given:
            self.forked_ns = None
        self._slept, self._given = slept, given

    def _seen_forking(self, pids: list[int]) -> bool | None:
        """Whether one of those that take part has forked, by the kernel; None: it does not tell."""
        if not self._watches_forks:
            return None
        if self._forks is None:
            self._forks = ForkWatches()
            return None
        return self._forks.forked(pids)

    def close(self) -> None:
        """Give all descriptors back."""
        if self._forks is not None:
            self._forks.close()

    def runs(self, pid: int) -> int | None:
        """In how many scans it had run since the one before; None: it was not seen asleep, or is not watched."""
        return self._runs.get(pid)

    def slept_while_moved(self, pid: int) -> bool:
        """Whether it is proved of a process by the indices, up to now: it is looked at again."""
        sleep = self._sleeps.get(pid)
        return sleep is not None and sleep.moved and self._still_sleeps(pid, sleep)

    def slept_while_free(self, pid: int) -> bool:
        """Whether it is proved of a process by mutex itself, up to now."""
        sleep = self._sleeps.get(pid)
        return sleep is not None and sleep.free and self._still_sleeps(pid, sleep)

    def _still_sleeps(self, pid: int, sleep: _Sleep) -> bool:
        if sleep_stamp(pid) == sleep.stamp:
            return True
        del self._sleeps[pid]
        return False
