"""Memory that processes share, found through them: what is mapped or open, by whom, whether they
sleep on a word of it, and how much of it is in memory. Nothing is read of its content.
"""

import contextlib
import mmap
import os
import stat
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from shmtui.monitor.shared_object import ObjectKind
from shmtui.procfs.file_users import access_mode
from shmtui.procfs.futex import system_calls, waits_at
from shmtui.procfs.kept_files import KeptFiles
from shmtui.procfs.mounts import Mount, mounts_in_memory, visible
from shmtui.procfs.namespaces import namespace
from shmtui.procfs.process import (
    MemoryStamp,
    parse_memory_stamp,
    process_name,
    processes,
    read_file,
)
from shmtui.procfs.resident_pages import count_pages, resident_pages
from shmtui.procfs.shared_mappings import SharedMapping, SharedMappings

_PAGE_BUDGET: Final = 1 << 21
"""Pages whose state is asked for in one pass, at the most: some 20 ms."""
_DELETED: Final = b" (deleted)"
_SHARED_FILES: Final = (b"/memfd:", b"/dev/shm/", b"/dev/mqueue/", b"/dev/hugepages/")
_NOT_COUNTED: Final = b"0 0 0\n"
"""The schedstat file of a kernel that counts no turns."""
_QUEUE_SIZE: Final = 80
"""The size that a message queue's file has (FILENT_SIZE in the kernel's ipc/mqueue.c)."""


class MemoryKey(NamedTuple):
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
    path: bytes = b""
    """As the kernel named it last, without *(deleted)*."""
    deleted: bool = False
    huge: bool = False
    """It is of huge pages."""
    mappings: dict[int, list[SharedMapping]] = field(default_factory=dict)
    """By PID."""
    descriptors: dict[int, str] = field(default_factory=dict)
    """A descriptor of it by PID, as the link below /proc/PID: ``fd/3``; ``exe`` where the process runs it."""
    status: os.stat_result | None = None
    """What `status_of` found at this pass."""
    mappers: tuple[tuple[int, str], ...] | None = None
    """(PID, name) of who maps it or has it open, sorted; None until it is asked for anew."""

    def name_as(self, path: bytes) -> None:
        """Take the path that the kernel shows."""
        self.path, self.deleted = path.removesuffix(_DELETED), path.endswith(_DELETED)

    @property
    def pids(self) -> list[int]:
        """Who maps it or has it open, sorted."""
        if self.mappers is not None:
            return [pid for pid, _name in self.mappers]
        return sorted(self.mappings.keys() | self.descriptors.keys())

    @property
    def mapped_size(self) -> int:
        """The last byte that is mapped, rounded up to pages."""
        every = (m for mappings in self.mappings.values() for m in mappings)
        return max((m.file_end for m in every), default=0)

    @property
    def run(self) -> bool:
        """Whether it is the program of a process that has no other descriptor of it."""
        return "exe" in self.descriptors.values()

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
    processes: "dict[int, Process]"
    """By PID."""
    unreadable: list[int]
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
    """A descriptor of shared memory, or a program that lies in it."""

    link: str
    """Below /proc/PID: ``fd/3``, or ``exe``."""
    kind: ObjectKind
    target: bytes


@dataclass(slots=True)
class Process:
    """What a process has, as the pass ``reading`` found it."""

    reading: int
    stamp: MemoryStamp | None
    ran: bytes | None
    """Its `run_stamp` before that; None where that tells nothing of its other threads."""
    mappings: tuple[SharedMapping, ...] | None
    """None: this user may not know."""
    space: str
    """Its mount namespace."""
    memory: dict[MemoryKey, list[SharedMapping]] = field(default_factory=dict)
    """Those of the mappings that show memory."""
    open: list[_OpenFile] = field(default_factory=list)
    opened: dict[MemoryKey, str] = field(default_factory=dict)
    """Those of its descriptors that show memory."""
    idle: bool = False
    """It has not run between the last two passes, so that its descriptors are what they were."""
    waits: tuple[int, ...] | None = ()
    """The addresses that its threads wait at; None: this user may not know."""
    waits_known: bool = False
    _named: tuple[int, str] | None = None

    @property
    def keys(self) -> Set[MemoryKey]:
        """What memory it has."""
        return self.memory.keys() | self.opened.keys()

    def named(self, pid: int) -> tuple[int, str]:
        """Its PID and its `process_name`."""
        if self._named is None:
            self._named = pid, process_name(pid)
        return self._named


