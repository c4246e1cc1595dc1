"""Whether the first thing that a process does with a semaphore is a post or a wait."""

import contextlib
from enum import Enum, auto
from typing import Final

from shmtui.procfs.maps import mappings
from shmtui.procfs.write_breakpoint import WriteBreakpoint, function_at
from shmtui.shm.segment import FileIdentity

_POSTS: Final = {"sem_post"}
_WAITS: Final = {"sem_wait", "sem_trywait", "sem_timedwait", "sem_clockwait"}


class Operation(Enum):
    """What was done first."""

    NONE_YET = auto()
    POST = auto()
    WAIT = auto()
    UNKNOWN = auto()
    """Something that stores, by code that no exported symbol names: sem_wait of glibc too, where
    it has to sleep."""


class FirstOperation:
    """Watches the value at ``offset`` of a file in ``pid``, until the first operation is known.

    OSError: the system refuses the breakpoint, or the process does not map the semaphore.
    """

    def __init__(self, pid: int, identity: FileIdentity, offset: int) -> None:
        self.pid = pid
        found = [
            mapping.start + offset - mapping.offset
            for mapping in mappings(pid, identity) or ()
            if mapping.offset <= offset < mapping.offset + mapping.end - mapping.start
        ]
        if not found:
            raise FileNotFoundError(f"PID {pid}")
        self._breakpoint = WriteBreakpoint(pid, found)
        self._operation = Operation.NONE_YET

    def close(self) -> None:
        """End the watch; what is known stays."""
        self._breakpoint.close()

    def look(self) -> Operation:
        """What is known by now. The breakpoint is given back as soon as it has answered."""
        if self._operation is Operation.NONE_YET:
            with contextlib.suppress(ValueError):  # closed
                self._operation = self._seen()
        if self._operation is not Operation.NONE_YET:
            self.close()
        return self._operation

    def _seen(self) -> Operation:
        first = self._breakpoint.first()
        if first is None:
            return Operation.NONE_YET
        function = function_at(self.pid, first.instruction)
        if function in _POSTS and not self._breakpoint.has_new_threads:
            return Operation.POST
        # Another thread may hold it where there are several.
        if function in _WAITS and self._breakpoint.one_thread:
            return Operation.WAIT
        return Operation.UNKNOWN
