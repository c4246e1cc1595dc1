"""What has a name under a /dev/shm, this one or that of another mount namespace, or in a hugetlbfs."""

import contextlib
import os
import stat
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from shmtui.i18n import _
from shmtui.monitor.segment_content import SeenFile
from shmtui.monitor.shared_object import Content, ObjectKind, SharedObject
from shmtui.monitor.survey_pass import SurveyPass
from shmtui.monitor.unseen_processes import classify
from shmtui.procfs.credentials import FileAccess
from shmtui.procfs.namespaces import in_pid_namespace, others_may_be_outside
from shmtui.shm.control_format import SUFFIX, control_name
from shmtui.shm.segment import SHM_DIR, FileIdentity
from shmtui.shm.segment_reader import user_name

_SHORT: Final = 60
"""The name of a control block is that of its segment with a suffix where that has fewer letters."""


class NamedObjects:
    """Lists what has a name, in one pass."""

    def __init__(self, pass_: SurveyPass) -> None:
        self._pass = pass_

    def listed(self) -> Iterator[SharedObject]:
        """What has a name in the folder: segments first."""
        found = [*self._in_folder(self._pass.folder, "")]
        yield from sorted(found, key=lambda e: (e.kind is ObjectKind.SEMAPHORE, e.name))

    def elsewhere(self) -> Iterator[SharedObject]:
        """The /dev/shm of other mount namespaces, as far as this user may look into them."""
        seen = {self._pass.device}
        for device, (mount, pid) in self._pass.memory.mounts.items():
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
        if folder == self._pass.folder:
            self._pass.taken.update(entries)
        blocks = {file for file in entries if file.endswith(SUFFIX)}
        files: dict[FileIdentity, tuple[os.stat_result, list[str]]] = {}
        for file, entry in entries.items():
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            files.setdefault(FileIdentity.of(status), (status, []))[1].append(file)
        self._pass.listed |= files.keys()
        for identity, (status, links) in files.items():
            with contextlib.suppress(FileNotFoundError):
                file, *others = sorted(links)
                self._pass.accounted[status.st_dev] += status.st_blocks * 512
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
        memory = self._pass.by_file.get(identity)
        if memory is None:
            pids = self._pass.users.private_mappers(identity, self._pass.memory.processes)
            mappers = self._pass.named_processes(pids)
        else:
            mappers, pids = self._pass.mappers(memory), memory.pids
        found = self._pass.contents.of(seen, pids, self._pass.budget)
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
            waiting=self._pass.waiting(memory),
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
        status, writes = seen.status, self._pass.users.anybody_writes(seen)
        if writes is not None:
            return not writes
        if others_may_be_outside():
            return None
        unseen = classify(
            self._pass.unreadable,
            FileAccess(status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)),
            unlisted=self._pass.unlisted,
            own_user=os.geteuid(),
            contained=in_pid_namespace(),
        )
        return None if unseen.may_take_part else True

    def huge_files(self) -> Iterator[SharedObject]:
        """Files of hugetlbfs that no process is seen to have; their pages stay taken."""
        for device, (mount, pid) in self._pass.memory.mounts.items():
            if mount.kind != "hugetlbfs":
                continue
            outside = "" if pid == "self" else f"/proc/{pid}/root"
            for folder, _folders, files in os.walk(outside + mount.point):
                for file in files:
                    with contextlib.suppress(OSError):
                        status = (Path(folder) / file).stat(follow_symlinks=False)
                        identity = FileIdentity.of(status)
                        if status.st_dev == device and identity not in self._pass.by_file:
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
            looks=_("huge pages that no process is seen to map: removing the file frees them"),
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


def _with_links(each: SharedObject, others: Sequence[str]) -> SharedObject:
    """The object with its other names in the same folder: hard links to one file."""
    links = tuple("/" + other for other in others)
    text = _("{looks}; also named {names}").format(looks=each.looks, names=", ".join(links))
    return replace(each, looks=text, links=links)


def _block_name(file: str) -> str:
    """The file of the control block that a segment's file would have."""
    return file + SUFFIX if len(file) < _SHORT else control_name("/" + file)[1:]
