"""How many items were produced, from how often bytes of a ring were stored into. Pure.

Two bytes tell it: the first of slot 0, stored into once a lap or a few times; and the first of ``in``,
once an item or a few times. How many times is found from readings, and holds from then on.
"""

import math
from collections import Counter
from collections.abc import Hashable
from enum import IntEnum
from typing import Final, TypeVar

import msgspec

ENOUGH: Final = 8
"""Readings that say something, before a number of stores is believed."""
_LEAD: Final = 3
"""By so many readings the best number has to lead."""
_AGREE: Final = 0.8
"""Part of the readings; others fell between two stores of one item."""
_MOST: Final = 4
"""Stores for one item, or by one side into a slot."""

_Fit = TypeVar("_Fit", bound=Hashable)


class StoreReading(msgspec.Struct, frozen=True):
    """Indices and counts of one moment."""

    in_: int
    """The slot that is written next."""
    out: int
    occupancy: int | None
    free: bool
    """Whether mutex had its permit: nobody was between two stores."""
    slot: int = 0
    """Stores into slot 0."""
    middle: int | None = None
    """Into the slot in the middle; None where that is not watched."""
    index: int | None = None
    """Into ``in``; None where that is not watched."""

    def is_settled(self, slots: int) -> bool:
        """Whether a store to come, or the index behind one, concerns none of the watched slots."""
        return self.free or not {self.in_, self.out} & {0, slots // 2}


class LapCount:
    """Items from the stores into slot 0: items = laps x slots + ``in``.

    A lap may store into a slot several times, a consumer that blanks it among them. While the slot in
    the middle is watched too, the difference of both counts tells how often each side does: it depends
    on which of the two slots the indices have passed, and not on how many laps there were.
    """

    def __init__(self, slots: int, start: StoreReading, stores: int | None = None) -> None:
        self._slots = slots
        self._start = start
        self._fits: Counter[tuple[int, int]] = Counter()
        self._last = start
        self.readings = 0
        """That told something."""
        self.stores = stores
        """For one item, by both sides together; None before they are known."""

    def add(self, now: StoreReading) -> None:
        start = self._start
        again, self._last = now == self._last, now
        if self.stores or again or now.middle is None or not now.is_settled(self._slots):
            return
        more = now.slot - start.slot - (now.middle - (start.middle or 0))
        produced = self._between(now.in_) - self._between(start.in_)
        consumed = self._between(now.out) - self._between(start.out)
        if not produced and not consumed:
            return
        self.readings += 1
        self._fits.update(
            (by_producer, by_consumer)
            for by_producer in range(1, _MOST + 1)
            for by_consumer in range(_MOST + 1)
            if by_producer * produced + by_consumer * consumed == more
        )
        by_sum: Counter[int] = Counter()
        for stores, readings in self._fits.items():
            by_sum[sum(stores)] = max(by_sum[sum(stores)], readings)
        self.stores = _settled(by_sum, self.readings)

    def _between(self, index: int) -> bool:
        """Whether slot 0 is passed in this lap, and the middle is not."""
        return 0 < index <= self._slots // 2

    def items(self, now: StoreReading) -> int | None:
        """Items produced since the start; None where that is open."""
        start, stores = self._start, self.stores
        if stores is None or (not now.free and (not now.in_ or (stores > 1 and not now.out))):
            return None
        if stores > 1 and start.occupancy is None:
            return None
        full = -start.out % self._slots < (start.occupancy or 0)
        # All but one of them may be the consumer's, and the first of his for the item that was there.
        laps = math.ceil((now.slot - start.slot - (stores - 1) * full) / stores)
        # Before it is written, slot 0 is the end of the lap before.
        return (laps * self._slots + (now.in_ or self._slots)) - (start.in_ or self._slots)


class StorePattern(IntEnum):
    """How ``in`` is stored: so many times an item, or once, and again where it goes back to 0."""

    ONCE = 1
    TWICE = 2
    THRICE = 3
    AGAIN_AT_ZERO = 0


class IndexCount:
    """Items from the stores into ``in``, by what its value modulo the slots confirms."""

    def __init__(self, slots: int, start: StoreReading, step: StorePattern | None = None) -> None:
        self._slots = slots
        self._start = start
        self._fits: Counter[StorePattern] = Counter()
        self._last: int | None = None
        self.readings = 0
        """That told something."""
        self.step = step
        """None before it is known."""

    def add(self, now: StoreReading) -> None:
        if self.step is None and now.index not in {None, self._start.index, self._last}:
            self._last = now.index
            self.readings += 1
            self._fits.update(step for step in StorePattern if self._by(step, now) is not None)
            self.step = _settled(self._fits, self.readings)

    def items(self, now: StoreReading) -> int | None:
        """Items produced since the start; None where that is open."""
        if now.index is not None and now.index == self._start.index:
            return 0
        if self.step is not None:
            return self._by(self.step, now)
        # Before the first lap is over two of them may fit, and say the same.
        best = max(self._fits.values(), default=0)
        if self.readings < ENOUGH or best < _AGREE * self.readings:
            return None
        close = {self._by(step, now) for step, fit in self._fits.items() if best - fit < _LEAD}
        return close.pop() if len(close) == 1 else None

    def _by(self, step: StorePattern, now: StoreReading) -> int | None:
        """Items, if ``in`` is stored so; None where its value says that it is not."""
        start, slots = self._start, self._slots
        if now.index is None or start.index is None:
            return None
        stores = now.index - start.index
        if step is StorePattern.AGAIN_AT_ZERO:
            laps, rest = divmod(start.in_ + stores, slots + 1)
            return stores - laps if rest == now.in_ else None
        items, more = divmod(stores, step)
        return None if more or (start.in_ + items - now.in_) % slots else items


def _settled(fits: Counter[_Fit], readings: int) -> _Fit | None:
    """What nearly all readings fit, and nothing else comes near; None before there is such a thing."""
    ranked = fits.most_common(2)
    if readings < ENOUGH or not ranked or ranked[0][1] < _AGREE * readings:
        return None
    next_best = ranked[1][1] if len(ranked) > 1 else 0
    return ranked[0][0] if ranked[0][1] - next_best >= _LEAD else None
