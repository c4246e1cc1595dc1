"""At any point a record's log and sums tell the sum and the last of exactly the items it has counted."""

import struct
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shmtui.shm.control_format import LOG_OFFSET, LOG_SIZE, MASK, RECORD_SIZE, Field
from shmtui.shm.item_log import ItemLog, half_of, last_of, sum_of
from shmtui.shm.item_shape import Record
from shmtui.shm.layout import ITEM_TYPES, ItemType
from shmtui.shm.value import Number, checksum_of

COMPOUND = ItemType("struct item", "", Record((), 72))
TYPES = (*ITEM_TYPES.values(), COMPOUND)


class Store:
    """A record, and what its worker stores into it for items, one store at a time."""

    def __init__(self, item: ItemType) -> None:
        self.raw = bytearray(RECORD_SIZE)
        view = memoryview(self.raw)
        self.words = view.cast("Q")
        self.log = ItemLog(view, self.words, item)
        self.item = item

    def enter(self, value: Number) -> Iterator[None]:
        """Count one more item; stops after each store."""
        number = self.words[Field.ITEMS] + 1
        self.log.begin(number)
        yield
        self.log.values[number % (2 * self.log.half)] = value
        yield
        self.words[Field.ITEMS] = number
        yield

    def told(self) -> tuple[int, int]:
        """The items that are counted, and their sum, as another process reads them."""
        items = self.words[Field.ITEMS]
        sums = (self.words[Field.SUMS], self.words[Field.SUMS + 1])
        assert self.log.sum() == sum_of(bytes(self.raw), items, sums, self.item)
        return items, self.log.sum()


def values_of(item: ItemType) -> st.SearchStrategy[Number]:
    """Any value of a scalar type; of a compound one any checksum."""
    if item.is_float:
        return st.floats(width=32 if item.code == "f" else 64)
    bottom, top = item.counter_range if item.code else (0, 2**32 - 1)
    return st.integers(bottom, top)


@pytest.mark.parametrize("item", TYPES, ids=lambda item: item.name)
def test_after_each_store(item: ItemType) -> None:
    """Over several batches, whatever the values are."""

    @settings(max_examples=20, deadline=None)
    @given(st.lists(values_of(item), max_size=5 * half_of(item)))
    def holds(values: list[Number]) -> None:
        store = Store(item)
        assert store.told() == (0, 0)
        for count, value in enumerate(values):
            before = sum(map(checksum_of, values[:count])) & MASK
            for _stored in store.enter(value):
                items = store.words[Field.ITEMS]
                after = (before + checksum_of(value)) & MASK if items > count else before
                assert store.told() == (items, after)
            last = last_of(bytes(store.raw), count + 1, item)
            assert last == struct.pack("=" + (item.code or "Q"), value)

    holds()


@pytest.mark.parametrize("item", TYPES, ids=lambda item: item.name)
def test_two_batches_have_room(item: ItemType) -> None:
    """The log's entries lie in the record, behind everything else; a batch is a power of two."""
    half = half_of(item)
    assert half.bit_count() == 1
    assert 2 * half * struct.calcsize("=" + (item.code or "Q")) <= LOG_SIZE
    assert LOG_OFFSET + LOG_SIZE <= 8 * Field.KEPT_FROM < RECORD_SIZE


@pytest.mark.parametrize("item", [ITEM_TYPES["int32"], ITEM_TYPES["int64"]], ids=["int32", "int64"])
def test_a_delayed_reader_sees_what_it_missed(item: ItemType) -> None:
    """Where the count was read long before the rest, the sum is the one of that count, or the word that is
    read last tells that it is not.
    """
    half, told = half_of(item), set()
    for count in range(0, 3 * half, 5):
        store = Store(item)
        for value in range(count):
            for _stored in store.enter(value):
                pass
        for value in range(count, count + 3 * half):
            for _stored in store.enter(value):
                sums = (store.words[Field.SUMS], store.words[Field.SUMS + 1])
                total = sum_of(bytes(store.raw), count, sums, item)
                right = total == count * (count - 1) // 2
                kept = store.words[Field.KEPT_FROM] <= count
                told.add((right, kept))
                assert right or not kept
    assert (True, True) in told
    assert (False, False) in told


@given(st.binary(min_size=RECORD_SIZE, max_size=RECORD_SIZE), st.integers(0, MASK))
def test_any_bytes_give_some_sum(raw: bytes, items: int) -> None:
    """A damaged record is read without an error, for any count."""
    for item in TYPES:
        assert 0 <= sum_of(raw, items, (MASK, MASK), item) <= MASK
        assert len(last_of(raw, items, item)) == struct.calcsize("=" + (item.code or "Q"))
