"""What the calls by which programs meet do, carried out while everybody stands still.

A semaphore's value is its first word on glibc (2.21 and later) and musl; nobody ever sleeps on it
here, so that its count of waiters stays 0.
"""

import errno
import os
import struct
from typing import TYPE_CHECKING, Final

from shmtui.control import ptrace, robust_list
from shmtui.control.entry_points import NAMING_CALLS
from shmtui.control.operation import COND_WAITS, STARTING, TIMED, WAKES, Kind, Operation, Place
from shmtui.control.process_ids import real_pid, told_parent, told_pid
from shmtui.control.program import THREAD_ID
from shmtui.control.semaphore_sets import SetOperation, blocking, decode_operations, operations_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from shmtui.control.task import Task

_FIRST_SECOND: Final = 1_700_000_000
_BILLION: Final = 10**9
_TIMER_ABSTIME: Final = 1
_MOST_SLEEP: Final = 10**18
_MOST_VALUE: Final = 0x7FFFFFFF
_SETTING: Final = (16, 17)
"""SETVAL and SETALL of <sys/sem.h>."""
_NUMBER_IN_STATUS: Final = 8
"""Where ``struct stat`` of x86-64 has the inode's number."""
_TIMES_IN_STATUS: Final = (72, 48)
"""Where its times begin, and their bytes."""
_RECURSIVE: Final = 1
"""PTHREAD_MUTEX_RECURSIVE, of glibc's two bits of the kind."""
_ROBUST, _INHERITS = 16, 32
"""Other bits of it: such a mutex has its owner's number as its first word."""
_INCONSISTENT: Final = 0x7FFFFFFF
"""PTHREAD_MUTEX_INCONSISTENT: the owner of a robust one that was its dead owner's, until pthread_mutex_consistent(3)."""
_MUSL_INCONSISTENT = _MUSL_INHERITS = 8
"""Bits of musl's type, and of its kinds of one."""
_LOCK_BITS: Final = 0x3FFFFFFF
_OWNER_DIED: Final = 0x40000000


def carry_out(task: "Task", operation: Operation) -> Operation | None:
    """Have the call done. The step that follows at once, or None where the task is to run on."""
    space, kind = task.space, operation.kind
    if kind is Kind.SLEEP:
        task.slept += operation.address
        task.leave(0)
    elif kind in {Kind.WAIT, Kind.TRY_WAIT, Kind.TIMED_WAIT, Kind.CLOCK_WAIT} and (
        value := space.word(operation.address)
    ):
        task.set_words(operation.address, value - 1)
        task.leave(0)
    elif kind in TIMED and task.errno_address:
        _fail(task, operation)
    elif kind is Kind.POST and (value := space.word(operation.address)) < _MOST_VALUE:
        task.set_words(operation.address, value + 1)
        task.leave(0)
    elif kind in COND_WAITS:
        return _release(task, operation)
    elif kind in WAKES:
        in_time, task.woken = task.woken, False
        died = _set_lock(task, operation.address, taken=True)
        task.leave(died or (0 if in_time else errno.ETIMEDOUT))
    elif kind is Kind.PASS:
        task.woken = False
        task.leave(0)
    elif kind in {Kind.SET, Kind.TRY_SET}:
        _change_set(task, operation)
    elif kind in {Kind.SIGNAL, Kind.BROADCAST}:
        task.leave(0)
    else:
        if kind in STARTING:
            note_start(task, kind.value)
        _expire(task, operation)
        task.lift_guard(operation.site)
        task.over()
    return None


def _fail(task: "Task", operation: Operation) -> None:
    """Let an attempt to have a semaphore be in vain, as sem_wait(3) has it. musl, which would sleep, marks the semaphore as
    waited for.
    """
    number, registers = errno.EAGAIN, task.registers
    if operation.kind is not Kind.TRY_WAIT:
        limit = registers.rsi if operation.kind is Kind.TIMED_WAIT else registers.rdx
        _seconds, rest = struct.unpack("<qq", task.space.read(limit, 16).ljust(16, b"\xff"))
        number = errno.ETIMEDOUT if 0 <= rest < _BILLION else errno.EINVAL
    task.set_words(task.errno_address, number)
    task.leave(2**64 - 1)


def _expire(task: "Task", operation: Operation) -> None:
    """Let a timed wait find that its time is up: the deadline becomes the year 1970."""
    if operation.kind in {Kind.TIMED_WAIT, Kind.CLOCK_WAIT, Kind.TIMED_LOCK}:
        deadline = task.registers.rsp - 512
        task.space.write(deadline, bytes(16))
        if operation.kind is Kind.CLOCK_WAIT:
            task.registers.rdx = deadline
        else:
            task.registers.rsi = deadline
        ptrace.store_registers(task.pid, task.registers)