class MappedMemoryReader:
    """Passes over all processes, and reads what each maps and has open.

    A process of one thread that has not run since it was read has what it had, and waits where it
    did. Another is read again where its `MemoryStamp` changed, and in its turn, one of `ROUND`
    passes. Others may share its memory or its descriptors, so that each is read again in one of
    `LONG_ROUND` passes in any case.
    """

    ROUND: Final = 5
    LONG_ROUND: Final = 60

    def __init__(self, files: KeptFiles) -> None:
        self._files = files
        self._mappings = SharedMappings()
        self._internal = internal_device()
        self._known: dict[int, Process] = {}
        self._found: dict[MemoryKey, SharedMemory] = {}
        self._mounts: dict[int, Mount] = {}
        self._passes = 0

    def read(self) -> MappedMemory:
        """One pass. What the one before gave is used again, and holds no longer."""
        self._passes += 1
        known = {pid: self._process(pid) for pid in processes()}
        mounts = _all_mounts({pid: its.space for pid, its in known.items()})
        # What is a file in memory depends on them.
        before, self._mounts = self._mounts, {at: mount for at, (mount, _pid) in mounts.items()}
        moved = self._mounts != before
        for memory in self._found.values():
            memory.status = None
        changed = {*self._found} if moved else set[MemoryKey]()
        for pid, its in self._known.items():
            if moved or known.get(pid) is not its:
                self._leave(pid, its)
                if pid not in known:
                    changed |= its.keys
        for pid, its in known.items():
            if moved or its.reading == self._passes:
                self._find_memory(pid, its, mounts)
                changed |= _changed(pid, self._known.get(pid), its)
            elif its.open and not its.idle:
                opened = its.opened
                self._find_open(pid, its)
                changed |= opened.keys() ^ its.opened.keys()
        for key in changed:
            self._found[key].mappers = None
        self._found = {
            key: memory
            for key, memory in self._found.items()
            if memory.mappings or memory.descriptors
        }
        self._known = known
        unreadable = [pid for pid, its in known.items() if its.mappings is None]
        return MappedMemory(self._found, mounts, known, unreadable)

    def _process(self, pid: int) -> Process:
        known = self._known.get(pid)
        last = (pid + self._passes) % self.LONG_ROUND == 0
        ran = self._ran(pid)
        if known is not None and ran is not None and known.ran == ran and not last:
            known.idle = True
            return known
        try:
            stamp = parse_memory_stamp(self._files.read(pid, "stat"))
        except (OSError, IndexError):
            stamp = None
        unchanged = known is not None and stamp is not None and known.stamp == stamp
        if known is not None and unchanged and (pid + self._passes) % self.ROUND:
            known.waits_known = known.idle = False
            return known
        if stamp is not None and stamp.size == 0 and stamp.threads == 1:
            return Process(self._passes, stamp, ran, (), "")
        mappings = self._mappings.of(pid)
        space = "" if mappings is None else namespace("mnt", pid)
        alone = stamp is not None and stamp.threads == 1
        return Process(self._passes, stamp, ran if alone else None, mappings, space)

    def _ran(self, pid: int) -> bytes | None:
        try:
            ran = self._files.read(pid, "schedstat")
        except OSError:
            return None
        return None if ran == _NOT_COUNTED else ran

    def _find_memory(
        self, pid: int, its: Process, mounts: dict[int, tuple[Mount, int | str]]
    ) -> None:
        its.memory = {}
        for mapping in its.mappings or ():
            key = _key(mapping, pid, self._internal, mounts)
            if key is not None:
                its.memory.setdefault(key, []).append(mapping)
        for key, mappings in its.memory.items():
            memory = _object(self._found, key)
            memory.name_as(mappings[0].path)
            memory.mappings[pid] = mappings
            system_v = key.kind is ObjectKind.SYSV and mappings[0].device != self._internal
            memory.huge = key.kind is ObjectKind.HUGETLB or system_v
        # This process's own are many, and none of them is memory.
        kept = self._files.descriptors if pid == os.getpid() else set[int]()
        if its.stamp is None or its.stamp.size:
            its.open = [*_open_files(pid, mounts, self._internal, kept)]
            its.open += _program_in_memory(pid, self._internal)
        self._find_open(pid, its)

    def _find_open(self, pid: int, its: Process) -> None:
        """Note what a process has open, mapped or not."""
        for key in its.opened:
            self._found[key].descriptors.pop(pid, None)
        its.opened = {}
        for file in its.open:
            with contextlib.suppress(OSError):
                status = os.stat(f"/proc/{pid}/{file.link}")  # noqa: PTH116 - it is no path
                key = MemoryKey(file.kind, status.st_dev, status.st_ino)
                memory = _object(self._found, key)
                if not memory.mappings:
                    memory.name_as(file.target)
                    memory.huge = file.kind is ObjectKind.HUGETLB
                memory.status = memory.status or status
                memory.descriptors[pid] = its.opened.setdefault(key, file.link)

    def _leave(self, pid: int, its: Process) -> None:
        for key in its.memory:
            del self._found[key].mappings[pid]
        for key in its.opened:
            del self._found[key].descriptors[pid]


