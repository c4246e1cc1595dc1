"""Files of /proc/PID that are read at every look, and stay open: to read one again costs a fifth of
opening it.
"""

import os
import resource
import weakref
from collections.abc import Container
from typing import Final

_SIZE: Final = 1024
"""Bytes; what is read here is shorter."""


class KeptFiles:
    """Reads files of processes. A descriptor stays that of its process: once that has ended it reads
    nothing, whoever has the PID then. A quarter of the descriptors that this process may have is
    left to others: a file beyond that is opened and closed each time.
    """

    def __init__(self) -> None:
        most, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._below = most * 3 // 4
        self._open: dict[tuple[int, str], int] = {}
        weakref.finalize(self, _close_all, self._open)

    @property
    def descriptors(self) -> set[int]:
        """Those that it keeps open."""
        return {*self._open.values()}

    def read(self, pid: int, name: str) -> bytes:
        """What the file of that name says now. OSError: the process is gone, or the file is not this
        user's to read.
        """
        key = (pid, name)
        fd = self._open.get(key)
        if fd is not None:
            try:
                return os.pread(fd, _SIZE, 0)
            except ProcessLookupError:
                os.close(self._open.pop(key))
        fd = os.open(f"/proc/{pid}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        if fd < self._below:
            self._open[key] = fd
            return os.pread(fd, _SIZE, 0)
        try:
            return os.pread(fd, _SIZE, 0)
        finally:
            os.close(fd)

    def forget(self, living: Container[int]) -> None:
        """Close those of processes that are not among ``living``."""
        for key in [key for key in self._open if key[0] not in living]:
            os.close(self._open.pop(key))


def _close_all(kept: dict[tuple[int, str], int]) -> None:
    while kept:
        os.close(kept.popitem()[1])
