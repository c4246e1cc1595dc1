"""Reading a ring's layout from the bytes alone: a few plain readings, none of them certain. Pure.

Each reading of the segment drops the plain layouts that it contradicts. What is left is offered,
the exercise's own shape first. One alone is taken as likely, if it was seen to move or to hold
items. Plain is a ring with three semaphores in a row or beside the segment, an array, and two
indices side by side around them, with nothing but padding between them.
"""

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, islice, permutations
from typing import Final

from shmtui.layouts.role_evidence import (
    MAX_WAITERS,
    Reading,
    RingValues,
    possible,
    slots_changed,
    slots_passed,
    values_of,
    written,
)
from shmtui.layouts.vocabulary import roles_by_name
from shmtui.shm.item_shape import Bytes
from shmtui.shm.layout import ITEM_TYPES, SEM_ALIGNMENT, SEM_SIZE, ItemType, Layout, aligned
from shmtui.shm.libc import Libc
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.semaphore import SemaphoreWords, decode

MAX_SIZE: Final = 1 << 20
"""Layouts of segments past this size, in bytes, are not inferred."""
MAX_CANDIDATES: Final = 8
VISITS: Final = 12
"""Readings a slot, after which one that ``in`` was never seen at does not exist: e^-12."""
_MOST_TAKERS: Final = 64
_RING: Final = len(SemaphoreRole)
_PADDING: Final = 8
"""Fewer bytes than this between two fields are padding."""
_SHARED: Final = re.compile(rb"\x80\0{23}")
"""What follows value and waiters in a shared semaphore of glibc."""
_MOST_TRIED: Final = 4096


@dataclass(frozen=True, slots=True)
class Inference:
    """The layouts that the readings leave, the plainest first."""

    candidates: tuple[Layout, ...]
    layout: Layout | None = None
    """The only one that is left, where the readings could have contradicted it."""


class Elimination:
    """The plain layouts that no reading so far contradicts.

    ``takers``: how many threads map the segment; each can have one permit in hand. ``names``:
    the roles of named semaphores, where they are known.
    """

    def __init__(
        self,
        first: Reading,
        libc: Libc,
        takers: int,
        names: tuple[tuple[SemaphoreRole, str], ...] = (),
    ) -> None:
        self._takers = min(takers, _MOST_TAKERS)
        self._readings = [first]
        self._left: list[Layout] = []
        if 0 < len(first.raw) <= MAX_SIZE:
            tried = plain_layouts(first, libc, self._takers)
            self._left = [c for c in dict.fromkeys(tried) if not names or c.names == names]

    def add(self, reading: Reading) -> None:
        """Drop what ``reading``, after those before it, contradicts."""
        last = self._readings[-1]
        if len(reading.raw) != len(last.raw):
            self._left = []
            return
        self._readings.append(reading)
        self._left = [
            layout
            for layout in self._left
            if fits(layout, reading, self._takers) and _change_explained(layout, last, reading)
        ]

    def _visited(self, layout: Layout) -> bool:
        """Whether ``in`` was seen at the last slot, if it would have been by now.

        A ring taken for one slot too many never shows ``in`` there. Readings fall anywhere in a
        lap, so that the chance of missing one of N slots in n of them is about e^(-n/N).
        """
        if len(self._readings) < VISITS * layout.slots:
            return True
        seen = {values_of(layout, reading).in_ for reading in self._readings}
        return len(seen) < layout.slots // 2 or layout.slots - 1 in seen

    @property
    def settled(self) -> bool:
        """Whether more readings can tell nothing more."""
        return not self._left or (len(self._readings) > 1 and self.result.layout is not None)

    @property
    def result(self) -> Inference:
        """What is left."""
        left = [layout for layout in self._left if self._visited(layout)]
        left.sort(key=lambda layout: plainness(layout, values_of(layout, self._readings[-1])))
        sole = left[0] if len(left) == 1 and _telling(left[0], self._readings) else None
        return Inference(tuple(left[:MAX_CANDIDATES]), sole)


def _change_explained(layout: Layout, before: Reading, after: Reading) -> bool:
    """Whether between two readings only slots changed that ``in`` passed over.

    One more may be half written. Where more changed than ``in`` moved, the ring went round
    unseen, and every slot may have.
    """
    old, new = values_of(layout, before).in_, values_of(layout, after).in_
    changed, allowed = slots_changed(layout, before, after), slots_passed(layout.slots, old, new)
    return not allowed or changed <= allowed or len(changed) > len(allowed)