def _all_mounts(spaces: dict[int, str]) -> dict[int, tuple[Mount, int | str]]:
    """File systems in memory of the mount namespaces of some processes, this process's first."""
    found: dict[int, tuple[Mount, int | str]] = {}
    own, mounts = namespace("mnt"), mounts_in_memory()
    _note_mounts(found, visible(mounts), "self")
    for space, pid in {space: pid for pid, space in spaces.items()}.items():
        if space not in {own, ""}:
            _note_mounts(found, visible(mounts_in_memory(pid)), pid)
    # The files of a mount can still be mapped, though another lies over it.
    _note_mounts(found, mounts, "self")
    return found


def _changed(pid: int, before: Process | None, now: Process) -> Set[MemoryKey]:
    """The memory whose mappers, or their names, are other ones now that a process was read anew."""
    if before is None:
        return now.keys
    same_name = before.named(pid) == now.named(pid)
    return before.keys ^ now.keys if same_name else before.keys | now.keys


def _note_mounts(
    known: dict[int, tuple[Mount, int | str]], mounts: Iterable[Mount], pid: int | str
) -> None:
    for mount in mounts:
        known.setdefault(mount.device, (mount, pid))


def _object(found: dict[MemoryKey, SharedMemory], key: MemoryKey) -> SharedMemory:
    if key not in found:
        found[key] = SharedMemory(key)
    return found[key]


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
    memfd = path.startswith(b"/memfd:")
    if device == internal:
        return MemoryKey(ObjectKind.MEMFD if memfd else ObjectKind.ANONYMOUS, device, inode)
    huge = memfd or path.startswith(b"/anon_hugepage")
    return MemoryKey(ObjectKind.HUGETLB, device, inode) if huge else None


def _kind_of_file(mount: Mount) -> ObjectKind | None:
    if mount.kind == "hugetlbfs":
        return ObjectKind.HUGETLB
    if mount.kind == "mqueue":
        return ObjectKind.QUEUE
    return ObjectKind.POSIX if mount.point == "/dev/shm" else ObjectKind.TMPFS


def _open_files(
    pid: int, mounts: dict[int, tuple[Mount, int | str]], internal: int, without: Set[int]
) -> Iterator[_OpenFile]:
    folder = f"/proc/{pid}/fd"
    with contextlib.suppress(OSError):
        for fd in {*map(int, os.listdir(folder))} - without:
            with contextlib.suppress(OSError):
                target = os.fsencode(os.readlink(f"{folder}/{fd}"))  # noqa: PTH115 - it is no path
                # Of a message queue's path only the name is given. Others are pipe:[…] and the like.
                if target.startswith(_SHARED_FILES) or target.rfind(b"/") == 0:
                    status = os.stat(f"{folder}/{fd}")  # noqa: PTH116 - it is no path
                    kind = _kind_of_open_file(target, status, mounts, internal)
                    if kind is not None and not _only_looks(pid, fd, kind, target):
                        yield _OpenFile(f"fd/{fd}", kind, target)


def _program_in_memory(pid: int, internal: int) -> Iterator[_OpenFile]:
    """The program that a process runs, where that lies in memory without a name (fexecve of a memfd): its
    mappings of it are private, and nothing else keeps it.
    """
    path = f"/proc/{pid}/exe"
    with contextlib.suppress(OSError):
        if os.stat(path).st_dev == internal:  # noqa: PTH116 - it is no path
            target = os.fsencode(os.readlink(path))  # noqa: PTH115 - it is no path
            yield _OpenFile("exe", ObjectKind.MEMFD, target)


