"""Which accesses are ordered by semaphores and locks, and which race: vector clocks over one execution. Pure.

Two accesses of different tasks to a word, one of them a store, race where neither happens before the
other. A race is there in every order in which both accesses occur, so that one execution shows it.
"""

from dataclasses import dataclass
from typing import Final

from shmtui.control.operation import Kind, Operation, Place

Clock = dict[str, int]
_GIVES: Final = frozenset({Kind.POST, Kind.UNLOCK, Kind.COND_WAIT, Kind.COND_TIMED_WAIT})
_TAKES: Final = frozenset({Kind.WAIT, Kind.TRY_WAIT, Kind.TIMED_WAIT, Kind.CLOCK_WAIT, Kind.LOCK, Kind.TRY_LOCK, Kind.WAKE})
WORD: Final = 4


@dataclass(frozen=True, slots=True)
class Race:
    """Two accesses that nothing orders."""

    place: Place
    first: str
    second: str
    kinds: tuple[Kind, Kind]
    sites: tuple[int, int]


class HappensBefore:
    """The clocks of the tasks of one execution, and the races so far."""

    def __init__(self) -> None:
        self.races: dict[tuple[Place, str, str], Race] = {}
        self._clocks: dict[str, Clock] = {}
        self._given: dict[Place, Clock] = {}
        self._accesses: dict[Place, dict[tuple[str, Kind], tuple[int, int]]] = {}

    def _clock(self, task: str) -> Clock:
        return self._clocks.setdefault(task, {task: 1})

    def fork(self, parent: str, child: str) -> None:
        """What the parent did before happens before what the child does."""
        self._clocks[child] = {**self._clock(parent), child: 1}
        self._clock(parent)[parent] += 1

    def synchronise(self, task: str, operation: Operation) -> None:
        """A task posts, waits, locks or unlocks."""
        if operation.place is None:
            return
        clock, given = self._clock(task), self._given.setdefault(operation.place, {})
        if operation.kind in _GIVES:
            _join(given, clock)
            clock[task] += 1
        elif operation.kind in _TAKES:
            _join(clock, given)

    def access(self, task: str, operation: Operation) -> None:
        """A task loads or stores."""
        assert operation.place is not None
        clock = self._clock(task)
        first = operation.place.offset - operation.place.offset % WORD
        for offset in range(first, operation.place.offset + max(operation.width, 1), WORD):
            place = Place(operation.place.segment, offset)
            before = self._accesses.setdefault(place, {})
            for (other, kind), (time, site) in before.items():
                stores = kind is not Kind.LOAD or operation.kind is not Kind.LOAD
                if other != task and stores and clock.get(other, 0) < time:
                    race = Race(place, other, task, (kind, operation.kind), (site, operation.site))
                    self.races.setdefault((place, *sorted((other, task))), race)  # type: ignore[arg-type]
            before[task, operation.kind] = clock[task], operation.site


def _join(clock: Clock, other: Clock) -> None:
    for task, time in other.items():
        clock[task] = max(clock.get(task, 0), time)
