"""Exact counts of a ring that others made: hardware breakpoints on the stores of everybody who maps it.

They are opened on request alone, since each hit costs the program that stores. What it would cost is
tried for a moment first; above ``LIMIT`` it gives up with the reason, and so where not everybody can
be watched. Nothing is written into a process or into the segment.
"""

import contextlib
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from shmtui.i18n import _
from shmtui.layouts.role_evidence import swapped
from shmtui.monitor.breakpoint_costs import HitCosts, HitRates
from shmtui.monitor.counted_items import CountedItems
from shmtui.monitor.store_counts import LapCount, StoreReading
from shmtui.monitor.store_shares import StoreShares
from shmtui.monitor.stores import (
    IN,
    MIDDLE,
    OUT,
    SLOT,
    Stores,
    addresses,
    producers_index,
    stores_into,
)
from shmtui.procfs.clock import Clock
from shmtui.procfs.maps import Mapping as MemoryMapping
from shmtui.procfs.process import forked_after
from shmtui.procfs.run_times import run_times
from shmtui.procfs.store_counter import StoreCounter, hit_seconds, why_refused
from shmtui.shm.item_counts import ExactCounts, Throughput
from shmtui.snapshot import Process

if TYPE_CHECKING:
    from shmtui.monitor.open_segment import OpenSegment
    from shmtui.monitor.ring_reader import RingSample

TRIAL_SECONDS: Final = 0.05
LONG_TRIAL_SECONDS: Final = 0.2
"""While the stores of a lap are not clear, or hits seem too dear."""
_FEW: Final = 100
"""Hits that cost next to nothing, whatever the program does."""
_TRIALS: Final = 3
"""In a row, before what is too dear is given up."""
_PATIENCE_NS: Final = 3_000_000_000
_TRIES: Final = 8
"""Readings, at the most, until one is of a moment between two items."""