def _only_looks(pid: int, fd: int, kind: ObjectKind, target: bytes) -> bool:
    """Whether a descriptor is one by which its process only looks on, as shmtui does: it can write
    nothing by it, and what it looks at has a name, or it is this process.
    """
    if kind is ObjectKind.QUEUE or (pid != os.getpid() and target.endswith(_DELETED)):
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
        return _kind_of_file(mount[0])
    if os.major(status.st_dev) or not stat.S_ISREG(status.st_mode):
        return None
    if target.startswith(b"/memfd:"):
        return ObjectKind.MEMFD if status.st_dev == internal else ObjectKind.HUGETLB
    # The file system of message queues need not be mounted anywhere.
    return ObjectKind.QUEUE if status.st_size == _QUEUE_SIZE and target.rfind(b"/") == 0 else None


def status_of(memory: SharedMemory) -> os.stat_result | None:
    """As it is at this pass; None where this user may not know."""
    memory.status = memory.status or _asked_status(memory)
    return memory.status


def _asked_status(memory: SharedMemory) -> os.stat_result | None:
    """By a descriptor or a mapping. Only root may follow the links of map_files (CAP_CHECKPOINT_RESTORE)."""
    for pid, link in memory.descriptors.items():
        with contextlib.suppress(OSError):
            status = os.stat(f"/proc/{pid}/{link}")  # noqa: PTH116 - it is no path
            if (status.st_dev, status.st_ino) == (memory.key.device, memory.key.inode):
                return status
    for pid, mappings in memory.mappings.items():
        path = f"/proc/{pid}/map_files/{mappings[0].start:x}-{mappings[0].end:x}"
        with contextlib.suppress(OSError):
            return os.stat(path)  # noqa: PTH116 - it is no path
    return None


class MemoryInUse:
    """Asks page tables how much of what has no file at hand is in memory, within a budget."""

    def __init__(self, pages: int = _PAGE_BUDGET) -> None:
        self._left = pages

    def of(self, memory: SharedMemory) -> tuple[int | None, bool]:
        """Bytes, and whether they are a bound from below; None where nothing can be told."""
        status = status_of(memory)
        if status is not None:
            return status.st_blocks * 512, False
        pages: dict[int, int] = {}
        asked = False
        for pid, mappings in memory.mappings.items():
            for mapping in mappings:
                size = (mapping.end - mapping.start) // mmap.PAGESIZE
                if size > self._left:
                    continue
                self._left -= size
                with contextlib.suppress(OSError):
                    resident_pages(pid, mapping, pages)
                    asked = True
        return (count_pages(pages) * mmap.PAGESIZE if asked else None), True


class Waits:
    """Which processes sleep on a word of what they share, at the moment that it is made."""

    def __init__(self, files: KeptFiles, known: dict[int, Process]) -> None:
        self._files = files
        self._unknown: set[int] = set()
        self._addresses: dict[int, tuple[int, ...]] = {}
        for pid, its in known.items():
            if its.memory and not its.waits_known:
                its.waits, its.waits_known = self._asked(pid, its), True
            if its.waits is None:
                self._unknown.add(pid)
            elif its.waits:
                self._addresses[pid] = its.waits

    def _asked(self, pid: int, its: Process) -> tuple[int, ...] | None:
        if its.stamp is not None and its.stamp.threads == 1:
            with contextlib.suppress(OSError):
                return waits_at(self._files.read(pid, "syscall"))
        calls = system_calls(pid)
        if calls is None:
            return None
        return tuple(c.address for c in calls.values() if c is not None and c.waits)

    def among(self, memory: SharedMemory) -> tuple[int, ...] | None:
        """PIDs that were seen to sleep on a word of a memory; None where none was, and one may not be asked."""
        if not self._addresses and not self._unknown:
            return ()
        pids = memory.mappings.keys()
        found = tuple(
            pid
            for pid in sorted(pids & self._addresses.keys())
            if any(
                m.start <= at < m.end for at in self._addresses[pid] for m in memory.mappings[pid]
            )
        )
        return None if not found and pids & self._unknown else found
