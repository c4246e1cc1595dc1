"""Every shared memory, semaphore and message queue of this machine, and which processes have each.

One pass over the names under /dev/shm, the kernel's lists of System V objects, and what all
processes map and have open. What this user may not read is listed and marked.
"""

import contextlib
import os
import stat
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Final

from shmtui.errors import shortages_told
from shmtui.i18n import _
from shmtui.monitor.file_systems import initial_file_system, rest_of_file_systems
from shmtui.monitor.hidden_users import HiddenUsers, UnreadMemory
from shmtui.monitor.ipc_objects import IpcObjects
from shmtui.monitor.known_programs import owner_program, program_behind, semaphore_of
from shmtui.monitor.mapped_memory import MappedMemory, MappedMemoryReader
from shmtui.monitor.memory_in_use import MemoryInUse
from shmtui.monitor.memory_waits import Waits
from shmtui.monitor.segment_content import Contents, Found, SeenFile
from shmtui.monitor.shared_memory import SharedMemory
from shmtui.monitor.shared_object import Content, ObjectKind, SharedObject, Survey
from shmtui.monitor.unseen_processes import classify
from shmtui.procfs.credentials import (
    ROOT,
    Credentials,
    FileAccess,
    credentials_of,
    proc_hides_others,
)
from shmtui.procfs.kept_files import KeptFiles
from shmtui.procfs.namespaces import in_pid_namespace, namespace, others_may_be_outside
from shmtui.procfs.process import process_name
from shmtui.shm.control_format import SUFFIX, control_name
from shmtui.shm.segment import SHM_DIR, FileIdentity, identity_at
from shmtui.shm.segment_reader import user_name

_SHORT: Final = 60
"""The name of a control block is that of its segment with a suffix where that has fewer letters."""


def survey(folder: str = SHM_DIR) -> Survey:
    """One look of a `Surveyor`."""
    return Surveyor(folder).look()


class Surveyor:
    """Looks at everything that processes share, again and again; keeps what does not change."""

    def __init__(self, folder: str = SHM_DIR) -> None:
        self._folder = folder
        self._files = KeptFiles()
        self._reader = MappedMemoryReader(self._files)
        self._contents = Contents()
        self._users = HiddenUsers()
        self._unread_memory = UnreadMemory()
        self._lock = threading.Lock()
        self._rests = False

    @shortages_told()
    def look(self) -> Survey:
        """Everything that processes share: of the machine, or, of another process's /dev/shm, what
        lies there. ShortageError: no descriptor or no memory is left.
        """
        try:
            with self._lock:
                self._rests = False
                return self._look(self._folder)
        finally:
            if self._rests:
                self._give_back()

    def rest(self) -> None:
        """Give back the files that it keeps open for the next look, until there is one. It does not wait
        for a look that is under way, which does so at its end.
        """
        self._rests = True
        self._give_back()

    def _give_back(self) -> None:
        if self._lock.acquire(blocking=False):
            try:
                self._files.close()
            finally:
                self._lock.release()

    def _look(self, folder: str) -> Survey:
        memory = self._reader.read()
        look = _Look(folder, memory, self._contents, self._users, self._files)
        found = [*look.named()]
        if folder == SHM_DIR:
            found += [*look.elsewhere(), *look.ipc_objects().listed()]
        found += look.unnamed(everywhere=folder == SHM_DIR)
        if folder == SHM_DIR:
            found += look.huge_files()
            found += look.rest()
        self._contents.forget()
        self._users.forget()
        self._files.end_look()
        space = os.statvfs(folder)
        result = Survey(
            tuple(found),
            folder,
            space.f_blocks * space.f_frsize,
            (space.f_blocks - space.f_bfree) * space.f_frsize,
            _shared_memory(),
            tuple(look.memory.unreadable),
            any(
                mount.kind == "mqueue"
                for mount, pid in look.memory.mounts.values()
                if pid == "self"
            ),
        )
        if not result.unlisted:
            return result
        unread = self._unread_memory.of(result.unreadable)
        return replace(result, unlisted_unread=min(unread, result.unlisted))


def _with_links(each: SharedObject, others: Sequence[str]) -> SharedObject:
    """The object with its other names in the same folder: hard links to one file."""
    links = tuple("/" + other for other in others)
    text = _("{looks}; also named {names}").format(looks=each.looks, names=", ".join(links))
    return replace(each, looks=text, links=links)


