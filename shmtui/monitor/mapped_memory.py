"""Memory that processes share, found through them: what is mapped or open, by whom, whether they
sleep on a word of it, and how much of it is in memory. Nothing is read of its content.
"""

import contextlib
import os
from collections.abc import Iterable, Set
from typing import Final

import msgspec

from shmtui.monitor.open_memory import kind_of_file, open_files, program_in_memory
from shmtui.monitor.shared_memory import (
    DELETED,
    MemoryKey,
    Process,
    ResidentPages,
    SharedMemory,
)
from shmtui.monitor.shared_object import ObjectKind
from shmtui.procfs.kept_files import KeptFiles
from shmtui.procfs.mounts import Mount, mounts_in_memory, visible
from shmtui.procfs.namespaces import namespace
from shmtui.procfs.process import (
    MemoryStamp,
    PageFaults,
    parse_memory_stamp,
    processes,
)
from shmtui.procfs.shared_mappings import SharedMapping, SharedMappings

_NOT_COUNTED: Final = b"0 0 0\n"
"""The schedstat file of a kernel that counts no turns."""


class MappedMemory(msgspec.Struct, frozen=True):
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
        self._keys: dict[tuple[int, int, bytes], MemoryKey | None] = {}
        """By the device, inode and path of a mapping, what memory it shows, where the namespace does not
        matter; kept for `LONG_ROUND` passes with the same mounts.
        """
        self._passes = 0

    def read(self) -> MappedMemory:
        """One pass. What the one before gave is used again, and holds no longer."""
        self._passes += 1
        known = {pid: self._process(pid) for pid in processes()}
        mounts = _all_mounts({pid: its.space for pid, its in known.items()})
        # What is a file in memory depends on them.
        before, self._mounts = self._mounts, {at: mount for at, (mount, _pid) in mounts.items()}
        moved = self._mounts != before
        if moved or self._passes % self.LONG_ROUND == 0:
            self._keys.clear()
        for memory in self._found.values():
            memory.status = None
        changed = {*self._found} if moved else set[MemoryKey]()
        for pid, its in self._known.items():
            now = known.get(pid)
            if moved or now is None or now.memory is not its.memory:
                self._leave(pid, its)
                if now is None:
                    changed |= its.keys
        for pid, its in known.items():
            if moved or its.reading == self._passes:
                last = self._known.get(pid)
                if moved or last is None or last.memory is not its.memory:
                    self._find_memory(pid, its, mounts)
                self._find_files(pid, its, mounts)
                changed |= _changed(pid, last, its)
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
        turn = (pid + self._passes) % self.ROUND == 0
        last = (pid + self._passes) % self.LONG_ROUND == 0
        ran = self._ran(pid) if turn or known is None or known.ran is not None else None
        if known is not None and ran is not None and known.ran == ran and not last:
            known.idle = True
            return known
        stamp: MemoryStamp | None
        faults: PageFaults | None
        try:
            stamp, faults = parse_memory_stamp(self._files.read(pid, "stat"))
        except (OSError, IndexError):
            stamp = faults = None
        unchanged = known is not None and stamp is not None and known.stamp == stamp
        if known is not None and unchanged and not turn:
            known.waits_known = known.idle = False
            known.faults = faults
            return known
        if stamp is not None and stamp.size == 0 and stamp.threads == 1:
            return Process(self._passes, stamp, ran, (), "")
        mappings = self._mappings.of(pid)
        space = "" if mappings is None else namespace("mnt", pid)
        alone = stamp is not None and stamp.threads == 1
        rests = known is None or known.counted in {None, ran}
        its = Process(self._passes, stamp, ran if alone and rests else None, mappings, space)
        its.counted, its.faults = ran, faults
        if known is not None and known.stamp is not None and stamp is not None:
            same = known.stamp.start_time == stamp.start_time
            its.thread_calls = known.thread_calls if same else None
        if known is not None and unchanged and known.mappings == mappings and known.space == space:
            its.memory, its.opened = known.memory, known.opened
            its.resident = known.resident
            if last:
                anew = {key: ResidentPages(t.pages, None) for key, t in its.resident.items()}
                its.resident = anew
        return its

    def _ran(self, pid: int) -> bytes | None:
        try:
            ran = self._files.read(pid, "schedstat")
        except OSError:
            return None
        return None if ran == _NOT_COUNTED else ran

    def _find_memory(
        self, pid: int, its: Process, mounts: dict[int, tuple[Mount, int | str]]
    ) -> None:
        its.memory = self._memory_of(pid, its.mappings or (), mounts)
        for key, mappings in its.memory.items():
            memory = _object(self._found, key)
            memory.name_as(mappings[0].path)
            memory.map(pid, mappings)
            system_v = key.kind is ObjectKind.SYSV and mappings[0].device != self._internal
            memory.huge = key.kind is ObjectKind.HUGETLB or system_v

    def _find_files(
        self, pid: int, its: Process, mounts: dict[int, tuple[Mount, int | str]]
    ) -> None:
        # This process's own are many, and none of them is memory.
        kept = self._files.descriptors if pid == os.getpid() else set[int]()
        if its.stamp is None or its.stamp.size:
            its.open = [*open_files(pid, mounts, self._internal, kept)]
            its.open += program_in_memory(pid, self._internal)
        self._find_open(pid, its)

    def _memory_of(
        self,
        pid: int,
        mappings: Iterable[SharedMapping],
        mounts: dict[int, tuple[Mount, int | str]],
    ) -> dict[MemoryKey, list[SharedMapping]]:
        """Those of the mappings of a process that show memory, by what they show."""
        found: dict[MemoryKey, list[SharedMapping]] = {}
        space = None
        for mapping in mappings:
            shown = mapping.device, mapping.inode, mapping.path
            try:
                key = self._keys[shown]
            except KeyError:
                key = self._keys[shown] = _key(mapping, self._internal, mounts)
            if key is None:
                continue
            if key.kind is ObjectKind.SYSV:
                space = space or namespace("ipc", pid)
                key = MemoryKey(key.kind, key.device, key.inode, space)
            its = found.get(key)
            if its is None:
                found[key] = [mapping]
            else:
                its.append(mapping)
        return found

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
            self._found[key].unmap(pid)
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
    mapping: SharedMapping, internal: int, mounts: dict[int, tuple[Mount, int | str]]
) -> MemoryKey | None:
    """None for a file on a disk, and for a device's memory. Of System V without the namespace."""
    device, inode, path = mapping.device, mapping.inode, mapping.path
    mount = mounts.get(device)
    if mount is not None:
        kind = kind_of_file(mount[0])
        return None if kind is None else MemoryKey(kind, device, inode)
    if not path.endswith(DELETED) or os.major(device):
        return None
    if path.startswith(b"/SYSV"):
        return MemoryKey(ObjectKind.SYSV, 0, inode)
    memfd = path.startswith(b"/memfd:")
    if device == internal:
        return MemoryKey(ObjectKind.MEMFD if memfd else ObjectKind.ANONYMOUS, device, inode)
    huge = memfd or path.startswith(b"/anon_hugepage")
    return MemoryKey(ObjectKind.HUGETLB, device, inode) if huge else None
