"""Reading a segment's bytes without disturbing it: O_RDONLY, pread, no mapping.

A read past a truncated end comes back short instead of killing the reader with
SIGBUS, and nothing here can make, change or post anything.
"""

import os
import pwd
import stat
from dataclasses import dataclass
from functools import cache
from typing import Final

from shmtui.errors import ShmtuiError
from shmtui.ipc.layout import SEM_SIZE, Layout
from shmtui.ipc.segment import SHM_DIR, FileIdentity, identity_at, open_readonly, segment_path

WHOLE: Final = 4096
"""Up to this size the whole segment is read at once, which keeps values and indices together."""
_AGREE: Final = 4
"""Reads, at the most, until two in a row are the same."""


@dataclass(frozen=True, slots=True)
class Looked:
    """The file behind the segment, as fstat has it now."""

    identity: FileIdentity
    size: int
    mode: int
    uid: int
    unlinked: bool
    replaced: bool
    """Another file has taken the name."""


@cache
def user_name(uid: int) -> str:
    """The login name, or the number where there is none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


class SegmentReader:
    """An open, read-only look at one segment. MissingSegmentError: there is none of that name."""

    def __init__(self, name: str, folder: str = SHM_DIR) -> None:
        self.name = name
        self.folder = folder
        """Where its semaphores are looked for too."""
        self._path = segment_path(name, folder)
        self._fd = open_readonly(self._path)
        self.identity = FileIdentity.of(os.fstat(self._fd))

    def look(self) -> Looked:
        """Size, mode and what became of the name."""
        status = os.fstat(self._fd)
        at_name = identity_at(self._path)
        unlinked = status.st_nlink == 0
        return Looked(
            identity=self.identity,
            size=status.st_size,
            mode=stat.S_IMODE(status.st_mode),
            uid=status.st_uid,
            unlinked=unlinked,
            replaced=unlinked and at_name is not None and at_name != self.identity,
        )

    def read(self, offset: int, length: int) -> bytes:
        """Up to ``length`` bytes; fewer where the file ends before."""
        return os.pread(self._fd, length, offset)

    def read_settled(self, offset: int, length: int) -> bytes:
        """Like :meth:`read`, again until two in a row agree or patience ends.

        One pread copies faster than a protocol step takes, and is still not atomic.
        """
        previous = self.read(offset, length)
        for _ in range(_AGREE):
            current = self.read(offset, length)
            if current == previous:
                break
            previous = current
        return previous

    def close(self) -> None:
        """Give the descriptor back, once: by a second time the number may be another file's."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def read_small(path: str) -> bytes:
    """The first bytes of a file under /dev/shm, as many as a semaphore has; empty if unreadable."""
    try:
        fd = open_readonly(path)
    except ShmtuiError:
        return b""
    try:
        return os.pread(fd, SEM_SIZE, 0)
    finally:
        os.close(fd)


def state_span(layout: Layout) -> tuple[int, int]:
    """The stretch (offset, length) that holds both indices and the embedded semaphores."""
    ends = [(layout.in_, layout.index_size), (layout.out, layout.index_size)]
    ends += [(at, SEM_SIZE) for at in (layout.mutex, layout.empty, layout.full) if at is not None]
    start = min(at for at, _ in ends)
    return start, max(at + size for at, size in ends) - start
