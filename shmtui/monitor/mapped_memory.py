"""Memory that processes share, found through them: what is mapped or open, by whom, whether they
sleep on a word of it, and how much of it is in memory. Nothing is read of its content.
"""

import contextlib
import mmap
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from shmtui.monitor.shared_object import ObjectKind
from shmtui.procfs.credentials import Credentials, credentials_of
from shmtui.procfs.futex import system_calls
from shmtui.procfs.mounts import Mount, mounts_in_memory, visible
from shmtui.procfs.namespaces import namespace
from shmtui.procfs.process import memory_stamp, processes
from shmtui.procfs.resident_pages import resident_pages
from shmtui.procfs.shared_mappings import SharedMapping, SharedMappings

_PAGE_BUDGET: Final = 1 << 21
"""Pages whose state is asked for in one pass, at the most: some 20 ms."""
_DELETED: Final = b" (deleted)"
_SHARED_FILES: Final = (b"/memfd:", b"/dev/shm/", b"/dev/mqueue/", b"/dev/hugepages/")
_QUEUE_SIZE: Final = 80
"""The size that a message queue's file has (FILENT_SIZE in the kernel's ipc/mqueue.c)."""


@dataclass(frozen=True, slots=True)
class MemoryKey:
    """What tells one shared memory from another while both exist."""

    kind: ObjectKind
    device: int
    inode: int
    """shmid, of a System V segment."""
    namespace: str = ""
    """The IPC namespace, of a System V segment: each counts its own."""


@dataclass(slots=True)
class SharedMemory:
    """One shared memory, and the processes that have it."""

    key: MemoryKey
    path: bytes
    """As the kernel names it, without *(deleted)*."""
    deleted: bool
    mappings: dict[int, list[SharedMapping]] = field(default_factory=dict)
    """By PID."""
    descriptors: dict[int, int] = field(default_factory=dict)
    """A descriptor of it by PID."""
    status: os.stat_result | None = None
    """By a descriptor or a mapping of it; None where neither may be asked."""

    @property
    def pids(self) -> list[int]:
        """Who maps it or has it open, sorted."""
        return sorted(self.mappings.keys() | self.descriptors.keys())

    @property
    def mapped_size(self) -> int:
        """The last byte that is mapped, rounded up to pages."""
        every = (m for mappings in self.mappings.values() for m in mappings)
        return max((m.file_end for m in every), default=0)

    @property
    def name(self) -> str:
        """The path as text; undecodable bytes as surrogates."""
        return os.fsdecode(self.path)


@dataclass(frozen=True, slots=True)
class MappedMemory:
    """All shared memory that processes were seen to have at one pass."""

    found: dict[MemoryKey, SharedMemory]
    mounts: dict[int, tuple[Mount, int | str]]
    """File systems in memory by device, with a process that sees each (``self`` first)."""
    read: list[int]
    """PIDs whose maps were read."""
    unreadable: list[tuple[int, Credentials | None]]
    """PIDs whose maps this user may not read."""


def internal_device() -> int:
    """The device of the kernel's own shared memory: memfd, anonymous, System V (mm/shmem.c)."""
    fd = os.memfd_create("shmtui")
    try:
        return os.fstat(fd).st_dev
    finally:
        os.close(fd)


@dataclass(frozen=True, slots=True)
class _OpenFile:
    """A descriptor of shared memory."""

    fd: int
    kind: ObjectKind
    target: bytes


