"""The PIDs that the programs are told: the same in every execution, which the real ones are not.

A number that a process is told lies above the highest that the kernel gives (2²², proc_pid_max(5)), so
that a signal to it can never reach a process that has nothing to do with this.
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from shmtui.control.task import Task

_PARENT: Final = 5_000_000
"""Who has started the programs."""
_PROGRAM, _SIDE = 100, 10_000
_NUMBER: Final = re.compile(r"\d+")
_SIGNED: Final = 1 << 31


def number_of(name: str) -> int:
    """What a process is told, by the name of its first task.

    >>> number_of("P1"), number_of("P1.2"), number_of("C3")
    (5000101, 5000102, 5010301)
    """
    program, _dot, number = name.partition(".")
    side = _SIDE * (program[0] == "C")
    return _PARENT + side + _PROGRAM * int(program[1:]) + int(number or 1)


def told_pid(task: "Task") -> int:
    """What getpid(2) returns: all threads of a process have one number."""
    return number_of(task.space.tasks[0].name)


def told_parent(task: "Task") -> int:
    """What getppid(2) returns."""
    parent = task.space.tasks[0].parent
    return _PARENT if parent is None else told_pid(parent)


def real_pid(task: "Task", argument: int) -> int:
    """The PID for the first argument of kill(2): that of a number that a process was told, else as it is."""
    told = argument & 0xFFFFFFFF
    group = told >= _SIGNED
    wanted = (1 << 32) - told if group else told
    for other in task.world.tasks:
        if told_pid(other) == wanted:
            pid = other.space.tasks[0].pid
            return (1 << 32) - pid if group else pid
    return argument


def with_told_pids(text: str, tasks: "Iterable[Task]") -> str:
    """What a program has written, with the numbers for the PIDs of children, which fork(2) has returned."""
    told = {str(task.pid): str(told_pid(task)) for task in tasks if task.parent is not None}
    if not told:
        return text
    return _NUMBER.sub(lambda found: told.get(found[0], found[0]), text)
