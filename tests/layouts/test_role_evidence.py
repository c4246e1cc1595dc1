"""What the values of a ring say about its layout: the right reading always stays, others go."""

import struct
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from shmtui.layouts.ring_values import Reading, excess, possible, values_of
from shmtui.layouts.role_evidence import (
    contradiction,
    directions_by_count,
    judge_capacity,
    judge_direction,
    judge_last,
    swapped,
)
from shmtui.shm.layout import ITEM_TYPES, Layout, seed_layout
from shmtui.shm.libc import Libc

LIBC = Libc.GLIBC


@dataclass
class Ring:
    """A ring that threads move through one step at a time, by the standard protocol."""

    slots: int
    counts: bool = False
    first: int = 0
    """What both indices hold before the first item; -1 where they hold the last slot used."""
    in_: int = 0
    out: int = 0
    mutex: int = 1
    free: int = 0
    full: int = 0

    def __post_init__(self) -> None:
        self.in_ = self.out = self.first
        self.free = self.slots

    def moved(self, index: int) -> int:
        return index + 1 if self.counts else (index + 1) % self.slots

    def reading(self, layout: Layout) -> Reading:
        raw = bytearray(layout.size)
        assert layout.in_ is not None
        assert layout.out is not None
        struct.pack_into("<i", raw, layout.in_, self.in_)
        struct.pack_into("<i", raw, layout.out, self.out)
        places = (layout.mutex, layout.empty, layout.full)
        for at, value in zip(places, (self.mutex, self.free, self.full), strict=True):
            assert at is not None
            struct.pack_into("<3I", raw, at, value, 0, 0x80)
        return Reading.whole(bytes(raw))


class Thread:
    """A producer or a consumer, between two of its four steps."""

    def __init__(self, *, producer: bool) -> None:
        self.producer = producer
        self.at = 0

    def step(self, ring: Ring) -> None:
        """One step, if it does not block: permit, mutex, index and unlock, post."""
        take, give = ("free", "full") if self.producer else ("full", "free")
        if self.at == 0 and getattr(ring, take):
            setattr(ring, take, getattr(ring, take) - 1)
        elif self.at == 1 and ring.mutex:
            ring.mutex = 0
        elif self.at == 2:
            if self.producer:
                ring.in_ = ring.moved(ring.in_)
            else:
                ring.out = ring.moved(ring.out)
            ring.mutex = 1
        elif self.at == 3:
            setattr(ring, give, getattr(ring, give) + 1)
        else:
            return
        self.at = (self.at + 1) % 4


def readings(ring: Ring, layout: Layout, steps: list[int], threads: int) -> list[Reading]:
    """The states that the threads go through when they step in that order."""
    crew = [Thread(producer=number % 2 == 0) for number in range(threads)]
    found = [ring.reading(layout)]
    for step in steps:
        crew[step % threads].step(ring)
        found.append(ring.reading(layout))
    return found


orders = st.lists(st.integers(0, 7), min_size=1, max_size=80)


@given(st.integers(1, 9), orders, st.integers(2, 6), st.booleans())
def test_the_right_direction_is_never_dropped(
    slots: int, steps: list[int], threads: int, counts: bool
) -> None:
    """Whatever the threads do by the protocol, and whoever holds what when they are read."""
    layout = seed_layout(slots, ITEM_TYPES["int32"], LIBC)
    seen = readings(Ring(slots, counts=counts), layout, steps, threads)
    assert all(excess(layout, values_of(layout, reading)) == 0 for reading in seen)
    assert all(possible(layout, values_of(layout, reading), threads) for reading in seen)
    for named in (layout, swapped(layout)):
        assert layout in judge_direction(named, seen)


@given(st.integers(3, 9), orders, st.integers(2, 6))
def test_what_moved_tells_the_direction(slots: int, steps: list[int], threads: int) -> None:
    """Once two items were put in, the other reading is contradicted in several states."""
    layout = seed_layout(slots, ITEM_TYPES["int32"], LIBC)
    ring = Ring(slots)
    producer = Thread(producer=True)
    seen = [ring.reading(layout)]
    for _step in range(2 * 4):
        producer.step(ring)
        seen.append(ring.reading(layout))
    assert judge_direction(swapped(layout), seen) == (layout,)


def test_an_empty_ring_tells_nothing() -> None:
    """Both readings stand, and the one that is shown is the one by name."""
    layout = seed_layout(5, ITEM_TYPES["int32"], LIBC)
    assert judge_direction(layout, [Ring(5).reading(layout)]) == (layout, swapped(layout))


def test_one_index_that_lags_tells_nothing() -> None:
    """A producer posts, and moves its index a moment later: the right direction is missed by one
    item then, and the other one happens to fit.
    """
    layout = seed_layout(5, ITEM_TYPES["int32"], LIBC)
    lagging = Ring(5)
    lagging.in_, lagging.out, lagging.free, lagging.full = 3, 1, 2, 3
    seen = [lagging.reading(layout)]
    assert set(judge_direction(layout, [Ring(5).reading(layout), *seen])) == {
        layout,
        swapped(layout),
    }


