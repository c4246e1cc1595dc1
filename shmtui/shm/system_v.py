"""System V objects by their calls: the semaphores of a set, asked with semctl(2), and removal.

Asking operates on nothing and changes nothing.
"""

import ctypes
import re
from enum import StrEnum
from typing import Final

import msgspec

from shmtui.shm.libc import system_call
from shmtui.shm.semaphore import SemaphoreWords

_GETPID: Final = 11
_GETVAL: Final = 12
_GETALL: Final = 13
_GETNCNT: Final = 14
_GETZCNT: Final = 15
"""Commands of semctl(2), by linux/sem.h."""
_REMOVE: Final = 0
"""IPC_RMID of all three calls, by linux/ipc.h."""


class SystemVKind(StrEnum):
    """The three kinds, by the word that stands before the number of one."""

    SEGMENT = "sysv"
    SET = "semset"
    QUEUE = "msgqueue"


class SysvSemaphore(msgspec.Struct, frozen=True):
    """One semaphore of a set."""

    value: int
    waiters: int
    """Threads that wait for it to grow (GETNCNT)."""
    zero_waiters: int
    """Threads that wait for it to be 0 (GETZCNT)."""
    last: int
    """PID of the last process whose operation succeeded, in this PID namespace; 0 where there was
    none, or it is of another.
    """


_MEMBER: Final = re.compile(r"semset:(\d{1,10}):(\d{1,5})")


def member_name(number: int, at: int) -> str:
    """One semaphore of a set, as layouts name it.

    >>> member_name(7, 2), set_member(member_name(7, 2)), set_member("/jobs")
    ('semset:7:2', (7, 2), None)
    """
    return f"semset:{number}:{at}"


def set_member(name: str) -> tuple[int, int] | None:
    """The set and the number in it of a semaphore's name; None: it is no such name."""
    found = _MEMBER.fullmatch(name)
    return None if found is None else (int(found[1]), int(found[2]))


def member_words(name: str) -> SemaphoreWords | None:
    """Its value and its waiters, as of any other semaphore; None where it is none of a set, is gone, or
    this user may not read it.
    """
    value, waiters = _ask(name, _GETVAL), _ask(name, _GETNCNT)
    if value is None or waiters is None:
        return None
    return SemaphoreWords(value, waiters, shared=True)


def member_last(name: str) -> int | None:
    """PID of the last process whose operation on it succeeded; None where there was none, or as of
    `member_words`.
    """
    return _ask(name, _GETPID) or None


def _ask(name: str, command: int) -> int | None:
    member = set_member(name)
    if member is None:
        return None
    try:
        return system_call("semctl", *member, command)
    except OSError:
        return None


def read_set(number: int, count: int) -> tuple[SysvSemaphore, ...]:
    """The semaphores of a set of ``count``, as they stand; the values are of one moment, the rest
    is asked one after the other.

    PermissionError: this user may not read it. OSError: it is gone.
    """
    values = (ctypes.c_ushort * count)()
    system_call("semctl", number, 0, _GETALL, ctypes.byref(values))
    return tuple(
        SysvSemaphore(
            value,
            system_call("semctl", number, at, _GETNCNT),
            system_call("semctl", number, at, _GETZCNT),
            system_call("semctl", number, at, _GETPID),
        )
        for at, value in enumerate(values)
    )


def remove_system_v(kind: SystemVKind, number: int) -> None:
    """Remove an object; a segment goes when the last process detaches it.

    PermissionError: this user is not its owner. OSError: it is gone.
    """
    if kind is SystemVKind.SEGMENT:
        system_call("shmctl", number, _REMOVE, None)
    elif kind is SystemVKind.SET:
        system_call("semctl", number, 0, _REMOVE)
    else:
        system_call("msgctl", number, _REMOVE, None)
