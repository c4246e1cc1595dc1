"""What one process has of a segment: mappings, of its named semaphores too, and a descriptor that may write.

A program may reach a segment without mapping it (pwrite(2)), and a lock without the segment (a
named semaphore). Each of them may hold the lock.
"""

import functools
import os
from collections.abc import Set
from typing import Final

import msgspec

from shmtui.procfs.map_query import FILES, SHARED, MapQuery, file_key
from shmtui.procfs.maps import Mapping, map_lines, may_write, on_device, parse_maps
from shmtui.procfs.process import live_thread, processes, read_file
from shmtui.shm.segment import SHM_DIR, FileIdentity

_NO_SEGMENTS: Final = (b"/proc/", b"/dev/null", b"/dev/pts/", b"/dev/tty", b"/dev/urandom")
"""Files that most processes have open."""
_QUERY: Final = MapQuery(FILES)
_SHARED_QUERY: Final = MapQuery(SHARED)


class FileUse(msgspec.Struct, frozen=True):
    """What one process has of a segment and of the semaphores that belong to it."""

    maps: tuple[Mapping, ...] = ()
    semaphores: dict[FileIdentity, tuple[Mapping, ...]] = msgspec.field(default_factory=dict)
    """Of the named semaphores' files, by file; those that it maps."""
    opened: bool = False
    """It has the segment's file open for writing. Not looked up where it may write by a mapping."""
    may_write: bool = False
    """It may write to the segment by a mapping, now or after an mprotect(2)."""

    @property
    def mapped_size(self) -> int:
        """Bytes of the segment that it maps, in whole pages."""
        size, end = 0, 0
        for first, last in sorted((m.offset, m.offset + m.end - m.start) for m in self.maps):
            size += max(last - max(first, end), 0)
            end = max(end, last)
        return size

    def __bool__(self) -> bool:
        """Whether it uses any of them."""
        return bool(self.maps or self.semaphores or self.opened)


def file_use(
    pid: int,
    identity: FileIdentity,
    semaphores: Set[FileIdentity] = frozenset(),
    before: FileUse | None = None,
) -> FileUse | None:
    """What ``pid`` has of a segment and of its named semaphores; None if this user may not know.

    ``before``: what it had at an earlier time. What may be done by a mapping does not change.
    """
    found = _mappings(pid, (identity, *semaphores))
    if found is None:
        return None
    maps = found.pop(identity, ())
    if before is not None and before.maps == maps:
        writes = before.may_write
    else:
        writes = any(m.shared and (m.writable or may_write(pid, m)) for m in maps)
    return FileUse(
        maps,
        found,
        not writes and pid != os.getpid() and bool(open_for_writing(pid, {identity})),
        writes,
    )


def maps_one_of(pid: int, files: tuple[FileIdentity, ...]) -> bool | None:
    """Whether ``pid`` maps one of some files shared, by a look that costs a fifth of a full one. None: it
    may, this kernel gives no such look, or this user may not know.
    """
    try:
        found = _SHARED_QUERY.mappings(pid, _keys(files)) if _SHARED_QUERY.works else None
    except PermissionError:
        return None
    return None if found is None else bool(found)


def _mappings(
    pid: int, files: tuple[FileIdentity, ...]
) -> dict[FileIdentity, tuple[Mapping, ...]] | None:
    """Where a process maps files; without those that it does not map. None: this user may not know."""
    found: dict[FileIdentity, tuple[Mapping, ...]] = {}
    if _QUERY.works:
        try:
            answers = _QUERY.mappings(pid, _keys(files))
        except PermissionError:
            return None
        if answers is not None:
            for each in answers:
                file = FileIdentity(each.device, each.inode, each.path.startswith(b"/SYSV"))
                if file in files:
                    its = Mapping(each.start, each.end, each.offset, each.writable, each.shared)
                    found[file] = (*found.get(file, ()), its)
            return found
    lines = map_lines(pid)
    if lines is None:
        return None
    lines = on_device(lines, {file.device for file in files})
    for file in files if lines else ():
        if shown := parse_maps(lines, file):
            found[file] = shown
    return found


@functools.lru_cache(maxsize=8)
def _keys(files: tuple[FileIdentity, ...]) -> frozenset[bytes]:
    return frozenset(map(file_key, files))


def users_of(identity: FileIdentity) -> list[int]:
    """PIDs of who maps a file or has it open for writing, sorted, as far as this user may see."""
    return sorted(pid for pid in processes() if file_use(pid, identity))


def open_for_writing(pid: int, files: Set[FileIdentity]) -> bool | None:
    """Whether ``pid`` has a descriptor that may write to one of the files; None: this user may not know.

    By its flags and inode in /proc/PID/fdinfo (proc_pid_fdinfo(5)), which ask no file system: one
    that does not answer cannot hold this up.
    """
    known: bool | None = False
    inodes = {file.inode for file in files}
    try:
        folder, numbers = _descriptors(pid)
    except PermissionError:
        return None
    except OSError:
        return False
    for fd in numbers:
        try:
            target = os.readlink(b"%s/%s" % (folder, fd))  # noqa: PTH115 - it is no path
            # Others are pipe:[…], socket:[…], anon_inode:….
            if (
                target.startswith(b"/")
                and not target.startswith(_NO_SEGMENTS)
                and _may_be(b"%sinfo/%s" % (folder, fd), target, inodes)
                and FileIdentity.of(os.stat(b"%s/%s" % (folder, fd))) in files  # noqa: PTH116
            ):
                return True
        except (FileNotFoundError, ProcessLookupError):
            continue
        except OSError:
            known = None
    return known


def _descriptors(pid: int) -> tuple[bytes, list[bytes]]:
    """The folder of its descriptors, and their numbers. That of a first thread that has ended is empty, and
    only root may read it.
    """
    folder = b"/proc/%d/fd" % pid
    denied: PermissionError | None = None
    numbers: list[bytes] = []
    try:
        numbers = os.listdir(folder)
    except PermissionError as error:
        denied = error
    if not numbers and (tid := live_thread(pid)) is not None:
        folder = b"/proc/%d/task/%d/fd" % (pid, tid)
        return folder, os.listdir(folder)
    if denied is not None:
        raise denied
    return folder, numbers


def access_mode(fields: list[bytes]) -> int:
    """How a descriptor was opened, by the fields of its /proc/PID/fdinfo file: O_RDONLY, O_WRONLY, O_RDWR.

    >>> access_mode(b"pos: 0 flags: 02100002 mnt_id: 2".split()) == os.O_RDWR
    True
    """
    return int(fields[fields.index(b"flags:") + 1], 8) & os.O_ACCMODE


def _may_be(path: bytes, target: bytes, inodes: Set[int]) -> bool:
    """Whether a descriptor is open for writing, and on a file of one of those inode numbers.

    Kernels before 5.14 do not give the inode; there the name has to be one of /dev/shm.
    """
    fields = read_file(path, 512).split()
    if access_mode(fields) == os.O_RDONLY:
        return False
    if b"ino:" in fields:
        return int(fields[fields.index(b"ino:") + 1]) in inodes
    return target.startswith(os.fsencode(SHM_DIR) + b"/")
