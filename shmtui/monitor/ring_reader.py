"""Reading a ring's fields by its layout: indices, semaphores, slots."""

import contextlib
import os
from collections.abc import Iterator
from struct import calcsize, unpack_from
from typing import Final

import msgspec
from msgspec.structs import replace

from shmtui.errors import ShmtuiError
from shmtui.layouts.ring_values import Reading, count_of, index_of, semaphore_words
from shmtui.monitor.occupancy import occupancy
from shmtui.procfs.clock import SYSTEM_CLOCK, Clock
from shmtui.shm.futex_queue import sleepers
from shmtui.shm.layout import SEM_SIZE, ItemType, Layout, counted_on, slot_of
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.ring import counted
from shmtui.shm.segment import SHM_DIR, open_readonly
from shmtui.shm.segment_info import Slot
from shmtui.shm.segment_reader import WHOLE, SegmentReader, state_spans
from shmtui.shm.semaphore import SemaphoreWords, decode, named_semaphore_path
from shmtui.shm.sync_object import SYNC_SIZES
from shmtui.shm.system_v import member_words

DATA_READ: Final = 1 << 16
"""Up to so many bytes of slots are read with each sample, to see which have changed."""
ITEM_READ: Final = 4096
"""So many bytes of an item are read at most: the screen has no room for more."""
_READ_AT_ONCE: Final = 1 << 16
"""Bytes of items that are read at a time for a sum."""
RUN: Final = 8
"""How many of the newest items are read, to see whether they count up."""
_TRIES: Final = 6
"""Reads of a ring, at the most, until ``in`` stood still during one."""
_WIDE: Final = 4
"""Counters of fewer bytes may wrap between two samples."""
_COUNTED: Final = 2**32


class RingState(msgspec.Struct, frozen=True):
    """The ring's fields as read at one moment; None where the file ends before them."""

    in_: int | None
    out: int | None
    semaphores: dict[SemaphoreRole, SemaphoreWords]
    data: bytes | None
    """The slots' bytes, as many as were read with the rest."""
    count: int | None = None
    """The program's own count of full slots."""
    steady: bool = False
    """Whether all of it was read twice alike: it is the state of one moment."""

    def value(self, role: SemaphoreRole) -> int | None:
        words = self.semaphores.get(role)
        return None if words is None else words.value


class RingSample(msgspec.Struct, frozen=True):
    """One reading of a ring, taken while ``in`` stood still: what throughput is estimated from."""

    at_ns: int
    in_: int
    """The slot that is written next."""
    out: int
    occupancy: int | None
    data: bytes | None
    """All slots, or None where they are too many to read each time."""
    newest: tuple[int, ...] | None
    """The last items written, the newest first; None where items are no integers."""
    made: int | None = None
    """Items ever put in, modulo 2**32, where ``in`` counts on; None where it is reduced."""
    free: bool = False
    """Whether mutex had its one permit."""


