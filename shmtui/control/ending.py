"""Whether those who wait at the end of an execution may do so, or hang."""

from collections import Counter
from typing import TYPE_CHECKING, Final

from shmtui.control.commuting import object_of
from shmtui.control.items import Fault, ItemFault, Items
from shmtui.control.observation import own_name
from shmtui.control.operation import COND_WAITS, TIMED, TRIES, Kind, Operation, Place
from shmtui.control.readiness import is_ready
from shmtui.control.run import End, Step
from shmtui.shm.protocol import Role

if TYPE_CHECKING:
    from shmtui.control.execution import Execution
    from shmtui.control.task import Task

_UNKNOWN_SLOTS: Final = 16
_TWICE: Final = 2
_LOOKS = frozenset({Kind.LOAD, Kind.SPIN})


class Ending:
    """The end of an execution: nobody can go on, but for producers that have made their items."""

    def __init__(self, world: "Execution") -> None:
        self._world = world
        self.live = [task for task in world.tasks if task.ended is None]
        self.parked = [task for task in self.live if world.is_parked(task)]

    @property
    def end(self) -> End:
        """How it ended."""
        if any(self._looks_on(task) for task in self.live):
            return End.SPINNING
        if self.waits_in_vain:
            return End.STUCK
        if any(is_ready(task) for task in self.parked) or self._may_rest():
            return End.FINISHED
        return End.STUCK

    def _looks_on(self, task: "Task") -> bool:
        """Whether it looks at the same again and again: not who tries in vain, for ever, to have what it waits for."""
        kind = task.operation.kind
        return kind in _LOOKS or (kind in TRIES and self._world.result.left_looking)

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits while producers stand before another item that they could begin."""
        waits = any(t not in self.parked and t.operation.kind is not Kind.JOIN for t in self.live)
        return waits and any(is_ready(task) for task in self.parked)

    @property
    def waits_in_vain(self) -> bool:
        """Whether producers have made as many items as the ring has slots, and all consumers wait for semaphores
        that nobody has ever posted.
        """
        world = self._world
        if not self.parked or world.made < (
            _UNKNOWN_SLOTS if world.ring is None else world.ring.slots
        ):
            return False
        waiting = [
            task
            for task in self.live
            if task not in self.parked and task.operation.kind is not Kind.JOIN
        ]
        tasks = {task.name: task for task in world.tasks}
        posted = {
            place
            for step in world.result.steps
            for kind, place in _objects(tasks[step.task], step.operation)
            if kind is Kind.POST
        }
        return bool(waiting) and all(_wanted(task, task.operation) - posted for task in waiting)

    def _may_rest(self) -> bool:
        """Whether those who wait may do so because the other side has made all its items and ended."""
        none_crashed = all(task.ended >= 0 for task in self._world.tasks if task.ended is not None)
        waiting = [task for task in self.live if task.operation.kind is not Kind.JOIN]
        sides = {self._world.role_of(task) for task in waiting}
        some_ended = len(self.live) < len(self._world.tasks)
        joins = len(waiting) < len(self.live)
        if joins and self._is_even() and not all(map(self._wants_more, waiting)):
            return False  # Somebody waits for its end, which is meant to come.
        at_lock = any(map(self._is_at_lock, waiting))
        return some_ended and none_crashed and len(sides) < 2 and not at_lock

    def _is_even(self) -> bool:
        """Whether there are as many producers as consumers among the programs: where one side has more, what it makes or
        takes need not come out even with the other's.
        """
        sides = Counter(role for _program, role in self._world.programs)
        return len(set(sides.values())) == 1

    def _wants_more(self, task: "Task") -> bool:
        """Whether it waits, like one that never ends, for the next of what one like it has taken twice; and those that
        have ended posted as often as they waited, so that they kept nothing back.
        """
        operation, world = task.operation, self._world
        takers = (
            step.task
            for step in world.result.steps
            if (step.operation.kind, step.operation.site) == (operation.kind, operation.site)
            and not _failed(step)
        )
        if max(Counter(takers).values(), default=0) < _TWICE or self._has_ended_twin(task):
            return False
        if operation.kind in COND_WAITS:
            return True  # `sleep_on` shows whether it was right to sleep.
        wanted = _wanted(task, operation)
        ended = (other for other in world.tasks if other.ended is not None)
        return bool(wanted) and all(self._gave_all(other, wanted) for other in ended)

    def _has_ended_twin(self, task: "Task") -> bool:
        """Whether another that has gone through waits for the same has ended by itself: so it is meant to end, too."""
        wanted = _wanted(task, task.operation)
        twins = {other.name: other for other in self._world.tasks if other.ended == 0}
        return any(
            wanted & _wanted(twins[step.task], step.operation)
            for step in self._world.result.steps
            if step.task in twins and not _failed(step)
        )

    def _gave_all(self, task: "Task", wanted: set[Place]) -> bool:
        """Whether it posted these as often as it went through waits for what others post."""
        steps = (s for s in self._world.result.steps if s.task == task.name and not _failed(s))
        done = Counter(each for step in steps for each in _objects(task, step.operation))
        posted = {place for kind, place in done if kind is Kind.POST}
        waits = sum(
            n for (kind, place), n in done.items() if kind is Kind.WAIT and place not in posted
        )
        posts = sum(done[Kind.POST, place] for place in wanted)
        return not (posts and waits) or posts == waits

    def _is_at_lock(self, task: "Task") -> bool:
        """Whether it waits for what is never kept for long."""
        ring, operation = self._world.ring, task.operation
        mutex = None if ring is None or ring.mutex is None else Place(ring.segment, ring.mutex)
        return operation.kind is Kind.LOCK or (mutex is not None and operation.place == mutex)

    def lost_items(self, items: Items) -> list[ItemFault]:
        """Items that nobody will load: their producers have ended, and all consumers wait for ever."""
        if self.parked or not self.live or not items.ring.keeps_items:
            return []
        for task in self.live:
            if task.operation.kind is Kind.JOIN:
                continue
            if (
                task.operation.kind not in TIMED | {Kind.WAIT, Kind.SET}
                or self._world.role_of(task) is Role.PRODUCER
            ):
                return []
        result = self._world.result
        last = len(result.steps) - 1
        return [
            ItemFault(Fault.LOST, slot, step, last)
            for slot, (task, step) in items.unread().items()
            if result.ends.get(task) == 0
        ]


def _failed(step: Step) -> bool:
    """Whether it tried to have a semaphore that was 0."""
    return step.operation.kind in TIMED and not step.value


def _objects(task: "Task", operation: Operation) -> list[tuple[Kind, Place]]:
    """What it waits for or posts, one by one; without semaphores that are to be 0, of which it takes nothing."""
    zeros = {place for place, change in operation.changes if not change}
    found = [
        (Kind.WAIT if each.kind in TIMED else each.kind, object_of(each, own_name(task)))
        for each in operation.each()
    ]
    return [each for each in found if each[1] not in zeros]


def _wanted(task: "Task", operation: Operation) -> set[Place]:
    """The semaphores that a wait needs permits of; none of another call."""
    return {place for kind, place in _objects(task, operation) if kind is Kind.WAIT}
