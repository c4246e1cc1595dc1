"""Who uses a segment: the processes that map its file or a semaphore's, or have it open for writing.

A program may reach a segment without mapping it (pwrite(2)), and a lock without the segment (a
named semaphore). Each of them may hold the lock.
"""

import contextlib
import os
from collections.abc import Callable, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from shmtui.procfs.maps import Mapping, map_lines, may_write, on_device, parse_maps, reading
from shmtui.procfs.process import MemoryStamp, live_thread, memory_stamp, processes, read_file
from shmtui.shm.segment import SHM_DIR, FileIdentity

_NO_SEGMENTS: Final = ("/proc/", "/dev/null", "/dev/pts/", "/dev/tty", "/dev/urandom")
"""Files that most processes have open."""


@dataclass(frozen=True, slots=True)
class FileUse:
    """What one process has of a segment and of the semaphores that belong to it."""

    maps: tuple[Mapping, ...] = ()
    semaphores: dict[FileIdentity, tuple[Mapping, ...]] = field(default_factory=dict)
    """Of the named semaphores' files, by file; those that it maps."""
    opened: bool = False
    """It has the segment's file open for writing. Not looked up where it may write by a mapping."""
    may_write: bool = False
    """It may write to the segment by a mapping, now or after an mprotect(2)."""

    @property
    def mapped_size(self) -> int:
        """Bytes of the segment that it maps, in whole pages."""
        size, end = 0, 0
        for first, last in sorted((m.offset, m.offset + m.end - m.start) for m in self.maps):
            size += max(last - max(first, end), 0)
            end = max(end, last)
        return size

    def __bool__(self) -> bool:
        """Whether it uses any of them."""
        return bool(self.maps or self.semaphores or self.opened)


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


def file_use(
    pid: int,
    identity: FileIdentity,
    semaphores: Set[FileIdentity] = frozenset(),
    before: FileUse | None = None,
) -> FileUse | None:
    """What ``pid`` has of a segment and of its named semaphores; None if this user may not know.

    ``before``: what it had at an earlier time. What may be done by a mapping does not change.
    """
    lines = map_lines(pid)
    if lines is None:
        return None
    lines = on_device(lines, {identity.device, *(file.device for file in semaphores)})
    maps = parse_maps(lines, identity) if lines else ()
    if before is not None and before.maps == maps:
        writes = before.may_write
    else:
        writes = any(m.shared and (m.writable or may_write(pid, m)) for m in maps)
    found = {file: parse_maps(lines, file) for file in semaphores} if lines else {}
    return FileUse(
        maps,
        {file: its for file, its in found.items() if its},
        not writes and pid != os.getpid() and open_for_writing(pid, identity),
        writes,
    )


def users_of(identity: FileIdentity) -> list[int]:
    """PIDs of who maps a file or has it open for writing, sorted, as far as this user may see."""
    return sorted(pid for pid in processes() if file_use(pid, identity))


def open_for_writing(pid: int, identity: FileIdentity) -> bool:
    """Whether ``pid`` has a descriptor that may write to the file, as far as this user may see.

    By its flags and inode in /proc/PID/fdinfo (proc_pid_fdinfo(5)), which ask no file system: one
    that does not answer cannot hold this up.
    """
    folder = f"/proc/{pid}/fd"
    with contextlib.suppress(OSError):
        try:
            found = os.listdir(folder)
        except PermissionError:
            found = []
        if not found and (tid := live_thread(pid)) is not None:
            # The folder of a first thread that has ended is empty, and only root may read it.
            folder = f"/proc/{pid}/task/{tid}/fd"
            found = os.listdir(folder)
        for fd in found:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                target = os.readlink(f"{folder}/{fd}")  # noqa: PTH115 - Path takes three times as long
                # Others are pipe:[…], socket:[…], anon_inode:….
                if (
                    target.startswith("/")
                    and not target.startswith(_NO_SEGMENTS)
                    and _may_be(f"{folder}info/{fd}", target, identity.inode)
                    and FileIdentity.of(Path(folder, fd).stat()) == identity
                ):
                    return True
    return False


def access_mode(fields: list[bytes]) -> int:
    """How a descriptor was opened, by the fields of its /proc/PID/fdinfo file: O_RDONLY, O_WRONLY, O_RDWR.

    >>> access_mode(b"pos: 0 flags: 02100002 mnt_id: 2".split()) == os.O_RDWR
    True
    """
    return int(fields[fields.index(b"flags:") + 1], 8) & os.O_ACCMODE


def _may_be(path: str, target: str, inode: int) -> bool:
    """Whether a descriptor is open for writing, and on a file of that inode number.

    Kernels before 5.14 do not give the inode; there the name has to be one of /dev/shm.
    """
    fields = read_file(path, 512).split()
    if access_mode(fields) == os.O_RDONLY:
        return False
    if b"ino:" in fields:
        return int(fields[fields.index(b"ino:") + 1]) == inode
    return target.startswith(SHM_DIR + "/")
