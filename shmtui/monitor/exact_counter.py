"""Exact counts of a ring that others made: hardware breakpoints on the stores of everybody who maps it.

They are opened on request alone, since each hit costs the program that stores. What it would cost is
tried for a moment first; above ``LIMIT`` it gives up with the reason, and so where not everybody can
be watched. Nothing is written into a process or into the segment.
"""

import contextlib
import time
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from shmtui.i18n import _
from shmtui.layouts.role_evidence import swapped
from shmtui.monitor.counted_rates import RateWindow
from shmtui.monitor.ring_throughput import ThroughputEstimator
from shmtui.monitor.store_counts import ENOUGH, IndexCount, LapCount, Step, StoreReading
from shmtui.monitor.stores import (
    IN,
    MIDDLE,
    OUT,
    SLOT,
    Stores,
    producers_index,
    shares,
    stores_into,
)
from shmtui.procfs.clock import Clock
from shmtui.procfs.maps import Mapping as MemoryMapping
from shmtui.procfs.process import forked_after
from shmtui.procfs.run_times import run_times
from shmtui.procfs.store_counter import StoreCounter, hit_seconds, why_refused
from shmtui.shm.item_counts import EarlierCounts, ExactCounts, Method, Throughput
from shmtui.shm.protocol import Role
from shmtui.snapshot import Process

if TYPE_CHECKING:
    from shmtui.monitor.open_segment import OpenSegment
    from shmtui.monitor.ring_reader import RingSample

LIMIT: Final = 0.01
"""Part of a processor that hits may cost."""
TRIAL_SECONDS: Final = 0.05
LONG_TRIAL_SECONDS: Final = 0.2
"""While the stores of a lap are not clear, or hits seem too dear."""
_FEW: Final = 100
"""Hits that cost next to nothing, whatever the program does."""
_WINDOW_NS: Final = 3_000_000_000
"""Over which the cost is averaged: a program that was held up makes up for it in a burst."""
_TRIALS: Final = 3
"""In a row, before what is too dear is given up."""
_PATIENCE_NS: Final = 3_000_000_000
_TRIES: Final = 8
"""Readings, at the most, until one is of a moment between two items."""
_HOPELESS: Final = 128
"""Readings after which stores that fit no count are given up."""


