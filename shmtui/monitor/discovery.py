"""Every shared memory, semaphore and message queue of this machine, and which processes have each.

One pass over the names under /dev/shm, the kernel's lists of System V objects, and what all
processes map and have open. What this user may not read is listed and marked.
"""

import os
import threading
from pathlib import Path

from msgspec.structs import replace

from shmtui.errors import shortages_told
from shmtui.monitor.content_cache import ContentCache
from shmtui.monitor.file_systems import initial_file_system, rest_of_file_systems
from shmtui.monitor.hidden_users import HiddenUsers, UnreadMemory
from shmtui.monitor.ipc_objects import IpcObjects
from shmtui.monitor.mapped_memory import MappedMemoryReader
from shmtui.monitor.named_objects import NamedObjects
from shmtui.monitor.nameless_objects import NamelessObjects
from shmtui.monitor.shared_object import Survey
from shmtui.monitor.survey_pass import SurveyPass
from shmtui.procfs.kept_files import KeptFiles
from shmtui.shm.segment import SHM_DIR


def survey(folder: str = SHM_DIR) -> Survey:
    """One look of a `Surveyor`."""
    return Surveyor(folder).look()


class Surveyor:
    """Looks at everything that processes share, again and again; keeps what does not change."""

    def __init__(self, folder: str = SHM_DIR) -> None:
        self._folder = folder
        self._files = KeptFiles()
        self._reader = MappedMemoryReader(self._files)
        self._contents = ContentCache()
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
        now = SurveyPass(folder, memory, self._contents, self._users, self._files)
        named = NamedObjects(now)
        found = [*named.listed()]
        if folder == SHM_DIR:
            ipc = IpcObjects(
                memory, now.waits, now.in_use, now.named_processes, now.mappers, now.typed
            )
            found += [*named.elsewhere(), *ipc.listed()]
        found += NamelessObjects(now).listed(everywhere=folder == SHM_DIR)
        if folder == SHM_DIR:
            found += named.huge_files()
            # What each file system in memory holds beside what was listed of it, and the first one.
            found += rest_of_file_systems(memory.mounts, now.accounted)
            found += initial_file_system()
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
            tuple(memory.unreadable),
            any(mount.kind == "mqueue" for mount, pid in memory.mounts.values() if pid == "self"),
        )
        if not result.unlisted:
            return result
        unread = self._unread_memory.of(result.unreadable)
        return replace(result, unlisted_unread=min(unread, result.unlisted))


def _shared_memory() -> int | None:
    for line in Path("/proc/meminfo").read_bytes().splitlines():
        if line.startswith(b"Shmem:"):
            return int(line.split()[1]) * 1024
    return None
