"""Who sleeps on which condition variable, in the order in which they fell asleep."""

from typing import TYPE_CHECKING

from msgspec.structs import replace

from shmtui.control.commuting import object_of
from shmtui.control.observation import own_name
from shmtui.control.operation import WAKES, Kind, Operation, Place

if TYPE_CHECKING:
    from shmtui.control.task import Task


class Sleepers:
    """Those of one execution."""

    def __init__(self) -> None:
        self._waiting: dict[Place, list[Task]] = {}

    def fell_asleep(self, task: "Task", operation: Operation) -> None:
        """A task has begun to wait; ``operation``: its call."""
        self._waiting.setdefault(_condition(task, operation), []).append(task)

    def signalled(self, task: "Task", operation: Operation) -> None:
        """A task signals: the one that has slept longest is let go on, or all by a broadcast."""
        waiting = self._waiting.setdefault(_condition(task, operation), [])
        # Without those whose time was up, or who have ended.
        waiting[:] = [t for t in waiting if t.operation.kind in WAKES and not t.woken]
        count = len(waiting) if operation.kind is Kind.BROADCAST else 1
        for each in waiting[:count]:
            each.woken = True
        del waiting[:count]

    def wake_unsignalled(self, task: "Task") -> None:
        """Have the next step of a task that sleeps be that it wakes by itself."""
        task.woken = True
        task.operation = replace(task.operation, kind=Kind.WAKE_UNSIGNALLED)
        for waiting in self._waiting.values():
            waiting[:] = [each for each in waiting if each is not task]

    @property
    def queues(self) -> frozenset[tuple[Place, tuple[str, ...]]]:
        """The conditions, and the names of those who sleep on each, in their order."""
        asleep = {
            condition: tuple(t.name for t in waiting if t.operation.kind in WAKES and not t.woken)
            for condition, waiting in self._waiting.items()
        }
        return frozenset(each for each in asleep.items() if each[1])


def _condition(task: "Task", operation: Operation) -> Place:
    return object_of(operation, own_name(task))
