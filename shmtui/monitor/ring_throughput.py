"""Throughput of a buffer without counters: what its bytes prove, and no more. Pure.

``in`` modulo N tells how many items were produced between two samples only if the producers did
not go round the ring meanwhile. Three things show that they did not, or how often they did:

* the items, where the newest are consecutive numbers: the newest plus one is how many were
  produced, at any speed (*sequence*);
* an ``in`` that is never reduced modulo N: it counts the items itself (*index*);
* the slots that changed: a full turn writes every slot, so a turn is excluded by slots of
  different values that ``in`` did not pass and that did not change (*index*).

Otherwise the movement seen is a lower bound. So is a rate whose time is not known well enough; within
a tenth it is an estimate. What was consumed follows from what was produced and the change in occupancy;
of a ring without a lock, whose producer may go on over what nobody took, from the moves of ``out``.
"""

import itertools
import math
from collections import deque
from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from shmtui.monitor.ring_reader import RingSample
from shmtui.shm.item_counts import Method, Throughput
from shmtui.shm.layout import ItemType

PRECISION: Final = 0.01
"""Largest relative error of a plain number."""
ROUGH: Final = 0.1
"""Largest relative error of an estimate; a rate that is less sure is shown as a bound."""
WINDOW_NS: Final = 12_000_000_000
LONG_WINDOW_NS: Final = 2 * WINDOW_NS
"""For a flow so slow that one sample more or less is a large part of the shorter window."""
STILL_NS: Final = 18_000_000_000
"""After this long without an item the rate is zero; the slowest worker takes 10 s for one."""
DIFFERENT: Final = 3
"""How many slots of different values must be unchanged to exclude a full turn."""
MANY: Final = 20
"""Samples with short steps alone, after which hidden full turns are taken to be excluded: of a
fast flow the steps are of any length.
"""
SHORT: Final = 4
"""A short step is at most one part in so many of the ring."""
_MIN_WINDOW_NS: Final = 900_000_000
"""One or two items within less time than this give no rate, not even a lower bound."""


class _Point(msgspec.Struct, frozen=True):
    at_ns: int
    produced: int
    consumed: int | None
    proven: Method
    """SEQUENCE or INDEX where the step to this point is proven; ESTIMATE where it is short, and
    nothing speaks for a full turn or against it; else LOWER_BOUND.
    """


class ThroughputEstimator:
    """Estimates both rates of a ring from samples of it."""

    def __init__(self, slots: int, item: ItemType, *, lock_free: bool = False) -> None:
        self._slots = slots
        self._item = item
        self._lock_free = lock_free
        self._last: RingSample | None = None
        self._points: deque[_Point] = deque(maxlen=1024)
        self._produced = 0
        self._consumed: int | None = 0
        self.alike = True
        """Whether ``in`` and ``out`` were equal in every sample: both count the same, whichever is which."""

    def add(self, sample: RingSample) -> None:
        last, self._last = self._last, sample
        self.alike = self.alike and sample.in_ == sample.out
        if last is None:
            self._points.append(_Point(sample.at_ns, 0, 0, Method.SEQUENCE))
            return
        step, method = moved(last, sample, self._slots, self._item)
        self._produced += step
        if self._lock_free and sample.made is None:
            taken = (sample.out - last.out) % self._slots
            self._consumed = (self._consumed or 0) + taken
            method = _weakest([method, by_out(taken, step, self._slots)])
        elif self._consumed is not None and None not in (last.occupancy, sample.occupancy):
            assert last.occupancy is not None
            assert sample.occupancy is not None
            self._consumed += step - (sample.occupancy - last.occupancy)
        else:
            self._consumed = None
        self._points.append(_Point(sample.at_ns, self._produced, self._consumed, method))
        if self._consumed is None:
            self._consumed = 0
            self._points.clear()

    def add_again(self, at_ns: int) -> None:
        """Take in that the ring was seen as in the last sample."""
        if self._last is not None:
            self.add(replace(self._last, at_ns=at_ns))

    def throughput(self) -> Throughput:
        """Both rates over the last seconds, by the weakest method that a step of them is known by."""
        rates = self._over(WINDOW_NS)
        if rates.method not in {Method.LOWER_BOUND, Method.ESTIMATE}:
            return rates
        longer = self._over(LONG_WINDOW_NS)
        return rates if longer.method in {Method.LOWER_BOUND, Method.ESTIMATE} else longer

    def _over(self, window_ns: int) -> Throughput:
        points = [p for p in self._points if self._points[-1].at_ns - p.at_ns <= window_ns]
        if len(points) < 2 or points[-1].at_ns - points[0].at_ns < _MIN_WINDOW_NS:
            return Throughput()
        method = _weakest([p.proven for p in points[1:]])
        if method is Method.LOWER_BOUND:
            recent = [p for p in points if points[-1].at_ns - p.at_ns <= 2_000_000_000]
            points = recent if len(recent) > 1 else points
            method = _weakest([p.proven for p in points[1:]])
        produced = _estimate([(p.at_ns, p.produced) for p in points])
        consumed = _estimate([(p.at_ns, p.consumed or 0) for p in points])
        error = max(produced.error, consumed.error)
        if method is Method.LOWER_BOUND or error > ROUGH:
            return Throughput(produced.least, consumed.least, Method.LOWER_BOUND)
        if method is Method.ESTIMATE and len(points) < MANY:
            return Throughput(produced.least, consumed.least, Method.LOWER_BOUND)
        known = method if error <= PRECISION else Method.ESTIMATE
        return Throughput(produced.value, consumed.value, known)