class ExactCounter:
    """Counts the items of one segment's ring. Updated with each sample; closed at the end."""

    def __init__(self, segment: "OpenSegment", clock: Clock) -> None:
        self._segment = segment
        self._clock = clock
        self._refused = ""
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
        self._turns = 0
        self._before: Stores = Counter()
        self._shares = StoreShares()
        if segment.layout is None or None in {segment.layout.in_, segment.layout.out}:
            self._refused = _("no ring is known in it: say its layout with --header or --layout")
            return
        try:
            self._costs = HitCosts(hit_seconds())
        except OSError as error:
            self._refused = why_refused(error)
            return
        self._items = CountedItems(segment.layout, clock)

    def _restart(self) -> None:
        """Count anew from the next reading on."""
        self._items.restart()
        self._shares.restart()

    def close(self) -> None:
        for counter in (self._trial, self._slots, self._indices):
            if counter is not None:
                counter.close()
        self._trial = self._slots = self._indices = None
        self._watched = {}
        if not self._refused:
            self._costs.clear()

    def _refuse(self, why: str) -> None:
        self.close()
        self._refused = why

    @property
    def now(self) -> ExactCounts:
        """What is counted, how, and what it costs; or why nothing is."""
        if self._refused:
            return ExactCounts(refused=self._refused)
        items, rates = self._items, self._costs.rates
        known = items.since is not None and not items.open
        return ExactCounts(
            items.produced if known else None,
            items.consumed if known else None,
            items.since,
            tuple(self._names()),
            rates.slots + rates.indices,
            self._costs.hit_seconds,
            rates.turns,
            earlier=items.earlier,
        )

    def _names(self) -> Iterable[str]:
        if self._slots is not None:
            yield "slot 0"
        if self._indices is not None and self._index_cheap:
            yield from (IN, OUT)

    def throughput(self) -> Throughput | None:
        """Both rates; None before they are known."""
        return None if self._refused else self._items.throughput()

    def applied(self, processes: Sequence[Process], now_ns: int) -> tuple[Process, ...]:
        """The processes, with what each stores into, and how many items it moved."""
        return self._shares.applied(processes, now_ns)

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
        if segment.layout is not None and segment.layout is not self._items.layout:
            # Its direction has been settled: in and out have changed places.
            self._items.layout, self._index_cheap = segment.layout, None
            self._shares.forget()
            self.close()
        new = [pid for pid, maps in writers.items() if self._watched.get(pid) != maps]
        inherited = [pid for pid in new if forked_after(pid, self._watched, self._opened_ns)]
        self._watched = dict(writers)
        if new and new == inherited and self._items.by_lap and self._slots is not None:
            self._watch_indices()
        elif new:
            watched = self._watched
            self.close()
            self._watched = watched
            self._restart()
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
        names = (SLOT,) if self._items.by_lap else (SLOT, MIDDLE)
        self._slots = StoreCounter(self._bytes(*names), children=True)
        self._opened_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        self._before = Counter()
        self._watch_indices()

    def _watch_indices(self) -> None:
        if self._indices is not None:
            self._indices.close()
        limit = None if self._index_cheap else _FEW
        self._indices = StoreCounter(self._bytes(IN, OUT), limit)
        self._shares.restart()
        if not self._items.by_lap:
            self._restart()

    def _bytes(self, *names: str) -> dict[int, dict[str, list[int]]]:
        """The addresses of these bytes, by process."""
        layout = self._items.layout
        return {pid: addresses(maps, layout, names) for pid, maps in self._watched.items()}

    # The trial.

    def _try_cost(self) -> None:
        """Watch for a moment, with so few hits that they cost nothing that counts; then go on, or not."""
        assert self._trial is not None
        self._trial.close()
        self._trial = None
        budget = self._costs.budget
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
            self._note_stores(counts)
            indices_full = trial.exhausted(IN) or trial.exhausted(OUT)
        if full or hits > budget * elapsed:
            self._trials += 1
            if self._trials < _TRIALS:
                self._begin()
            else:
                self._refuse(self._costs.too_dear(hits / elapsed))
            return
        self._items.by_lap = laps.stores if laps is not None else None
        self._index_cheap = not indices_full and sum(counts.values()) <= budget * elapsed
        by_index = stores_into(counts, IN) + stores_into(counts, OUT)
        more = self._all_turns() - turns
        self._costs.tried = HitRates(
            hits / elapsed, by_index / elapsed if self._index_cheap else 0.0, more / elapsed
        )
        self._watch()

    def _add_to(self, laps: LapCount | None, reading: StoreReading) -> LapCount | None:
        slots = self._items.layout.slots
        if laps is None:
            return LapCount(slots, reading) if reading.is_settled(slots) else None
        laps.add(reading)
        return laps

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
            self._note_stores(self._slots.read() + self._indices.read())
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
            if reading.is_settled(self._items.layout.slots):
                break
        return found

    def _stores(self, slots: StoreCounter, indices: StoreCounter | None) -> Stores:
        counted = indices is not None and self._index_cheap
        return slots.read() + (indices.read() if indices is not None and counted else Counter())

    def _count(self, sample: "RingSample", reading: StoreReading, stores: Stores) -> None:
        items = self._items
        was_known = items.by_lap
        added = items.add(sample, reading, stores)
        if items.by_lap and not was_known and self._slots is not None:
            self._slots.drop(MIDDLE)
        if items.fit_nothing:
            self._refuse(_("the stores into its slots and into in fit no count of items"))
        elif added and self._index_cheap and items.consumed is not None:
            self._shares.share(items.produced, items.consumed, stores, sample.at_ns)

    def _note_stores(self, stores: Stores) -> None:
        """Learn who stores into which index, and so who is on which side."""
        self._shares.note(stores)
        layout = self._items.layout
        if not self._segment.resolved.by_convention:
            self._segment.processes.learn_roles(self._shares.roles())
            return
        index = producers_index(stores, layout.slots)
        if index is not None:
            own = layout if index == IN else swapped(layout)
            # A consumer may blank its slots, and read(2) into one is no store that is seen.
            text = _("the process that stores into its slots fills them, and blanks none")
            self._segment.take_direction(own, text)

    # The cost.

    def _all_turns(self) -> int:
        return sum(time.turns for pid in self._watched for time in run_times(pid).values())

    def _keep_cheap(self) -> None:
        """Give up what costs too much: first the indices, then everything."""
        if self._slots is None:
            return
        now_ns, stores = self._clock.monotonic_ns(), self._stores(self._slots, self._indices)
        more = stores - self._before
        self._before = stores
        by_index = stores_into(more, IN) + stores_into(more, OUT)
        turns, self._turns = self._turns, self._all_turns()
        more_turns = max(self._turns - turns, 0)
        self._costs.add(now_ns, HitRates(sum(more.values()) - by_index, by_index, more_turns))
        if self._costs.are_too_many(indices=False):
            self._refuse(self._costs.too_dear())
        elif self._index_cheap and self._costs.are_too_many(indices=True):
            self._index_cheap = False
            self._watch_indices()
            self._costs.clear()
