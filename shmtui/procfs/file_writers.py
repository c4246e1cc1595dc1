"""Whether anybody in the whole machine can write to a file, or could for a moment: asked of the
kernel and not of /proc.

A read lease is granted only while nobody has the file open for writing (fcntl(2), F_SETLEASE):
the inode's count of open file descriptions for writing, ``i_writecount``, has to be 0
(check_conflicting_open in Linux's fs/locks.c). It counts a description wherever it is: a
descriptor of any process in any namespace, one on its way through a socket, and that behind a
mapping, shared or private, writable or not, which keeps the description that it was made from.
Descriptions for reading, and mappings made from them, do not count. Tried on Linux 6.18.

Only the file's owner and who has CAP_LEASE may ask. The lease is given back at once. Somebody who
opens the file for writing meanwhile waits for that, some microseconds.

/proc shows who is there now. A guest that opens a segment, takes an item and ends within
milliseconds is never seen there, but closing what was open for writing is an event (IN_CLOSE_WRITE
of inotify(7), which needs no right): at the latest when the process ends. Python's mmap keeps a
descriptor for as long as it maps.
"""

import ctypes
import fcntl
import os
import signal
from collections.abc import Iterable
from typing import Final

from shmtui.shm.segment import FileIdentity

_F_SETSIG: Final = 10
"""fcntl.h; Python 3.11 has no name for it."""
_CLOSE_WRITE: Final = 0x8
_OVERFLOW: Final = 0x4000
_EVENT_SIZE: Final = 16
"""``sizeof(struct inotify_event)`` without a name, which only events in a folder have."""


def anybody_writes(path: str, identity: FileIdentity) -> bool | None:
    """Whether somebody has the file open for writing, or mapped from a descriptor that was.

    This process counts. None: it cannot be told: the file is another user's, its file system
    grants no leases, or another file has the name.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        if FileIdentity.of(os.fstat(fd)) != identity:
            return None
        # Who opens the file meanwhile has a signal sent to this process: one that does nothing.
        fcntl.fcntl(fd, _F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:
        return None
    finally:
        os.close(fd)
    return False


def anybody_writes_one_of(files: Iterable[tuple[str, FileIdentity]]) -> bool | None:
    """The same of several files, each by path and identity: True if somebody writes to one, False
    if to none.

    >>> anybody_writes_one_of([]), anybody_writes_one_of([("/dev/null", FileIdentity(0, 0))])
    (False, None)
    """
    answers = {anybody_writes(path, identity) for path, identity in files}
    if True in answers:
        return True
    return None if None in answers else False


class WriterWatch:
    """Watches the file at ``path`` for being closed after it was open for writing.

    OSError: the file is gone, or no watch is to be had (/proc/sys/fs/inotify).
    """

    def __init__(self, path: str) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._fd = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        if libc.inotify_add_watch(self._fd, os.fsencode(path), _CLOSE_WRITE) < 0:
            error = ctypes.get_errno()
            os.close(self._fd)
            raise OSError(error, os.strerror(error))

    def closed(self) -> bool:
        """Whether it was closed since the last call. The kernel reports equal events that nobody
        has read as one, so that how often is not known.
        """
        seen = 0
        while True:
            try:
                raw = os.read(self._fd, 4096)
            except BlockingIOError:
                return bool(seen & (_CLOSE_WRITE | _OVERFLOW))
            for at in range(0, len(raw), _EVENT_SIZE):
                seen |= int.from_bytes(raw[at + 4 : at + 8], "little")

    def close(self) -> None:
        """Give the descriptor back."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