def _telling(layout: Layout, readings: Sequence[Reading]) -> bool:
    """Whether the readings could have contradicted: initialised, seen moving or part full, and most
    of the slots that the indices went by hold something.
    """
    states = [values_of(layout, reading) for reading in readings]
    if any(sum(state.permits) == 0 for state in states):
        return False
    if not any(mutex.value == 1 or mutex.waiters for s in states if (mutex := s.mutex)):
        return False
    used = {
        slot: any(reading.at(layout.data + slot * layout.item.size, layout.item.size))
        for reading, state in zip(readings, states, strict=True)
        for slot in _written_slots(layout, state)
    }
    return 2 * sum(used.values()) > len(used)


def _written_slots(layout: Layout, values: RingValues) -> Iterator[int]:
    """The slots that a producer has written by what the indices say: the one before ``in``, where
    anything was put in, and those from ``out`` on.
    """
    if values.in_ is None or values.out is None:
        return
    full = (values.in_ - values.out) % layout.slots
    yield from ((values.out + step) % layout.slots for step in range(full))
    if values.in_ or values.out:
        yield (values.in_ - 1) % layout.slots


# -- plain layouts ----------------------------------------------------------------------------------


def signatures(raw: bytes, libc: Libc) -> tuple[int, ...]:
    """Offsets of what can only be initialised, shared semaphores of glibc.

    Their third word is 0x80. In musl's it is 0, which says nothing.
    """
    if libc is not Libc.GLIBC:
        return ()
    found = []
    for match in _SHARED.finditer(raw):
        at = match.start() - 8
        if at < 0 or at % 8:
            continue
        words = decode(raw[at : at + SEM_SIZE], libc)
        if words.value < 2**31 and words.waiters < MAX_WAITERS:
            found.append(at)
    return tuple(found)


def plain_layouts(reading: Reading, libc: Libc, takers: int) -> Iterator[Layout]:
    """The plain layouts that the values of ``reading`` allow."""
    for layout in islice(_all_plain(reading, libc, takers), _MOST_TRIED):
        if fits(layout, reading, takers):
            yield layout


def fits(layout: Layout, reading: Reading, takers: int) -> bool:
    """Whether the reading can be one of a ring of the layout, whose padding is clear."""
    return (
        possible(layout, values_of(layout, reading), takers)
        and not any(any(reading.raw[a:b]) for a, b in _gaps(len(reading.raw), layout.spans))
        and written(layout, reading)
    )


def _all_plain(reading: Reading, libc: Libc, takers: int) -> Iterator[Layout]:
    raw = reading.raw
    found = signatures(raw, libc)
    if len(reading.named) == _RING:
        for names in _orders(reading.named):
            yield from _with_fields(raw, libc, takers, names, dict(reading.named))
    elif len(found) == _RING:
        for offsets in permutations(found):
            yield from _with_fields(raw, libc, takers, offsets, {})
    elif not found:
        # Semaphores of musl, or that nobody initialised: a struct of that size, nothing behind it.
        for base in _bases(len(raw), libc):
            row = [base + SEM_SIZE * place for place in range(_RING)]
            zeros = not any(raw[base : base + _RING * SEM_SIZE])
            if (zeros and any(raw)) or any(any(raw[at + 8 : at + SEM_SIZE]) for at in row):
                continue  # Zeros beside other content are no semaphores; nor are other words.
            for offsets in permutations(row):
                yield from _with_fields(raw, libc, takers, offsets, {})


def _bases(size: int, libc: Libc) -> tuple[int, ...]:
    """Where three semaphores in a row may start, in a struct that has them first or last."""
    alignment = SEM_ALIGNMENT[libc]
    last = (size - _RING * SEM_SIZE) // alignment * alignment
    return tuple(sorted({0, last})) if last >= 0 else ()


def _orders(named: tuple[tuple[str, SemaphoreWords], ...]) -> Iterator[tuple[str, ...]]:
    """The names as mutex, empty and full: as they say, else in every order."""
    names = sorted(dict(named))
    told = dict(roles_by_name(names))
    if len(set(told.values())) == _RING:
        yield tuple(told[role] for role in SemaphoreRole)
    else:
        yield from permutations(names)


