"""What one reading of a ring says by a layout: its indices, its semaphores, how many items. Pure.

With N slots, k items and the standard protocol (take a permit, move the index, post the other
permit), ``full <= k <= N - empty`` holds at every moment: each permit of ``full`` is an item that
nobody has claimed, and each of ``empty`` a free slot that nobody has claimed. k is
``(in - out) mod N``.
"""

import struct
from typing import Final

import msgspec

from shmtui.shm.layout import MUTEX_SIZE, SEM_SIZE, Layout, counted_on
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.semaphore import SemaphoreWords, decode
from shmtui.shm.sync_object import SyncKind, decode_sync

MAX_WAITERS: Final = 4096
"""More threads than this wait for no semaphore: the word is something else."""
_NO_PERMITS: Final = SemaphoreWords(0, 0, shared=True)


class Reading(msgspec.Struct, frozen=True):
    """Bytes of a segment as read at one moment, and the words of the named semaphores used
    with it.
    """

    parts: tuple[tuple[int, bytes], ...]
    """(offset, bytes), in the order of their offsets."""
    named: tuple[tuple[str, SemaphoreWords], ...] = ()
    indices: bytes = b""
    """The segment that holds the indices, where that is another one."""

    @classmethod
    def whole(cls, raw: bytes) -> "Reading":
        """A reading of all bytes."""
        return cls(((0, raw),))

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


class RingValues(msgspec.Struct, frozen=True):
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
