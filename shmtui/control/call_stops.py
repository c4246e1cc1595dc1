"""What follows when a task calls a watched function: it stops before a step, or goes on."""

import contextlib
import os
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from shmtui.control import calls
from shmtui.control.barriers import barrier_count
from shmtui.control.entry_points import (
    BARRIER_CALL,
    BUFFER_CALLS,
    CLOCK_CALLS,
    ENDING_CALL,
    FREEING_CALLS,
    JOINING_CALLS,
    LOADING_CALLS,
    LOCKING_CALLS,
    OTHER_MEANS,
    PROCESS_CALLS,
    SET_CALLS,
    SLEEPING_CALLS,
    STARTING_CALLS,
    STATUS_CALLS,
)
from shmtui.control.operation import Kind, Operation
from shmtui.control.semaphore_sets import MAKING_CALLS
from shmtui.shm.segment import SHM_DIR

if TYPE_CHECKING:
    from shmtui.control.task import Task

_MAP_SHARED, _MAP_ANONYMOUS, _PROT_WRITE = 1, 32, 2
_MOST_BYTES: Final = 1 << 20
_MOST_VECTORS: Final = 1024
_FUNCTION_BYTES: Final = 256
"""A function as small as semop has fewer."""
_VECTOR: Final = struct.Struct("<QQ")
"""``struct iovec``."""


def at_call(task: "Task", function: str) -> int | None:
    """Deal with the function at whose entry it stands; None where it stands before a step, else 0: it is
    to run on.
    """
    site = int.from_bytes(task.space.read(task.registers.rsp, 8), "little")
    if function in CLOCK_CALLS:
        calls.tell_time(task, function)
        return 0
    if function in PROCESS_CALLS and task.program.is_own(site):
        calls.tell_process(task, function)
        return 0
    if function in OTHER_MEANS:
        task.program.note_other_means(task.pid, function, site, task.registers)
        task.over()
        return 0
    if function in FREEING_CALLS:
        task.space.freed(task.registers.rdi)
        task.over()
        return 0
    # The loader locks as a thread begins, and lets go before anybody else runs.
    operation = None if task.program.is_loaders(site) else _step(task, function, site)
    if operation is not None:
        task.operation = operation
        return None
    _let_go_on(task, function, site)
    task.over()
    return 0


def _step(task: "Task", function: str, site: int) -> Operation | None:
    """The step that the call is; None where it is none here."""
    registers = task.registers
    if function in SLEEPING_CALLS:
        return Operation(Kind.SLEEP, site, address=calls.nanoseconds(task, function))
    if function in JOINING_CALLS:
        task.awaited = registers.rdi if function != "wait" else 2**64 - 1
        return Operation(Kind.JOIN, site, width=int(function == "pthread_join"))
    if function in SET_CALLS:
        return (
            None if _is_within(task, function, site) else calls.set_operation(task, function, site)
        )
    if function in STARTING_CALLS:
        sets_nothing = function == "semctl" and not calls.sets_value(task)
        if not task.world.starts_vary or sets_nothing:
            return None
        place = calls.initialised(task, function)
        return Operation(Kind(function), site, place, registers.rdi)
    if function in BUFFER_CALLS | MAKING_CALLS.keys() | PROCESS_CALLS:
        return None
    if function in STATUS_CALLS | {"mmap", "shmat"}:
        return None
    if function == ENDING_CALL:
        return None if task.space.is_alone else Operation(Kind.EXIT, site)
    place = task.place(registers.rdi)
    if task.program.is_musl and function in LOCKING_CALLS and _is_within_lock(task, function, site):
        return None
    if function == BARRIER_CALL:
        initialised = barrier_count(task, registers.rdi)
        return Operation(Kind.BARRIER, site, place, registers.rdi) if initialised else None
    first = task.space.read(registers.rdi, 4)
    there = place is None or len(first) == 4
    waits_alone = function == "sem_wait" and first == bytes(4)
    if there and (place is not None or not task.space.is_alone or waits_alone):
        return Operation(Kind(function), site, place, registers.rdi)
    return None


