"""Layouts of rings built in less usual ways, for the list that a user picks from. Pure.

Indices of one and two bytes; a ``pthread_mutex_t`` for a lock, or one that nothing shows; fields
in cache lines and pages of their own; a magic number, statistics or padding around them; and,
where no semaphore can be recognised, structs with their three parts in any order. They are so
many that none is ever taken for sure; nor do they speak against one of the usual that is.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, permutations, product
from typing import Final

from shmtui.layouts.guesses import (
    RING,
    Look,
    State,
    gaps_between,
    in_turns,
    item_of,
    named_orders,
    possible,
    rings,
    state_of,
    zeros,
)
from shmtui.layouts.plainness import unexplained_permits
from shmtui.layouts.signatures import LOCK_TO_MARK, locks, signatures
from shmtui.shm.layout import LOCK_SIZE, SEM_ALIGNMENT, SEM_SIZE, Layout, aligned
from shmtui.shm.libc import Libc
from shmtui.shm.protocol import SemaphoreRole

MAX_ODD: Final = 6_000
_MOST_PLACES: Final = 90_000
"""So many are looked at, over all rings: what takes longer than a second is not worth a list."""
_CODES: Final = ("i", "q", "h", "b")
_ITEM_SIZES: Final = (4, 8, 1, 2, 16, 12, 24, 32, 40, 48, 64)
_LEADS: Final = (0, 4, 8, 16, 1)
"""Bytes of members of no role before the first field that plays one."""
_LINES: Final = (64, 128, 4096)
"""Fields are kept apart by these alignments: cache lines, pairs of them, pages."""
_WORD: Final = 8
"""Bytes of the widest scalar."""
_PADDING: Final = 16
"""Behind items of another size no more than this is left over."""
_MOST_RINGS: Final = 16
_PARTS: Final = ("data", "indices", "semaphores")
_WIDEST: Final = 128


@dataclass(frozen=True, slots=True)
class _Hypothesis:
    """Which of the recognised semaphores and locks are one ring's."""

    mutex: int | None
    empty: int | None
    full: int | None
    lock: int | None = None
    names: tuple[tuple[SemaphoreRole, str], ...] = ()

    @property
    def spans(self) -> list[tuple[int, int]]:
        """(offset, size) of each that lies in the segment."""
        found = [(at, SEM_SIZE) for at in (self.mutex, self.empty, self.full) if at is not None]
        return found if self.lock is None else [*found, (self.lock, LOCK_SIZE)]


def odd_candidates(look: Look, libc: Libc, takers: int) -> Iterator[Layout]:
    """Layouts of the less usual rings that the indices and semaphores of ``look`` allow."""
    raw = look.raw
    if not look.named and not signatures(raw, libc):
        for layout in _structs(raw, libc):
            if possible(layout.slots, state_of(layout, look), takers):
                yield layout
        return
    found = [ring for ring in _hypotheses(look, libc) if _sound(ring, look, libc)]
    most = _MOST_PLACES // max(len(found), 1)
    yield from in_turns(*(_ring(ring, look, libc, takers, most) for ring in found))


# -- which semaphores ---------------------------------------------------------------------------


def _hypotheses(look: Look, libc: Libc) -> Iterator[_Hypothesis]:
    if len(look.named) == RING:
        for named in named_orders(look.named):
            roles = zip(SemaphoreRole, named, strict=True)
            names = tuple((role, name) for role, (name, _words) in roles)
            yield _Hypothesis(None, None, None, names=names)
        return
    found = signatures(look.raw, libc)[: RING * _MOST_RINGS]
    for mutex, empty, full in rings(found):
        yield _Hypothesis(mutex, empty, full)
    possible_locks = locks(look.raw, libc)
    if len(found) % RING == 0:
        # One of three is the end of a lock's bytes.
        for first in range(0, len(found), RING):
            three = found[first : first + RING]
            for mark in three:
                if mark - LOCK_TO_MARK in possible_locks:
                    pair = tuple(at for at in three if at != mark)
                    yield from _pairs(pair, (mark - LOCK_TO_MARK,))
    if len(found) % 2 == 0:
        for first in range(0, len(found), 2):
            yield from _pairs(found[first : first + 2], possible_locks)


def _pairs(pair: tuple[int, ...], possible_locks: tuple[int, ...]) -> Iterator[_Hypothesis]:
    """Both orders of empty and full, with the lock next to them where there is one."""
    beside = [
        at
        for at in possible_locks
        if all(at + LOCK_SIZE <= other or other + SEM_SIZE <= at for other in pair)
    ]
    lock = min(beside, key=lambda at: abs(at - pair[0]), default=None)
    for empty, full in permutations(pair):
        yield _Hypothesis(None, empty, full, lock)


