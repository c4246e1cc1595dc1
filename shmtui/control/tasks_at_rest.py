"""What tasks do that are at rest, once they are let go on: it shows whether they rest, or hang."""

from enum import Enum
from typing import TYPE_CHECKING, Final

from shmtui.control.ending import Ending
from shmtui.control.operation import COND_WAITS, Kind
from shmtui.control.readiness import is_ready, may_wake
from shmtui.control.run import End

if TYPE_CHECKING:
    from shmtui.control.execution import Execution
    from shmtui.control.operation import Place
    from shmtui.control.task import Task

_MOST_SLOTS: Final = 64
_UNKNOWN_SLOTS: Final = 16
_MOST_STEPS: Final = 120
"""Of a task that was woken, until it sleeps again."""
_GIVES: Final = frozenset({Kind.POST, Kind.SIGNAL, Kind.BROADCAST})


class _Mark:
    """A point of an execution to which its record can be put back; the tasks stay where they are."""

    def __init__(self, world: "Execution") -> None:
        self._world, self._result = world, world.result
        self.steps, self._choices = len(self._result.steps), len(self._result.choices)
        self._ends = dict(self._result.ends)

    @property
    def has_faults(self) -> bool:
        """Whether an item was lost, or a task was killed, since."""
        result = self._result
        killed = any(status < 0 for t, status in result.ends.items() if t not in self._ends)
        return killed or any(each.step >= self.steps for each in result.faults)

    def forget(self) -> None:
        """What was done since is not part of the execution."""
        result, steps = self._result, self.steps
        del result.steps[steps:], result.choices[self._choices :]
        result.faults[:] = [each for each in result.faults if each.step < steps]
        result.races[:] = [each for each in result.races if each.second_step < steps]
        result.load_races[:] = [each for each in result.load_races if each.step < steps]
        updates = result.lost_updates
        updates[:] = [each for each in updates if each.step < steps]
        result.misuses[:] = [each for each in result.misuses if each.step < steps]
        for task in result.ends.keys() - self._ends.keys():
            del result.ends[task]


class Beyond:
    """Producers that have made their items make more, for as long as nobody else can go on: an execution that
    comes to a stop then is stuck.
    """

    def __init__(self, world: "Execution") -> None:
        self._mark = _Mark(world)
        self._producers = frozenset(t.name for t in world.tasks if world.is_parked(t))
        slots = _UNKNOWN_SLOTS if world.ring is None else min(world.ring.slots, _MOST_SLOTS)
        self.more = slots + 1
        """Items that each may make beyond its own."""

    def is_over(self, world: "Execution", enabled: "list[Task]") -> bool:
        """Whether it is known what follows; the record says so then."""
        if enabled and all(task.name in self._producers for task in enabled):
            return False
        ending = Ending(world)
        goes_on = ending.parked and not ending.waits_in_vain
        if enabled or goes_on or ending.end is not End.STUCK:
            self._mark.forget()
        else:
            result = world.result
            result.end, result.parked = End.STUCK, set()
            result.blocked = [(task.name, task.operation) for task in ending.live]
        return True


def sleep_on(world: "Execution", live: "list[Task]") -> bool:
    """Wake who sleeps on a condition though nobody signals, as pthread_cond_wait(3) may. One that looks at its
    condition and sleeps again was right to sleep. Whether all were; the record has the steps of one that was not.
    """
    for task in live:
        if world.result.foreign or not may_wake(task):
            continue
        mark, asleep = _Mark(world), task.operation
        world.sleepers.wake_unsignalled(task)
        after = _after_wake(world, task, mark)
        if after is not _After.SLEEPS_ON and mark.has_faults:
            return False
        if after is _After.GOES_ON and _was_signalled(world, task):
            world.result.slept_through = task.name, asleep, mark.steps
            return False
        mark.forget()
        if after is not _After.SLEEPS_ON:
            return False
    return True


class _After(Enum):
    SLEEPS_ON = "sleeps on"
    GOES_ON = "goes on"
    UNKNOWN = "unknown"


def _after_wake(world: "Execution", task: "Task", mark: _Mark) -> _After:
    """What it does, up to the unlock that follows."""
    site, ring = task.operation.site, world.ring
    watched = () if ring is None else ring.watched
    before, gives = _values(world, watched), False
    for _number in range(_MOST_STEPS):
        operation = task.operation
        if task.ended is not None:
            break
        if not is_ready(task):
            return _After.UNKNOWN
        world.take_alone(task)
        if operation.kind in COND_WAITS and operation.site == site:
            return _After.SLEEPS_ON
        gives |= operation.kind in _GIVES
        moved = _values(world, watched) != before if watched else gives
        if moved and (operation.kind is Kind.UNLOCK or mark.has_faults):
            return _After.GOES_ON
    return _After.UNKNOWN


def _values(world: "Execution", places: "tuple[Place, ...]") -> list[bytes]:
    return [world.memory.raw(place.segment, place.offset, 4) for place in places]


def _was_signalled(world: "Execution", task: "Task") -> bool:
    """Whether nobody is left who might signal what it slept on, or those who are did so for each item."""
    result = world.result
    waits = (
        step.operation.place
        for step in reversed(result.steps)
        if step.task == task.name and step.operation.kind in COND_WAITS
    )
    condition = next(waits, None)
    signals = [
        step
        for step in result.steps
        if step.operation.kind in {Kind.SIGNAL, Kind.BROADCAST}
        and step.operation.place == condition
        and step.task in result.parked
    ]
    return len(signals) >= world.items * len(result.parked)
