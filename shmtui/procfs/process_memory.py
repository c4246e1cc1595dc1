"""Reading shared memory that has no name: through a descriptor of a process that has it open, the
kernel's link to what it maps, or the memory of a process that maps it.

In that order: the first two read the file and allocate nothing. The third asks the page table
before it reads a page, since reading a hole through a mapping would allocate it.
"""

import contextlib
import os
import stat
from collections.abc import Callable, Collection, Iterator
from typing import Final

from shmtui.errors import MissingSegmentError, ShmtuiError
from shmtui.i18n import _
from shmtui.procfs.mapped_pages import MappedPages, identity_of
from shmtui.procfs.process import processes
from shmtui.procfs.shared_mappings import SharedMapping, SharedMappings
from shmtui.procfs.sysvipc import SysvSegment, by_number, sysv_segments
from shmtui.shm.futex_queue import sleepers
from shmtui.shm.segment import FileIdentity
from shmtui.shm.segment_reader import SegmentStatus, Span, data_of_file
from shmtui.shm.system_v_attachment import SystemVAttachment

_MODE: Final = 0o600
"""Who may reach memory that has no file of its own: the processes of its user."""


class ProcessMemory:
    """What a process maps or has open, by its inode number. ``among``: the processes that map it, where
    they are known. MissingSegmentError: it has no such. ShmtuiError: this user may not read it.
    """

    path = ""
    semaphore = False
    note = ""

    def __init__(self, pid: int, inode: int, among: Collection[int] | None = None) -> None:
        mappings = SharedMappings().of(pid)
        if mappings is None:
            text = _("this user may not see what PID {pid} maps: run shmtui as its user or as root")
            raise ShmtuiError(text.format(pid=pid))
        mine = [m for m in mappings if m.inode == inode and os.major(m.device) == 0]
        self._fd = _open_descriptor(pid, inode, mine)
        self._mapped: MappedPages | None = None
        if mine:
            self.identity = identity_of(mine[0])
            if self._fd is None:
                self._mapped = MappedPages(self.identity, f"pid:{pid}:{inode}", among)
        elif self._fd is not None:
            self.identity = FileIdentity.of(os.fstat(self._fd))
        else:
            text = _(
                "PID {pid} has no shared memory of inode {inode}: shmtui ls shows what there is"
            )
            raise MissingSegmentError(text.format(pid=pid, inode=inode))

    def status(self) -> SegmentStatus:
        """It never has a name that others could open."""
        if self._fd is not None:
            status = os.fstat(self._fd)
            mode = stat.S_IMODE(status.st_mode)
            return _status(self.identity, status.st_size, mode, status.st_uid, status.st_gid)
        assert self._mapped is not None
        self._mapped.refresh()
        its = self._mapped
        return _status(self.identity, its.size, _MODE, its.uid, its.gid, size_mapped=True)

    def read(self, offset: int, length: int) -> bytes:
        """Up to ``length`` bytes; fewer where it ends before."""
        if self._fd is not None:
            return os.pread(self._fd, length, offset)
        assert self._mapped is not None
        return self._mapped.read(offset, length)

    def sleepers(self, offset: int, size: int = 4) -> int | None:
        """As `futex_queue.sleepers`; None where only processes' own memory is at hand."""
        return None if self._fd is None else sleepers(self._fd, offset, size)

    def stretches(self) -> Iterator[Span]:
        if self._fd is not None:
            return data_of_file(self._fd)
        assert self._mapped is not None
        return self._mapped.stretches()

    def close(self) -> None:
        """Close all descriptors. A second call does nothing."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
        if self._mapped is not None:
            self._mapped.close()


class SystemVMemory:
    """A System V segment of this IPC namespace, read through a process that has it attached; with
    ``attach`` through this one, where there is no other that this user may read.

    MissingSegmentError: there is none of that number. ShmtuiError: nobody has it attached, or this
    user may not read the memory of those who have; or may not attach it.
    """

    path = ""
    semaphore = False

    def __init__(
        self,
        number: int,
        attach: Callable[[str], None] | None = None,
        among: Collection[int] | None = None,
    ) -> None:
        """``attach``: it may be attached for the reading; called with what that changes, before it is.
        ``among``: the processes that have it attached, where they are known.
        """
        self._among = among
        self._number = number
        name = f"sysv:{number}"
        segment = self._row()
        if segment is None:
            text = _(
                "there is no System V segment {number}: shmtui ls --kind sysv shows those there are"
            )
            raise MissingSegmentError(text.format(number=number))
        self._last = segment
        self._own: SystemVAttachment | None = None
        self._mapped: MappedPages | None = None
        self.note = ""
        """What reading it changes; empty where nothing."""
        try:
            self._open_mapped(name)
        except ShmtuiError:
            if attach is None:
                raise
            self._attach(name, attach)

    def _open_mapped(self, name: str) -> None:
        if not self._last.attached:
            text = _(
                "nobody has {name} attached, and reading it means attaching it, which changes its "
                "nattch, atime and lpid: start its program, or say --shmat; shmtui rm {name} frees it"
            )
            raise ShmtuiError(text.format(name=name))
        self.identity = _system_v(self._number, self._among)
        self._mapped = MappedPages(self.identity, name, self._among, self._last.size)

    def _attach(self, name: str, tell: Callable[[str], None]) -> None:
        """ShmtuiError: this user may not read it, or part of it is in no memory."""
        if self._last.swapped:
            text = _(
                "{size:,} bytes of {name} are swapped out, and attaching it would read them as zeros: start "
                "its program, and look at it there"
            )
            raise ShmtuiError(text.format(size=self._last.swapped, name=name))
        text = _("attaching {name} read-only, to read it: its nattch, atime and lpid change")
        tell(text.format(name=name))
        try:
            self._own = SystemVAttachment(self._number, self._last.size)
        except OSError as error:
            text = _("{name} cannot be attached ({error}): run shmtui as its user or as root")
            raise ShmtuiError(text.format(name=name, error=error.strerror)) from None
        text = _(
            "this process (PID {pid}) has it attached read-only: nattch, atime and lpid are its own"
        )
        self.note = text.format(pid=os.getpid())
        try:
            self.identity = _system_v(self._number)
        except BaseException:
            self._own.close()
            raise

    def _row(self) -> SysvSegment | None:
        return by_number(sysv_segments(), self._number)

    def status(self) -> SegmentStatus:
        """As the kernel's list has it; unlinked once it is gone. One that is marked to go can still
        be attached by its number (shmctl(2)).
        """
        if self._mapped is not None:
            self._mapped.refresh()
        row = self._row()
        self._last = row or self._last
        return _status(
            self.identity, self._last.size, self._last.mode & 0o777, self._last.uid, self._last.gid,
            unlinked=row is None,
        )  # fmt: skip

    def read(self, offset: int, length: int) -> bytes:
        """Up to ``length`` bytes; fewer where it ends before."""
        length = min(length, max(self._last.size - offset, 0))
        source = self._own or self._mapped
        assert source is not None
        return source.read(offset, length)

    def sleepers(self, offset: int, size: int = 4) -> int | None:  # noqa: ARG002 - a `ByteSource` has them
        """None: it has no file."""
        return None

    def stretches(self) -> Iterator[Span]:
        if self._own is None and self._mapped is not None:
            return self._mapped.stretches()
        return iter([(0, self._last.size)])

    def close(self) -> None:
        """Close all descriptors, and detach it. A second call does nothing."""
        for source in (self._own, self._mapped):
            if source is not None:
                source.close()


def _system_v(number: int, among: Collection[int] | None = None) -> FileIdentity:
    """The identity of a System V segment, by a mapping of it; ``among`` PIDs, or all."""
    reader = SharedMappings()
    for pid in processes() if among is None else among:
        for mapping in reader.of(pid) or ():
            found = identity_of(mapping)
            if found.system_v and found.inode == number:
                return found
    text = _(
        "this user may not see who has sysv:{number} attached: run shmtui as their user or as root, or say "
        "--shmat, which attaches it read-only"
    )
    raise ShmtuiError(text.format(number=number))


def _status(
    identity: FileIdentity,
    size: int,
    mode: int,
    uid: int,
    gid: int,
    *,
    unlinked: bool = False,
    size_mapped: bool = False,
) -> SegmentStatus:
    return SegmentStatus(
        identity, size, mode, uid, gid, unlinked=unlinked, replaced=False, size_mapped=size_mapped
    )


def _open_descriptor(pid: int, inode: int, mappings: list[SharedMapping]) -> int | None:
    """A descriptor of the file itself; None where this user cannot have one."""
    paths = [f"/proc/{pid}/map_files/{m.start:x}-{m.end:x}" for m in mappings[:1]]
    device = mappings[0].device if mappings else None
    with contextlib.suppress(OSError):
        for link in ("exe", *(f"fd/{fd}" for fd in os.listdir(f"/proc/{pid}/fd"))):
            with contextlib.suppress(OSError):
                path = f"/proc/{pid}/{link}"
                status = os.stat(path)  # noqa: PTH116 - it is no path
                in_memory = os.major(status.st_dev) == 0 and stat.S_ISREG(status.st_mode)
                if in_memory and status.st_ino == inode and device in {None, status.st_dev}:
                    paths.insert(0, path)
    for path in paths:
        with contextlib.suppress(OSError):
            return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    return None