class _Estimate(msgspec.Struct, frozen=True):
    value: float
    least: float
    error: float
    """Relative; infinite where the value says nothing."""


def _estimate(points: Sequence[tuple[int, int]]) -> _Estimate:
    """Items per second from (time, count) points, and how far off it may be.

    The window runs from one change of the count to another, so each end is off by the time
    between two samples at most.
    """
    changes = [points[0]]
    gaps = [0]
    for before, after in itertools.pairwise(points):
        if after[1] != before[1]:
            changes.append(after)
            gaps.append(after[0] - before[0])
    whole = points[-1][0] - points[0][0]
    if len(changes) == 1:
        return _Estimate(0.0, 0.0, 0.0 if whole >= STILL_NS else math.inf)
    steps = changes[1:]
    # A steady flow of which n items fell into a window may be as slow as n - 1 in it.
    least = max(points[-1][1] - points[0][1] - 1, 0) / (whole / 1e9)
    if len(steps) == 1:
        return _Estimate(least, min(least, 0.0 if whole == 0 else least), math.inf)
    elapsed = steps[-1][0] - steps[0][0]
    items = steps[-1][1] - steps[0][1]
    if items <= 0:
        # What was consumed follows from the occupancy, which one sample may have read wrong.
        return _Estimate(least, least, math.inf)
    each = max((b[1] - a[1] for a, b in itertools.pairwise(steps)), default=1)
    value = items / (elapsed / 1e9)
    # Many items a sample: the ends are off by an item. Few: by the time of a sample.
    error = min(2 / items if each > 1 else 1.0, max(gaps[1:]) / elapsed)
    tail = points[-1][0] - steps[-1][0]
    usual = elapsed / max(len(steps) - 1, 1)
    overdue = tail > 2 * usual + max(gaps[1:])
    return _Estimate(value, least, math.inf if overdue or elapsed < _MIN_WINDOW_NS else error)


def _weakest(methods: Sequence[Method]) -> Method:
    for method in (Method.LOWER_BOUND, Method.ESTIMATE, Method.INDEX):
        if method in methods:
            return method
    return Method.SEQUENCE


def moved(old: RingSample, new: RingSample, slots: int, item: ItemType) -> tuple[int, Method]:
    """How many items were produced between two samples, at least, and how that is known."""
    if old.made is not None and new.made is not None:
        return (new.made - old.made) % 2**32, Method.INDEX
    step = (new.in_ - old.in_) % slots
    if (
        consecutive(old.newest)
        and consecutive(new.newest)
        and old.newest is not None
        and new.newest is not None
    ):
        grown = (new.newest[0] - old.newest[0]) % 2 ** (8 * item.size)
        if grown < 2 ** (8 * item.size - 1) and grown % slots == step:
            return grown, Method.SEQUENCE
        # Consecutive, but the numbers do not fit the step: a counter that starts again can write
        # the same values into the same slots, so that nothing seems to have changed.
        return step, Method.LOWER_BOUND
    if old.data is None or new.data is None or restarts(old.newest) or restarts(new.newest):
        return step, Method.LOWER_BOUND
    changed = changed_slots(old.data, new.data, item.size)
    passed = {(old.in_ + n) % slots for n in range(step)}
    if changed - passed - {new.in_}:
        return step + slots, Method.LOWER_BOUND
    kept = slots - step - 1
    values = {
        new.data[n * item.size : (n + 1) * item.size]
        for n in range(slots)
        if n not in passed and n != new.in_
    }
    # Slots that kept several different values exclude a full turn: it would have had to write
    # the same values again, by chance.
    if kept >= DIFFERENT and len(values) >= DIFFERENT:
        return step, Method.INDEX
    return step, Method.ESTIMATE if step * SHORT <= slots else Method.LOWER_BOUND


def by_out(taken: int, made: int, slots: int) -> Method:
    """How well it is known that ``out`` moved so far, and no laps more, while ``in`` moved by ``made``."""
    if not taken and not made:
        return Method.INDEX
    return Method.ESTIMATE if taken * SHORT <= slots else Method.LOWER_BOUND


def consecutive(newest: tuple[int, ...] | None) -> bool:
    """Whether the newest items count up by one. With fewer than three it could be chance."""
    return (
        newest is not None
        and len(newest) >= 3
        and all(a - b == 1 for a, b in itertools.pairwise(newest))
    )


def restarts(newest: tuple[int, ...] | None) -> bool:
    """Whether the newest items count up by one but for one place, where they start again.

    Such items repeat, and a full turn can write the values that the slots had before.
    """
    if newest is None or len(newest) < 3:
        return False
    breaks = [a - b for a, b in itertools.pairwise(newest) if a - b != 1]
    return len(breaks) == 1 and breaks[0] < 0


def changed_slots(old: bytes, new: bytes, size: int) -> set[int]:
    """The slots whose bytes differ."""
    if old == new:
        return set()
    return {
        at // size for at in range(0, len(new), size) if old[at : at + size] != new[at : at + size]
    }