def _with_fields(
    raw: bytes,
    libc: Libc,
    takers: int,
    semaphores: tuple[int, ...] | tuple[str, ...],
    named: dict[str, SemaphoreWords],
) -> Iterator[Layout]:
    """Layouts around known semaphores, given as mutex, empty and full, by offset or by name."""
    at = [place if isinstance(place, int) else None for place in semaphores]
    spans = [(place, SEM_SIZE) for place in at if place is not None]
    mutex, empty, full = (
        named[place].value
        if isinstance(place, str)
        else decode(raw[place : place + SEM_SIZE], libc).value
        for place in semaphores
    )
    total = empty + full
    if mutex > 1 or total > len(raw):
        return
    names = tuple(zip(SemaphoreRole, map(str, semaphores), strict=True)) if named else ()
    # Where nobody initialised the semaphores, they say nothing of the number of slots.
    counts = range(max(total, 1), total + takers + 1) if mutex + total else None
    for data, slots, size, low, code in _fields(list(_gaps(len(raw), spans)), counts):
        width = struct.calcsize("=" + code)
        for in_, out in ((low, low + width), (low + width, low)):
            yield Layout(
                slots, item_of(size), data, in_, out, at[0], at[1], at[2], len(raw), libc, code,
                names,
            )  # fmt: skip


def _fields(
    gaps: list[tuple[int, int]], counts: range | None
) -> Iterator[tuple[int, int, int, int, str]]:
    """(data, slots, item size, first index, index type) of all that fill the gaps: in one gap,
    data or indices first, or in a gap each.
    """
    wide = [(start, end) for start, end in gaps if end - start >= _PADDING]
    for code in ("i", "q"):
        width = struct.calcsize("=" + code)
        if len(wide) == 1:
            ((start, end),) = wide
            room = end - start - 2 * width
            for slots, size in _arrays(room, counts):
                low = aligned(start + slots * size, width)
                if 0 <= end - (low + 2 * width) < _PADDING:
                    yield start, slots, size, low, code
                low = aligned(start, width)
                data = aligned(low + 2 * width, min(size & -size, 8))
                if 0 <= end - (data + slots * size) < _PADDING:
                    yield data, slots, size, low, code
        elif len(wide) == 2:
            for (low, low_end), (data, end) in permutations(wide):
                if 0 <= low_end - low - 2 * width < _PADDING:
                    for slots, size in _arrays(end - data, counts):
                        yield data, slots, size, low, code


def _arrays(room: int, counts: range | None) -> Iterator[tuple[int, int]]:
    """(slots, item size) of the arrays that fill ``room`` bytes but for padding."""

    def filling(each: int) -> range:
        """How many of ``each`` bytes fill the room."""
        return range(max((room - _PADDING) // each + 1, 1), room // each + 1)

    if counts is None:
        return ((slots, size) for size in (4, 8) for slots in filling(size))
    sizes = ((slots, size) for slots in counts for size in filling(slots))
    return ((slots, size) for slots, size in sizes if size == 1 or size % 2 == 0)


def _gaps(size: int, taken: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The stretches (start, end) of ``size`` bytes that none of the (start, length) covers.

    >>> list(_gaps(10, [(4, 2), (0, 3)]))
    [(3, 4), (6, 10)]
    """
    at = 0
    for start, length in [*sorted(taken), (size, 0)]:
        if start > at:
            yield at, start
        at = max(at, start + length)


@cache
def item_of(size: int) -> ItemType:
    """An item known by its size alone: an integer where there is one that wide, else bytes."""
    other = ItemType(f"byte[{size}]", "", Bytes(size))
    return next((known for known in ITEM_TYPES.values() if known.size == size), other)


def plainness(layout: Layout, values: RingValues) -> tuple[int, ...]:
    """Sorts the exercise's shape first: int items, then the order data, in, out, mutex, empty,
    full, then few permits that are in nobody's hand.
    """
    size = layout.item.size
    order = [layout.data, layout.in_ or 0, layout.out or 0]
    order += [at for at in (layout.mutex, layout.empty, layout.full) if at is not None]
    disorder = sum(a > b for a, b in combinations(order, 2))
    odd_item = 0 if size == 4 else 1 if size in {1, 2, 8} else 2 if size % 4 == 0 else 4
    in_hand = layout.slots - sum(values.permits)
    mutex = values.mutex
    waiting = 0 if mutex is None else mutex.waiters + (mutex.value == 0)
    unexplained = abs(in_hand - waiting) if any(values.permits) else 0
    wide = layout.index_size != 4
    return (disorder + odd_item + wide + unexplained, odd_item, disorder, layout.slots, *order)
