"""Tasks that repeat the same steps while nothing changes: a busy wait, which ends once a word changes."""

from typing import TYPE_CHECKING, Final

import msgspec

from shmtui.control.operation import SILENT, Kind, Operation, Place

if TYPE_CHECKING:
    from shmtui.control.execution import Execution
    from shmtui.control.task import Task

_TIMES: Final = 3
"""Times that a task has loaded the same values before it is said to wait for others to change them."""


class _Look(msgspec.Struct, frozen=True):
    times: int
    value: bytes
    operation: Operation


class Repetition:
    """The looks that each task of one execution has taken since it last did anything else."""

    def __init__(self, world: "Execution") -> None:
        self._world = world
        self._looks: dict[str, dict[tuple[int, Place | None], _Look]] = {}

    def note(self, task: str, operation: Operation, *, failed: bool) -> None:
        """A task has taken a step; ``failed``: an attempt that was in vain."""
        if operation.kind is not Kind.LOAD and not failed:
            if operation.kind not in SILENT:
                self._looks.pop(task, None)
            return
        looks = self._looks.setdefault(task, {})
        value = self._value(operation)
        old = looks.get((operation.site, operation.place))
        times = old.times + 1 if old is not None and old.value == value else 1
        looks[operation.site, operation.place] = _Look(times, value, operation)

    def _value(self, operation: Operation) -> bytes:
        if operation.place is None:
            return b""
        return self._world.memory.raw(
            operation.place.segment, operation.place.offset, operation.width or 4
        )

    def is_idle(self, task: "Task") -> bool:
        """Whether it would look at the same once more, and nothing that it looked at has changed."""
        operation = task.operation
        looks = self._looks.get(task.name, {})
        look = looks.get((operation.site, operation.place))
        if look is None or look.times < _TIMES or operation.place is None:
            return False
        if any(self._value(each.operation) != each.value for each in looks.values()):
            return False
        self._world.result.spinning.add((task.name, operation.place))
        return True
