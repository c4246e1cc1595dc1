"""Who uses a segment: the processes that map its file or a semaphore's, or have it open for writing."""

from collections.abc import Callable, Set
from typing import Final

from shmtui.procfs.file_use import FileUse, file_use
from shmtui.procfs.maps import reading
from shmtui.procfs.process import MemoryStamp, memory_stamp, processes
from shmtui.shm.segment import FileIdentity

_NO_USE: Final = FileUse()


class FileUsers:
    """Keeps the list of who uses a segment's files, and reads a part of /proc at a time.

    Reading every process's maps at every scan costs tens of milliseconds on a busy machine. A
    new process is read in each of its first ``YOUNG`` scans, a process that uses a file in every
    scan, every other process once in ``ROUND`` scans.

    ``likely``: where all processes are looked at for another purpose, those that may use the files,
    the unreadable among them. They are read in place of the new ones, and the others seldom; of all
    those whose memory is as it was, one of ``UNCHANGED`` at a scan.
    """

    ROUND: Final = 8
    UNCHANGED: Final = 5
    SELDOM: Final = 320
    YOUNG: Final = 6

    def __init__(
        self, identity: FileIdentity, likely: Callable[[], Set[int]] | None = None
    ) -> None:
        self.identity = identity
        self._likely = likely
        self._uses: dict[int, FileUse] = {}
        self._age: dict[int, int] = {}
        """How many scans each process has been there for, up to ``YOUNG``."""
        self._stamps: dict[int, MemoryStamp | None] = {}
        self._scans = 0
        self._unreadable: set[int] = set()
        self.semaphores: frozenset[FileIdentity] = frozenset()
        """The files of the named semaphores that belong to the segment."""
        self._read_for = self.semaphores
        """Those that the last scan looked for."""
        self.refused: set[int] = set()
        """Those of the unreadable whose maps the last scan tried to read."""

    @property
    def uses(self) -> dict[int, FileUse]:
        """The processes found so far that use one of the files, by PID."""
        return self._uses

    def use(self, pid: int) -> FileUse:
        """What a process has of the files, as far as it was found."""
        return self._uses.get(pid, _NO_USE)

    @property
    def unreadable(self) -> frozenset[int]:
        """Processes whose maps this user may not read: they may use the files."""
        return frozenset(self._unreadable)

    def scan(self, *, everybody: bool = False, but: Set[int] = frozenset()) -> None:
        """Read the processes that are due, or ``everybody``; the first scan reads all.

        ``but``: PIDs that are left out, since it is known otherwise whether they use the files.
        """
        self._scans += 1
        likely = None if self._likely is None else self._likely()
        everybody = everybody or self._scans == 1
        round_ = self.ROUND if likely is None else self.SELDOM
        self.refused.clear()
        present = set(processes()) - but - reading(self.identity)
        self._unreadable &= present
        for kept in (self._age, self._uses, self._stamps):
            for gone in kept.keys() - present:
                del kept[gone]
        for pid in present:
            in_turn = (pid + self._scans) % round_ == 0
            if likely is None:
                due = self._is_young(pid) or in_turn or pid in self._uses
            else:
                watched = pid in likely or pid in self._uses
                due = self._may_be_new(pid) if watched else in_turn
            if everybody or due:
                self._read(pid)
        self._read_for = self.semaphores

    def _is_young(self, pid: int) -> bool:
        """Whether this is one of the first scans that see a process."""
        age = self._age.get(pid, 0)
        self._age[pid] = min(age + 1, self.YOUNG)
        return age < self.YOUNG

    def _may_be_new(self, pid: int) -> bool:
        """Whether a process may have come to use a file, or no longer do, since it was read."""
        stamp, before = memory_stamp(pid), self._stamps.get(pid)
        self._stamps[pid] = stamp
        in_turn = (pid + self._scans) % self.UNCHANGED == 0
        others = self._read_for != self.semaphores
        return in_turn or others or stamp is None or stamp != before

    def scan_changed(self, *, but: Set[int] = frozenset()) -> None:
        """Read the processes whose memory has changed since the last such scan, and in the first one all.

        Who maps the segment anew is among them, at a twentieth of the cost of reading everybody.
        """
        stamps = {pid: memory_stamp(pid) for pid in set(processes()) - but - reading(self.identity)}
        for pid in (pid for pid, stamp in stamps.items() if self._stamps.get(pid, ()) != stamp):
            self._read(pid)
        self._stamps = stamps

    def _read(self, pid: int) -> None:
        use = file_use(pid, self.identity, self.semaphores, self._uses.get(pid))
        if use is None:
            self._unreadable.add(pid)
            self.refused.add(pid)
        else:
            self._unreadable.discard(pid)
        if use:
            self._uses[pid] = use
        else:
            self._uses.pop(pid, None)
