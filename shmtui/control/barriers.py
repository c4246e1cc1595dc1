"""Barriers of pthreads: whoever comes waits until so many have come."""

from typing import TYPE_CHECKING, Final

from shmtui.control.commuting import object_of
from shmtui.control.observation import own_name
from shmtui.control.operation import Kind, Operation

if TYPE_CHECKING:
    from shmtui.control.task import Task

_BARRIER_COUNT: Final = 8
"""Where it is in ``pthread_barrier_t``: glibc's count, and musl's without the last one."""
_BARRIER_SHARED: Final = 12
"""Where glibc's says whether it is shared between processes."""
_LAST_AT_BARRIER: Final = 0xFFFFFFFF
"""PTHREAD_BARRIER_SERIAL_THREAD, an int of -1."""
_COUNT_BITS: Final = 0x7FFFFFFF
"""musl's; the other tells whether it is shared."""


def barrier_count(task: "Task", address: int) -> int:
    """How many a ``pthread_barrier_t`` there waits for; 0 where nobody has initialised it."""
    count = task.word(address + _BARRIER_COUNT)
    return (count & _COUNT_BITS) + 1 if task.program.is_musl else count


def is_for_processes(task: "Task", address: int) -> bool:
    """Whether a barrier was initialised for several processes."""
    if task.program.is_musl:
        return task.word(address + _BARRIER_COUNT) > _COUNT_BITS
    return bool(task.word(address + _BARRIER_SHARED))


def arrive(task: "Task", operation: Operation) -> Operation | None:
    """Come to a barrier. The last one goes on at once, and is told so; the others may go on from then."""
    waiting = Operation(Kind.PASS, operation.site, operation.place, operation.address)
    here = object_of(operation, own_name(task))
    others = [
        each
        for each in task.world.tasks
        if each.operation.kind is Kind.PASS
        and not each.woken
        and object_of(each.operation, own_name(each)) == here
    ]
    if len(others) + 1 < barrier_count(task, operation.address):
        return waiting
    for each in others:
        each.woken = True
    task.leave(_LAST_AT_BARRIER)
    return None