# -- where indices and data are -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Place:
    """Two indices of one type, and the data."""

    low: int
    high: int
    code: str
    data: int
    item: int
    """Bytes of an item."""


def _layout(
    ring: _Hypothesis, slots: int, place: _Place, in_: int, out: int, size: int, libc: Libc
) -> Layout:
    return Layout(
        slots, item_of(place.item), place.data, in_, out, ring.mutex, ring.empty, ring.full,
        size, libc, place.code, ring.names, ring.lock,
    )  # fmt: skip


def _state(ring: _Hypothesis, look: Look, libc: Libc) -> State:
    """What the ring's semaphores say; its indices are nowhere yet."""
    return state_of(_layout(ring, 1, _Place(0, 0, "i", 0, 1), 0, 0, len(look.raw), libc), look)


def _sound(ring: _Hypothesis, look: Look, libc: Libc) -> bool:
    """Whether these can be the semaphores of a ring, and one that fits the segment."""
    state = _state(ring, look, libc)
    return state.mutex.value <= 1 and state.empty.value + state.full.value <= len(look.raw)


def _ring(ring: _Hypothesis, look: Look, libc: Libc, takers: int, most: int) -> Iterator[Layout]:
    """Layouts of one ring that its values allow, of the first ``most`` places for its fields."""
    size, state = len(look.raw), _state(ring, look, libc)
    total = state.empty.value + state.full.value

    def layout(slots: int, place: _Place, in_: int, out: int) -> Layout:
        return _layout(ring, slots, place, in_, out, size, libc)

    marks = [at for at in signatures(look.raw, libc) if at - LOCK_TO_MARK != ring.lock]
    gaps = list(gaps_between(size, [*ring.spans, *((at, SEM_SIZE) for at in marks)]))
    if len(marks) > RING:
        # One of several: its indices and its data are next to its semaphores.
        edges = {edge for at, length in ring.spans for edge in (at, at + length)}
        gaps = [gap for gap in gaps if edges & set(gap)]
    allowed: dict[tuple[int, int, int, str], tuple[bool, bool]] = {}
    later: list[tuple[int, _Place, int, int]] = []
    counts = range(max(total, 1), total + takers + 1)
    likely = sorted(counts, key=lambda slots: unexplained_permits(slots, state))
    tries = ((slots, place) for slots in likely for place in _places(gaps, slots))
    for slots, place in islice(tries, most):
        for in_, out in ((place.low, place.high), (place.high, place.low)):
            key = (slots, in_, out, place.code)
            known = allowed.get(key)
            if known is None:
                bare = layout(slots, _Place(0, 0, place.code, 0, 1), in_, out)
                known = allowed[key] = (
                    possible(slots, state_of(bare, look), takers),
                    zeros(look.raw, in_, out, place.code),
                )
            if known == (True, True):
                later.append((slots, place, in_, out))
            elif known == (True, False):
                yield layout(slots, place, in_, out)
    # Zeros are everywhere: two words that are none are likelier to be indices.
    yield from (layout(*each) for each in later)


def _places(gaps: list[tuple[int, int]], slots: int) -> Iterator[_Place]:
    """Indices before the data or behind them, in one gap between semaphores or in two; those
    with the least between them early.
    """
    ways: list[Iterator[_Place]] = []
    for code in _CODES:
        for gap in gaps:
            ways += [_indices_first(*gap, slots, code), _data_first(*gap, slots, code)]
        ways += [_in_two(one, other, slots, code) for one, other in permutations(gaps, 2)]
        ways += [_from_the_end(*gap, slots, code) for gap in gaps]
    yield from in_turns(*ways)


def _indices_first(start: int, end: int, slots: int, code: str) -> Iterator[_Place]:
    width = struct.calcsize("=" + code)
    for low, high in _indices(_starts(start, width), width, end):
        for data, item in _data(_starts(high + width, 1), slots, end):
            yield _Place(low, high, code, data, item)


def _data_first(start: int, end: int, slots: int, code: str) -> Iterator[_Place]:
    width = struct.calcsize("=" + code)
    for data, item in _data(_starts(start, 1), slots, end - 2 * width):
        behind = data + slots * item
        lows = [aligned(behind, width), *(aligned(behind, line) for line in _LINES[:2])]
        for low, high in _indices(lows, width, end):
            yield _Place(low, high, code, data, item)


