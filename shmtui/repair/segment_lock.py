"""One repair at a time: an exclusive lock on the segment's file (flock(2)).

The lock is on the open file, so it ends with the process that holds it, however it ends. It is
taken on a read-only descriptor, and changes nothing of the file.
"""

import fcntl
import os
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

    MissingSegmentError: there is no such segment. ShmtuiError: it has no file, another repair holds
    it, or a program that locks its file.
    """

    def __init__(self, name: str, folder: str) -> None:
        if not has_name(name):
            raise ShmtuiError(f"{_(NAMELESS).format(name=name)}: {_(NAMELESS_WAY)}")
        self._fd = open_readonly(segment_path(name, folder))
        self.identity = FileIdentity.of(os.fstat(self._fd))
        """The file that is locked."""
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._fd)
            raise ShmtuiError(
                _(
                    "the file of {name} is locked by another repair, or by a program: wait until it "
                    "is free, and look again"
                ).format(name=name)
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        os.close(self._fd)
