"""What follows from the steps of one execution: its items, what is ordered, what each task has learned."""

from typing import TYPE_CHECKING, Final

from shmtui.control.calls import joined
from shmtui.control.happens_before import HappensBefore
from shmtui.control.items import Fault, ItemFault, Items, low_word
from shmtui.control.lost_updates import LostUpdates
from shmtui.control.operation import ACCESSES, SILENT, TIMED, Kind, Operation
from shmtui.control.simultaneous import may_look_beyond
from shmtui.shm.protocol import Role

if TYPE_CHECKING:
    from shmtui.control.execution import Execution
    from shmtui.control.task import Task


_IN_VAIN: Final = frozenset(
    {Kind.SLEEP, Kind.LOAD, Kind.COND_TIMED_WAIT, Kind.COND_CLOCK_WAIT, Kind.WAKE_IN_TIME}
)
"""Steps that change nothing for who takes them, unless others do."""
_WORD_BYTES: Final = 8
"""The most that a step's ``after`` has."""
_TRIED_LOCKS: Final = frozenset({Kind.TRY_LOCK, Kind.TIMED_LOCK})


class ExecutionObserver:
    """Is told of each step once it was taken."""

    def __init__(self, world: "Execution") -> None:
        self._world = world
        self.items = None if world.ring is None else Items(world.ring)
        """The items of the ring; None where none is known."""
        self.races = (
            HappensBefore(())
            if world.ring is None
            else HappensBefore(world.ring.watched, world.ring.index_word)
        )
        self.updates = LostUpdates()
        self.learned: dict[str, int] = {}
        """At loads and stores: what each task has done and loaded so far, as a number."""
        self.loaded: dict[str, int] = {}
        """The same since its last call."""
        self.set_up = True
        """Whether the programs are being started, one after the other."""
        self._visits: dict[str, dict[object, int]] = {}
        """Of each task, how often it has waited or posted at which point."""

    def visits(self, task: "Task") -> int:
        """How often a task has taken the step that it stands before."""
        return self._visits.get(task.name, {}).get(_point(task.operation), 0)

    def points(self, task: "Task") -> frozenset[tuple[object, int]]:
        """How often a task has waited or posted at which point."""
        return frozenset(self._visits.get(task.name, {}).items())

    def note(
        self, task: "Task", operation: Operation, before: int | None, after: int | None
    ) -> None:
        """A task has taken a step; ``before`` and ``after``: the word that it is about."""
        world, kind, name = self._world, operation.kind, task.name
        failed = (kind in TIMED and not before) or (kind in _TRIED_LOCKS and bool(before))
        failed |= kind is Kind.TRY_SET and task.gave_up
        world.repetition.note(name, operation, failed=failed)
        world.vain_tries.note(name, operation, failed=failed)
        task.note_progress(in_vain=failed or kind in _IN_VAIN)
        if kind in ACCESSES:
            self._access(task, operation, before, after)
        elif kind is Kind.JOIN:
            for ended in joined(task, operation):
                self.races.join(name, ended)
        elif kind not in SILENT and not failed:
            self._call(name, operation, before)
        if kind not in ACCESSES:
            self.updates.called(name)
        if world.fine and not self.set_up:
            self._commuting(task, operation, before, failed=failed)
        if world.fine:
            learned: object = after if kind in ACCESSES else failed
            if operation.width > _WORD_BYTES:
                learned = world.memory.bytes_of(operation)
            self.learned[name] = hash((self.learned.get(name, 0), kind, operation.site, learned))
            loaded = self.loaded.get(name, 0) if kind in ACCESSES else 0
            self.loaded[name] = hash((loaded, kind, operation.site, learned))

    def _commuting(
        self, task: "Task", operation: Operation, before: int | None, *, failed: bool
    ) -> None:
        world = self._world
        if operation.kind in ACCESSES:
            alone = all(other is task or other.ended is not None for other in world.tasks)
            world.commuting.accessed(task.name, operation, alone=alone)
        else:
            world.commuting.called(
                task.name, operation, before, own_name(task), failed=failed, released=task.operation
            )

    def _call(self, name: str, operation: Operation, before: int | None) -> None:
        each = operation.each()
        value = None if operation.changes else before
        for one in each:
            self.races.synchronise(name, one, value)
        if self.items is not None:
            gives = any(one.kind in {Kind.POST, Kind.UNLOCK} for one in each)
            self.items.synchronised(name, gives=gives)
        visits, at = self._visits.setdefault(name, {}), _point(operation)
        visits[at] = visits.get(at, 0) + 1

    def _access(
        self, task: "Task", operation: Operation, before: int | None, after: int | None
    ) -> None:
        number = len(self._world.result.steps) - 1
        if not self.set_up:
            self.races.access(task.name, operation, number)
        self.updates.access(task.name, operation, before, after, number, sets_up=self.set_up)
        if self.items is not None:
            puts = self._world.role_of(task) is not Role.CONSUMER
            beyond = may_look_beyond(task, operation)
            self.items.access(task.name, operation, before, after, number, puts=puts, beyond=beyond)
            self._index(self.items, task.name, operation, before)

    def _index(self, items: Items, task: str, operation: Operation, before: int | None) -> None:
        """Whether the slot that an index names, of all places, lies behind the last slot. Where an index itself lies
        there, an instruction that has used slots stores an item over it.
        """
        past, place = items.ring.slot_behind(operation), operation.place
        if past is None or (
            place in items.ring.indices and not items.is_of_slots(task, operation.site)
        ):
            return
        raw = self._world.memory.raw
        indices = {
            at: raw(at.segment, at.offset, items.ring.index_word) for at in items.ring.indices
        }
        values = {
            low_word(before) if at == place else int.from_bytes(each, "little")
            for at, each in indices.items()
        }
        if past in values:
            number = len(self._world.result.steps) - 1
            items.faults.append(ItemFault(Fault.OUT_OF_RANGE, past, None, number))

    def kernel_access(self, task: "Task", operation: Operation) -> None:
        """The kernel loads or stores for a task."""
        word = self._world.memory.word(operation)
        if self.items is not None and operation.place is not None:
            number = len(self._world.result.steps)
            puts = self._world.role_of(task) is not Role.CONSUMER
            self.items.access(task.name, operation, word, word, number, puts=puts)
        self._world.commuting.accessed(task.name, operation, alone=False)


def own_name(task: "Task") -> str:
    """The name of the memory that a task's process has to itself."""
    return task.space.tasks[0].name


def _point(operation: Operation) -> object:
    """Where in its loop a task is: a function of the program's own may be called for several semaphores."""
    return operation.site, operation.place, operation.changes
