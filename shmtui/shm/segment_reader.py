"""Reading a segment's bytes without disturbing it: O_RDONLY and pread.

A read past a truncated end returns fewer bytes, where reading a mapping would kill the reader with
SIGBUS. `futex_queue` maps a page, and reads nothing of it. Nothing here can make, change or post anything.
"""

import os
import pwd
import stat
from collections.abc import Iterator, Sequence
from functools import cache
from struct import calcsize, unpack
from typing import Final, Protocol

import msgspec

from shmtui.errors import ShmtuiError
from shmtui.shm.futex_queue import sleepers
from shmtui.shm.layout import SEM_SIZE, Layout
from shmtui.shm.segment import SHM_DIR, FileIdentity, identity_at, open_readonly, segment_path
from shmtui.shm.semaphore import named_semaphore_path

WHOLE: Final = 4096
"""Bytes up to which a segment is read by one call, so that values and indices are of one moment."""
Span = tuple[int, int]
"""A stretch of a file: offset and length."""
_AGREE: Final = 4
"""Reads after the first, at the most, until two in a row are equal."""


class SegmentStatus(msgspec.Struct, frozen=True):
    """The segment's file, as fstat has it now."""

    identity: FileIdentity
    size: int
    mode: int
    uid: int
    gid: int
    unlinked: bool
    replaced: bool
    """Another file has the name now."""
    size_mapped: bool = False
    """There is no file at hand: the size is what is mapped, and mode and owner are those of who maps."""


@cache
def user_name(uid: int) -> str:
    """The login name, or the number where there is none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


class ByteSource(Protocol):
    """Where the bytes of a segment are read: its file, or the memory of a process that maps it."""

    identity: FileIdentity
    path: str
    """Its file; empty where it has none that others could open."""
    semaphore: bool
    """It is the file of a named semaphore, and of no segment."""
    note: str
    """What reading it changes, in words; empty where nothing."""

    def status(self) -> SegmentStatus:
        """Size, mode, owner, and whether the name is still its own."""

    def read(self, offset: int, length: int) -> bytes:
        """Up to ``length`` bytes; fewer where it ends before."""

    def stretches(self) -> Iterator[Span]:
        """The parts that may hold anything but zeros, in order."""

    def sleepers(self, offset: int, size: int = 4) -> int | None:
        """How many threads sleep on the words there; None where it cannot be told."""

    def close(self) -> None:
        """Give back what it keeps open. A second call does nothing."""


class SegmentFile:
    """The file of a segment, opened read-only; or of the named semaphore of that name, where there is
    no segment.

    MissingSegmentError: there is none. ShmtuiError: it is no file, or this user may not read it.
    """

    note = ""

    def __init__(self, name: str, folder: str = SHM_DIR) -> None:
        self.path = segment_path(name, folder)
        semaphore = named_semaphore_path(name, folder)
        self.semaphore = identity_at(self.path) is None and identity_at(semaphore) is not None
        if self.semaphore:
            self.path = semaphore
        self._fd = open_readonly(self.path)
        self.identity = FileIdentity.of(os.fstat(self._fd))

    def status(self) -> SegmentStatus:
        """Size, mode, owner, and whether the name is still this file's."""
        status = os.fstat(self._fd)
        unlinked = status.st_nlink == 0
        at_name = identity_at(self.path) if unlinked else None
        return SegmentStatus(
            identity=self.identity,
            size=status.st_size,
            mode=stat.S_IMODE(status.st_mode),
            uid=status.st_uid,
            gid=status.st_gid,
            unlinked=unlinked,
            replaced=at_name is not None and at_name != self.identity,
        )

    def read(self, offset: int, length: int) -> bytes:
        """Up to ``length`` bytes; fewer where the file ends before."""
        return os.pread(self._fd, length, offset)

    def stretches(self) -> Iterator[Span]:
        """The parts of the file that are no holes, in order."""
        return data_of_file(self._fd)

    def sleepers(self, offset: int, size: int = 4) -> int | None:
        """As `futex_queue.sleepers`."""
        return sleepers(self._fd, offset, size)

    def close(self) -> None:
        """Close the descriptor. A second call does nothing: the number may be another file's."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class SegmentReader:
    """One segment, read without being disturbed: a `ByteSource` with a name. ``source``: by default
    the file of that name in ``folder``, and what is wrong with it is raised (`SegmentFile`).
    """

    def __init__(self, name: str, folder: str = SHM_DIR, source: ByteSource | None = None) -> None:
        self.name = name
        self.folder = folder
        """The directory of its named semaphores."""
        self._source = SegmentFile(name, folder) if source is None else source
        self.identity = self._source.identity
        self.semaphore = self._source.semaphore
        self.status, self.read = self._source.status, self._source.read
        self.stretches, self.sleepers = self._source.stretches, self._source.sleepers
        self.close = self._source.close

    @property
    def path(self) -> str:
        return self._source.path

    @property
    def note(self) -> str:
        return self._source.note

    def read_stable(self, spans: Sequence[Span]) -> tuple[list[bytes], bool]:
        """The bytes of several spans, read again until two reads in a row are equal; and whether two
        were.

        Of a segment that changes all the time it is the last of a few reads. A read is faster
        than a step of the protocol, but not atomic.
        """
        previous = [self.read(*span) for span in spans]
        for _attempt in range(_AGREE):
            current = [self.read(*span) for span in spans]
            if current == previous:
                return current, True
            previous = current
        return previous, False


def data_of_file(fd: int) -> Iterator[Span]:
    """The parts of a file that are no holes, in order (SEEK_DATA of lseek(2)), each for as long as it is
    one when it comes to that. Nothing is read.
    """
    at = 0
    while True:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
            at = os.lseek(fd, start, os.SEEK_HOLE)
        except OSError:
            return  # ENXIO: no data from there on.
        yield start, at - start


def read_start(path: str, size: int) -> bytes:
    """The first bytes of a file under /dev/shm, ``size`` at the most; none if it cannot be read."""
    try:
        fd = open_readonly(path)
    except ShmtuiError:
        return b""
    try:
        return os.pread(fd, size, 0)
    finally:
        os.close(fd)


def state_spans(layout: Layout) -> list[Span]:
    """The spans of this segment that hold the indices and the embedded semaphores, at least one.

    Fields within `WHOLE` bytes share a span. Data between fields that lie further apart is in none.

    >>> from shmtui.shm.layout import ITEM_TYPES, seed_layout
    >>> from shmtui.shm.libc import Libc
    >>> state_spans(seed_layout(5, ITEM_TYPES["int32"], Libc.GLIBC))
    [(20, 108)]
    """
    fields = layout.index_spans
    if layout.count is not None:
        fields.append((layout.count[0], calcsize("=" + layout.count[1])))
    fields += [(at, SEM_SIZE) for at in (layout.mutex, layout.empty, layout.full) if at is not None]
    spans: list[Span] = []
    for at, size in sorted(fields):
        start, length = spans[-1] if spans else (at, 0)
        if at + size - start <= WHOLE:
            spans[-1:] = [(start, max(length, at + size - start))]
        else:
            spans.append((at, size))
    return spans or [(0, 0)]


def integer_at(reader: SegmentReader, place: tuple[int, str]) -> int | None:
    """The integer at a byte, by its letter in :mod:`struct`; None where the segment ends before."""
    at, code = place
    raw = reader.read(at, calcsize("=" + code))
    return int(unpack("=" + code, raw)[0]) if len(raw) == calcsize("=" + code) else None