def _in_two(
    one: tuple[int, int], other: tuple[int, int], slots: int, code: str
) -> Iterator[_Place]:
    """Indices at the start or at the end of one gap, data in the other."""
    (start, end), width = one, struct.calcsize("=" + code)
    last = (end - back - 2 * width for back in (0, 4, 8, 16))
    lows = [*_starts(start, width), *(at for at in last if at >= start and at % width == 0)]
    for low, high in _indices(lows, width, end):
        for data, item in _data(_starts(other[0], 1), slots, other[1]):
            yield _Place(low, high, code, data, item)


def _from_the_end(start: int, end: int, slots: int, code: str) -> Iterator[_Place]:
    """Indices and data, in both orders, behind members of no role and with nothing but padding
    behind them.
    """
    width = struct.calcsize("=" + code)
    for item in _ITEM_SIZES:
        data_width = min(item & -item, 8)
        for slack in range(0, 8, min(width, data_width)):
            data = end - slack - slots * item
            low = (data - 2 * width) // width * width
            if data % data_width == 0 and low >= start:
                yield _Place(low, low + width, code, data, item)
            low = end - slack - 2 * width
            data = (low - slots * item) // data_width * data_width
            if low % width == 0 and data >= start:
                yield _Place(low, low + width, code, data, item)


def _indices(lows: Iterable[int], width: int, end: int) -> Iterator[tuple[int, int]]:
    """Two indices side by side, or from a line's start on in lines of their own."""
    for low in dict.fromkeys(lows):
        if low + 2 * width <= end:
            yield low, low + width
        if low % _LINES[0] == 0:
            yield from ((low, low + line) for line in _LINES if low + line + width <= end)


def _starts(start: int, alignment: int) -> list[int]:
    """Where the first field behind ``start`` may begin: there, on a line, behind other members."""
    lines = [aligned(start + 1, line) for line in _LINES]
    near = [aligned(start + lead, alignment) for lead in _LEADS]
    return list(dict.fromkeys([near[0], *lines, *near]))


def _data(starts: list[int], slots: int, end: int) -> Iterator[tuple[int, int]]:
    """(offset, item size) of data that begin at one of ``starts``: items of the sizes that scalars
    and a few whole words have; and of any size that leaves little over.
    """
    for data in starts:
        most = (end - data) // slots
        least = max((end - data - _PADDING) // slots, most - 8, 1)
        usual = [s for s in _ITEM_SIZES if s <= most]
        for item in dict.fromkeys([*usual, *range(most, least - 1, -1)] if most > 0 else ()):
            # Text lies at any address; of what else is wide nobody knows what it is made of.
            if item > _WORD or data % min(item & -item, 8) == 0:
                yield data, item


# -- where no semaphore can be recognised -------------------------------------------------------


def _structs(raw: bytes, libc: Libc) -> Iterator[Layout]:
    """Structs of that very size out of data, indices and semaphores, in any order of the three;
    of items wider than a scalar where there is a value that could speak against some.
    """
    size, wide = len(raw), range(12, _WIDEST + 1, 4) if any(raw) else ()
    kinds = [*product(_CODES, (4, 8, 1, 2)), *product(_CODES[:2], wide)]
    for parts, (code, item_size) in product(permutations(_PARTS), kinds):
        room = size - RING * SEM_SIZE - 2 * struct.calcsize("=" + code)
        for slots in range(max(1, (room - 2 * _WORD) // item_size), room // item_size + 1):
            yield from _struct(slots, item_size, code, size, libc, parts)


def _struct(
    slots: int, item_size: int, code: str, size: int, libc: Libc, parts: tuple[str, ...]
) -> Iterator[Layout]:
    width = struct.calcsize("=" + code)
    alignment = SEM_ALIGNMENT[libc]
    room = {
        "data": (min(item_size & -item_size, _WORD), slots * item_size),
        "indices": (width, 2 * width),
        "semaphores": (alignment, RING * SEM_SIZE),
    }
    at, end = {}, 0
    for part in parts:
        align, length = room[part]
        at[part] = aligned(end, align)
        end = at[part] + length
    if aligned(end, max(align for align, _length in room.values())) != size:
        return
    item = item_of(item_size)
    low, base = at["indices"], at["semaphores"]
    for order in permutations(range(RING)):
        mutex, empty, full = (base + SEM_SIZE * place for place in order)
        for in_, out in ((low, low + width), (low + width, low)):
            yield Layout(slots, item, at["data"], in_, out, mutex, empty, full, size, libc, code)
