"""One repair of a segment at a time, whoever's it is.

A repair watches for many seconds. For as long as that takes it holds the name of a socket (unix(7), abstract), not the
segment's file: a program may use flock(2) on that as its own mutex, and would wait as long, or be repaired for what that
wait does to it. The file is locked (flock(2), on a read-only descriptor, which changes nothing of it) while everybody is
stopped anyway, and words are compared and written. Both locks end with the process that holds them, however it ends.
"""

import contextlib
import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from typing import Final, Self

from shmtui.errors import ShmtuiError
from shmtui.i18n import N_, _
from shmtui.procfs.target import has_name
from shmtui.shm.segment import FileIdentity, open_readonly, segment_path

NAMELESS: Final = N_("{name} has no file under /dev/shm, and a repair writes through that alone")
"""What is written has to reach all who map it, and those who sleep are woken by way of the file
(futex(2)).
"""
NAMELESS_WAY: Final = N_("end its processes and start them anew")


class SegmentLock:
    """Held for as long as the block lasts.

    MissingSegmentError: there is no such segment. ShmtuiError: it has no file, or another repair is at work.
    """

    def __init__(self, name: str, folder: str) -> None:
        if not has_name(name):
            raise ShmtuiError(f"{_(NAMELESS).format(name=name)}: {_(NAMELESS_WAY)}")
        self._name = name
        self._fd = open_readonly(segment_path(name, folder))
        """Kept open: its inode's number is no other file's meanwhile."""
        self.identity = FileIdentity.of(os.fstat(self._fd))
        """The file that is locked."""
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.bind(f"\0shmtui-repair-{self.identity.device:x}-{self.identity.inode:x}")
        except OSError as error:
            self._close()
            if error.errno != errno.EADDRINUSE:
                raise
            raise ShmtuiError(
                _(
                    "another repair of {name} is at work: wait until it has ended, and look again"
                ).format(name=name)
            ) from None

    @contextlib.contextmanager
    def of_file(self) -> Iterator[None]:
        """Keep away who locks the file itself: a repair that sees no socket of this one, from another network
        namespace, and a program that has its mutex there.

        ShmtuiError: somebody holds it.
        """
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ShmtuiError(
                _(
                    "the file of {name} is locked (flock) by another repair, or by a program: wait until it is "
                    "free, and look again"
                ).format(name=self._name)
            ) from None
        try:
            yield
        finally:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def _close(self) -> None:
        self._socket.close()
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._close()
