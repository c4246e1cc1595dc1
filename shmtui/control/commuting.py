"""Steps whose place in the order makes no difference, so that one order of them stands for all. Pure.

By R. J. Lipton, "Reduction: a method of proving properties of parallel programs", 1975. At loads and stores
others need not go on before these:

- a post or an unlock: whoever else goes on first can do the same after it;
- an access to words that one task alone uses, that nobody stores, or that all use under one lock, which
  this task holds: nobody else can come to them before it is done; not to those of a semaphore or lock;
- a signal, or the begin of a wait for a condition, where all signal it and wait for it under one lock;
- whatever follows a wait or lock that was gone through, up to the first step that is neither of these nor
  another wait: what others do in between they can do as well before that wait. Not before another wait for
  what somebody takes, somewhere, in the other order: each of the two may have the one that the other needs.

That is believed of a word or lock for as long as every execution has shown it. An execution that shows
otherwise is among those that are searched, as all before it stands; the search begins anew then.
"""

from collections.abc import Collection
from typing import Final

import msgspec

from shmtui.control.operation import (
    ACCESSES,
    COND_WAITS,
    TIMED,
    TRIES,
    WAKES,
    Kind,
    Operation,
    Place,
)

_WORD: Final = 4
_OBJECT_BYTES: Final = 16
"""Of a sem_t in use, and of a pthread_mutex_t whoever holds it."""
_OF_CONDITIONS: Final = COND_WAITS | {Kind.SIGNAL, Kind.BROADCAST}
_TAKES: Final = TIMED | WAKES | {Kind.WAIT, Kind.LOCK, Kind.TRY_LOCK, Kind.TIMED_LOCK}


class _Word(msgspec.Struct):
    """How a word of shared memory was used so far."""

    tasks: set[str] = msgspec.field(default_factory=set)
    stored: bool = False
    locks: frozenset[Place] | None = None
    """Those that were held at each access."""
    storers: set[str] = msgspec.field(default_factory=set)
    store_locks: frozenset[Place] | None = None
    """Those that were held at each store."""
    atomic: bool = False
    """Whether an instruction that locks it has stored it."""

    @property
    def is_private(self) -> bool:
        """Whether no two accesses to it can come upon each other."""
        return len(self.tasks) < 2 or not self.stored or bool(self.locks)


