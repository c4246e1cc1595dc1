"""What a process has open of shared memory, and the program that it runs from memory."""

import contextlib
import os
import stat
from collections.abc import Iterator, Set
from typing import Final

from shmtui.monitor.shared_memory import DELETED, OpenFile
from shmtui.monitor.shared_object import ObjectKind
from shmtui.procfs.file_use import access_mode
from shmtui.procfs.mounts import Mount
from shmtui.procfs.process import read_file

_SHARED_FILES: Final = (b"/memfd:", b"/dev/shm/", b"/dev/mqueue/", b"/dev/hugepages/")
_QUEUE_SIZE: Final = 80
"""The size that a message queue's file has (FILENT_SIZE in the kernel's ipc/mqueue.c)."""


def kind_of_file(mount: Mount) -> ObjectKind | None:
    """That of the files of a file system in memory."""
    if mount.kind == "hugetlbfs":
        return ObjectKind.HUGETLB
    if mount.kind == "mqueue":
        return ObjectKind.QUEUE
    return ObjectKind.POSIX if mount.point == "/dev/shm" else ObjectKind.TMPFS


def open_files(
    pid: int, mounts: dict[int, tuple[Mount, int | str]], internal: int, without: Set[int]
) -> Iterator[OpenFile]:
    """The descriptors of shared memory that a process has, but those ``without``. ``internal``: as of
    `internal_device`.
    """
    folder = b"/proc/%d/fd" % pid
    try:
        fds = {*map(int, os.listdir(folder))} - without
    except OSError:
        return
    for fd in fds:
        link = b"%s/%d" % (folder, fd)
        try:
            target = os.readlink(link)  # noqa: PTH115 - it is no path
            # Of a message queue's path only the name is given. Others are pipe:[…] and the like.
            if not target.startswith(_SHARED_FILES) and target.rfind(b"/") != 0:
                continue
            kind = _kind_of_open_file(target, os.stat(link), mounts, internal)  # noqa: PTH116
            if kind is not None and not _only_looks(pid, fd, kind, target):
                yield OpenFile(f"fd/{fd}", kind, target)
        except OSError:
            continue


def program_in_memory(pid: int, internal: int) -> Iterator[OpenFile]:
    """The program that a process runs, where that lies in memory without a name (fexecve of a memfd): its
    mappings of it are private, and nothing else keeps it.
    """
    path = f"/proc/{pid}/exe"
    with contextlib.suppress(OSError):
        if os.stat(path).st_dev == internal:  # noqa: PTH116 - it is no path
            target = os.fsencode(os.readlink(path))  # noqa: PTH115 - it is no path
            yield OpenFile("exe", ObjectKind.MEMFD, target)


def _only_looks(pid: int, fd: int, kind: ObjectKind, target: bytes) -> bool:
    """Whether a descriptor is one by which its process only looks on, as shmtui does: it can write
    nothing by it, and what it looks at has a name, or it is this process.
    """
    if kind is ObjectKind.QUEUE or (pid != os.getpid() and target.endswith(DELETED)):
        return False
    return access_mode(read_file(f"/proc/{pid}/fdinfo/{fd}", 512).split()) == os.O_RDONLY


def _kind_of_open_file(
    target: bytes,
    status: os.stat_result,
    mounts: dict[int, tuple[Mount, int | str]],
    internal: int,
) -> ObjectKind | None:
    mount = mounts.get(status.st_dev)
    if mount is not None:
        return kind_of_file(mount[0])
    if os.major(status.st_dev) or not stat.S_ISREG(status.st_mode):
        return None
    if target.startswith(b"/memfd:"):
        return ObjectKind.MEMFD if status.st_dev == internal else ObjectKind.HUGETLB
    # The file system of message queues need not be mounted anywhere.
    return ObjectKind.QUEUE if status.st_size == _QUEUE_SIZE and target.rfind(b"/") == 0 else None
