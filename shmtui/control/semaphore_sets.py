"""The System V objects of an execution, in an IPC namespace of its own: semop(2) judged before it is made.

A set goes by its key, the same in every execution. Its number is the same in the same order: the next
one is asked of the kernel (proc(5), sem_next_id) where that allows it.
"""

import contextlib
import ctypes
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from shmtui.i18n import _
from shmtui.procfs.sysvipc import SysvSet, sysv_queues, sysv_segments, sysv_sets
from shmtui.shm.libc import system_call
from shmtui.shm.system_v import SystemVKind, remove_system_v

PREFIX: Final = "set "
"""Of the name that a set has in a `Place`."""
MAKING_CALLS: Final = {"semget": "sem", "shmget": "shm", "msgget": "msg"}
_OPERATION: Final = struct.Struct("<Hhh")
"""``struct sembuf`` of <sys/sem.h>."""
_MOST_OPERATIONS: Final = 500
_NOWAIT: Final = 0o4000
_MOST_VALUE: Final = 32767
_GETALL: Final = 13
_FIRST_NUMBER: Final = 77 << 15
"""What the numbers of objects begin with: no program of an exercise has it in its memory otherwise."""


class SetOperation(msgspec.Struct, frozen=True):
    """One operation of a call of semop."""

    semaphore: int
    change: int
    """Added to the value; 0 waits until that is 0."""
    at_once: bool = False
    """Whether the call fails where it would wait (IPC_NOWAIT)."""


def decode_operations(raw: bytes) -> tuple[SetOperation, ...]:
    """The operations of a call, as its second argument points to them.

    >>> decode_operations(bytes.fromhex("0200ffff0008"))
    (SetOperation(semaphore=2, change=-1, at_once=True),)
    """
    whole = raw[: len(raw) - len(raw) % _OPERATION.size]
    return tuple(
        SetOperation(number, change, bool(flags & _NOWAIT))
        for number, change, flags in _OPERATION.iter_unpack(whole)
    )


def blocking(values: Sequence[int], operations: Sequence[SetOperation]) -> SetOperation | None:
    """The operation that a call would wait at; None where it goes through, or fails.

    >>> blocking([1, 0], [SetOperation(0, -1), SetOperation(1, -1)])
    SetOperation(semaphore=1, change=-1, at_once=False)
    >>> blocking([1, 0], [SetOperation(0, -1), SetOperation(1, 0)]) is None
    True
    """
    now = list(values)
    for each in operations:
        if each.semaphore >= len(now):
            return None
        if (each.change == 0 and now[each.semaphore]) or now[each.semaphore] + each.change < 0:
            return each
        now[each.semaphore] += each.change
        if now[each.semaphore] > _MOST_VALUE:
            return None
    return None


class SemaphoreSets:
    """The sets that are there, by name."""

    def __init__(self) -> None:
        self._made = 0
        self._numbers: dict[str, int] = {}

    def about_to_make(self, function: str) -> None:
        """A program calls semget or shmget: what that makes gets a number by its place in the order."""
        with contextlib.suppress(OSError):  # Else numbers differ, and so do the states with them.
            file = Path(f"/proc/sys/kernel/{MAKING_CALLS[function]}_next_id")
            file.write_text(f"{_FIRST_NUMBER + self._made}")
        self._made += 1

    def name_of(self, number: int) -> str:
        """A set's name: its key, or which one it is of those without any."""
        for name, known in self._numbers.items():
            if known == number:
                return name
        own = next((each for each in sysv_sets() if each.number == number), None)
        key = 0 if own is None else own.key
        nameless = sum(name.startswith(f"{PREFIX}#") for name in self._numbers)
        name = f"{PREFIX}{key:#x}" if key else f"{PREFIX}#{nameless + 1}"
        self._numbers[name] = number
        return name

    def values(self, number: int) -> list[int]:
        """The values of a set; none where it has been removed."""
        own: SysvSet | None = next((s for s in sysv_sets() if s.number == number), None)
        if own is None:
            return []
        found = (ctypes.c_ushort * own.count)()
        try:
            system_call("semctl", number, 0, _GETALL, ctypes.byref(found))
        except OSError:
            return []
        return list(found)

    def value(self, name: str, semaphore: int) -> int | None:
        """One value of a set, by its name."""
        values = self.values(self._numbers.get(name, -1))
        return values[semaphore] if semaphore < len(values) else None

    def state(self) -> tuple[object, ...]:
        """All sets with their values."""
        return tuple((each.key, tuple(self.values(each.number))) for each in sysv_sets())

    def left(self) -> tuple[str, ...]:
        """The objects that are there, in words."""
        segments = [each for each in sysv_segments() if not each.removed]
        kinds = (
            (_("System V segment {key} (ipcs -m)"), segments),
            (_("System V set {key} (ipcs -s)"), sysv_sets()),
            (_("System V queue {key} (ipcs -q)"), sysv_queues()),
        )
        return tuple(
            text.format(key=f"{each.key:#x}") for text, objects in kinds for each in objects
        )

    def clean(self) -> None:
        """Remove all System V objects of the namespace, where an execution has made any."""
        if not self._made:
            return
        self._made = 0
        self._numbers.clear()
        for kind, objects in (
            (SystemVKind.SET, sysv_sets()),
            (SystemVKind.SEGMENT, sysv_segments()),
            (SystemVKind.QUEUE, sysv_queues()),
        ):
            for each in objects:
                with contextlib.suppress(OSError):
                    remove_system_v(kind, each.number)


def operations_at(raw_size: int) -> int:
    """Bytes of ``raw_size`` operations, at most as many as a call may have."""
    return min(raw_size, _MOST_OPERATIONS) * _OPERATION.size