def _shared_memory() -> int | None:
    for line in Path("/proc/meminfo").read_bytes().splitlines():
        if line.startswith(b"Shmem:"):
            return int(line.split()[1]) * 1024
    return None


class _Look:
    """One survey under way: what was read of all processes, and what was already listed of it."""

    def __init__(
        self,
        folder: str,
        memory: MappedMemory,
        contents: Contents,
        users: "HiddenUsers",
        files: KeptFiles,
    ) -> None:
        self._folder = folder
        self._device = Path(folder).stat().st_dev
        self.memory = memory
        self._contents = contents
        self._budget = contents.budget({p: its.stamp for p, its in memory.processes.items()})
        self._unlisted = os.geteuid() != ROOT and proc_hides_others()
        self._waits = Waits(files, memory.processes)
        self._in_use = MemoryInUse(memory.processes)
        self._by_file = {
            FileIdentity(key.device, key.inode): each
            for key, each in self.memory.found.items()
            if key.kind is not ObjectKind.SYSV
        }
        self._users = users
        self._listed: set[FileIdentity] = set()
        self._taken: set[str] = set()
        """Names in the folder."""
        self._accounted: Counter[int] = Counter()
        """Bytes of memory that what was listed takes, by device."""

    # -- names under /dev/shm ----------------------------------------------------------------------

    def named(self) -> Iterator[SharedObject]:
        """What has a name in the folder: segments first."""
        found = [*self._in_folder(self._folder, "")]
        yield from sorted(found, key=lambda e: (e.kind is ObjectKind.SEMAPHORE, e.name))

    def elsewhere(self) -> Iterator[SharedObject]:
        """The /dev/shm of other mount namespaces, as far as this user may look into them."""
        seen = {self._device}
        for device, (mount, pid) in self.memory.mounts.items():
            if device in seen or mount.point != SHM_DIR or pid == "self":
                continue
            seen.add(device)
            folder = f"/proc/{pid}/root{SHM_DIR}"
            with contextlib.suppress(OSError):
                if Path(folder).stat().st_dev == device:
                    yield from self._in_folder(folder, f" --pid {pid}")

    def _in_folder(self, folder: str, options: str) -> Iterator[SharedObject]:
        with os.scandir(folder) as scanned:
            entries = {entry.name: entry for entry in scanned}
        if folder == self._folder:
            self._taken.update(entries)
        blocks = {file for file in entries if file.endswith(SUFFIX)}
        files: dict[FileIdentity, tuple[os.stat_result, list[str]]] = {}
        for file, entry in entries.items():
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            files.setdefault(FileIdentity.of(status), (status, []))[1].append(file)
        self._listed |= files.keys()
        for identity, (status, links) in files.items():
            with contextlib.suppress(FileNotFoundError):
                file, *others = sorted(links)
                self._accounted[status.st_dev] += status.st_blocks * 512
                controlled = bool(blocks) and _block_name(file) in blocks
                seen = SeenFile(file, folder, status, identity, controlled)
                try:
                    each = self._entry(seen, options)
                    yield _with_links(each, others) if others else each
                finally:
                    seen.close()

    def _entry(self, seen: SeenFile, options: str) -> SharedObject:
        file, status, identity = seen.name, seen.status, seen.identity
        semaphore = file.startswith("sem.")
        name = "/" + (file.removeprefix("sem.") if semaphore else file)
        memory = self._by_file.get(identity)
        if memory is None:
            pids = self._users.private_mappers(identity, self.memory.processes)
            mappers = self._named_processes(pids)
        else:
            mappers, pids = self._mappers(memory), memory.pids
        found = self._contents.of(seen, pids, self._budget)
        born = min(status.st_ctime, status.st_mtime, status.st_atime)
        return SharedObject(
            target=name + options,
            name=name,
            kind=ObjectKind.SEMAPHORE if semaphore else ObjectKind.POSIX,
            content=found.content,
            looks=found.looks,
            size=status.st_size,
            owner=user_name(status.st_uid),
            mode=stat.S_IMODE(status.st_mode),
            age=max(time.time() - born, 0.0),
            mappers=mappers,
            orphan=self._orphan(seen, pids),
            readable=found.readable,
            in_use=status.st_blocks * 512,
            waiting=self._waiting(memory),
            waiters=found.waiters,
            device=status.st_dev,
            inode=status.st_ino,
        )

    def _orphan(self, seen: SeenFile, pids: list[int]) -> bool | None:
        """Whether no live process maps a file, or has it open for writing; None where one may
        that cannot be read.
        """
        if pids:
            return False
        status, writes = seen.status, self._users.anybody_writes(seen)
        if writes is not None:
            return not writes
        if others_may_be_outside():
            return None
        unseen = classify(
            self._unreadable,
            FileAccess(status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)),
            unlisted=self._unlisted,
            own_user=os.geteuid(),
            contained=in_pid_namespace(),
        )
        return None if unseen.may_take_part else True

    @cached_property
    def _unreadable(self) -> list[tuple[int, Credentials | None]]:
        return [(pid, credentials_of(pid)) for pid in self.memory.unreadable]

    # -- memory without a name ---------------------------------------------------------------------

    def unnamed(self, *, everywhere: bool) -> Iterator[SharedObject]:
        """What only its processes have: unlinked segments and semaphores, memfd, anonymous memory, huge
        pages, and segments of other IPC namespaces.
        """
        own = namespace("ipc")
        for key, memory in sorted(
            self.memory.found.items(), key=lambda item: (item[1].path, item[0].inode)
        ):
            if key.kind is ObjectKind.SYSV:
                if key.namespace == own or not everywhere:
                    continue
            elif FileIdentity(key.device, key.inode) in self._listed:
                continue
            if not everywhere and key.device != self._device:
                continue
            if key.kind is ObjectKind.QUEUE:
                continue
            if key.kind is ObjectKind.POSIX and not memory.deleted:
                memory.deleted = _name_is_gone(memory)
            memfd = memory.path.startswith(b"/memfd:")
            bare = memory.name.removeprefix("/memfd:") if memfd else memory.name.rpartition("/")[2]
            yield self._without_name(memory, bare)

    def _without_name(self, memory: SharedMemory, bare: str) -> SharedObject:
        key, mappers, name = memory.key, self._mappers(memory), memory.name
        in_use, at_least = self._in_use.of(memory)
        self._accounted[key.device] += in_use or 0
        status = memory.status
        posix = key.kind is ObjectKind.POSIX
        semaphore = posix and memory.deleted and bare.startswith("sem.")
        replaced = posix and memory.deleted and bare in self._taken
        name = {
            ObjectKind.POSIX: "/" + bare,
            ObjectKind.MEMFD: bare,
            ObjectKind.HUGETLB: bare if memory.path.startswith(b"/memfd:") else name,
            ObjectKind.ANONYMOUS: "" if bare == "zero" else bare,
        }.get(key.kind, name)
        target = f"pid:{mappers[0][0]}:{key.inode}"
        size = memory.mapped_size if status is None else status.st_size
        found = None if semaphore else self.typed(memory, target, size)
        if semaphore:
            # sem_open(3) makes it under a passing name, which the kernel goes on to show of who made it.
            known = semaphore_of(bare)
            looks = (
                f"{known}, {_('unlinked')}"
                if known
                else _("an unlinked semaphore: Python's multiprocessing makes such, and others do")
            )
            name, found = "", Found(Content.SEMAPHORE, looks)
        if found is None or replaced:
            programs = [each for _pid, each in mappers]
            looks = self._looks_unnamed(memory, name, programs, replaced)
            found = Found(Content.UNKNOWN, looks)
        age = None if status is None or status.st_ctime == 0 else time.time() - status.st_ctime
        return SharedObject(
            target=target,
            name=name,
            kind=ObjectKind.SEMAPHORE if semaphore else key.kind,
            content=found.content,
            looks=found.looks,
            size=size,
            owner=None if status is None else user_name(status.st_uid),
            mode=None if status is None else stat.S_IMODE(status.st_mode),
            age=None if age is None else max(age, 0.0),
            mappers=mappers,
            in_use=in_use,
            in_use_at_least=at_least,
            waiting=self._waiting(memory),
            device=key.namespace or key.device,
            inode=key.inode,
            unlinked=posix and memory.deleted,
            replaced=replaced,
            huge=memory.huge,
            size_mapped=status is None,
        )

    def _looks_unnamed(
        self, memory: SharedMemory, name: str, programs: list[str], replaced: bool
    ) -> str:
        known = program_behind(name) or owner_program(programs)
        if replaced:
            text = _("the old {name}, unlinked: another segment has the name now")
            return text.format(name=name)
        kind = memory.key.kind
        if kind is ObjectKind.POSIX:
            if not memory.deleted:
                return known or _("a segment of another /dev/shm")
            text = _("unlinked: no program can open it by its name any more")
            return f"{known}, {_('unlinked')}" if known else text
        if known:
            return known
        if memory.run:
            return _("a program that runs from memory")
        return {
            ObjectKind.MEMFD: _("memory with a descriptor and no name in /dev/shm"),
            ObjectKind.ANONYMOUS: _("memory that forked processes share"),
            ObjectKind.SYSV: _("a segment of another IPC namespace"),
            ObjectKind.HUGETLB: _("huge pages"),
        }.get(kind, _("a file in memory"))

    def typed(self, memory: SharedMemory, target: str, size: int) -> Found | None:
        """What memory without a name holds, by the programs that map it; None: they do not tell."""
        key = memory.key
        identity = FileIdentity(key.device, key.inode, key.kind is ObjectKind.SYSV)
        return self._contents.of_memory(identity, target, size, memory.pids, self._budget)

    def ipc_objects(self) -> IpcObjects:
        """System V objects and message queues."""
        return IpcObjects(
            self.memory, self._waits, self._in_use, self._named_processes, self._mappers, self.typed
        )

    def huge_files(self) -> Iterator[SharedObject]:
        """Files of hugetlbfs that no process is seen to have; their pages stay taken."""
        for device, (mount, pid) in self.memory.mounts.items():
            if mount.kind != "hugetlbfs":
                continue
            outside = "" if pid == "self" else f"/proc/{pid}/root"
            for folder, _folders, files in os.walk(outside + mount.point):
                for file in files:
                    with contextlib.suppress(OSError):
                        status = (Path(folder) / file).stat(follow_symlinks=False)
                        identity = FileIdentity.of(status)
                        if status.st_dev == device and identity not in self._by_file:
                            seen = SeenFile(file, folder, status, identity, controlled=False)
                            yield self._huge_file(seen, folder.removeprefix(outside))

    def _huge_file(self, seen: SeenFile, folder: str) -> SharedObject:
        status, name = seen.status, f"{folder}/{seen.name}"
        try:
            orphan = self._orphan(seen, [])
        finally:
            seen.close()
        return SharedObject(
            target=name,
            name=name,
            kind=ObjectKind.HUGETLB,
            content=Content.UNKNOWN,
            looks=_("huge pages that no process is seen to map: to remove the file frees them"),
            size=status.st_size,
            owner=user_name(status.st_uid),
            mode=stat.S_IMODE(status.st_mode),
            age=max(time.time() - status.st_ctime, 0.0),
            orphan=orphan,
            in_use=status.st_blocks * 512,
            device=status.st_dev,
            inode=status.st_ino,
            huge=True,
        )

    def rest(self) -> Iterator[SharedObject]:
        """What each file system in memory holds beside what was listed of it, and the first one."""
        yield from rest_of_file_systems(self.memory.mounts, self._accounted)
        yield from initial_file_system()

    # -- processes ---------------------------------------------------------------------------------

    def _mappers(self, memory: SharedMemory) -> tuple[tuple[int, str], ...]:
        if memory.mappers is None:
            memory.mappers = self._named_processes(memory.pids)
        return memory.mappers

    def _named_processes(self, pids: Iterable[int]) -> tuple[tuple[int, str], ...]:
        known = self.memory.processes
        return tuple(
            known[pid].named(pid) if pid in known else (pid, process_name(pid))
            for pid in sorted(pids)
        )

    def _waiting(self, memory: SharedMemory | None) -> tuple[int, ...] | None:
        if memory is None:
            return ()
        return self._waits.among(memory)


def _block_name(file: str) -> str:
    """The file of the control block that a segment's file would have."""
    return file + SUFFIX if len(file) < _SHORT else control_name("/" + file)[1:]


def _name_is_gone(memory: SharedMemory) -> bool:
    """Whether the name that a process's maps had when they were read is another file's now, or none."""
    path = f"/proc/{memory.pids[0]}/root{memory.name}"
    try:
        return identity_at(path) != FileIdentity(memory.key.device, memory.key.inode)
    except OSError:
        return False
