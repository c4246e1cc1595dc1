"""One pass of a survey: what was read of all processes, and what was already listed of it."""

import os
from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from shmtui.monitor.content_cache import ContentCache
from shmtui.monitor.hidden_users import HiddenUsers
from shmtui.monitor.mapped_memory import MappedMemory
from shmtui.monitor.memory_in_use import MemoryInUse
from shmtui.monitor.memory_waits import Waits
from shmtui.monitor.segment_content import Found
from shmtui.monitor.shared_memory import SharedMemory
from shmtui.monitor.shared_object import ObjectKind
from shmtui.procfs.credentials import ROOT, Credentials, credentials_of, proc_hides_others
from shmtui.procfs.kept_files import KeptFiles
from shmtui.procfs.process import process_name
from shmtui.shm.segment import FileIdentity


class SurveyPass:
    """One survey under way: what was read of all processes, and what was already listed of it."""

    def __init__(
        self,
        folder: str,
        memory: MappedMemory,
        contents: ContentCache,
        users: HiddenUsers,
        files: KeptFiles,
    ) -> None:
        self.folder = folder
        self.device = Path(folder).stat().st_dev
        self.memory = memory
        self.contents = contents
        self.budget = contents.budget({p: its.stamp for p, its in memory.processes.items()})
        self.unlisted = os.geteuid() != ROOT and proc_hides_others()
        self.waits = Waits(files, memory.processes)
        self.in_use = MemoryInUse(memory.processes)
        self.by_file = {
            FileIdentity(key.device, key.inode): each
            for key, each in self.memory.found.items()
            if key.kind is not ObjectKind.SYSV
        }
        self.users = users
        self.listed: set[FileIdentity] = set()
        self.taken: set[str] = set()
        """Names in the folder."""
        self.accounted: Counter[int] = Counter()
        """Bytes of memory that what was listed takes, by device."""

    @cached_property
    def unreadable(self) -> list[tuple[int, Credentials | None]]:
        """Processes whose maps this user may not read, with who they run as."""
        return [(pid, credentials_of(pid)) for pid in self.memory.unreadable]

    def typed(self, memory: SharedMemory, target: str, size: int) -> Found | None:
        """What memory without a name holds, by the programs that map it; None: they do not tell."""
        key = memory.key
        identity = FileIdentity(key.device, key.inode, key.kind is ObjectKind.SYSV)
        return self.contents.of_memory(identity, target, size, memory.pids, self.budget)

    def mappers(self, memory: SharedMemory) -> tuple[tuple[int, str], ...]:
        """PID and name of who maps it or has it open."""
        if memory.mappers is None:
            memory.mappers = self.named_processes(memory.pids)
        return memory.mappers

    def named_processes(self, pids: Iterable[int]) -> tuple[tuple[int, str], ...]:
        """These, with their names, sorted."""
        known = self.memory.processes
        return tuple(
            known[pid].named(pid) if pid in known else (pid, process_name(pid))
            for pid in sorted(pids)
        )

    def waiting(self, memory: SharedMemory | None) -> tuple[int, ...] | None:
        """As `Waits.among`; nobody where no process has it."""
        if memory is None:
            return ()
        return self.waits.among(memory)
