"""Whether anybody in the whole machine can write to a file, asked of the kernel and not of /proc.

A read lease is granted only while nobody has the file open for writing (fcntl(2), F_SETLEASE):
the inode's count of open file descriptions for writing, ``i_writecount``, has to be 0
(check_conflicting_open in Linux's fs/locks.c). It counts a description wherever it is: a
descriptor of any process in any namespace, one on its way through a socket, and that behind a
mapping, shared or private, writable or not, which keeps the description that it was made from.
Descriptions for reading, and mappings made from them, do not count. Tried on Linux 6.18.

Only the file's owner and who has CAP_LEASE may ask. The lease is given back at once. Somebody who
opens the file for writing meanwhile waits for that, some microseconds.
"""

import fcntl
import os
import signal
from collections.abc import Iterable
from typing import Final

from shmtui.shm.segment import FileIdentity, open_seen

_F_SETSIG: Final = 10
"""fcntl.h; Python 3.11 has no name for it."""


def anybody_writes(path: str, identity: FileIdentity) -> bool | None:
    """Whether somebody has the file open for writing, or mapped from a descriptor that was.

    This process counts. None: it cannot be told: the file is another user's, its file system
    grants no leases, or another file has the name.
    """
    try:
        fd = open_seen(path, identity)
    except OSError:
        return None
    try:
        return anybody_writes_to(fd)
    finally:
        os.close(fd)


def anybody_writes_to(fd: int) -> bool | None:
    """As `anybody_writes`, for the file of a read-only descriptor. None: it cannot be told."""
    try:
        # Who opens the file meanwhile has a signal sent to this process: one that does nothing.
        fcntl.fcntl(fd, _F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:
        return None
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