class RingReader:
    """Reads one ring through a segment's descriptor and those of its named semaphores."""

    def __init__(
        self,
        reader: SegmentReader,
        layout: Layout,
        folder: str = SHM_DIR,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._reader = reader
        self._layout = layout
        self._clock = clock
        self._whole = layout.size <= WHOLE
        self._spans = [(0, layout.size)] if self._whole else state_spans(layout)
        self._number = first_integer(layout.item)
        self._item = shown_item(layout.item)
        self._indices: SegmentReader | None = None
        if layout.index_segment:
            with contextlib.suppress(ShmtuiError):
                self._indices = SegmentReader(layout.index_segment, folder)
        self._fds: dict[str, int] = {}
        self._members = [item[1] for item in layout.names if item not in layout.posix_names]
        for _role, name in layout.posix_names:
            with contextlib.suppress(ShmtuiError):
                self._fds[name] = open_readonly(named_semaphore_path(name, folder))

    def close(self) -> None:
        """Give the descriptors of semaphores and of the indices' segment back."""
        if self._indices is not None:
            self._indices.close()
        for fd in self._fds.values():
            os.close(fd)
        self._fds.clear()

    def read(self, slots: int, *, in_full: bool = False) -> RingState:
        """The state, with the first ``slots`` slots: as many bytes of each as are shown, or all."""
        raws, steady = self._reader.read_stable(self._spans)
        state = self._state(raws)
        if self._fds or self._members or self._indices is not None:
            again, _equal = self._reader.read_stable(self._spans)
            steady = steady and self._state(again) == state
        shown = self._layout.item.size if in_full else self._item.size
        return replace(state, data=self._items(raws[0], slots, shown), steady=steady)

    def sleepers(self) -> dict[SemaphoreRole, int]:
        """How many threads sleep on each semaphore, by the kernel's own count (`futex_queue.sleepers`); without those
        of which it does not tell.
        """
        layout, found = self._layout, {}
        for role in SemaphoreRole:
            at, fd = layout.semaphore_offset(role), self._fds.get(layout.semaphore_name(role) or "")
            if fd is not None:
                count = sleepers(fd, 0)
            else:
                count = None if at is None else self._reader.sleepers(at)
            if count is not None:
                found[role] = count
        return found

    def stored(self, slots: int) -> tuple[object, ...]:
        """All that a sample with the first ``slots`` slots reads of the ring, not decoded: equal while
        nothing is stored. Each part is read once, so they need not be of one moment.
        """
        layout, size = self._layout, self._layout.item.size
        found: list[object] = [self._reader.read(*span) for span in self._spans]
        if not self._whole:
            listed = (m for m in layout.sync if m.listed)
            found += [self._reader.read(m.offset, SYNC_SIZES[m.kind]) for m in listed]
            every = layout.slots if layout.slots * size <= DATA_READ else 0
            found.append(self._items(b"", every or slots, size if every else self._item.size))
        if self._fds or self._members or self._indices is not None:
            found += (*self._named(), self._other_segment())
        return tuple(found)

    def _state(self, raws: list[bytes]) -> RingState:
        layout = self._layout
        parts = tuple((start, raw) for (start, _size), raw in zip(self._spans, raws, strict=True))
        reading = Reading(parts, tuple(self._named()), self._other_segment())
        words = {role: semaphore_words(layout, role, reading) for role in SemaphoreRole}
        return RingState(
            index_of(layout, "in", reading),
            index_of(layout, "out", reading),
            {role: own for role, own in words.items() if own is not None},
            None,
            count_of(layout, reading),
        )

    def _named(self) -> Iterator[tuple[str, SemaphoreWords]]:
        for name, fd in self._fds.items():
            raw = os.pread(fd, SEM_SIZE, 0)
            if len(raw) == SEM_SIZE:
                yield name, decode(raw, self._layout.libc)
        for name in self._members:
            words = member_words(name)
            if words is not None:
                yield name, words

    def _other_segment(self) -> bytes:
        """The segment that holds the indices, as far as they go; none where it is this one."""
        if self._indices is None:
            return b""
        last = max(self._layout.in_ or 0, self._layout.out or 0)
        return self._indices.read(0, last + self._layout.index_size)

    def _items(self, whole: bytes, slots: int, shown: int) -> bytes:
        start, size = self._layout.data, self._layout.item.size
        count = min(slots, self._layout.slots)
        if self._whole:
            return whole[start : start + count * size]
        if shown == size:
            return self._reader.read(start, count * size) if count else b""
        parts = (self._reader.read(start + index * size, shown) for index in range(count))
        return b"".join(part for part in parts if len(part) == shown)

    def slots(self, data: bytes, out: int | None, full: int | None) -> tuple[Slot, ...]:
        """The slots in ``data``, decoded."""
        item, count = self._item, self._layout.slots
        return tuple(
            Slot(
                index,
                item.decode(data, index * item.size),
                None if full is None or out is None else (index - out) % count < full,
            )
            for index in range(len(data) // item.size)
        )

    def sample(self, *, slots: bool = True) -> RingSample | None:
        """A reading for the throughput estimate: indices and slots that belong together, or indices
        alone.

        None where ``in`` moved between two reads each time.
        """
        layout = self._layout
        room = layout.slots * layout.item.size
        for _try in range(_TRIES):
            now_ns = self._clock.monotonic_ns()
            whole = layout.slots if slots and room <= DATA_READ else 0
            state = self.read(whole, in_full=True)
            if state.in_ is None or state.out is None:
                return None
            empty, full = state.value(SemaphoreRole.EMPTY), state.value(SemaphoreRole.FULL)
            width = layout.index_size
            items = counted_on(layout.slots, state.in_, state.out, empty, full, width)
            counts = items is not None
            in_ = slot_of(state.in_, layout.slots, counts=counts)
            out = slot_of(state.out, layout.slots, counts=counts)
            if in_ is None or out is None:
                return None
            newest = self._newest(in_, state.data if whole else None) if slots else None
            if self._whole or not slots or self.read(0).in_ == state.in_:
                data = state.data if whole and state.data else None
                filled = items
                if not counts:
                    filled = occupancy(layout.slots, in_, out, empty, full, count=state.count)
                made = state.in_ % _COUNTED if counts and width >= _WIDE else None
                free = state.value(SemaphoreRole.MUTEX) == 1
                return RingSample(now_ns, in_, out, filled, data, newest, made, free)
        return None

    def resident(self, out: int, count: int) -> Iterator[int | float]:
        """``count`` items from index ``out`` on, as a worker reads them; fewer where the file ends
        before.
        """
        layout, item, size = self._layout, self._layout.item, self._layout.item.size
        at, end = out, out + count
        while at < end:
            slot = at % layout.slots
            wanted = min(end - at, layout.slots - slot, max(_READ_AT_ONCE // size, 1))
            raw = self._reader.read(layout.data + slot * size, wanted * size)
            if len(raw) < wanted * size:
                return
            yield from (counted(item, raw[n : n + size]) for n in range(0, len(raw), size))
            at += wanted

    def _newest(self, in_: int, data: bytes | None) -> tuple[int, ...] | None:
        layout, item = self._layout, self._layout.item
        if self._number is None:
            return None
        inside, code = self._number
        width = calcsize("=" + code)
        values = []
        for back in range(1, min(RUN, layout.slots) + 1):
            at = (in_ - back) % layout.slots * item.size + inside
            raw = (
                data[at : at + width]
                if data is not None
                else self._reader.read(layout.data + at, width)
            )
            if len(raw) < width:
                return None
            values.append(int(unpack_from("=" + code, raw)[0]))
        return tuple(values)


def shown_item(item: ItemType) -> ItemType:
    """The item, or as much of its beginning as is read where it is too long for that."""
    if item.shape is None or item.size <= ITEM_READ:
        return item
    from shmtui.shm.item_shape import clipped  # noqa: PLC0415 - only for others' items

    return replace(item, shape=clipped(item.shape, ITEM_READ))


def first_integer(item: ItemType) -> tuple[int, str] | None:
    """Where in an item its first integer lies, and its letter in :mod:`struct`.

    It is the one that counts where anything does: ``id``, ``seq``, ``count``.
    """
    if item.shape is None:
        return None if item.is_float else (0, item.code)
    from shmtui.shm.item_shape import Array, Record, Scalar  # noqa: PLC0415 - only for others' items

    def search(shape: object, at: int) -> tuple[int, str] | None:
        match shape:
            case Scalar(code, _) if code not in "fd?":
                return at, code
            case Array(element, length) if length:
                return search(element, at)
            case Record(parts, _):
                found = (search(part.shape, at + part.offset) for part in parts)
                return next((place for place in found if place is not None), None)
        return None

    return search(item.shape, 0)