class ExactCounter:
    """Counts the items of one segment's ring. Updated with each sample; closed at the end."""

    def __init__(self, segment: "OpenSegment", clock: Clock) -> None:
        self._segment = segment
        self._clock = clock
        self._refused = ""
        self._hit_seconds = 0.0
        self._watched: dict[int, tuple[MemoryMapping, ...]] = {}
        """Who is watched, and where each maps the segment."""
        self._trial: StoreCounter | None = None
        """Few hits, before anything has moved."""
        self._slots: StoreCounter | None = None
        self._indices: StoreCounter | None = None
        self._index_cheap: bool | None = None
        """Whether all stores into the indices are counted, and not the first ones; None: not tried."""
        self._opened_ns = 0
        self._trials = 0
        self._joined_ns: int | None = None
        self._alone_ns: int | None = None
        """Since when somebody has had the file open without mapping it."""
        self._hits: deque[tuple[int, int, int, int]] = deque()
        """Time, and since the last one: hits of slots, of indices; turns on a processor."""
        self._turns = 0
        self._before: Stores = Counter()
        self._tried = 0.0, 0.0, 0.0
        """Of the trial, as `_rate`, of what is watched since."""
        self._earlier = EarlierCounts()
        self._by_lap: int | None = None
        self._by_index: Step | None = None
        self._storing: dict[int, set[str]] = {}
        self._sided: set[int] = set()
        """Who stores into one index alone, as far as was seen."""
        self._shares: dict[int, int] = {}
        self._rates: dict[int, RateWindow] = {}
        if segment.layout is None or None in {segment.layout.in_, segment.layout.out}:
            self._refused = _("no ring is known in it: say its layout with --header or --layout")
            return
        self._layout = segment.layout
        self._since: float | None = None
        self._produced = 0
        self._forget()
        try:
            self._hit_seconds = hit_seconds()
        except OSError as error:
            self._refused = why_refused(error)

    def _forget(self) -> None:
        """Count anew from the next reading on; what was counted stays as a part of all."""
        if self._since is not None and self._produced:
            self._earlier = EarlierCounts(
                self._earlier.since or self._since, self._earlier.produced + self._produced
            )
        self._laps: LapCount | None = None
        self._index: IndexCount | None = None
        self._since = None
        self._produced = 0
        self._consumed: int | None = 0
        self._taken: IndexCount | None = None
        """Of ``out``: what is taken from a ring without a lock, whatever its producer does meanwhile."""
        now_ns = self._clock.monotonic_ns()
        self._flow = RateWindow(now_ns), RateWindow(now_ns)
        """Of what was produced and consumed, where the time between two items tells no rate."""
        self._open = False
        """Whether the stores of a lap are not known yet, and the last reading says nothing."""
        self._start_occupancy = 0
        self._estimator = ThroughputEstimator(self._layout.slots, self._layout.item)
        self._forget_shares()

    def _forget_shares(self) -> None:
        self._shares_from: tuple[int, int, Stores] | None = None
        self._shares.clear()
        self._rates.clear()

    def close(self) -> None:
        """Give all breakpoints back."""
        for counter in (self._trial, self._slots, self._indices):
            if counter is not None:
                counter.close()
        self._trial = self._slots = self._indices = None
        self._watched = {}
        self._hits.clear()

    def _refuse(self, why: str) -> None:
        self.close()
        self._refused = why

    @property
    def now(self) -> ExactCounts:
        """What is counted, how, and what it costs; or why nothing is."""
        if self._refused:
            return ExactCounts(refused=self._refused)
        known = self._since is not None and not self._open
        slots, indices, turns = self._rate() if len(self._hits) > ENOUGH else self._tried
        return ExactCounts(
            self._produced if known else None,
            self._consumed if known else None,
            self._since,
            tuple(self._names()),
            slots + indices,
            self._hit_seconds,
            turns,
            earlier=self._earlier,
        )

    def _names(self) -> Iterable[str]:
        if self._slots is not None:
            yield "slot 0"
        if self._indices is not None and self._index_cheap:
            yield from (IN, OUT)

    def throughput(self) -> Throughput | None:
        """Both rates; None before they are known."""
        rates = self._estimator.throughput()
        if self._refused or self._since is None or rates.method is Method.UNKNOWN:
            return None
        if rates.method is Method.LOWER_BOUND:
            # The items are known, and the time that one takes is not: one that is overdue says less and less.
            now_ns = self._clock.monotonic_ns()
            produced, consumed = (flow.rate(now_ns) for flow in self._flow)
            rates = Throughput(produced, consumed, Method.ESTIMATE)
        elif rates.method is Method.INDEX:
            rates = replace(rates, method=Method.BREAKPOINTS)
        return rates if self._consumed is not None else replace(rates, consumed_per_s=None)

    def applied(self, processes: Sequence[Process], now_ns: int) -> tuple[Process, ...]:
        """The processes, with what each stores into, and how many items it moved."""
        return tuple(
            replace(
                each,
                stores=tuple(sorted(self._storing.get(each.pid, ()))),
                items=self._shares.get(each.pid) if each.items is None else each.items,
                rate=self._rates[each.pid].rate(now_ns)
                if each.rate is None and each.pid in self._rates
                else each.rate,
            )
            for each in processes
        )

    # Who is watched.

    def update(self) -> None:
        """Read the counts, once a sample; see first that everybody is watched."""
        if self._refused:
            return
        try:
            if self._everybody_watched():
                self._read_counts()
        except OSError as error:
            self._refuse(why_refused(error))

    def _everybody_watched(self) -> bool:
        """Watch who has come; whether all are watched by now."""
        segment, table = self._segment, self._segment.processes
        if segment.counted:
            self._refuse(_("its workers count their items, which is exact and costs nothing"))
            return False
        if table.unseen.may_take_part:
            self._refuse(table.unseen.limits[0])
            return False
        joined = segment.joined_ns()
        now_ns = self._clock.monotonic_ns()
        # Who opens it maps it a moment later; nobody may open what has no name.
        search = joined is None or self._joined_ns is None or now_ns - joined < _PATIENCE_NS
        writers = table.writers(search=search)
        self._joined_ns = joined
        if writers is None:
            self._wait_for_mapping()
            return False
        self._alone_ns = None
        if segment.layout is not None and segment.layout is not self._layout:
            # Its direction has been settled: in and out have changed places.
            self._layout, self._index_cheap = segment.layout, None
            self._storing.clear()
            self.close()
        new = [pid for pid, maps in writers.items() if self._watched.get(pid) != maps]
        inherited = [pid for pid in new if forked_after(pid, self._watched, self._opened_ns)]
        self._watched = dict(writers)
        if new and new == inherited and self._by_lap and self._slots is not None:
            self._watch_indices()
        elif new:
            watched = self._watched
            self.close()
            self._watched = watched
            self._forget()
            self._begin()
        return not self._refused

    def _wait_for_mapping(self) -> None:
        """Somebody has opened the file, and maps nothing: he may be about to, or store by write(2)."""
        now_ns = self._clock.monotonic_ns()
        self.close()
        self._alone_ns = self._alone_ns or now_ns
        if now_ns - self._alone_ns > _PATIENCE_NS:
            self._refuse(_("a process has the file open for writing without mapping it"))

    def _begin(self) -> None:
        if self._index_cheap is None:
            self._trial = StoreCounter(self._bytes(SLOT, MIDDLE, IN, OUT), _FEW)
        else:
            self._watch()

    def _watch(self) -> None:
        """Watch the slots without end; the one in the middle until the stores of a lap are known."""
        names = (SLOT,) if self._by_lap else (SLOT, MIDDLE)
        self._slots = StoreCounter(self._bytes(*names), children=True)
        self._opened_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        self._before = Counter()
        self._watch_indices()

    def _watch_indices(self) -> None:
        if self._indices is not None:
            self._indices.close()
        limit = None if self._index_cheap else _FEW
        self._indices = StoreCounter(self._bytes(IN, OUT), limit)
        self._forget_shares()
        if not self._by_lap:
            self._forget()

    def _bytes(self, *names: str) -> dict[int, dict[str, list[int]]]:
        """The addresses of these bytes, by process."""
        layout = self._layout
        middle = layout.slots // 2 * layout.item.size
        offsets = {SLOT: layout.data, MIDDLE: layout.data + middle}
        if not layout.index_segment:
            offsets |= {IN: layout.in_ or 0, OUT: layout.out or 0}
        return {
            pid: {
                name: [
                    m.start + at - m.offset for m in maps if 0 <= at - m.offset < m.end - m.start
                ]
                for name, at in offsets.items()
                if name in names
            }
            for pid, maps in self._watched.items()
        }

    # The trial.

    def _try_cost(self) -> None:
        """Watch for a moment, with so few hits that they cost nothing that counts; then go on, or not."""
        assert self._trial is not None
        self._trial.close()
        self._trial = None
        budget = LIMIT / self._hit_seconds
        limit = max(_FEW, int(budget * LONG_TRIAL_SECONDS))
        with contextlib.closing(StoreCounter(self._bytes(SLOT, MIDDLE, IN, OUT), limit)) as trial:
            began, laps, turns = time.monotonic(), None, self._all_turns()
            while True:
                found = self._reading(trial, None)
                elapsed = time.monotonic() - began
                counts = trial.read()
                hits = stores_into(counts, SLOT)
                full = trial.exhausted(SLOT) or trial.exhausted(MIDDLE)
                if full:
                    break
                if found is not None:
                    laps = self._add_to(laps, found[1])
                clear = laps is not None and laps.stores is not None
                # A burst may be all that there is of it.
                dear, moves = hits > budget * elapsed, hits > _FEW * elapsed
                longer = dear or (moves and not clear)
                if elapsed > (LONG_TRIAL_SECONDS if longer else TRIAL_SECONDS):
                    break
                time.sleep(0.001)
            self._note_storing(counts)
            indices_full = trial.exhausted(IN) or trial.exhausted(OUT)
        if full or hits > budget * elapsed:
            self._trials += 1
            if self._trials < _TRIALS:
                self._begin()
            else:
                self._refuse(self._too_dear(hits / elapsed))
            return
        self._by_lap = laps.stores if laps is not None else None
        self._index_cheap = not indices_full and sum(counts.values()) <= budget * elapsed
        by_index = stores_into(counts, IN) + stores_into(counts, OUT)
        more = self._all_turns() - turns
        self._tried = (
            hits / elapsed, by_index / elapsed if self._index_cheap else 0.0, more / elapsed
        )  # fmt: skip
        self._watch()

    def _add_to(self, laps: LapCount | None, reading: StoreReading) -> LapCount | None:
        slots = self._layout.slots
        if laps is None:
            return LapCount(slots, reading) if reading.is_settled(slots) else None
        laps.add(reading)
        return laps

    def _too_dear(self, rate: float) -> str:
        return _(
            "it would cost {cost:.1f} % of a processor: {hits:,.0f} hits a second at {micro:.1f} µs"
        ).format(cost=100 * rate * self._hit_seconds, hits=rate, micro=1e6 * self._hit_seconds)

    # Counting.

    def _read_counts(self) -> None:
        if self._trial is not None and any(self._trial.read().values()):
            self._try_cost()
        elif self._trial is not None and self._trial.has_new_threads:
            self._trial.close()
            self._begin()
        if self._slots is None:
            return
        found = self._reading(self._slots, self._indices)
        if self._indices is not None:
            self._note_storing(self._slots.read() + self._indices.read())
        if found is not None:
            self._count(*found)
        self._keep_cheap()

    def _reading(
        self, slots: StoreCounter, indices: StoreCounter | None
    ) -> "tuple[RingSample, StoreReading, Stores] | None":
        """The ring with the counts that belong to it, between two items if that can be had."""
        ring = self._segment.ring
        assert ring is not None
        found = None
        for _try in range(_TRIES):
            before = self._stores(slots, indices)
            sample = ring.sample(slots=False)
            if sample is None or self._stores(slots, indices) != before:
                continue
            middle = stores_into(before, MIDDLE) if slots.counts(MIDDLE) else None
            index = stores_into(before, IN) if indices is not None and self._index_cheap else None
            reading = StoreReading(
                sample.in_, sample.out, sample.occupancy, sample.free, stores_into(before, SLOT), middle,
                index,
            )  # fmt: skip
            found = sample, reading, before
            if reading.is_settled(self._layout.slots):
                break
        return found

    def _stores(self, slots: StoreCounter, indices: StoreCounter | None) -> Stores:
        counted = indices is not None and self._index_cheap
        return slots.read() + (indices.read() if indices is not None and counted else Counter())

    def _count(self, sample: "RingSample", reading: StoreReading, stores: Stores) -> None:
        slots = self._layout.slots
        if self._laps is None or self._index is None:
            known = reading.occupancy is not None or self._layout.lock_free
            if reading.is_settled(slots) and known:
                self._laps = LapCount(slots, reading, self._by_lap)
                self._index = IndexCount(slots, reading, self._by_index)
                self._start_occupancy = reading.occupancy or 0
                self._taken = IndexCount(slots, self._of_out(sample, reading, stores))
                self._since = self._clock.time()
                self._add(sample, 0, stores)
            return
        self._laps.add(reading)
        self._index.add(reading)
        if self._taken is not None:
            self._taken.add(self._of_out(sample, reading, stores))
        self._by_index = self._index.step
        if self._laps.stores and not self._by_lap and self._slots is not None:
            self._by_lap = self._laps.stores
            self._slots.drop(MIDDLE)
        items = self._laps.items(reading)
        items = self._index.items(reading) if items is None else items
        self._open = items is None and not self._by_lap and self._by_index is None
        if items is not None and (reading.occupancy is not None or self._layout.lock_free):
            self._add(sample, max(items, self._produced), stores)
        elif items is None and self._laps.readings + self._index.readings > _HOPELESS:
            self._refuse(_("the stores into its slots and into in fit no count of items"))

    def _add(self, sample: "RingSample", items: int, stores: Stores) -> None:
        now_ns = sample.at_ns
        before = self._produced, self._consumed
        self._produced = items
        self._consumed = self._consumed_of(sample, items, stores)
        for flow, old, new in zip(self._flow, before, (items, self._consumed), strict=True):
            if new is not None and new != old:
                flow.add(new, now_ns)
        # What it makes of out is not shown where consumed is not known.
        left = items - (items if self._consumed is None else self._consumed)
        self._estimator.add(replace(sample, made=items % 2**32, occupancy=left))
        if not self._index_cheap or self._consumed is None:
            return
        if self._shares_from is None:
            self._shares_from = self._produced, self._consumed, stores
        produced, consumed, at_start = self._shares_from
        moved = {IN: self._produced - produced, OUT: self._consumed - consumed}
        for name, total in moved.items():
            its = {
                pid: n - at_start[pid, each] for (pid, each), n in stores.items() if each == name
            }
            for pid, share in shares(its, total).items():
                window = self._rates.setdefault(pid, RateWindow(now_ns))
                if share != self._shares.get(pid):
                    window.add(share, now_ns)
                self._shares[pid] = share

    def _of_out(self, sample: "RingSample", reading: StoreReading, stores: Stores) -> StoreReading:
        """The reading as one of ``out``, for its own count."""
        index = None if reading.index is None else stores_into(stores, OUT)
        return replace(reading, in_=sample.out, index=index)

    def _consumed_of(self, sample: "RingSample", items: int, stores: Stores) -> int | None:
        """What was consumed. It follows from the items in the ring where its programs keep to a protocol, or
        the indices themselves say how many there are; else from the stores into ``out`` alone.
        """
        if not self._layout.lock_free or sample.made is not None:
            return items - ((sample.occupancy or 0) - self._start_occupancy)
        if self._taken is None or not self._index_cheap:
            return None
        reading = StoreReading(
            sample.out, sample.out, None, sample.free, index=stores_into(stores, OUT)
        )
        return self._taken.items(reading)

    def _note_storing(self, stores: Stores) -> None:
        """Learn who stores into which index, and so who is on which side."""
        for (pid, name), hits in stores.items():
            if hits and name in {IN, OUT}:
                self._storing.setdefault(pid, set()).add(name)
        if self._segment.resolved.by_convention:
            index = producers_index(stores, self._layout.slots)
            if index is not None:
                own = self._layout if index == IN else swapped(self._layout)
                # A consumer may blank its slots, and read(2) into one is no store that is seen.
                text = _("the process that stores into its slots fills them, and blanks none")
                self._segment.take_direction(own, text)
            return
        sides = {IN: Role.PRODUCER, OUT: Role.CONSUMER}
        roles = {pid: sides[next(iter(own))] for pid, own in self._storing.items() if len(own) == 1}
        both = self._sided - roles.keys()
        self._sided = {*roles}
        self._segment.processes.learn_roles(roles | dict.fromkeys(both, Role.UNKNOWN))

    # The cost.

    def _rate(self) -> tuple[float, float, float]:
        """Of the last seconds: hits of slots, of indices; turns on a processor."""
        seconds = max(self._hits[-1][0] - self._hits[0][0], 1) / 1e9
        slots, indices, turns = (
            sum(each[n] for each in list(self._hits)[1:]) / seconds for n in (1, 2, 3)
        )
        return slots, indices, turns

    def _all_turns(self) -> int:
        return sum(time.turns for pid in self._watched for time in run_times(pid).values())

    def _keep_cheap(self) -> None:
        """Give up what has become too dear: first the indices, then all."""
        if self._slots is None:
            return
        now_ns, stores = self._clock.monotonic_ns(), self._stores(self._slots, self._indices)
        more = stores - self._before
        self._before = stores
        by_index = stores_into(more, IN) + stores_into(more, OUT)
        turns, self._turns = self._turns, self._all_turns()
        more_turns = max(self._turns - turns, 0)
        self._hits.append((now_ns, sum(more.values()) - by_index, by_index, more_turns))
        while now_ns - self._hits[0][0] > _WINDOW_NS:
            self._hits.popleft()
        slots, indices = (sum(each[n] for each in self._hits) for n in (1, 2))
        budget = LIMIT / self._hit_seconds * _WINDOW_NS / 1e9
        if slots > budget:
            self._refuse(self._too_dear(self._rate()[0]))
        elif slots + indices > budget and self._index_cheap:
            self._index_cheap = False
            self._watch_indices()
            self._hits.clear()