def counted(*moments: tuple[int, int, int]) -> tuple[Layout, list[Reading]]:
    """A ring of one lock and a count: ``in``, ``out`` and the count at some moments."""
    seed = seed_layout(5, ITEM_TYPES["int32"], LIBC)
    layout = replace(seed, empty=None, full=None, count=(seed.size - 4, "i"))
    seen = []
    for in_, out, count in moments:
        raw = bytearray(seed.size)
        struct.pack_into("<i", raw, seed.in_ or 0, in_)
        struct.pack_into("<i", raw, seed.out or 0, out)
        struct.pack_into("<i", raw, seed.size - 4, count)
        seen.append(Reading.whole(bytes(raw)))
    return layout, seen


@pytest.mark.parametrize(
    ("moments", "told"),
    [
        (((3, 3, 5), (3, 4, 4), (4, 4, 5), (4, 0, 4)), True),
        # A full ring fits either way, and one at rest may be halfway through an item.
        (((3, 3, 5), (4, 4, 5), (0, 0, 5)), False),
        (((3, 4, 4), (3, 4, 4), (3, 4, 4)), False),
        # Items counted a moment late miss both now and then.
        (((3, 3, 5), (3, 4, 5), (3, 4, 4), (4, 4, 5)), False),
    ],
)
def test_a_count_of_items_tells_the_direction(
    moments: tuple[tuple[int, int, int], ...], *, told: bool
) -> None:
    """``in`` less ``out`` is the count, and the other way round it is what is left of the slots."""
    layout, seen = counted(*moments)
    for ways in ((layout, swapped(layout)), (swapped(layout), layout)):
        assert directions_by_count(ways, seen) == ((layout,) if told else ways)


def test_counters_that_move_after_the_post() -> None:
    """A reader may be ahead for a moment; the direction that is billions of items apart goes."""
    layout = seed_layout(8, ITEM_TYPES["int32"], LIBC)
    layout = replace(layout, index_code="I")
    seen = []
    for in_, out, free, full in ((30, 32, 6, 0), (33, 32, 7, 0), (36, 33, 3, 4)):
        ring = Ring(8)
        ring.in_, ring.out, ring.free, ring.full = in_, out, free, full
        seen.append(ring.reading(layout))
    for named in (layout, swapped(layout)):
        assert judge_direction(named, seen)[0] == layout


@given(st.integers(3, 9), orders, st.integers(2, 6))
def test_the_last_slot_used(slots: int, steps: list[int], threads: int) -> None:
    """``in`` that holds the slot written last is known by -1, and by items that are one short."""
    layout = seed_layout(slots, ITEM_TYPES["int32"], LIBC)
    ring = Ring(slots)
    ring.in_ = -1
    steps = [0, 0, 0, 0, *steps]
    seen = readings(ring, layout, steps, threads)
    found = judge_last(layout, seen)
    assert found is not None
    assert found.last == ("in",)


@given(st.integers(1, 9), orders, st.integers(2, 6))
def test_a_plain_ring_is_never_taken_for_one_of_last_slots(
    slots: int, steps: list[int], threads: int
) -> None:
    """By the protocol no reading contradicts it, so that nothing else is looked for."""
    layout = seed_layout(slots, ITEM_TYPES["int32"], LIBC)
    assert judge_last(layout, readings(Ring(slots), layout, steps, threads)) is None


@given(st.integers(1, 9), st.integers(1, 9), orders, st.integers(2, 4))
def test_how_many_slots_are_used(used: int, more: int, steps: list[int], threads: int) -> None:
    """A member that says how many slots are used is believed; one that counts items is not."""
    layout = seed_layout(used + more, ITEM_TYPES["int32"], LIBC)
    used = max(used, threads)
    if used >= layout.slots:
        return
    seen = readings(Ring(used), layout, steps, threads)
    if more >= threads:
        assert judge_capacity(layout, used, seen[:1]).slots == used
    whole = readings(Ring(layout.slots), layout, steps, threads)
    assert judge_capacity(layout, used, whole[:1]).slots == layout.slots


@pytest.mark.parametrize(("mutex", "empty", "full"), [("full", "empty", "mutex"), ("empty", "mutex", "full")])  # fmt: skip
def test_another_order_of_semaphores(mutex: str, empty: str, full: str) -> None:
    """Values that never fit the order given, and always fit another one."""
    layout = seed_layout(5, ITEM_TYPES["int32"], LIBC)
    places = {"mutex": layout.mutex, "empty": layout.empty, "full": layout.full}
    real = replace(layout, mutex=places[mutex], empty=places[empty], full=places[full])
    seen = readings(Ring(5), real, [0, 0, 0, 0, 0, 0, 0, 0], 2)
    assert contradiction(layout, seen, 2) == real
    assert contradiction(real, seen, 2) is None


def test_an_overflown_mutex_is_no_other_order() -> None:
    """A value that is wrong in every order is for the findings to say."""
    layout = seed_layout(5, ITEM_TYPES["int32"], LIBC)
    ring = Ring(5)
    ring.mutex = 2
    assert contradiction(layout, [ring.reading(layout)], 2) is None