class MappedMemoryReader:
    """Passes over all processes. A process that is new, and each in one of `ROUND` passes, is read
    for what it has open, which costs most, for its mount namespace, and for having memory at all:
    kernel threads have none.
    """

    ROUND: Final = 5

    def __init__(self) -> None:
        self._mappings = SharedMappings()
        self._internal = internal_device()
        self._open: dict[int, list[_OpenFile]] = {}
        self._spaces: dict[int, str] = {}
        self._kept: dict[int, tuple[tuple[int, int], tuple[SharedMapping, ...]]] = {}
        """By PID, what it maps, with its `memory_stamp` at that time."""
        self._passes = 0

    def _due(self, pid: int) -> bool:
        return pid not in self._open or (pid + self._passes) % self.ROUND == 0

    def read(self) -> MappedMemory:
        """One pass."""
        self._passes += 1
        pass_ = MappedMemory({}, {}, [], [])
        own, mounts = namespace("mnt"), mounts_in_memory()
        _note_mounts(pass_.mounts, visible(mounts), "self")
        maps: dict[int, tuple[SharedMapping, ...]] = {}
        spaces: dict[int, str] = {}
        for pid in processes():
            due = self._due(pid)
            if not due and pid in self._mappings.without_memory:
                pass_.read.append(pid)
                continue
            its = self._maps_of(pid, due)
            if its is None:
                pass_.unreadable.append((pid, credentials_of(pid)))
                continue
            maps[pid] = its
            pass_.read.append(pid)
            spaces[pid] = namespace("mnt", pid) if due else self._spaces.get(pid, "")
        self._spaces = spaces
        self._kept = {pid: kept for pid, kept in self._kept.items() if pid in maps}
        for space, pid in {space: pid for pid, space in spaces.items()}.items():
            if space not in {own, ""}:
                _note_mounts(pass_.mounts, visible(mounts_in_memory(pid)), pid)
        # The files of a mount can still be mapped, though another lies over it.
        _note_mounts(pass_.mounts, mounts, "self")
        for pid, its in maps.items():
            for mapping in its:
                key = _key(mapping, pid, self._internal, pass_.mounts)
                if key is not None:
                    memory = _object(pass_, key, mapping.path)
                    memory.mappings.setdefault(pid, []).append(mapping)
        self._add_open(pass_)
        for memory in pass_.found.values():
            if memory.status is None:
                memory.status = _status_by_mapping(memory)
        return pass_

    def _maps_of(self, pid: int, due: bool) -> tuple[SharedMapping, ...] | None:
        """As `SharedMappings.of`; what was found before, where nothing says that it has changed and its
        turn has not come.
        """
        stamp = memory_stamp(pid)
        kept = self._kept.get(pid)
        if kept is not None and not due and kept[0] == stamp:
            return kept[1]
        its = self._mappings.of(pid)
        if its is not None and stamp is not None:
            self._kept[pid] = stamp, its
        return its

    def _add_open(self, pass_: MappedMemory) -> None:
        """What processes have open, mapped or not."""
        self._open = {
            pid: [*_open_files(pid, pass_.mounts)] if self._due(pid) else self._open[pid]
            for pid in pass_.read
        }
        for pid, its in self._open.items():
            for file in its:
                with contextlib.suppress(OSError):
                    status = os.stat(f"/proc/{pid}/fd/{file.fd}")  # noqa: PTH116 - it is no path
                    key = MemoryKey(file.kind, status.st_dev, status.st_ino)
                    memory = _object(pass_, key, file.target)
                    memory.descriptors.setdefault(pid, file.fd)
                    memory.status = memory.status or status


def _note_mounts(
    known: dict[int, tuple[Mount, int | str]], mounts: Iterable[Mount], pid: int | str
) -> None:
    for mount in mounts:
        known.setdefault(mount.device, (mount, pid))


def _object(pass_: MappedMemory, key: MemoryKey, path: bytes) -> SharedMemory:
    memory = pass_.found.get(key)
    if memory is None:
        deleted = path.endswith(_DELETED)
        memory = SharedMemory(key, path.removesuffix(_DELETED), deleted)
        pass_.found[key] = memory
    return memory


def _key(
    mapping: SharedMapping,
    pid: int,
    internal: int,
    mounts: dict[int, tuple[Mount, int | str]],
) -> MemoryKey | None:
    """None for a file on a disk, and for a device's memory."""
    device, inode, path = mapping.device, mapping.inode, mapping.path
    mount = mounts.get(device)
    if mount is not None:
        kind = _kind_of_file(mount[0])
        return None if kind is None else MemoryKey(kind, device, inode)
    if not path.endswith(_DELETED) or os.major(device):
        return None
    if path.startswith(b"/SYSV"):
        return MemoryKey(ObjectKind.SYSV, 0, inode, namespace("ipc", pid))
    if path.startswith(b"/memfd:"):
        return MemoryKey(ObjectKind.MEMFD, device, inode)
    if path.startswith(b"/anon_hugepage"):
        return MemoryKey(ObjectKind.HUGETLB, device, inode)
    if device == internal:
        return MemoryKey(ObjectKind.ANONYMOUS, device, inode)
    return None