def _release(task: "Task", operation: Operation) -> Operation:
    """Begin the wait on a condition variable: its mutex is free, and is to be had again."""
    mutex = task.registers.rsi
    _set_lock(task, mutex, taken=False)
    kind = Kind.WAKE if operation.kind is Kind.COND_WAIT else Kind.WAKE_IN_TIME
    return Operation(kind, operation.site, task.place(mutex), mutex)


def set_operation(task: "Task", function: str, site: int) -> Operation:
    """The call of semop that a task stands before."""
    registers, sets = task.registers, task.world.files.sets
    raw = task.space.read(registers.rsi, operations_at(registers.rdx))
    operations, name = decode_operations(raw), sets.name_of(registers.rdi & 0xFFFFFFFF)
    changes = tuple((Place(name, each.semaphore), each.change) for each in operations)
    at_once = any(each.at_once for each in operations)
    task.has_deadline = function == "semtimedop" and bool(registers.rcx)
    at_once |= task.has_deadline
    first = next((place for place, change in changes if change <= 0), None)
    place = first or (changes[0][0] if changes else Place(name, 0))
    kind = Kind.TRY_SET if at_once else Kind.SET
    return Operation(kind, site, place, registers.rdi & 0xFFFFFFFF, changes=changes)


def may_change_set(task: "Task") -> bool:
    """Whether a call of semop goes through, or fails at once."""
    operation = task.operation
    values = task.world.files.sets.values(operation.address)
    wanted = [SetOperation(place.offset, change) for place, change in operation.changes]
    return not values or blocking(values, wanted) is None


def _change_set(task: "Task", operation: Operation) -> None:
    """Have the kernel carry it out; one that would wait for a time gives up at once."""
    task.gave_up = not may_change_set(task)
    if task.gave_up:
        deadline = task.registers.rsp - 512
        if task.has_deadline:
            task.space.write(deadline, bytes(16))
            task.registers.rcx = deadline
            ptrace.store_registers(task.pid, task.registers)
    task.lift_guard(operation.site)
    task.over()


def _set_lock(task: "Task", address: int, *, taken: bool) -> int:
    """The words of a ``pthread_mutex_t`` that say who has it. What taking it returns: EOWNERDEAD where who had it died."""
    owner = task.pid if taken else 0
    if task.program.is_musl:
        kind, died = task.word(address), bool(task.word(address + 4) & _OWNER_DIED)
        listed, inherits = bool(kind & 15), bool(kind & _MUSL_INHERITS)
        if died and taken:
            task.set_words(address, kind | _MUSL_INCONSISTENT)
        task.set_words(address + 4, owner if listed else 16 * taken)
    else:
        kind, died = task.word(address + 16), bool(task.word(address) & _OWNER_DIED)
        listed, inherits = bool(kind & _ROBUST), bool(kind & _INHERITS)
        if kind & 3 == _RECURSIVE:
            mine = task.word(address + 8) == task.pid
            depth = (task.word(address + 4) if mine else 0) + (1 if taken else -1)
            task.set_words(address + 4, depth)
            if depth > int(taken):
                return 0  # Locked more often than the wait lets go: others are still kept out.
        task.set_words(address, owner if listed or inherits else int(taken))
        task.set_words(address + 8, _INCONSISTENT if died and taken else owner, int(taken))
    if listed and taken:
        robust_list.put(task, address, inherits=inherits)
    elif listed:
        robust_list.take_out(task, address)
    return errno.EOWNERDEAD if died and taken else 0


def may_lock(task: "Task", operation: Operation) -> bool:
    """Whether a lock can be taken, or tells at once that it cannot."""
    return is_lock_free(task.word, operation.address, task.pid, is_musl=task.program.is_musl)


def is_lock_free(word: "Callable[[int], int]", address: int, thread: int, *, is_musl: bool) -> bool:
    """The same of the ``pthread_mutex_t`` there and a thread, by what ``word`` reads."""
    if is_musl:
        owner = word(address + 4) & _LOCK_BITS
        return owner == 0 or (word(address) & 3 in {1, 2} and owner == thread)
    if word(address) & _LOCK_BITS == 0:
        return True
    return word(address + 16) & 3 in {1, 2} and word(address + 8) == thread


def may_join(task: "Task", operation: Operation) -> bool:
    """Whether the task that it waits for has ended."""
    world = task.world
    if operation.width:
        thread = task.word(task.awaited + THREAD_ID[task.program.is_musl])
        return not any(t.pid == thread and t.ended is None for t in world.tasks)
    children = [t for t in world.tasks if t.parent is task and t.space is not task.space]
    left = [t for t in children if not t.reaped]
    pid = task.awaited & 0xFFFFFFFF
    if 0 < pid < 2**31:
        left = [t for t in left if t.pid == pid]
    return not left or any(t.ended is not None for t in left) or bool(task.registers.rdx & 1)


def names_one(task: "Task", operation: Operation) -> bool:
    """Whether a join waits for the end of one thread or child and no other."""
    at_once = not operation.width and bool(task.registers.rdx & 1)
    return bool(operation.width) or (0 < (task.awaited & 0xFFFFFFFF) < 2**31 and not at_once)


