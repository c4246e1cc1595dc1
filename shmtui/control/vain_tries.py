"""Attempts that are made again and again for what is not there: who makes them waits for it.

One that stands before an attempt just as it stood before the last one, with the same memory and registers, would do the
same for ever. Its clocks stand still meanwhile; but once they leap by years, so that one that gives up after some time
is found out: what it does then, and when, is more than one order.
"""

from typing import TYPE_CHECKING, Final

import msgspec

from shmtui.control.operation import AT_ONCE, COND_WAITS, SILENT, Kind, Operation, Place

if TYPE_CHECKING:
    from shmtui.control.execution import Execution
    from shmtui.control.task import Task

_LEAP: Final = 10 * 365 * 86_400 * 10**9
"""Nanoseconds."""
_MOST_TIMES: Final = 40
"""Attempts of one that stands otherwise each time, after which it is not followed further."""


class _Attempt(msgspec.Struct):
    """Where a task stands before an attempt."""

    at: tuple[int, Place | None]
    state: object
    own: int
    """Steps that it had taken."""
    others: int
    """And all others."""
    times: int = 1
    repeats: bool = False
    """Whether it stood there just so before its last attempt."""


class VainTries:
    """The attempts in vain of the tasks of one execution."""

    def __init__(self, world: "Execution") -> None:
        self._world = world
        self._steps: dict[str, int] = {}
        self._attempts: dict[str, _Attempt] = {}
        self._leapt: set[tuple[str, tuple[int, Place | None]]] = set()
        self._leaping: dict[str, tuple[int, Place | None]] = {}
        """Whose clocks have leapt, until they are seen to go on trying, or to have got it."""

    def note(self, task: str, operation: Operation, *, failed: bool) -> None:
        """A task has taken a step; ``failed``: an attempt that was in vain."""
        self._steps[task] = self._steps.get(task, 0) + 1
        if failed or operation.kind in SILENT | {Kind.LOAD, Kind.WAKE_IN_TIME}:
            return
        if operation.kind not in COND_WAITS:
            self._attempts.pop(task, None)
        at = self._leaping.pop(task, None)
        if at is not None and at != _point(operation):
            self._world.result.left_looking = True

    def timed_out(self, task: "Task") -> None:
        """A wait for a condition that a task has just begun is given up: it looks at what it looked at before, and waits
        again, unless it goes by the time. So its clocks leap, once.
        """
        last = self._world.result.steps[-1]
        at = _point(last.operation)
        began = last.task == task.name and last.operation.kind in COND_WAITS
        if began and task.asked_time and (task.name, at) not in self._leapt:
            self._leap(task, at)

    def _leap(self, task: "Task", at: tuple[int, Place | None]) -> None:
        self._leapt.add((task.name, at))
        self._leaping[task.name] = at
        task.leapt += _LEAP

    def waits(self, task: "Task") -> bool:
        """Whether an attempt that would fail need not be made: it would be just as the last one."""
        own = self._steps.get(task.name, 0)
        others = sum(self._steps.values()) - own
        now = self._attempts.get(task.name)
        if now is None or now.own != own:
            now = self._attempts[task.name] = self._arrived(task, now, own, others)
        if now.times >= _MOST_TIMES:
            self._world.result.left_looking = True
        elif not now.repeats or not self._is_unchanged(task, now, others):
            return False
        elif self._has_to_leap(task, now):
            self._leap(task, now.at)
            now.repeats, now.state = False, None
            return False
        self._leaping.pop(task.name, None)
        if task.operation.kind in AT_ONCE:
            self._world.result.spinning.add((task.name, task.operation.place))
        return True

    def _arrived(self, task: "Task", before: _Attempt | None, own: int, others: int) -> _Attempt:
        at, state = _point(task.operation), self._world.knowledge_of(task)
        if before is None or before.at != at:
            return _Attempt(at, state, own, others)
        repeats = state is not None and state == before.state
        return _Attempt(at, state, own, others, before.times + 1, repeats)

    def _is_unchanged(self, task: "Task", attempt: _Attempt, others: int) -> bool:
        """Whether nobody can have changed anything since that it looks at: where each load is a step, that is seen."""
        if self._world.fine and len(task.space.tasks) == 1:
            return self._world.repetition.sees_the_same(task)
        return others == attempt.others

    def _has_to_leap(self, task: "Task", attempt: _Attempt) -> bool:
        sleeps = task.operation.kind is Kind.WAKE_IN_TIME  # As of `timed_out`.
        return not sleeps and bool(task.asked_time) and (task.name, attempt.at) not in self._leapt


def _point(operation: Operation) -> tuple[int, Place | None]:
    return operation.site, operation.place
