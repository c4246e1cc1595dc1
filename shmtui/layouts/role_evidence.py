"""What the values of a ring say about its layout: which readings they allow. Pure.

With N slots, k items and the standard protocol (take a permit, move the index, post the other
permit), ``full <= k <= N - empty`` holds at every moment: each permit of ``full`` is an item that
nobody has claimed, and each of ``empty`` a free slot that nobody has claimed. k is
``(in - out) mod N``, so the reading that swaps ``in`` and ``out`` has ``N - k`` items, and one of
both is soon contradicted. A ring that is empty or full says nothing: ``in == out`` either way.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from shmtui.shm.layout import MUTEX_SIZE, SEM_SIZE, Layout, counted_on
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.semaphore import SemaphoreWords, decode
from shmtui.shm.sync_object import SyncKind, decode_sync

MAX_WAITERS: Final = 4096
"""More threads than this wait for no semaphore: the word is something else."""
_LAST: Final = (("in",), ("out",), ("in", "out"))
STATES: Final = 3
"""So many different states have to fit another reading before a name is doubted for it."""
_FAR: Final = 4
"""How many times as much a direction has to be missed as the other one, to be dropped."""
_ORDERS: Final = ((2, 1, 0), (1, 0, 2), (0, 2, 1), (1, 2, 0), (2, 0, 1))
"""The other orders of mutex, empty and full, those that exchange two of them first."""
_NO_PERMITS: Final = SemaphoreWords(0, 0, shared=True)


@dataclass(frozen=True, slots=True)
class Reading:
    """Bytes of a segment as read at one moment, and the words of the named semaphores used
    with it.
    """

    parts: tuple[tuple[int, bytes], ...]
    """(offset, bytes), in the order of their offsets."""
    named: tuple[tuple[str, SemaphoreWords], ...] = ()
    indices: bytes = b""
    """The segment that holds the indices, where that is another one."""

    @classmethod
    def whole(cls, raw: bytes, named: tuple[tuple[str, SemaphoreWords], ...] = ()) -> "Reading":
        """A reading of all bytes."""
        return cls(((0, raw),), named)

    @property
    def raw(self) -> bytes:
        """The first stretch: all bytes, where the whole segment was read."""
        return self.parts[0][1]

    def at(self, offset: int, size: int) -> bytes:
        """``size`` bytes at ``offset``; fewer where they were not read."""
        for start, raw in self.parts:
            if start <= offset < start + len(raw):
                return raw[offset - start : offset - start + size]
        return b""


@dataclass(frozen=True, slots=True)
class RingValues:
    """Indices and semaphores of a ring, as one layout reads them."""

    in_: int | None
    """The slot that is written next, as stored; None where no index is known."""
    out: int | None
    mutex: SemaphoreWords | None
    """None where it is not known."""
    empty: SemaphoreWords | None
    """None where the ring has no such semaphore."""
    full: SemaphoreWords | None

    @property
    def permits(self) -> tuple[int, int]:
        """The values of ``empty`` and ``full``; 0 where there is no such semaphore."""
        return (self.empty or _NO_PERMITS).value, (self.full or _NO_PERMITS).value


def values_of(layout: Layout, reading: Reading) -> RingValues:
    """The values where ``layout`` has them; what was not read counts as absent."""
    words = {role: semaphore_words(layout, role, reading) for role in SemaphoreRole}
    mutex = words[SemaphoreRole.MUTEX]
    if mutex is None:
        raw = b"" if layout.lock is None else reading.at(layout.lock, MUTEX_SIZE)
        free = decode_sync(SyncKind.MUTEX, raw, layout.libc).value
        mutex = SemaphoreWords(1 if free is None else free, 0, shared=True)
    return RingValues(
        index_of(layout, "in", reading),
        index_of(layout, "out", reading),
        mutex,
        words[SemaphoreRole.EMPTY],
        words[SemaphoreRole.FULL],
    )


def semaphore_words(layout: Layout, role: SemaphoreRole, reading: Reading) -> SemaphoreWords | None:
    """The words of a semaphore; None where it is not known, or was not read."""
    at, name = layout.semaphore_offset(role), layout.semaphore_name(role)
    if at is None:
        return None if name is None else dict(reading.named).get(name)
    raw = reading.at(at, SEM_SIZE)
    return decode(raw, layout.libc) if len(raw) == SEM_SIZE else None


def index_of(layout: Layout, role: str, reading: Reading) -> int | None:
    """``in`` or ``out`` as stored; the slot behind it where it holds the slot that was used last."""
    offset = layout.in_ if role == "in" else layout.out
    if offset is None:
        return None
    size = layout.index_size
    raw = reading.indices[offset : offset + size] if layout.index_segment else None
    raw = reading.at(offset, size) if raw is None else raw
    if len(raw) < size:
        return None
    index: int = struct.unpack("=" + layout.index_code, raw)[0]
    if role in layout.last:
        return 0 if index + 1 == layout.slots else index + 1
    return index


def count_of(layout: Layout, reading: Reading) -> int | None:
    """The program's own count of full slots; None where it keeps none that is known."""
    if layout.count is None:
        return None
    offset, code = layout.count
    raw = reading.at(offset, struct.calcsize("=" + code))
    return int(struct.unpack("=" + code, raw)[0]) if raw else None