class Commuting:
    """What all executions of a search have shown."""

    def __init__(self) -> None:
        self.broken = 0
        """How often something turned out otherwise than it was believed."""
        self._words: dict[Place, _Word] = {}
        self._no_locks: set[Place] = set()
        self._looked_at: set[Place] = set()
        """Objects of which somebody asks whether they are free, or loads the value."""
        self._objects: set[Place] = set()
        self._then_taken: dict[Place, set[Place]] = {}
        """Which objects are waited for after this one, with nothing in between that concerns others."""
        self._held: dict[str, set[Place]] = {}
        self._holders: dict[Place, str] = {}

    def begin(self) -> None:
        """Another execution begins."""
        self._held, self._holders = {}, {}

    def acquires(self, operation: Operation, own: str) -> bool:
        """Whether it is a wait or lock after which what others do could have been done before it."""
        if operation.kind is Kind.SET:
            changes = operation.changes
            return all(c < 0 and place not in self._looked_at for place, c in changes)
        waits = operation.kind in {Kind.WAIT, Kind.LOCK, Kind.WAKE}
        return waits and object_of(operation, own) not in self._looked_at

    def goes_through(self, taken: Collection[Place], operation: Operation, own: str) -> bool:
        """One that has ``taken`` these, and done nothing since that concerns others, comes to another wait or lock:
        whether nobody else need go on before it.
        """
        wanted = objects_of(operation, own)
        for place in taken:
            after = self._then_taken.setdefault(place, set())
            if not after >= wanted:
                after |= wanted
                self.broken += any(self._leads(each, {place}) for each in wanted)
        return not any(self._leads(place, taken) for place in wanted)

    def _leads(self, place: Place, taken: Collection[Place]) -> bool:
        """Whether one of ``taken`` is waited for after ``place``, at once or by others; or is that."""
        known, found = {place}, [place]
        while found:
            new = self._then_taken.get(found.pop(), set()) - known
            known |= new
            found += new
        return not known.isdisjoint(taken)

    def commutes(self, task: str, operation: Operation, own: str) -> bool:
        """Whether it makes no difference when ``task`` takes this step; ``own``: as of `called`."""
        if operation.kind in ACCESSES:
            places = words_of(operation)
            words = [self._words.get(place) for place in places]
            return (
                bool(words)
                and all(
                    word is not None and self._would_be_private(word, task, operation)
                    for word in words
                )
                and not any(self._objects_at(place) for place in places)
            )
        if operation.kind in _OF_CONDITIONS:
            held = self._held.get(task, set())
            word = self._words.get(object_of(operation, own))
            return (
                word is not None
                and bool((word.locks or set()) & held)
                and not held & self._looked_at
            )
        if operation.kind is Kind.UNLOCK or operation.kind is Kind.POST:
            return object_of(operation, own) not in self._looked_at
        if operation.kind is Kind.SET:
            changes = operation.changes
            return all(c > 0 and place not in self._looked_at for place, c in changes)
        return False

    def is_private(self, place: Place) -> bool:
        """Whether no two accesses to a word have been able to come upon each other."""
        word = self._words.get(Place(place.segment, place.offset - place.offset % _WORD))
        return word is None or word.is_private

    def locks_out(self, task: str, place: Place) -> bool:
        """Whether several store a word, all under one lock that ``task`` does not hold."""
        word = self._words.get(place)
        if word is None or word.atomic or len(word.storers) < 2 or not word.store_locks:
            return False
        return word.store_locks.isdisjoint(self._held.get(task, ()))

    def _would_be_private(self, word: _Word, task: str, operation: Operation) -> bool:
        alone = word.tasks <= {task}
        unstored = not word.stored and operation.kind is Kind.LOAD
        return alone or unstored or bool((word.locks or frozenset()) & self._held.get(task, set()))

    # What an execution shows.

    def called(
        self, task: str, operation: Operation, value: int | None, own: str, *, failed: bool,
        released: Operation | None,
    ) -> None:  # fmt: skip
        """A task has taken a step that is no access. ``value``: the word before it; ``own``: the name of its memory;
        ``failed``: it tried in vain; ``released``: the mutex that a wait for a condition lets go.
        """
        if operation.kind in _OF_CONDITIONS:
            self._use(object_of(operation, own), task, stores=True)
        tries = operation.kind in TRIES
        if operation.kind in COND_WAITS and released is not None:
            self._release(task, object_of(released, own))
            return
        for each in operation.each():
            if each.kind not in _TAKES | {Kind.POST, Kind.UNLOCK}:
                continue
            place = object_of(each, own)
            self._note_object(place)
            if tries or any(not change for _place, change in operation.changes):
                self._look_at(place)
            if failed:
                continue
            if each.kind in {Kind.POST, Kind.UNLOCK}:
                self._release(task, place)
            else:
                many = each.kind in TIMED | {Kind.WAIT} and value is not None and value > 1
                self._take(task, place, many=many or bool(operation.changes[1:]))

    def _note_object(self, place: Place) -> None:
        """Somebody waits for it, or posts it: who stores its words, as sem_init(3) does, concerns him."""
        if place not in self._objects:
            self._objects.add(place)
            words = range(place.offset, place.offset + _OBJECT_BYTES, _WORD)
            self.broken += any(Place(place.segment, at) in self._words for at in words)

    def _objects_at(self, word: Place) -> list[Place]:
        begins = range(word.offset - _OBJECT_BYTES + _WORD, word.offset + 1)
        return [o for begin in begins if (o := Place(word.segment, begin)) in self._objects]

    def _take(self, task: str, place: Place, *, many: bool) -> None:
        if many or place in self._holders:
            self._no_lock(place)
        self._holders[place] = task
        if place not in self._no_locks:
            self._held.setdefault(task, set()).add(place)

    def _release(self, task: str, place: Place) -> None:
        if self._holders.pop(place, None) != task:
            self._no_lock(place)
        self._held.setdefault(task, set()).discard(place)

    def _look_at(self, place: Place) -> None:
        if place not in self._looked_at:
            self._looked_at.add(place)
            self.broken += 1

    def _no_lock(self, place: Place) -> None:
        """It does not keep others out: more than one has it at once, or another gives it back."""
        if place in self._no_locks:
            return
        self._no_locks.add(place)
        for held in self._held.values():
            held.discard(place)
        for word in self._words.values():
            if word.locks and place in word.locks:
                self._change(word, word.locks - {place})
            if word.store_locks:
                word.store_locks -= {place}

    def _change(self, word: _Word, locks: frozenset[Place]) -> None:
        before = word.is_private
        word.locks = locks
        self.broken += before and not word.is_private

    def accessed(self, task: str, operation: Operation, *, alone: bool) -> None:
        """A task has loaded or stored; ``alone``: all others have ended."""
        if alone:
            return
        for place in words_of(operation):
            for lock in self._objects_at(place):
                self._look_at(lock)
                self._no_lock(lock)
            self._use(place, task, stores=operation.kind is not Kind.LOAD, atomic=operation.atomic)

    def _use(self, place: Place, task: str, *, stores: bool, atomic: bool = False) -> None:
        held, word = frozenset(self._held.get(task, ())), self._words.setdefault(place, _Word())
        before = word.is_private
        word.tasks.add(task)
        word.stored, word.atomic = word.stored or stores, word.atomic or atomic
        if stores:
            word.storers.add(task)
            word.store_locks = held if word.store_locks is None else word.store_locks & held
        word.locks = held if word.locks is None else word.locks & held
        self.broken += before and not word.is_private


def words_of(operation: Operation) -> list[Place]:
    """The words that a load or store is about; none where it is not of shared memory."""
    place = operation.place
    if place is None:
        return []
    first = place.offset - place.offset % _WORD
    end = place.offset + max(operation.width, 1)
    return [Place(place.segment, at) for at in range(first, end, _WORD)]


def objects_of(operation: Operation, own: str) -> set[Place]:
    """The same of all that a call of semop is about."""
    return {object_of(each, own) for each in operation.each()}


def object_of(operation: Operation, own: str) -> Place:
    """The semaphore or mutex; of one in a process's own memory, by that memory's name."""
    return operation.place or Place(f"@{own}", operation.address)
