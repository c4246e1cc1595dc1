"""Tells when any process has opened one of some files and keeps it open (inotify(7))."""

from collections.abc import Mapping

from shmtui.procfs.file_watch import CLOSED_READING, CLOSED_WRITING, OPENED, FileWatch
from shmtui.shm.segment import FileIdentity

_EVENTS = OPENED | CLOSED_READING | CLOSED_WRITING


class Arrivals:
    """Watches some files for those who open them, and have them open still.

    Who opens a file and closes it at once, as one that looks at it again and again, is no arrival. Nor is
    who has it by other means: by a fork, or by a descriptor that another process sent.
    """

    def __init__(self) -> None:
        self._watches: dict[FileIdentity, FileWatch | None] = {}
        self._noted = False

    @property
    def complete(self) -> bool:
        """Whether all of the files can be watched, and there is one."""
        return bool(self._watches) and None not in self._watches.values()

    def watch(self, files: Mapping[FileIdentity, str]) -> None:
        """Watch these, by identity with a path, and no others. Of one that is new somebody may have come
        before this.
        """
        for gone in self._watches.keys() - files.keys():
            self._close(gone)
        for file in files.keys() - self._watches.keys():
            self._noted = True
            try:
                self._watches[file] = FileWatch(files[file], _EVENTS)
            except OSError:
                self._watches[file] = None

    def note(self) -> None:
        """Note who has come so far, before this process opens one of the files itself."""
        for watch in self._watches.values():
            if watch is not None and watch.left_open():
                self._noted = True

    def happened(self) -> bool:
        """Whether somebody has come since the last call."""
        self.note()
        noted, self._noted = self._noted, False
        return noted

    def close(self) -> None:
        for file in [*self._watches]:
            self._close(file)

    def _close(self, file: FileIdentity) -> None:
        watch = self._watches.pop(file)
        if watch is not None:
            watch.close()
