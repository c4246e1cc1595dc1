"""Whether a process may come to have a file by a descriptor of another, which opens nothing: one that is open
somewhere can be sent over a socket (unix(7), SCM_RIGHTS) or taken (pidfd_getfd(2)).
"""

import os
from collections.abc import Collection, Iterator, Set

from shmtui.procfs.file_use import access_mode
from shmtui.procfs.process import processes, read_file
from shmtui.shm.segment import FileIdentity

_SENT = b"scm_fds:"
"""In the fdinfo of a socket: descriptors that wait in it (Linux 5.6)."""


def may_lend(pids: Collection[int], files: Set[FileIdentity]) -> bool:
    """Whether one of these processes has one of the files open for writing, or this user may not know."""
    return any(_has_open(pid, files) for pid in pids if pid != os.getpid())


def may_be_sent() -> bool:
    """Whether a descriptor of any file lies in a socket, sent and not yet received, as far as this user may see;
    True also where the kernel does not tell.
    """
    for pid in processes():
        for fields in _sockets(pid):
            if _SENT not in fields or int(fields[fields.index(_SENT) + 1]):
                return True
    return False


def _has_open(pid: int, files: Set[FileIdentity]) -> bool:
    folder = b"/proc/%d/fd" % pid
    inodes = {file.inode for file in files}
    try:
        numbers = os.listdir(folder)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    for fd in numbers:
        fields = read_fields(b"/proc/%d/fdinfo/%s" % (pid, fd))
        writes = b"flags:" in fields and access_mode(fields) != os.O_RDONLY
        if writes and (b"ino:" not in fields or int(fields[fields.index(b"ino:") + 1]) in inodes):
            return True  # Another file of the same number on another device is seldom.
    return False


def _sockets(pid: int) -> Iterator[list[bytes]]:
    """The fdinfo of each of its sockets that can be sent descriptors, which alone has such a line."""
    folder = b"/proc/%d/fd" % pid
    try:
        numbers = os.listdir(folder)
    except OSError:
        return
    for fd in numbers:
        try:
            if os.readlink(b"%s/%s" % (folder, fd)).startswith(b"socket:"):  # noqa: PTH115 - it is no path
                fields = read_fields(b"%sinfo/%s" % (folder, fd))
                if _SENT in fields:
                    yield fields
        except OSError:
            continue


def read_fields(path: bytes) -> list[bytes]:
    """The words of a file of /proc; none where it is gone or may not be read."""
    try:
        return read_file(path, 512).split()
    except OSError:
        return []
