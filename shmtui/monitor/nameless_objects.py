"""What only its processes have: unlinked segments and semaphores, memfd, anonymous memory, huge pages."""

import stat
import time
from collections.abc import Iterator

from shmtui.i18n import _
from shmtui.monitor.known_programs import owner_program, program_behind, semaphore_of
from shmtui.monitor.segment_content import Found
from shmtui.monitor.shared_memory import SharedMemory
from shmtui.monitor.shared_object import Content, ObjectKind, SharedObject
from shmtui.monitor.survey_pass import SurveyPass
from shmtui.procfs.namespaces import namespace
from shmtui.shm.segment import FileIdentity, identity_at
from shmtui.shm.segment_reader import user_name


class NamelessObjects:
    """Lists memory without a name, in one pass."""

    def __init__(self, pass_: SurveyPass) -> None:
        self._pass = pass_

    def listed(self, *, everywhere: bool) -> Iterator[SharedObject]:
        """What only its processes have: unlinked segments and semaphores, memfd, anonymous memory, huge
        pages, and segments of other IPC namespaces.
        """
        own = namespace("ipc")
        for key, memory in sorted(
            self._pass.memory.found.items(), key=lambda item: (item[1].path, item[0].inode)
        ):
            if key.kind is ObjectKind.SYSV:
                if key.namespace == own or not everywhere:
                    continue
            elif FileIdentity(key.device, key.inode) in self._pass.listed:
                continue
            if not everywhere and key.device != self._pass.device:
                continue
            if key.kind is ObjectKind.QUEUE:
                continue
            if key.kind is ObjectKind.POSIX and not memory.deleted:
                memory.deleted = _name_is_gone(memory)
            memfd = memory.path.startswith(b"/memfd:")
            bare = memory.name.removeprefix("/memfd:") if memfd else memory.name.rpartition("/")[2]
            yield self._without_name(memory, bare)

    def _without_name(self, memory: SharedMemory, bare: str) -> SharedObject:
        key, mappers, name = memory.key, self._pass.mappers(memory), memory.name
        in_use, at_least = self._pass.in_use.of(memory)
        self._pass.accounted[key.device] += in_use or 0
        status = memory.status
        posix = key.kind is ObjectKind.POSIX
        semaphore = posix and memory.deleted and bare.startswith("sem.")
        replaced = posix and memory.deleted and bare in self._pass.taken
        name = {
            ObjectKind.POSIX: "/" + bare,
            ObjectKind.MEMFD: bare,
            ObjectKind.HUGETLB: bare if memory.path.startswith(b"/memfd:") else name,
            ObjectKind.ANONYMOUS: "" if bare == "zero" else bare,
        }.get(key.kind, name)
        target = f"pid:{mappers[0][0]}:{key.inode}"
        size = memory.mapped_size if status is None else status.st_size
        found = None if semaphore else self._pass.typed(memory, target, size)
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
            waiting=self._pass.waiting(memory),
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


def _name_is_gone(memory: SharedMemory) -> bool:
    """Whether the name that a process's maps had when they were read is another file's now, or none."""
    path = f"/proc/{memory.pids[0]}/root{memory.name}"
    try:
        return identity_at(path) != FileIdentity(memory.key.device, memory.key.inode)
    except OSError:
        return False
