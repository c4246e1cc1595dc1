"""Who uses a segment: the processes that map its file or a semaphore's, or have it open for writing."""

import time
from collections.abc import Callable, Iterable, Mapping, Set
from functools import lru_cache
from typing import Final

from shmtui.procfs.arrivals import Arrivals
from shmtui.procfs.file_use import FileUse, file_use, maps_one_of
from shmtui.procfs.maps import reading
from shmtui.procfs.present_processes import PresentProcesses
from shmtui.procfs.process import MemoryStamp, memory_stamp, processes
from shmtui.shm.segment import FileIdentity

_NO_USE: Final = FileUse()


class FileUsers:
    """Keeps the list of who uses a segment's files, and reads a part of /proc at a time.

    A scan costs no more on a machine of a thousand processes than of thirty. It reads who uses a
    file, who has come in the last ``YOUNG`` scans, and others in their turn for ``TURN_NS`` of
    processor time. Where somebody has opened one of the files and is none of these, it reads everybody,
    and so takes one part in ``REST`` of the time at the most; where that cannot be told (no name, no
    inotify), who is in turn is read in full. So who opens a file is seen at the next scan, and who
    has it by a descriptor that another process sent when it is in turn.

    ``likely``: where all processes are looked at for another purpose, those that may use the files,
    the unreadable among them. They are read in place of the new ones, and the others seldom; of all
    those whose memory is as it was, and of those that could not be read, one of ``UNCHANGED`` at a scan.
    """

    ROUND: Final = 8
    """Who is in turn: one part in so many at the most."""
    TURN_NS: Final = 400_000
    REST: Final = 1000
    COSTLY_NS: Final = 1_000_000
    """Who takes longer to read, as one with ten thousand mappings, rests as well."""
    UNCHANGED: Final = 5
    SELDOM: Final = 320
    YOUNG: Final = 6

    def __init__(
        self,
        identity: FileIdentity,
        likely: Callable[[], Set[int]] | None = None,
        path: str | None = None,
    ) -> None:
        """``path``: the segment's, where it has a name."""
        self.identity = identity
        self._path = path
        self._likely = likely
        self._uses: dict[int, FileUse] = {}
        self._stamps: dict[int, MemoryStamp | None] = {}
        self._scans = 0
        self.unreadable: frozenset[int] = frozenset()
        """Processes whose maps this user may not read: they may use the files."""
        self._unreadable: set[int] = set()
        """The same while a scan is under way."""
        self.semaphores: Mapping[FileIdentity, str] = {}
        """The files of the named semaphores that belong to the segment, with their paths."""
        self._read_for: Set[FileIdentity] = frozenset()
        """Those that the last scan looked for."""
        self.refused: set[int] = set()
        """Those of the unreadable whose maps the last scan tried to read."""
        self._present = PresentProcesses()
        self._arrivals = Arrivals()
        self._young: dict[int, int] = {}
        """How many scans more a new process is read in."""
        self._turn: list[int] = []
        """Who is in turn, the next one last."""
        self._without: Set[int] = frozenset()
        self._rests: dict[int, int] = {}
        """Until when a process that is costly to read is left alone."""
        self._search_due, self._search_rests = False, 0
        """Whether everybody is to be read, and until when that is put off."""

    @property
    def uses(self) -> dict[int, FileUse]:
        """The processes found so far that use one of the files, by PID."""
        return self._uses

    def use(self, pid: int) -> FileUse:
        """What a process has of the files, as far as it was found."""
        return self._uses.get(pid, _NO_USE)

    def note_arrivals(self) -> None:
        """Note who has opened one of the files, before this process does."""
        self._arrivals.note()

    def close(self) -> None:
        self._arrivals.close()

    def scan(self, *, everybody: bool = False, but: Set[int] = frozenset()) -> None:
        """Read the processes that are due, or ``everybody``; the first scan reads all.

        ``but``: PIDs that are left out, since it is known otherwise whether they use the files.
        """
        self._scans += 1
        everybody = everybody or self._scans == 1
        self.refused.clear()
        self._unreadable = {*self.unreadable}
        if self._likely is None:
            self._scan_machine(everybody, but | reading(self.identity))
        else:
            self._scan_likely(self._likely(), everybody, but | reading(self.identity))
        self._read_for = self.semaphores.keys()
        self._end_scan()

    def _end_scan(self) -> None:
        self.unreadable, self._unreadable = _one_of_equal(frozenset(self._unreadable)), set()

    def _scan_machine(self, everybody: bool, without: Set[int]) -> None:
        if self._path is not None:
            self._arrivals.watch({self.identity: self._path, **self.semaphores})
        come = self._arrivals.happened() or self._read_for != self.semaphores.keys()
        new = self._present.update(anew=everybody)
        if self._scans > 1:
            self._young |= dict.fromkeys(new, self.YOUNG)
        self._leave_out(without)
        before = self._uses.keys() | self._without
        if not everybody:
            now = time.monotonic_ns()
            self._read_all(p for p in {*self._uses, *self._young} if now >= self._rests.get(p, 0))
            found = self._uses.keys() | without
            self._search_due |= come and found <= before
        self._without = without
        if everybody:
            self._read_all(self._present.pids - without)
            self._search_due = False
        elif self._search_due and now >= self._search_rests:
            took = self._read_all(self._present.pids - without)
            self._search_due, self._search_rests = False, time.monotonic_ns() + took * self.REST
        else:
            self._read_in_turn(without)
        self._young = {pid: left - 1 for pid, left in self._young.items() if left > 1}

    def _leave_out(self, without: Set[int]) -> None:
        """Forget those that are gone, and these."""
        present = self._present.pids - without
        self._unreadable &= present
        for kept in (self._uses, self._rests, self._young):
            for gone in kept.keys() - present:
                del kept[gone]

    def _read_all(self, pids: Iterable[int]) -> int:
        """Read them; returns the nanoseconds of processor time that it took."""
        began = last = time.thread_time_ns()
        for pid in pids:
            self._read(pid)
            now = time.thread_time_ns()
            if now - last > self.COSTLY_NS and pid in self._uses:
                self._rests[pid] = time.monotonic_ns() + (now - last) * self.REST
            last = now
        return last - began

    def _read_in_turn(self, without: Set[int]) -> None:
        """Read the next ones, those that are seen to map none of the files not in full."""
        end = time.thread_time_ns() + self.TURN_NS
        files = (self.identity, *self.semaphores)
        for _each in range(-(-len(self._present.pids) // self.ROUND)):
            self._turn = self._turn or sorted(self._present.pids)
            pid = self._turn.pop()
            if pid in without or pid in self._uses:
                continue
            if not self._arrivals.complete or maps_one_of(pid, files) is not False:
                self._read(pid)
            else:
                self._unreadable.discard(pid)
            if time.thread_time_ns() > end:
                return

    def _scan_likely(self, likely: Set[int], everybody: bool, without: Set[int]) -> None:
        present = set(processes()) - without
        self._unreadable &= present
        for kept in (self._uses, self._stamps):
            for gone in kept.keys() - present:
                del kept[gone]
        for pid in present:
            if pid in self._unreadable:
                due = self._in_turn(pid)
            elif pid in likely or pid in self._uses:
                due = self._may_be_new(pid)
            else:
                due = (pid + self._scans) % self.SELDOM == 0
            if everybody or due:
                self._read(pid)

    def _may_be_new(self, pid: int) -> bool:
        """Whether a process may have come to use a file, or no longer do, since it was read."""
        stamp, before = memory_stamp(pid, of_main=True), self._stamps.get(pid)
        self._stamps[pid] = stamp
        others = self._read_for != self.semaphores.keys()
        return self._in_turn(pid) or others or stamp is None or stamp != before

    def _in_turn(self, pid: int) -> bool:
        return (pid + self._scans) % self.UNCHANGED == 0

    def scan_changed(self, *, but: Set[int] = frozenset()) -> None:
        """Read the processes whose memory has changed since the last such scan, and in the first one all.

        Who maps the segment anew is among them, at a twentieth of the cost of reading everybody.
        """
        stamps = {pid: memory_stamp(pid) for pid in set(processes()) - but - reading(self.identity)}
        self._unreadable = {*self.unreadable}
        for pid in (pid for pid, stamp in stamps.items() if self._stamps.get(pid, ()) != stamp):
            self._read(pid)
        self._stamps = stamps
        self._end_scan()

    def _read(self, pid: int) -> None:
        use = file_use(pid, self.identity, self.semaphores.keys(), self._uses.get(pid))
        if use is None:
            self._unreadable.add(pid)
            self.refused.add(pid)
            self._stamps.pop(pid, None)
        else:
            self._unreadable.discard(pid)
        if use:
            self._uses[pid] = use
        else:
            self._uses.pop(pid, None)


@lru_cache(maxsize=8)
def _one_of_equal(pids: frozenset[int]) -> frozenset[int]:
    """The first of those that are equal: each segment that is watched keeps them, of all the machine's."""
    return pids
