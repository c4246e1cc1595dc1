"""Files of /proc/PID that are read at every look, and stay open: to read one again costs a fifth of
opening it.
"""

import os
import resource
import weakref
from typing import Final

MOST: Final = 256
"""Files that stay open: of some hundred processes that share memory."""
_SIZE: Final = 1024
"""Bytes; what is read here is shorter."""
_File = tuple[int, str]
"""PID and name."""


class KeptFiles:
    """Reads files of processes; keeps open what is read in one look after another. A descriptor stays
    that of its process: once that has ended it reads nothing, whoever has the PID then. It keeps
    ``MOST`` open, and no more than a quarter of the descriptors that this process may have; :meth:`close`
    gives them back, and what is read afterwards is opened again.
    """

    def __init__(self, *, keep: bool = True) -> None:
        """``keep``: False where looks are so seldom that open descriptors cost more than they save."""
        soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._most = min(MOST, soft // 4) if keep else 0
        self._open: dict[_File, int] = {}
        self._before: set[_File] = set()
        """What the last look read."""
        self._now: set[_File] = set()
        weakref.finalize(self, _close_all, self._open)

    @property
    def descriptors(self) -> set[int]:
        return {*self._open.values()}

    def read(self, pid: int, name: str) -> bytes:
        """What the file of that name says now. OSError: the process is gone, or the file is not this
        user's to read.
        """
        file = pid, name
        self._now.add(file)
        fd = self._open.get(file)
        if fd is not None:
            try:
                return os.pread(fd, _SIZE, 0)
            except ProcessLookupError:
                os.close(self._open.pop(file))
        fd = os.open(f"/proc/{pid}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        if file in self._before and len(self._open) < self._most:
            self._open[file] = fd
            return os.pread(fd, _SIZE, 0)
        try:
            return os.pread(fd, _SIZE, 0)
        finally:
            os.close(fd)

    def end_look(self) -> None:
        """Close what this look did not read."""
        for file in self._open.keys() - self._now:
            os.close(self._open.pop(file))
        self._before, self._now = self._now, set()

    def close(self) -> None:
        _close_all(self._open)
        self._before.clear()


def _close_all(kept: dict[_File, int]) -> None:
    while kept:
        os.close(kept.popitem()[1])
