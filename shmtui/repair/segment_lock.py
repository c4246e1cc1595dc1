"""One repair of a segment at a time, whoever's it is.

What is locked is the name of a socket (unix(7), abstract), not the segment's file: a program may use flock(2) on that as
its own mutex, and would wait for as long as a repair watches it, or be repaired for what that wait does to it. The name
ends with the process that holds it, however it ends, and leaves no file.
"""

import errno
import os
import socket
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
        self._fd = open_readonly(segment_path(name, folder))
        """Kept open: its number is no other file's meanwhile."""
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

    def _close(self) -> None:
        self._socket.close()
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._close()
