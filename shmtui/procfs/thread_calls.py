"""The system calls that a process's threads are in: of all of them, or of a part where they are thousands.

To read the call of one thread costs some 7 µs, and to list ten thousand 10 ms.
"""

import time
from collections.abc import Iterable
from itertools import islice
from typing import Final

import msgspec

from shmtui.procfs.futex import SystemCall, system_calls
from shmtui.procfs.process import threads_of

MANY: Final = 64
"""Of a process with more threads a look reads a part."""
KEPT: Final = 24
"""So many threads that were seen to wait are read at each look: those seen first."""
IN_TURN: Final = 4
"""So many others are read at each look, in their turn: of ten thousand all in four minutes at ten looks a second."""
_REST: Final = 200
"""The threads are listed in one part of so much of the time at the most."""


class CallsRead(msgspec.Struct, frozen=True):
    """What was read of the threads of one process."""

    calls: dict[int, SystemCall | None]
    """By TID, as `system_calls` has them."""
    threads: int | None = None
    """How many threads were looked at; None: all."""


class ThreadCalls:
    """Reads the threads of one process, look after look.

    Of many threads it reads those first that matter: the main one, who was seen to wait, and who
    is new; and the others in turn. What it says of a thread is of this look, and of
    one that was not looked at it says nothing.
    """

    __slots__ = ("_listed", "_pid", "_rests", "_turn", "_waiting")

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._waiting: tuple[int, ...] = ()
        self._turn: list[int] = []
        """Who is in turn, the next one last."""
        self._listed: frozenset[int] = frozenset()
        self._rests = 0
        """Until when they are not listed again."""

    def read(self, threads: int, *, everyone: bool = False) -> CallsRead | None:
        """The calls of a process with this many threads; of all of them if ``everyone``. None: this
        user may not know, as `system_calls` says.
        """
        if everyone or threads <= MANY:
            calls = system_calls(self._pid)
            return None if calls is None else CallsRead(calls)
        try:
            wanted = self._wanted(threads)
        except (FileNotFoundError, ProcessLookupError):
            return CallsRead({})
        except PermissionError:
            return None
        calls = system_calls(self._pid, wanted)
        return None if calls is None else CallsRead(calls, len(wanted))

    def keep(self, waiting: Iterable[int]) -> None:
        """Read these again at the next look, the first ones of them: they were seen to wait."""
        self._waiting = tuple(islice(dict.fromkeys(waiting), KEPT))

    def _wanted(self, threads: int) -> list[int]:
        if not self._turn or len(self._listed) != threads:
            self._list()
        turn = [self._turn.pop() for _each in range(min(IN_TURN, len(self._turn)))]
        return [*dict.fromkeys((self._pid, *self._waiting, *turn))]

    def _list(self) -> None:
        """List the threads, unless that was a short while ago; the new ones come first."""
        if time.monotonic_ns() < self._rests:
            return
        began = time.thread_time_ns()
        now = frozenset(threads_of(self._pid))
        took = time.thread_time_ns() - began
        self._rests = time.monotonic_ns() + took * _REST
        new = now - self._listed if self._listed else frozenset[int]()
        old = now.intersection(self._turn) or now - new
        self._turn = [*sorted(old), *sorted(new)]
        self._listed = now
