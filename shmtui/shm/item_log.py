"""The log of a worker's record: the values of its last items, of which the sum of all is made.

A store into shared memory is most of what telemetry costs a worker. So an item is one store here, where a
sum and a last item would be two stores and an addition; a batch of items is summed up at once, in C.

Item number n, counted from 1, is entry n modulo the log's length. Half the log is a batch: item n belongs to
batch n // half. Of two words the one that has the batch's parity holds the sum of all items before that
batch. So, once an item is counted, nothing that makes its sum is written over before the next but one batch:
a worker that dies at any point leaves the sum of exactly the items that it has counted. Before it writes over
a batch it stores from which item on all is kept: who reads a record while its worker runs, and was delayed for
that long in the middle of it, sees by that word that it has to read again.
"""

import struct
from typing import Any, Final

from shmtui.shm.control_format import LOG_OFFSET, LOG_SIZE, MASK, Field
from shmtui.shm.layout import ItemType
from shmtui.shm.value import Number, checksum_of

MOST: Final = 32
"""Items in a batch, at the most: beyond it the rest of an item costs a hundred times what is saved."""


def code_of(item: ItemType) -> str:
    """The letter of an entry in :mod:`struct`: the item's own; of a compound one that of its checksum."""
    return item.code or "Q"


def half_of(item: ItemType) -> int:
    """How many items of that type make a batch: a power of two."""
    return min(MOST, LOG_SIZE // 2 // struct.calcsize("=" + code_of(item)))


def sum_of(raw: bytes, items: int, sums: tuple[int, int], item: ItemType) -> int:
    """The sum of all ``items`` of the record ``raw``, modulo 2**64; ``sums`` are its two words."""
    code, half = code_of(item), half_of(item)
    first = items // half * half
    at = LOG_OFFSET + first % (2 * half) * struct.calcsize("=" + code)
    values = struct.unpack_from(f"={items - first + 1}{code}", raw, at)
    return (sums[items // half & 1] + _total(values, item)) & MASK


def last_of(raw: bytes, items: int, item: ItemType) -> bytes:
    """The last item of the record ``raw``, as its worker holds it in the log."""
    size = struct.calcsize("=" + code_of(item))
    at = LOG_OFFSET + items % (2 * half_of(item)) * size
    return raw[at : at + size]


def _total(values: "tuple[Number, ...] | memoryview[Any]", item: ItemType) -> int:
    return sum(map(checksum_of, values) if item.is_float else values)


class ItemLog:
    """The log of a mapped record, as its worker writes it."""

    __slots__ = ("_item", "_words", "half", "values")

    def __init__(self, raw: memoryview, words: "memoryview[int]", item: ItemType) -> None:
        """``raw`` and ``words`` are the record."""
        self._words = words
        self._item = item
        self.half = half_of(item)
        """Items in a batch."""
        self.values: memoryview[Any] = raw[LOG_OFFSET : LOG_OFFSET + LOG_SIZE].cast(code_of(item))  # type: ignore[call-overload]
        """The entries; those from 2 * half on are not used."""

    def sum(self) -> int:
        """The sum of all items that are counted, modulo 2**64."""
        items = self._words[Field.ITEMS]
        first = items // self.half * self.half
        at = first % (2 * self.half)
        values = self.values[at : at + items - first + 1]
        return (
            self._words[Field.SUMS + (first // self.half & 1)] + _total(values, self._item)
        ) & MASK

    def begin(self, number: int) -> None:
        """To be called before item ``number`` is entered: where it begins a batch, sum up those before."""
        if not number % self.half:
            self._words[Field.KEPT_FROM] = number - self.half
            self._words[Field.SUMS + (number // self.half & 1)] = self.sum()
