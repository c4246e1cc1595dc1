"""Tasks that repeat the same steps while nothing changes: a busy wait, which ends once a word changes."""

from typing import TYPE_CHECKING, Final

import msgspec

from shmtui.control.operation import SILENT, Kind, Operation, Place

if TYPE_CHECKING:
    from shmtui.control.execution import Execution
    from shmtui.control.task import Task

_TIMES: Final = 3
"""Times that a task has loaded the same values before it is said to wait for others to change them."""


_MANY_TIMES: Final = 40
"""The same of one whose registers or stack have changed in between."""
_SPINS: Final = 6
"""Times that a task was stopped as it ran on and on, while nothing that is shared changed."""


class _Look(msgspec.Struct, frozen=True):
    times: int
    value: bytes
    operation: Operation


class Repetition:
    """The looks that each task of one execution has taken since it last did anything else."""

    def __init__(self, world: "Execution") -> None:
        self._world = world
        self._looks: dict[str, dict[tuple[int, Place | None], _Look]] = {}
        self._states: dict[tuple[str, int, Place | None], tuple[int, int, int]] = {}
        """Of who looks again: how often it had looked, and its registers and stack before that look and the last."""
        self._known: dict[tuple[str, int, Place | None], tuple[int, object, object]] = {}
        """The same of all that its next steps depend on."""
        self._spins: dict[str, tuple[int, int]] = {}
        """How often a task was stopped, and what was shared then."""

    def note(self, task: str, operation: Operation, *, failed: bool) -> None:
        """A task has taken a step; ``failed``: an attempt that was in vain."""
        if operation.kind is Kind.SPIN:
            times, before = self._spins.get(task, (0, 0))
            now = self._shared()
            self._spins[task] = times * (before == now) + 1, now
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

    def _shared(self) -> int:
        memory = self._world.memory
        return hash(tuple(memory.raw(name, 0, size) for name, size in memory.segments().items()))

    def spins_on(self, task: "Task") -> bool:
        """Whether it runs on and on without a step, and nothing that is shared changes."""
        times, before = self._spins.get(task.name, (0, 0))
        if times < _SPINS or before != self._shared():
            return False
        self._world.result.spinning.add((task.name, None))
        self._world.result.left_looking = True
        return True

    def _is_as_before(self, task: "Task", times: int) -> bool:
        """Whether it would take its next look in the state of the last one: one that counts goes on to its end."""
        key = task.name, task.operation.site, task.operation.place
        known, before, now = self._states.get(key, (0, 0, 0))
        if known != times:
            before, now = (now if known == times - 1 else 0), task.state()
            self._states[key] = times, before, now
        return before == now

    def is_idle(self, task: "Task") -> bool:
        """Whether it would look at the same once more, and nothing that it looked at has changed."""
        operation = task.operation
        looks = self._looks.get(task.name, {})
        look = looks.get((operation.site, operation.place))
        if look is None or look.times < _TIMES or operation.place is None:
            return False
        if not self.sees_the_same(task):
            return False
        stays = self._stays_at_it(task, look.times)
        if look.times < _MANY_TIMES and not self._is_as_before(task, look.times):
            return False
        self._world.result.spinning.update(
            (task.name, each.operation.place) for each in looks.values() if each.times >= _TIMES
        )
        if not stays:
            self._world.result.left_looking = True
        return True

    def _stays_at_it(self, task: "Task", times: int) -> bool:
        """Whether it is proved that it looks at the same for as long as nobody changes that: all its memory is as before
        its last look, and it has not asked for the time since.
        """
        key = task.name, task.operation.site, task.operation.place
        known, before, now = self._known.get(key, (0, None, None))
        if known != times:
            before = now if known == times - 1 else None
            state = self._world.knowledge_of(task, loads=False)
            now = None if state is None else (state, task.questions)
            self._known[key] = times, before, now
        return now is not None and before == now

    def sees_the_same(self, task: "Task") -> bool:
        """Whether nothing that it has looked at has changed since."""
        looks = self._looks.get(task.name, {})
        return all(self._value(each.operation) == each.value for each in looks.values())
