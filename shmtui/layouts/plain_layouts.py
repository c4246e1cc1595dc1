"""Plain layouts of a ring by its bytes: three semaphores in a row or beside the segment, an array, and
two indices side by side around them, with nothing but padding between them. Pure.
"""

import re
import struct
from collections.abc import Iterator
from functools import cache
from itertools import combinations, islice, permutations
from typing import Final

from shmtui.layouts.ring_values import (
    MAX_WAITERS,
    Reading,
    RingValues,
    possible,
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
_RING: Final = len(SemaphoreRole)
_PADDING: Final = 8
"""Fewer bytes than this between two fields are padding."""
_SHARED: Final = re.compile(rb"\x80\0{23}")
"""What follows value and waiters in a shared semaphore of glibc."""
_MOST_TRIED: Final = 4096


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
