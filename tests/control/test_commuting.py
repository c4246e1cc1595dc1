"""Which steps may be taken in one order for all, and when that is believed no longer."""

from shmtui.control.commuting import Commuting
from shmtui.control.operation import Kind, Operation, Place

LOCK, FULL, COUNT = Place("ring", 64), Place("ring", 96), Place("ring", 16)


class Told:
    """An execution that is told step by step; a semaphore's value before each is given."""

    def __init__(self) -> None:
        self.commuting = Commuting()
        self.commuting.begin()

    def call(
        self, task: str, kind: Kind, place: Place, value: int, *, failed: bool = False
    ) -> None:
        """A wait or post."""
        operation = Operation(kind, 1, place)
        self.commuting.called(task, operation, value, "P1", failed=failed, released=None)

    def access(self, task: str, kind: Kind = Kind.STORE, *, alone: bool = False) -> None:
        """A load or store of the count."""
        self.commuting.accessed(task, Operation(kind, 2, COUNT, width=4), alone=alone)

    def locked(self, task: str) -> None:
        """A store under the lock."""
        self.call(task, Kind.WAIT, LOCK, 1)
        self.access(task)
        self.call(task, Kind.POST, LOCK, 0)

    def commutes(self, task: str, kind: Kind, place: Place = COUNT) -> bool:
        """Whether a step does."""
        return self.commuting.commutes(task, Operation(kind, 3, place, width=4), "P1")


def test_what_is_under_one_lock() -> None:
    """Its accesses need not be come between, while it is held; without the lock they are steps as any."""
    told = Told()
    told.locked("P1")
    told.locked("C1")
    assert not told.commutes("P1", Kind.STORE)
    told.call("P1", Kind.WAIT, LOCK, 1)
    assert told.commutes("P1", Kind.STORE)
    assert not told.commutes("C1", Kind.STORE)
    assert told.commuting.broken == 0


def test_conditions_under_one_lock() -> None:
    """A signal and the begin of a wait are as accesses to the condition; one signal without the lock breaks that."""
    told, condition = Told(), Place("ring", 128)
    for task in ("P1", "C1"):
        told.call(task, Kind.WAIT, LOCK, 1)
        assert told.commutes(task, Kind.SIGNAL, condition) == (task == "C1")
        told.call(task, Kind.SIGNAL, condition, 0)
        told.call(task, Kind.POST, LOCK, 0)
    assert not told.commutes("P1", Kind.COND_WAIT, condition)
    told.call("P1", Kind.WAIT, LOCK, 1)
    assert told.commutes("P1", Kind.COND_WAIT, condition)
    told.call("C1", Kind.SIGNAL, condition, 0)
    assert told.commuting.broken == 1
    assert not told.commutes("P1", Kind.COND_WAIT, condition)


def test_what_another_does_without_the_lock() -> None:
    """The belief is broken, once; what is done after all others have ended breaks nothing."""
    told = Told()
    told.locked("P1")
    told.locked("C1")
    told.access("P1", alone=True)
    assert told.commuting.broken == 0
    told.access("C1", Kind.LOAD)
    told.access("C1", Kind.LOAD)
    assert told.commuting.broken == 1
    told.call("P1", Kind.WAIT, LOCK, 1)
    assert not told.commutes("P1", Kind.STORE)


def test_a_lock_that_two_have() -> None:
    """One with two permits keeps nobody out, nor does one that another gives back."""
    told = Told()
    told.call("P1", Kind.WAIT, LOCK, 2)
    told.access("P1")
    told.call("C1", Kind.WAIT, LOCK, 1)
    told.access("C1")
    assert not told.commutes("P1", Kind.STORE)
    other = Told()
    other.locked("P1")
    other.call("C1", Kind.WAIT, LOCK, 1)
    other.access("C1")
    other.call("P1", Kind.POST, LOCK, 0)
    assert other.commuting.broken == 1
    assert not other.commutes("C1", Kind.STORE)


def test_posts() -> None:
    """They commute until somebody asks whether the semaphore is free, or loads its value."""
    told = Told()
    told.call("P1", Kind.POST, FULL, 0)
    assert told.commutes("P1", Kind.POST, FULL)
    assert told.commuting.acquires(Operation(Kind.WAIT, 1, FULL), "P1")
    told.call("C1", Kind.TRY_WAIT, FULL, 0, failed=True)
    assert not told.commutes("P1", Kind.POST, FULL)
    assert not told.commuting.acquires(Operation(Kind.WAIT, 1, FULL), "P1")
    other = Told()
    other.call("P1", Kind.POST, FULL, 0)
    other.commuting.accessed("C1", Operation(Kind.LOAD, 2, FULL, width=4), alone=False)
    assert not other.commutes("P1", Kind.POST, FULL)


def test_words_of_one_task() -> None:
    """Nobody else comes to them; a word that is only loaded is nobody's."""
    told = Told()
    told.access("P1")
    assert told.commutes("P1", Kind.STORE)
    assert not told.commutes("C1", Kind.LOAD)
    other = Told()
    other.access("P1", Kind.LOAD)
    other.access("C1", Kind.LOAD)
    assert other.commutes("C1", Kind.LOAD)
    assert not other.commutes("C1", Kind.STORE)
