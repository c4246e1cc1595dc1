"""Stores to an index race where nothing orders them."""

from hypothesis import given
from hypothesis import strategies as st

from shmtui.control.happens_before import HappensBefore
from shmtui.control.operation import Kind, Operation, Place

INDEX, LOCK, FLAG = Place("ring", 16), Place("ring", 32), Place("ring", 64)


def store(order: HappensBefore, task: str, step: int, *, atomic: bool = False) -> None:
    """A store to the index."""
    order.access(task, Operation(Kind.STORE, 0, INDEX, 0, 4, atomic), step)


@given(st.lists(st.sampled_from(["P1", "P2", "P3"]), max_size=12), st.booleans())
def test_a_lock_orders_all(tasks: list[str], locked: bool) -> None:
    """With it there is no race; without there is one for each two tasks that store."""
    order = HappensBefore([INDEX])
    for step, task in enumerate(tasks):
        if locked:
            order.synchronise(task, Operation(Kind.WAIT, 0, LOCK))
        store(order, task, step)
        if locked:
            order.synchronise(task, Operation(Kind.POST, 0, LOCK))
    pairs = {frozenset((race.first, race.second)) for race in order.races}
    names = set(tasks)
    expected = set() if locked else {frozenset((a, b)) for a in names for b in names if a < b}
    assert pairs == expected


def test_a_word_of_the_programs_own_orders() -> None:
    """One stores it, the other loads it: it may be a lock."""
    order = HappensBefore([INDEX])
    store(order, "P1", 0)
    order.access("P1", Operation(Kind.STORE, 0, FLAG, 0, 4), 1)
    order.access("P2", Operation(Kind.LOAD, 0, FLAG, 0, 4), 2)
    store(order, "P2", 3)
    assert not order.races


def test_indices_of_one_byte_side_by_side() -> None:
    """They are two; a word of the program's own beside them orders, and is no index."""
    first, second, flag = (Place("ring", at) for at in (8, 9, 10))
    order = HappensBefore([first, second], 1)
    order.access("P1", Operation(Kind.STORE, 0, first, 0, 1), 0)
    order.access("C1", Operation(Kind.STORE, 0, second, 0, 1), 1)
    assert not order.races
    order.access("C1", Operation(Kind.STORE, 0, flag, 0, 1), 2)
    order.access("P1", Operation(Kind.LOAD, 0, flag, 0, 1), 3)
    order.access("P1", Operation(Kind.STORE, 0, second, 0, 1), 4)
    assert not order.races
    order.access("C1", Operation(Kind.STORE, 0, first, 0, 1), 5)
    assert [race.place for race in order.races] == [first]


def test_the_upper_half_of_an_index_orders_nobody() -> None:
    """Of one of eight bytes, which is stored whole."""
    order = HappensBefore([INDEX])
    for step, task in enumerate(["P1", "P2"]):
        order.access(task, Operation(Kind.LOAD, 0, INDEX, 0, 8), 2 * step)
        order.access(task, Operation(Kind.STORE, 0, INDEX, 0, 8), 2 * step + 1)
    assert len(order.races) == 1


def test_atomic_stores_do_not_race() -> None:
    """The processor orders them."""
    order = HappensBefore([INDEX])
    store(order, "P1", 0, atomic=True)
    store(order, "P2", 1, atomic=True)
    assert not order.races


def test_begin_and_end_of_a_task_order() -> None:
    """What a parent stores before the fork and after the join is ordered with what its child stores."""
    order = HappensBefore([INDEX])
    store(order, "P1", 0)
    order.fork("P1", "P1.2")
    store(order, "P1.2", 1)
    order.join("P1", "P1.2")
    store(order, "P1", 2)
    assert not order.races


def test_a_wait_is_after_as_many_posts_as_it_takes() -> None:
    """A permit that was there from the begin orders nothing."""
    place, index = Place("jobs", 64), Place("jobs", 20)
    for first, raced in ((1, True), (0, False)):
        races = HappensBefore([index])
        races.access("C1", Operation(Kind.STORE, 1, index, width=4), 0)
        races.synchronise("C1", Operation(Kind.POST, 1, place), first)
        races.synchronise("C2", Operation(Kind.WAIT, 1, place), first + 1)
        races.access("C2", Operation(Kind.STORE, 1, index, width=4), 1)
        assert bool(races.races) is raced