def _kind_of_file(mount: Mount) -> ObjectKind | None:
    if mount.kind == "hugetlbfs":
        return ObjectKind.HUGETLB
    if mount.kind == "mqueue":
        return ObjectKind.QUEUE
    return ObjectKind.POSIX if mount.point == "/dev/shm" else ObjectKind.TMPFS


def _open_files(pid: int, mounts: dict[int, tuple[Mount, int | str]]) -> Iterator[_OpenFile]:
    folder = f"/proc/{pid}/fd"
    with contextlib.suppress(OSError):
        for fd in os.listdir(folder):
            with contextlib.suppress(OSError):
                target = os.fsencode(os.readlink(f"{folder}/{fd}"))  # noqa: PTH115 - it is no path
                # Of a message queue's path only the name is given. Others are pipe:[…] and the like.
                if target.startswith(_SHARED_FILES) or target.rfind(b"/") == 0:
                    status = os.stat(f"{folder}/{fd}")  # noqa: PTH116 - it is no path
                    kind = _kind_of_open_file(target, status, mounts)
                    if kind is not None:
                        yield _OpenFile(int(fd), kind, target)


def _kind_of_open_file(
    target: bytes, status: os.stat_result, mounts: dict[int, tuple[Mount, int | str]]
) -> ObjectKind | None:
    mount = mounts.get(status.st_dev)
    if mount is not None:
        return _kind_of_file(mount[0])
    if os.major(status.st_dev) or not stat.S_ISREG(status.st_mode):
        return None
    if target.startswith(b"/memfd:"):
        return ObjectKind.MEMFD
    # The file system of message queues need not be mounted anywhere.
    return ObjectKind.QUEUE if status.st_size == _QUEUE_SIZE and target.rfind(b"/") == 0 else None


def _status_by_mapping(memory: SharedMemory) -> os.stat_result | None:
    """Only root may follow the links of map_files (CAP_CHECKPOINT_RESTORE)."""
    for pid, mappings in memory.mappings.items():
        first = mappings[0]
        with contextlib.suppress(OSError):
            return Path(f"/proc/{pid}/map_files/{first.start:x}-{first.end:x}").stat()
    return None


class MemoryInUse:
    """Asks page tables how much of what has no file at hand is in memory, within a budget."""

    def __init__(self, pages: int = _PAGE_BUDGET) -> None:
        self._left = pages

    def of(self, memory: SharedMemory) -> tuple[int | None, bool]:
        """Bytes, and whether they are a bound from below; None where nothing can be told."""
        if memory.status is not None:
            return memory.status.st_blocks * 512, False
        pages: set[int] = set()
        asked = False
        for pid, mappings in memory.mappings.items():
            for mapping in mappings:
                size = (mapping.end - mapping.start) // mmap.PAGESIZE
                if size > self._left:
                    continue
                self._left -= size
                with contextlib.suppress(OSError):
                    pages.update(resident_pages(pid, mapping))
                    asked = True
        return (len(pages) * mmap.PAGESIZE if asked else None), True


class Waits:
    """Which processes sleep on a word of what they share. Each process is asked once."""

    def __init__(self) -> None:
        self._addresses: dict[int, tuple[int, ...] | None] = {}

    def _of(self, pid: int) -> tuple[int, ...] | None:
        if pid not in self._addresses:
            calls = system_calls(pid)
            self._addresses[pid] = (
                None
                if calls is None
                else tuple(c.address for c in calls.values() if c is not None and c.waits)
            )
        return self._addresses[pid]

    def among(self, memory: SharedMemory) -> tuple[int, ...] | None:
        """PIDs that sleep on a word of a memory; None where no process may be asked."""
        asked, found = not memory.mappings, []
        for pid, mappings in memory.mappings.items():
            addresses = self._of(pid)
            if addresses is not None:
                asked = True
                if any(m.start <= at < m.end for at in addresses for m in mappings):
                    found.append(pid)
        return tuple(sorted(found)) if asked else None
