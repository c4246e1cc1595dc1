"""The ring gives back what was put in, in order, and keeps its permits."""

import struct
from collections import deque
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shmtui.shm.layout import ITEM_TYPES, ItemType
from shmtui.shm.owned_buffer import OwnedBuffer
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.ring import BadIndexError, Ring, counter_after
from shmtui.shm.segment import map_segment
from shmtui.shm.value import Number, checksum_of
from tests.conftest import MakeBuffer, index_offsets, join

KINDS = pytest.mark.parametrize("named", [False, True], ids=["embedded", "named"])


def values(ring: Ring) -> tuple[int, int, int]:
    """The three semaphores: mutex, empty, full."""
    mutex, empty, full = (ring.semaphores[role].words().value for role in SemaphoreRole)
    return mutex, empty, full


@KINDS
def test_first_in_first_out(make_buffer: MakeBuffer, named: bool) -> None:
    """Items come back in their order, over the ring's end, and the permits add up."""
    ring = join(make_buffer(5, named=named))
    assert values(ring) == (1, 5, 0)
    for base in range(0, 12, 4):
        for value in range(base, base + 4):
            assert ring.put(value)
        assert values(ring) == (1, 1, 4)
        assert [ring.get() for _ in range(4)] == list(range(base, base + 4))
    assert values(ring) == (1, 5, 0)


@KINDS
def test_full_and_empty_wait(make_buffer: MakeBuffer, named: bool) -> None:
    """A full ring takes nothing and an empty one gives nothing, and neither loses a permit."""
    ring = join(make_buffer(2, named=named))
    assert ring.get(timeout=0.01) is None
    assert ring.put(1)
    assert ring.put(2)
    assert not ring.put(3, timeout=0.01)
    assert values(ring) == (1, 0, 2)


def test_a_lost_mutex_costs_no_permit(make_buffer: MakeBuffer) -> None:
    """Who cannot get the mutex gives its permit back."""
    ring = join(make_buffer(3))
    assert ring.semaphores[SemaphoreRole.MUTEX].try_wait()
    assert not ring.put(1, timeout=0.01)
    assert values(ring) == (0, 3, 0)


def items_of(item: ItemType) -> st.SearchStrategy[Number]:
    """Every value that a slot of that type holds."""
    if item.is_float:
        return st.floats(allow_nan=False, width=32 if item.code == "f" else 64)
    bits, signed = 8 * item.size, item.code.islower()
    return st.integers(-(2 ** (bits - 1)) if signed else 0, 2 ** (bits - signed) - 1)


@pytest.fixture(params=sorted(ITEM_TYPES))
def item(request: pytest.FixtureRequest) -> ItemType:
    """Each item type."""
    return ITEM_TYPES[request.param]


@pytest.mark.parametrize("slots", [1, 3])
def test_ring_is_a_queue(make_buffer: MakeBuffer, item: ItemType, slots: int) -> None:
    """Whatever is put and got in whatever order, the ring is a queue of ``slots`` items."""
    ring = join(make_buffer(slots, item.name))
    model: deque[Number] = deque()

    @settings(max_examples=30)
    @given(st.lists(st.one_of(st.none(), items_of(item)), max_size=20))
    def behaves(operations: list[Number | None]) -> None:
        for value in operations:
            if value is None:
                assert ring.get(timeout=0) == (model.popleft() if model else None)
            elif ring.put(value, timeout=0):
                model.append(value)
                assert len(model) <= slots
            else:
                assert len(model) == slots
            assert values(ring) == (1, slots - len(model), len(model))

    behaves()


def test_counter_wraps_and_survives(make_buffer: MakeBuffer, item: ItemType) -> None:
    """After the largest value of a count comes the smallest, and both can be stored."""
    ring = join(make_buffer(2, item.name))
    bottom, top = item.counter_range
    value: Number = top - 1
    for expected in (top - 1, top, bottom, bottom + 1):
        assert value == expected
        assert ring.put(value)
        assert ring.get() == expected
        value = counter_after(value, item)


@given(st.lists(st.integers(-(2**63), 2**64 - 1), max_size=8))
def test_sums_are_modulo_2_64(items: list[int]) -> None:
    """Sums of items agree modulo 2**64, whatever their signs."""
    assert sum(map(checksum_of, items)) % 2**64 == sum(items) % 2**64


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_has_no_integer_part_adds_nothing(value: float) -> None:
    """NaN and the infinities cannot spoil a sum."""
    assert checksum_of(value) == 0


@pytest.mark.parametrize("start", [5, 8, 2**20 + 3])
def test_indices_that_count_on_go_on_counting(make_buffer: MakeBuffer, start: int) -> None:
    """A ring whose program never reduces its indices is the same queue, and they stay counters."""
    buffer = make_buffer(5)
    ring = join(buffer)
    spoil(buffer, "in", start)
    spoil(buffer, "out", start)
    for value in range(12):
        assert ring.put(value)
        assert ring.put(-value)
        assert (ring.get(), ring.get()) == (value, -value)
    with map_segment(buffer.name) as mapping:
        in_, out = index_offsets(buffer.layout)
        raw = mapping[in_ : out + 4]
    assert struct.unpack("=ii", raw) == (start + 24, start + 24)


@pytest.mark.parametrize("index", [-1, 5, 2**31 - 1, -(2**31)])
@pytest.mark.parametrize("side", ["in", "out"])
def test_bad_index_touches_nothing(make_buffer: MakeBuffer, index: int, side: str) -> None:
    """An index outside the ring is an error, and mutex and permits are as before it."""
    buffer = make_buffer(5)
    ring = join(buffer)
    assert ring.put(7)
    spoil(buffer, side, index)
    operation: Callable[[], object] = (lambda: ring.put(1)) if side == "in" else ring.get
    with pytest.raises(BadIndexError, match=f"{side} is {index}"):
        operation()
    assert values(ring) == (1, 4, 1)


def spoil(buffer: OwnedBuffer, side: str, index: int) -> None:
    """Write a value into ``in`` or ``out``, as a broken program would."""
    mapping = map_segment(buffer.name)
    at = index_offsets(buffer.layout)[side == "out"]
    mapping[at : at + 4] = index.to_bytes(4, "little", signed=True)
    mapping.close()