def _is_within(task: "Task", function: str, site: int) -> bool:
    """Whether it is semop that calls semtimedop, as in glibc: by a call, or by a jump."""
    registers, (begin, back, stack) = task.registers, task.set_call
    task.set_call = (registers.rip, site, registers.rsp) if function == "semop" else (0, 0, 0)
    jumped = (site, registers.rsp) == (back, stack)
    return function == "semtimedop" and (jumped or 0 < site - begin < _FUNCTION_BYTES)


def _is_within_lock(task: "Task", function: str, site: int) -> bool:
    """Whether it is pthread_mutex_lock that goes on as pthread_mutex_timedlock, by a jump, which calls
    pthread_mutex_trylock: as in musl where a lock notes its owner.
    """
    registers, (before, begin, back, stack) = task.registers, task.lock_call
    task.lock_call = (function, registers.rip, site, registers.rsp)
    if function == "pthread_mutex_timedlock":
        return (before, back, stack) == ("pthread_mutex_lock", site, registers.rsp)
    return function == "pthread_mutex_trylock" and 0 < site - begin < _FUNCTION_BYTES


def _let_go_on(task: "Task", function: str, site: int) -> None:
    """Note what a call that is no step does."""
    if function in MAKING_CALLS:
        task.world.files.sets.about_to_make(function)
        call = f"{function}({task.registers.rdi & 0xFFFFFFFF:#x})"
        task.break_at(site, lambda: task.note_failure(call))
    elif function in STARTING_CALLS:
        calls.note_start(task, function)
    elif function in {"mmap", "shmat"}:
        if function == "shmat" or task.registers.rcx & _MAP_SHARED:
            task.break_at(site, task.note_mapping)
        elif path := _maps_apart(task):
            size = task.registers.rsi
            task.break_at(site, lambda: task.space.note_apart(path, task.registers.rax, size))
    elif function in STATUS_CALLS:
        calls.forget_times(task, function, site)
    elif function in BUFFER_CALLS:
        kind = Kind.LOAD if function in LOADING_CALLS else Kind.STORE
        guarded = [
            (address, size)
            for address, size in _buffers(task, function)
            if task.space.is_guarded(address, size)
        ]
        for address, size in guarded:
            accessed = Operation(kind, site, task.place(address), address, min(size, _MOST_BYTES))
            task.world.observed.kernel_access(task, accessed)
        if guarded:
            task.lift_guard(site)


def _maps_apart(task: "Task") -> str:
    """The file of /dev/shm that it is about to map with MAP_PRIVATE, from its begin and to store there; or nothing."""
    registers = task.registers
    stores = registers.rdx & _PROT_WRITE and not registers.rcx & _MAP_ANONYMOUS
    if not stores or registers.r9:
        return ""
    with contextlib.suppress(OSError):
        path = os.readlink(f"/proc/{task.pid}/fd/{registers.r8 & 0xFFFFFFFF}")  # noqa: PTH115 - may be no path
        return path if path.startswith(f"{SHM_DIR}/") else ""
    return ""


def _buffers(task: "Task", function: str) -> Iterator[tuple[int, int]]:
    """Address and size of each buffer that the call hands the kernel, and of what names them."""
    registers = task.registers
    first, count = registers.rsi, registers.rdx
    if function.endswith("msg"):
        yield registers.rsi, 56
        raw = task.space.read(registers.rsi + 16, 16)
        first, count = _VECTOR.unpack(raw) if len(raw) == 16 else (0, 0)
    elif not function.endswith(("readv", "writev")):
        yield first, count
        return
    vectors = task.space.read(first, min(count, _MOST_VECTORS) * _VECTOR.size)
    yield first, len(vectors)
    yield from _VECTOR.iter_unpack(vectors)
