"""Who is blocked on which semaphore of a System V set, and by how much: semop(2) in /proc.

The system call's arguments name the set and the operations, which lie in the caller's memory. Both
need the right to look into the process (proc_pid_syscall(5)).
"""

import os
import struct
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from shmtui.procfs.futex import SystemCall, system_calls
from shmtui.procfs.process import processes, read_file, threads_of
from shmtui.shm.system_v import member_name

_NUMBERS: Final = {"x86_64": (65, 220), "aarch64": (193, 192)}.get(os.uname().machine, ())
"""semop and semtimedop, by the C library's headers; glibc calls the second for both."""
_OPERATION: Final = struct.Struct("=Hhh")
"""struct sembuf of linux/sem.h: sem_num, sem_op, sem_flg."""
_MOST: Final = 500
"""Operations in one call (SEMOPM)."""
_UNDO: Final = 0x1000
"""SEM_UNDO of linux/sem.h."""


class SemaphoreOperation(msgspec.Struct, frozen=True):
    """One operation of a call."""

    number: int
    """Which semaphore of the set."""
    change: int
    """What is added to it; 0 waits until it is 0."""
    undo: bool
    """The kernel takes it back when the process ends (SEM_UNDO)."""


class SemopWait(msgspec.Struct, frozen=True):
    """A thread asleep in semop(2)."""

    pid: int
    tid: int
    set_number: int
    operations: tuple[SemaphoreOperation, ...]
    """All of the call, which the kernel does together or not at all."""


def semop_waits() -> tuple[tuple[SemopWait, ...], int]:
    """The threads asleep in semop(2), and how many processes this user may not look into."""
    found: list[SemopWait] = []
    refused = 0
    for pid in processes():
        try:
            found += _waits_of(pid)
        except (FileNotFoundError, ProcessLookupError):
            continue
        except OSError:
            refused += 1
    return tuple(found), refused


def is_semop(call: SystemCall) -> bool:
    """Whether it is semop(2) or semtimedop(2)."""
    return call.number in _NUMBERS


def waiting_in_sets(pids: Iterable[int]) -> set[int]:
    """The sets that threads of these processes sleep in, as far as this user may know."""
    calls = (call for pid in pids for call in (system_calls(pid) or {}).values())
    return {call.address for call in calls if call is not None and is_semop(call)}


def waited_member(pid: int, call: SystemCall) -> str | None:
    """The semaphore that a thread in that call takes, as layouts name it; None where this user may not
    know, or it takes none.
    """
    try:
        operations = _operations(pid, call.operation, min(call.rest[0], _MOST))
    except (OSError, IndexError):
        return None
    taken = (o.number for o in operations if o.change < 0)
    number = next(taken, None)
    return None if number is None else member_name(call.address, number)


def _waits_of(pid: int) -> Iterator[SemopWait]:
    for tid in threads_of(pid):
        fields = read_file(f"/proc/{pid}/task/{tid}/syscall", 256).split()
        if len(fields) < 4 or not fields[0].isdigit() or int(fields[0]) not in _NUMBERS:
            continue
        number, address, count = (int(field, 16) for field in fields[1:4])
        yield SemopWait(pid, tid, number, _operations(pid, address, min(count, _MOST)))


def _operations(pid: int, address: int, count: int) -> tuple[SemaphoreOperation, ...]:
    fd = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
    try:
        raw = os.pread(fd, _OPERATION.size * count, address)
    finally:
        os.close(fd)
    whole = len(raw) - len(raw) % _OPERATION.size
    return tuple(
        SemaphoreOperation(number, change, bool(flags & _UNDO))
        for number, change, flags in _OPERATION.iter_unpack(raw[:whole])
    )
