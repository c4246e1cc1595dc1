"""The items of a ring, by loads and stores: each wrong is told, and none that is not."""

from hypothesis import given
from hypothesis import strategies as st

from shmtui.control.items import Fault, Items, Ring
from shmtui.control.operation import Kind, Operation, Place

RING = Ring("ring", 0, 4, 4, 16, 20, None, 32, 64)


class Hands:
    """Takes the steps of a producer and a consumer."""

    def __init__(self) -> None:
        self.items = Items(RING)
        self.words = dict.fromkeys(range(0, 24, 4), 0)
        self._step = 0

    def load(self, task: str, offset: int) -> int:
        self._access(task, Kind.LOAD, offset, self.words[offset])
        return self.words[offset]

    def store(self, task: str, offset: int, value: int) -> None:
        before, self.words[offset] = self.words[offset], value
        self._access(task, Kind.STORE, offset, before)

    def _access(self, task: str, kind: Kind, offset: int, before: int) -> None:
        operation = Operation(kind, 0, Place("ring", offset), offset, 4)
        self.items.access(task, operation, before, self.words[offset], self._step)
        self._step += 1

    def put(self, task: str = "P1") -> None:
        self.items.synchronised(task, gives=False)
        slot = self.load(task, 16)
        self.store(task, 4 * slot, 7)
        self.store(task, 16, (slot + 1) % 4)
        self.items.synchronised(task, gives=True)

    def take(self, task: str = "C1") -> None:
        slot = self.load(task, 20)
        self.load(task, 4 * slot)
        self.store(task, 20, (slot + 1) % 4)
        self.items.synchronised(task, gives=True)

    @property
    def faults(self) -> list[Fault]:
        return [fault.kind for fault in self.items.faults]


@given(st.lists(st.booleans(), max_size=60))
def test_faults_are_those_of_the_counts(puts: list[bool]) -> None:
    """An item is overwritten where five are put and none taken; an empty slot is taken where none is left."""
    hands, held, first = Hands(), 0, True
    for put in puts:
        if hands.faults:
            break
        if put:
            hands.put()
            held += 1
            first = False
        else:
            hands.take()
            held -= 1
        assert bool(hands.faults) == (held > 4 or held < 0)
        if held < 0 and first:
            assert hands.faults == [Fault.NOT_PUT]


def test_two_who_take_one() -> None:
    """Both loaded ``out`` before either moved it."""
    hands = Hands()
    hands.put()
    for task in ("C1", "C2"):
        hands.load(task, 20)
        hands.load(task, 0)
    hands.store("C1", 20, 1)
    assert hands.faults == []
    hands.store("C2", 20, 1)
    assert hands.faults == [Fault.TAKEN_TWICE]


def test_two_who_put_in_one_slot() -> None:
    """Both loaded ``in`` before either moved it."""
    hands = Hands()
    for task in ("P1", "P2"):
        hands.items.synchronised(task, gives=False)
        hands.load(task, 16)
    hands.store("P1", 0, 1)
    hands.store("P2", 0, 2)
    assert hands.faults == [Fault.OVERWRITTEN]


def test_an_item_may_be_made_by_parts() -> None:
    """Stores of one producer between two posts are one item."""
    hands = Hands()
    hands.items.synchronised("P1", gives=False)
    for value in range(5):
        hands.store("P1", 0, value)
    assert hands.faults == []


def test_one_may_look_at_all_slots() -> None:
    """Who moves on from a slot has taken it, and nothing else of what he has seen."""
    hands = Hands()
    hands.put()
    for _round in range(3):
        for slot in range(4):
            hands.load("C1", 4 * slot)
    hands.take()
    assert hands.faults == []


def test_what_is_set_up_is_no_item() -> None:
    """Stores before the first call may be stored over."""
    hands = Hands()
    hands.store("P1", 0, -1)
    hands.put("P2")
    assert hands.faults == []


def test_an_index_that_goes_one_too_far() -> None:
    """Behind the last slot lies an index, which is taken for an item; one that goes on from there is a counter."""
    hands = Hands()
    for after in (0, 5):
        hands.items.synchronised("C1", gives=False)
        hands.words[20] = 4
        assert hands.load("C1", 20) == 4
        hands.load("C1", 16)
        hands.store("C1", 20, after)
        hands.items.synchronised("C1", gives=True)
    assert [(each.kind, each.slot) for each in hands.items.faults] == [(Fault.OUT_OF_RANGE, 4)]
