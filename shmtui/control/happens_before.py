"""Which stores to a ring's indices nothing orders: vector clocks over one execution. Pure.

Semaphores, locks, the begin and end of tasks order what is before and after them; so does any word
outside of the indices that one task stores and another loads, which may be a lock of the program's
own. A wait is after as many posts as it takes to let it through, and no more. A word that two tasks add to
by one plain instruction each is no lock. A race is there in every order in which both stores occur, so that one execution shows it.
"""

from collections.abc import Collection
from typing import Final

import msgspec

from shmtui.control.operation import COND_WAITS, TIMED, Kind, Operation, Place

Clock = dict[str, int]
_GIVES: Final = COND_WAITS | {Kind.POST, Kind.UNLOCK, Kind.BARRIER}
_SEMAPHORE: Final = TIMED | {Kind.WAIT, Kind.POST}
WORD: Final = 4
_SCALAR: Final = 8
"""Bytes of the widest access that is to one thing, and not to what lies beside it, too."""


class Race(msgspec.Struct, frozen=True):
    """Two stores of two tasks to a word, that nothing orders."""

    place: Place
    first: str
    first_step: int
    second: str
    second_step: int
    adds: bool = False
    """Whether each adds to the word by one instruction, which no step of another comes into."""


class _Permits(msgspec.Struct):
    """A semaphore's posts and waits."""

    first: int
    """Its value at the begin."""
    posts: list[Clock] = msgspec.field(default_factory=list)
    """What was done by the first post, by the first two, and so on."""
    waits: int = 0


class HappensBefore:
    """The clocks of the tasks of one execution, and the races so far on ``watched`` words."""

    def __init__(self, watched: Collection[Place], word: int = WORD) -> None:
        """``word``: the bytes of a watched one, where that is less: two may lie in what four bytes have in common."""
        self.races: list[Race] = []
        self._watched, self._word = frozenset(watched), word
        self._clocks: dict[str, Clock] = {}
        self._given: dict[Place, Clock] = {}
        self._permits: dict[Place, _Permits] = {}
        self._stores: dict[Place, dict[str, tuple[int, int]]] = {}

    def _clock(self, task: str) -> Clock:
        return self._clocks.setdefault(task, {task: 1})

    def fork(self, parent: str, child: str) -> None:
        """What the parent did before happens before what the child does."""
        self._clocks[child] = {**self._clock(parent), child: 1}
        self._clock(parent)[parent] += 1

    def join(self, task: str, ended: str) -> None:
        """What the ended task did happens before what ``task`` does."""
        _join(self._clock(task), self._clock(ended))

    def synchronise(self, task: str, operation: Operation, value: int | None = None) -> None:
        """A task has posted, waited, locked or unlocked; ``value``: that of the semaphore before, where known."""
        if operation.place is None:
            return
        if value is not None and operation.kind in _SEMAPHORE:
            self._semaphore(task, operation, value)
            return
        clock, given = self._clock(task), self._given.setdefault(operation.place, {})
        if operation.kind is Kind.BARRIER:
            _join(clock, given)
        if operation.kind in _GIVES:
            _join(given, clock)
            clock[task] += 1
        else:
            _join(clock, given)

    def _semaphore(self, task: str, operation: Operation, value: int) -> None:
        clock = self._clock(task)
        assert operation.place is not None
        permits = self._permits.setdefault(operation.place, _Permits(value))
        if operation.kind is Kind.POST:
            given = dict(permits.posts[-1]) if permits.posts else {}
            _join(given, clock)
            permits.posts.append(given)
            clock[task] += 1
            return
        permits.waits += 1
        needed = min(permits.waits - permits.first, len(permits.posts))
        if needed > 0:
            _join(clock, permits.posts[needed - 1])

    def access(self, task: str, operation: Operation, step: int) -> None:
        """A task has loaded or stored, as step number ``step``."""
        assert operation.place is not None
        clock = self._clock(task)
        at, width, word = operation.place.offset, max(operation.width, 1), self._word
        places = [
            Place(operation.place.segment, offset)
            for offset in range(at - at % word, at + width, word)
        ]
        if width <= _SCALAR:  # The rest of an index is no word by which anybody is told anything.
            places = [place for place in places if place in self._watched] or places
        for place in places:
            if place not in self._watched:
                given = self._given.setdefault(place, {})
                adds = operation.kind is Kind.UPDATE and not operation.atomic
                if adds:
                    self._store(place, task, clock, step, adds=True)
                elif operation.kind is not Kind.STORE:
                    _join(clock, given)
                if operation.kind is not Kind.LOAD:
                    _join(given, clock)
                    clock[task] += 1
            elif operation.kind is not Kind.LOAD and not operation.atomic:
                self._store(place, task, clock, step)

    def _store(
        self, place: Place, task: str, clock: Clock, step: int, *, adds: bool = False
    ) -> None:
        before = self._stores.setdefault(place, {})
        for other, (time, at) in before.items():
            known = any(
                r.place == place and {r.first, r.second} == {other, task} for r in self.races
            )
            if other != task and clock.get(other, 0) < time and not known:
                self.races.append(Race(place, other, at, task, step, adds))
        before[task] = clock[task], step


def _join(clock: Clock, other: Clock) -> None:
    for task, time in other.items():
        clock[task] = max(clock.get(task, 0), time)
