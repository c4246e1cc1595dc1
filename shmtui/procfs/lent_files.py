"""Whether a process may come to have a file by a descriptor of another, which opens nothing: one that is open
somewhere can be sent over a socket (unix(7), SCM_RIGHTS) or taken (pidfd_getfd(2)).
"""

import os
from collections.abc import Collection, Iterator, Set

from shmtui.procfs.file_use import open_for_writing
from shmtui.procfs.process import processes, read_file
from shmtui.shm.segment import FileIdentity

_SENT = b"scm_fds:"
"""In the fdinfo of a socket: descriptors that wait in it (Linux 5.6)."""


def may_lend(pids: Collection[int], files: Set[FileIdentity]) -> bool:
    """Whether one of these processes has one of the files open for writing, or this user may not know."""
    return any(open_for_writing(pid, files) is not False for pid in pids if pid != os.getpid())


def may_be_sent() -> bool:
    """Whether a descriptor of any file lies in a socket, sent and not yet received, as far as this user may see;
    True also where the kernel does not tell.
    """
    for pid in processes():
        for fields in _sockets(pid):
            if _SENT not in fields or int(fields[fields.index(_SENT) + 1]):
                return True
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
                fields = _fields(b"%sinfo/%s" % (folder, fd))
                if _SENT in fields:
                    yield fields
        except OSError:
            continue


def _fields(path: bytes) -> list[bytes]:
    """The words of a file of /proc; none where it is gone or may not be read."""
    try:
        return read_file(path, 512).split()
    except OSError:
        return []