def joined(task: "Task", operation: Operation) -> list[str]:
    """The tasks whose end a join has seen, by name."""
    if operation.width:
        mine = [t for t in task.space.tasks if t is not task and t.ended is not None]
        return [t.name for t in mine]
    for other in task.world.tasks:
        if other.parent is task and other.ended is not None and not other.reaped:
            other.reaped = True
            return [other.name]
    return []


def sets_value(task: "Task") -> bool:
    """Whether the call of semctl that it stands before gives semaphores their values."""
    return task.registers.rdx & 0xFFFFFFFF in _SETTING


def initialised(task: "Task", function: str) -> Place | None:
    """The semaphore that the call initialises; None where it is none that is shared."""
    registers = task.registers
    if function == "sem_init":
        return task.place(registers.rdi)
    if function == "semctl" and sets_value(task):
        number = registers.rsi & 0xFFFFFFFF if registers.rdx & 0xFFFFFFFF == _SETTING[0] else 0
        return Place(task.world.files.sets.name_of(registers.rdi & 0xFFFFFFFF), number)
    return None


def note_start(task: "Task", function: str) -> None:
    """It is about to make something ready that is shared."""
    registers = task.registers
    place = initialised(task, function)
    if place is not None:
        shared = function == "semctl" or bool(registers.rsi & 0xFFFFFFFF)
        task.world.use.initialised(place, task, shared=shared)
    elif function in NAMING_CALLS:
        name = task.space.read(registers.rdi, 256).split(b"\0")[0]
        task.world.files.note_name(function, name, is_musl=task.program.is_musl)
        task.opens_semaphore = function == "sem_open"
        site = int.from_bytes(task.space.read(registers.rsp, 8), "little")
        call = f"{function}({os.fsdecode(name)})"

        def opened() -> None:
            if task.opens_semaphore and task.registers.rax:
                task.place(task.registers.rax)  # It may be unlinked before its first use.
            task.opens_semaphore = False
            task.note_failure(call)

        task.break_at(site, opened)


def forget_times(task: "Task", function: str, site: int) -> None:
    """Have a file's times be 0 in what stat(2) tells, and the number of one in /dev/shm be its name's: else no two
    executions were alike.
    """
    registers = task.registers
    third = function.startswith(("fstatat", "__"))
    status = registers.rdx if third else registers.rsi

    def forget() -> None:
        device, number = struct.unpack("<QQ", task.space.read(status, 16).ljust(16, b"\0"))
        if task.registers.rax & 0xFFFFFFFF:
            return  # It failed, and told nothing.
        told = task.world.files.told_number(device, number)
        task.space.write(status + _NUMBER_IN_STATUS, struct.pack("<Q", told))
        task.space.write(status + _TIMES_IN_STATUS[0], bytes(_TIMES_IN_STATUS[1]))

    task.break_at(site, forget)


def tell_process(task: "Task", function: str) -> None:
    """Answer for the PIDs that an execution has, which are the same in every one; kill(2) is let go on with the
    real one.
    """
    if function == "kill":
        task.registers.rdi = real_pid(task, task.registers.rdi)
        ptrace.store_registers(task.pid, task.registers)
        task.over()
        return
    task.leave(told_pid(task) if function == "getpid" else told_parent(task))


# Time.


def nanoseconds(task: "Task", function: str) -> int:
    """How long it is about to sleep."""
    registers = task.registers
    if function == "sleep":
        return (registers.rdi & 0xFFFFFFFF) * _BILLION
    if function == "usleep":
        return (registers.rdi & 0xFFFFFFFF) * 1000
    if function == "sched_yield":
        return 0
    raw = task.space.read(registers.rdi if function == "nanosleep" else registers.rdx, 16)
    if len(raw) < 16:
        return 0
    seconds, rest = struct.unpack("<qq", raw)
    wanted = seconds * _BILLION + rest
    if function == "clock_nanosleep" and registers.rsi & _TIMER_ABSTIME:
        wanted -= (
            _FIRST_SECOND * _BILLION + task.told_time
        )  # Up to then, as Python's time.sleep has it.
    return int(min(max(wanted, 0), _MOST_SLEEP))


def tell_time(task: "Task", function: str) -> None:
    """Answer for a clock: it began at one moment, and passes by sleep alone."""
    seconds, rest = divmod(task.now(), _BILLION)
    seconds += _FIRST_SECOND
    registers = task.registers
    if function == "time":
        if registers.rdi:
            task.space.write(registers.rdi, struct.pack("<q", seconds))
        task.leave(seconds)
        return
    address = registers.rdi if function == "gettimeofday" else registers.rsi
    part = rest // 1000 if function == "gettimeofday" else rest
    if address:
        task.space.write(address, struct.pack("<qq", seconds, part))
    task.leave(0)
