"""What the values of a ring say about its layout: which readings they allow. Pure.

``full <= k <= N - empty`` holds at every moment (:mod:`shmtui.layouts.ring_values`), and the reading
that swaps ``in`` and ``out`` has ``N - k`` items: one of both is soon contradicted. A ring that is
empty or full says nothing: ``in == out`` either way.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec.structs import replace

from shmtui.layouts.ring_values import (
    Reading,
    RingValues,
    count_of,
    excess,
    items_between,
    possible,
    values_of,
    written,
)
from shmtui.shm.layout import Layout

_LAST: Final = (("in",), ("out",), ("in", "out"))
STATES: Final = 3
"""So many different states have to fit another reading before a name is doubted for it."""
_FAR: Final = 4
"""How many times as much a direction has to be missed as the other one, to be dropped."""
_ORDERS: Final = ((2, 1, 0), (1, 0, 2), (0, 2, 1), (1, 2, 0), (2, 0, 1))
"""The other orders of mutex, empty and full, those that exchange two of them first."""


def swapped(layout: Layout) -> Layout:
    """The same layout with ``in`` and ``out`` exchanged."""
    names = layout.index_names[::-1]
    return replace(layout, in_=layout.out, out=layout.in_, index_names=names)


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


def directions_by_count(ways: Sequence[Layout], readings: Sequence[Reading]) -> tuple[Layout, ...]:
    """Those of the two ``ways`` that the program's own count of items allows. One goes where the count misses it,
    again and again and far more than the other, in a ring that moves: one at rest may be halfway through an item.
    """
    if len(ways) < 2 or ways[0].count is None or len(states(ways[0], readings)) < STATES:
        return tuple(ways)
    missed = [sum(not _count_fits(way, reading) for reading in readings) for way in ways]
    least, most = sorted(missed)
    return (ways[missed.index(least)],) if most >= max(2, _FAR * least) else tuple(ways)


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


def judge_capacity(layout: Layout, capacity: int, readings: Sequence[Reading]) -> Layout:
    """The layout with ``capacity`` slots instead of the array's length, where that leaves fewer
    permits unexplained: a member that holds this number may count something else.
    """
    smaller = replace(layout, slots=capacity)
    if not 1 <= capacity < layout.slots:
        return layout
    return smaller if _unexplained(smaller, readings) < _unexplained(layout, readings) else layout


def more_slots(layout: Layout, length: int, readings: Sequence[Reading]) -> bool:
    """Whether the values rather fit as many slots as the array is long than the fewer of ``layout``."""
    whole = replace(layout, slots=length)
    unexplained = _unexplained(layout, readings)
    return length > layout.slots and unexplained > _unexplained(whole, readings)


def _unexplained(layout: Layout, readings: Iterable[Reading]) -> int:
    """How many permits do not add up to the slots or to the items, those above the slots far more."""
    unexplained = 0
    for values in (values_of(layout, reading) for reading in readings):
        over = sum(values.permits) - layout.slots
        if values.empty is not None and values.full is not None:
            unexplained += max(over, 0) * layout.slots + abs(over)
        unexplained += excess(layout, values)
    return unexplained


def judge_count(
    layout: Layout,
    counts: Iterable[tuple[int, str]],
    readings: Sequence[Reading],
    surely_named: Sequence[tuple[int, str]] = (),
) -> Layout:
    """The layout with the first of ``counts`` that the indices agree with in most readings: one may
    be taken while a program has moved its index, and has yet to count the item. Where they agree with
    none, the only one that is surely a count by its name, of a ring with a lock: it may be out of step.
    """
    for count in counts:
        way = replace(layout, count=count)
        fits = sum(_count_fits(way, reading) for reading in readings)
        if fits * 2 > len(readings):
            return way
    if len(surely_named) != 1 or (layout.mutex is None and layout.lock is None):
        return layout
    named = replace(layout, count=surely_named[0])
    inside = all(0 <= (count_of(named, each) or 0) <= layout.slots for each in readings)
    return named if inside else layout


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
