"""The items of a ring, from the stores into its slots and indices. Pure but for the clock."""

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from shmtui.monitor.counted_rates import RateWindow
from shmtui.monitor.ring_throughput import ThroughputEstimator
from shmtui.monitor.store_counts import IndexCount, LapCount, StorePattern, StoreReading
from shmtui.monitor.stores import OUT, Stores, stores_into
from shmtui.procfs.clock import Clock
from shmtui.shm.item_counts import EarlierCounts, Method, Throughput
from shmtui.shm.layout import Layout

if TYPE_CHECKING:
    from shmtui.monitor.ring_reader import RingSample

_HOPELESS: Final = 128
"""Readings after which stores that fit no count are given up."""


class CountedItems:
    """Items produced and consumed since the first settled reading after :meth:`restart`."""

    def __init__(self, layout: Layout, clock: Clock) -> None:
        self._clock = clock
        self.layout = layout
        """Whose ``in`` and ``out`` are counted; one whose direction was settled since may take its place."""
        self.by_lap: int | None = None
        """Stores into a slot for one item; None before they are known. It outlives a restart."""
        self._by_index: StorePattern | None = None
        self.earlier = EarlierCounts()
        self.since: float | None = None
        """The time from which on is counted, seconds since the epoch."""
        self.produced = 0
        self.consumed: int | None = 0
        """None where that is not known."""
        self.restart()

    def restart(self) -> None:
        """Count anew from the next reading on; what was counted stays as a part of all."""
        if self.since is not None and self.produced:
            self.earlier = EarlierCounts(
                self.earlier.since or self.since, self.earlier.produced + self.produced
            )
        self._laps: LapCount | None = None
        self._index: IndexCount | None = None
        self.since = None
        self.produced = 0
        self.consumed = 0
        self._taken: IndexCount | None = None
        """Of ``out``: what is taken from a ring without a lock, whatever its producer does meanwhile."""
        now_ns = self._clock.monotonic_ns()
        self._flow = RateWindow(now_ns), RateWindow(now_ns)
        """Of what was produced and consumed, where the time between two items tells no rate."""
        self.open = False
        """Whether the stores of a lap are not known yet, and the last reading says nothing."""
        self.fit_nothing = False
        """Whether so many readings agreed on no count that none is to be expected."""
        self._start_occupancy = 0
        self._estimator = ThroughputEstimator(self.layout.slots, self.layout.item)

    def throughput(self) -> Throughput | None:
        """Both rates; None before they are known."""
        rates = self._estimator.throughput()
        if self.since is None or rates.method is Method.UNKNOWN:
            return None
        if rates.method is Method.LOWER_BOUND:
            # The items are known, and the time that one takes is not: one that is overdue says less and less.
            now_ns = self._clock.monotonic_ns()
            produced, consumed = (flow.rate(now_ns) for flow in self._flow)
            rates = Throughput(produced, consumed, Method.ESTIMATE)
        elif rates.method is Method.INDEX:
            rates = replace(rates, method=Method.BREAKPOINTS)
        return rates if self.consumed is not None else replace(rates, consumed_per_s=None)

    def add(self, sample: "RingSample", reading: StoreReading, stores: Stores) -> bool:
        """Take in a reading; whether the items of that moment are known by it."""
        slots = self.layout.slots
        known = reading.occupancy is not None or self.layout.lock_free
        if self._laps is None or self._index is None:
            if not (reading.is_settled(slots) and known):
                return False
            self._laps = LapCount(slots, reading, self.by_lap)
            self._index = IndexCount(slots, reading, self._by_index)
            self._start_occupancy = reading.occupancy or 0
            self._taken = IndexCount(slots, _of_out(sample, reading, stores))
            self.since = self._clock.time()
            self._add(sample, 0, reading, stores)
            return True
        self._laps.add(reading)
        self._index.add(reading)
        if self._taken is not None:
            self._taken.add(_of_out(sample, reading, stores))
        self._by_index = self._index.step
        self.by_lap = self.by_lap or self._laps.stores
        items = self._laps.items(reading)
        items = self._index.items(reading) if items is None else items
        self.open = items is None and not self.by_lap and self._by_index is None
        readings = self._laps.readings + self._index.readings
        self.fit_nothing = items is None and readings > _HOPELESS
        if items is None or not known:
            return False
        self._add(sample, max(items, self.produced), reading, stores)
        return True

    def _add(self, sample: "RingSample", items: int, reading: StoreReading, stores: Stores) -> None:
        now_ns = sample.at_ns
        before = self.produced, self.consumed
        self.produced = items
        self.consumed = self._consumed_of(sample, items, reading, stores)
        for flow, old, new in zip(self._flow, before, (items, self.consumed), strict=True):
            if new is not None and new != old:
                flow.add(new, now_ns)
        # What it makes of out is not shown where consumed is not known.
        left = items - (items if self.consumed is None else self.consumed)
        self._estimator.add(replace(sample, made=items % 2**32, occupancy=left))

    def _consumed_of(
        self, sample: "RingSample", items: int, reading: StoreReading, stores: Stores
    ) -> int | None:
        """What was consumed. It follows from the items in the ring where its programs keep to a protocol, or
        the indices themselves say how many there are; else from the stores into ``out`` alone.
        """
        if not self.layout.lock_free or sample.made is not None:
            return items - ((sample.occupancy or 0) - self._start_occupancy)
        if self._taken is None or reading.index is None:
            return None
        return self._taken.items(
            StoreReading(sample.out, sample.out, None, sample.free, index=stores_into(stores, OUT))
        )


def _of_out(sample: "RingSample", reading: StoreReading, stores: Stores) -> StoreReading:
    """The reading as one of ``out``, for its own count."""
    index = None if reading.index is None else stores_into(stores, OUT)
    return replace(reading, in_=sample.out, index=index)