def items_between(layout: Layout, values: RingValues) -> frozenset[int] | None:
    """How many items the indices allow: two numbers where ``in == out``. None: an index is unknown.

    Empty: an index stands for no slot.
    """
    in_, out, slots = values.in_, values.out, layout.slots
    if in_ is None or out is None:
        return None
    if 0 <= in_ < slots and 0 <= out < slots:
        items = (in_ - out) % slots
        return frozenset({items, items or slots})
    if counted_on(slots, in_, out, None, None, layout.index_size) is None:
        return frozenset()
    span: int = 2 ** (8 * layout.index_size)
    return frozenset({(in_ - out + span // 2) % span - span // 2})


def excess(layout: Layout, values: RingValues) -> int:
    """By how many items ``full <= k <= N - empty`` is missed; 0: it holds, or nothing is known.

    More than N where an index stands for no slot.
    """
    found = items_between(layout, values)
    if found is None:
        return 0
    empty, full = values.permits
    most = layout.slots - empty
    return min((max(full - k, k - most, 0) for k in found), default=2 * layout.slots + 1)


def possible(layout: Layout, values: RingValues, takers: int) -> bool:
    """Whether a ring of the layout can be in that state, each of ``takers`` threads with one
    permit in hand at most.

    >>> from shmtui.shm.layout import ITEM_TYPES, seed_layout
    >>> from shmtui.shm.libc import Libc
    >>> seed = seed_layout(5, ITEM_TYPES["int32"], Libc.GLIBC)
    >>> def state(in_, out, *values):
    ...     return RingValues(in_, out, *(SemaphoreWords(v, 0, shared=True) for v in values))
    >>> possible(seed, state(3, 1, 1, 3, 2), 0), possible(seed, state(1, 3, 1, 3, 2), 0)
    (True, False)
    """
    empty, full = values.permits
    mutex = values.mutex or _NO_PERMITS
    words = [word for word in (mutex, values.empty, values.full) if word is not None]
    if mutex.value > 1 or any(word.waiters >= MAX_WAITERS for word in words):
        return False
    if items_between(layout, values) == frozenset():
        return False
    if values.empty is None or values.full is None:
        return excess(layout, values) == 0
    if mutex.value == empty == full == 0 and not values.in_ and not values.out:
        return True  # Never initialised: no value contradicts, and none confirms.
    return 0 <= layout.slots - empty - full <= takers and excess(layout, values) == 0


def written(layout: Layout, reading: Reading) -> bool:
    """Whether no full slot is all zeros while a free one is not: the full ones were never
    written, and others were. True where the slots were not read, or the items are not known.
    """
    values = values_of(layout, reading)
    items = items_between(layout, values)
    if values.out is None or not items or len(items) > 1:
        return True
    (count,) = items
    size, slots = layout.item.size, layout.slots
    data = reading.at(layout.data, slots * size)
    if len(data) < slots * size:
        return True
    full = {(values.out + step) % slots for step in range(count)}
    used = [any(data[slot * size : (slot + 1) * size]) for slot in range(slots)]
    # The first item of a program that counts from 0 is all zeros, too.
    zeros = sum(not used[slot] for slot in full)
    return zeros <= 1 or not any(used[slot] for slot in range(slots) if slot not in full)


def swapped(layout: Layout) -> Layout:
    """The same layout with ``in`` and ``out`` exchanged."""
    names = layout.index_names[::-1]
    return replace(layout, in_=layout.out, out=layout.in_, index_names=names)


def slots_changed(layout: Layout, before: Reading, after: Reading) -> set[int]:
    """The slots that differ between two readings."""
    start, size = layout.data, layout.item.size
    places = ((slot, start + slot * size) for slot in range(layout.slots))
    return {slot for slot, at in places if before.at(at, size) != after.at(at, size)}


def slots_passed(slots: int, old: int | None, new: int | None) -> set[int]:
    """The slots that an index passed over, with the one that it stands at, which may be half written;
    none where it is not known.

    >>> slots_passed(5, 3, 5), slots_passed(5, 4, 1), slots_passed(5, 8, 80) == set(range(5))
    ({0, 3, 4}, {0, 1, 4}, True)
    """
    if old is None or new is None:
        return set()
    steps = new - old if new - old >= slots > 0 else (new - old) % slots
    return {(old + step) % slots for step in range(min(steps + 1, slots))}


class DirectionEvidence:
    """What the values of a ring say about its direction: the layout's, or that with ``in`` and
    ``out`` exchanged.

    A program that moves its index after its post misses ``full <= k <= N - empty`` by an item for a
    moment. So a direction goes where it is missed by far more than in the other one, in several
    states of a ring that moves.
    """

    def __init__(self, layout: Layout) -> None:
        self.ways: Final = (layout, swapped(layout))
        self.readings = 0
        self.states = 0
        """How often the values were others than at the reading before."""
        self.weights = [0, 0]
        """By how many items each direction is missed, over these states."""
        self._beyond = [False, False]
        self._last: RingValues | None = None

    def add(self, values: RingValues) -> None:
        """Note the values of one moment, as the first of the ways reads them."""
        self.readings += 1
        if values == self._last:
            return
        self._last = values
        self.states += 1
        other = replace(values, in_=values.out, out=values.in_)
        for way, each in enumerate((values, other)):
            missed = excess(self.ways[way], each)
            self.weights[way] += missed
            # A difference of more than N is none that a ring can have.
            self._beyond[way] |= missed > self.ways[way].slots

    @property
    def left(self) -> Layout | None:
        """The only direction that is left; None where the values allow both."""
        if self._beyond[0] != self._beyond[1]:
            return self.ways[self._beyond.index(False)]
        least, most = sorted(self.weights)
        if most < _FAR * least + (STATES if self.states > 1 else 1):
            return None
        return self.ways[self.weights.index(least)]


def judge_direction(layout: Layout, readings: Sequence[Reading]) -> tuple[Layout, ...]:
    """The directions of the ring that the values allow, ``layout``'s or the other one, and the one
    to show first. Nothing may be built on either where there are both.
    """
    evidence = DirectionEvidence(layout)
    for reading in readings:
        evidence.add(values_of(layout, reading))
    if evidence.left is not None:
        return (evidence.left,)
    ways, weights = evidence.ways, evidence.weights
    if not any(weights):
        # Where slots are full that were never written, the other reading is shown first.
        weights = [any(not written(way, reading) for reading in readings) for way in ways]
    return ways if weights[0] <= weights[1] else ways[::-1]


def states(layout: Layout, readings: Iterable[Reading]) -> set[tuple[int | None, int | None]]:
    """The different values of both indices."""
    return {(v.in_, v.out) for v in (values_of(layout, reading) for reading in readings)}


def judge_last(layout: Layout, readings: Sequence[Reading]) -> Layout | None:
    """The layout with indices that hold the slot that was used last, where the values say that
    they do: -1 before the first use, or items that are off by one in several states.
    """
    if all(excess(layout, values_of(layout, reading)) == 0 for reading in readings):
        return None
    seen = states(layout, readings)
    if len(seen) < STATES and not any(-1 in state for state in seen):
        return None
    ways = (replace(layout, last=last) for last in _LAST)
    fitting = [way for way in ways if all(excess(way, values_of(way, r)) == 0 for r in readings)]
    return fitting[0] if len(fitting) == 1 else None


def judge_capacity(layout: Layout, capacity: int, readings: Iterable[Reading]) -> Layout:
    """The layout with ``capacity`` slots instead of the array's length, where that leaves fewer
    permits unexplained: a member that holds this number may count something else.
    """
    smaller = replace(layout, slots=capacity)
    if not 1 <= capacity < layout.slots:
        return layout
    unexplained = [0, 0]
    for reading in readings:
        for way, each in enumerate((layout, smaller)):
            values = values_of(each, reading)
            over = sum(values.permits) - each.slots
            if values.empty is not None and values.full is not None:
                unexplained[way] += max(over, 0) * each.slots + abs(over)
            unexplained[way] += excess(each, values)
    return smaller if unexplained[1] < unexplained[0] else layout


def judge_count(
    layout: Layout, counts: Iterable[tuple[int, str]], readings: Sequence[Reading]
) -> Layout:
    """The layout with the first of ``counts`` that the indices agree with in most readings: one may
    be taken while a program has moved its index, and has yet to count the item.
    """
    for count in counts:
        way = replace(layout, count=count)
        fits = sum(_count_fits(way, reading) for reading in readings)
        if fits * 2 > len(readings):
            return way
    return layout


def _count_fits(layout: Layout, reading: Reading) -> bool:
    items = items_between(layout, values_of(layout, reading))
    return items is not None and count_of(layout, reading) in items


def contradiction(layout: Layout, readings: Sequence[Reading], takers: int) -> Layout | None:
    """Another order of the same semaphores that the values always fit, where they do not fit
    ``layout``'s: in several states of a ring that moves, or in the only one of a ring at rest.

    None where no other order always fits: a value may be wrong for another reason, and that is
    for the findings to say.
    """
    offsets = (layout.mutex, layout.empty, layout.full)
    if None in offsets or layout.lock is not None:
        return None
    fits = [possible(layout, values_of(layout, reading), takers) for reading in readings]
    if all(fits) or (any(fits) and len(readings) < STATES):
        return None
    for mutex, empty, full in _ORDERS:
        other = replace(layout, mutex=offsets[mutex], empty=offsets[empty], full=offsets[full])
        values = [values_of(other, reading) for reading in readings]
        if all(sum(v.permits) > 0 and possible(other, v, takers) for v in values):
            return other
    return None
