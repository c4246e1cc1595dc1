"""Whether a task can take the step that it stands before."""

from typing import TYPE_CHECKING

from shmtui.control.calls import may_change_set, may_join, may_lock
from shmtui.control.operation import TIMED, TRIES, WAKES, Kind

if TYPE_CHECKING:
    from shmtui.control.task import Task


def is_ready(task: "Task") -> bool:
    """Whether its step would not block. One that looks at the same values over and over is not ready."""
    operation = task.operation
    match operation.kind:
        case Kind.WAIT:
            return task.word(operation.address) > 0
        case Kind.LOCK:
            return may_lock(task, operation)
        case kind if kind in WAKES:
            return may_lock(task, operation) and not _sleeps(task)
        case Kind.PASS:
            return task.woken
        case Kind.JOIN:
            return may_join(task, operation)
        case Kind.KERNEL:
            task.poll()
            return task.operation.kind is not Kind.KERNEL and is_ready(task)
        case Kind.ENDED:
            return False
        case Kind.SET:
            return may_change_set(task)
        case Kind.SPIN:
            return not task.world.repetition.spins_on(task)
        case Kind.LOAD:
            return not task.world.repetition.is_idle(task)
        case kind if kind in TRIES:
            return would_succeed(task) or not task.world.vain_tries.waits(task)
    return True


def _sleeps(task: "Task") -> bool:
    """Whether one that waits for a condition goes on doing so, though its mutex is free."""
    if task.operation.kind is Kind.WAKE_UNSIGNALLED or task.woken:
        return False
    return task.operation.kind is Kind.WAKE or task.world.vain_tries.waits(task)


def would_succeed(task: "Task") -> bool:
    """Whether its attempt would get what it is for."""
    operation = task.operation
    if operation.kind in TIMED:
        return task.word(operation.address) > 0
    return may_change_set(task) if operation.kind is Kind.TRY_SET else may_lock(task, operation)


def may_wake(task: "Task") -> bool:
    """Whether it sleeps on a condition, and could go on if it woke without a signal."""
    asleep = task.operation.kind is Kind.WAKE and not task.woken and task.ended is None
    return asleep and may_lock(task, task.operation)
