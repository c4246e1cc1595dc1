"""Reading a ring's layout from the bytes alone: a few plain readings, none of them certain. Pure.

Each reading of the segment drops the plain layouts that it contradicts. What is left is offered,
the exercise's own shape first. One alone is taken as likely, if it was seen to move or to hold
items.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from shmtui.layouts.plain_layouts import MAX_SIZE, fits, plain_layouts, plainness
from shmtui.layouts.ring_values import Reading, RingValues, slots_changed, slots_passed, values_of
from shmtui.shm.layout import Layout
from shmtui.shm.libc import Libc
from shmtui.shm.protocol import SemaphoreRole

MAX_CANDIDATES: Final = 8
VISITS: Final = 12
"""Readings a slot, after which one that ``in`` was never seen at does not exist: e^-12."""
_MOST_TAKERS: Final = 64


class Inference(msgspec.Struct, frozen=True):
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
