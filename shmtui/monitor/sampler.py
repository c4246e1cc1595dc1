"""The sampler: reads one segment and makes a snapshot of it, again and again. Read only."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence, Set
from typing import TYPE_CHECKING, Any, Final, TypeVar

from msgspec.structs import replace

from shmtui.errors import ShmtuiError, shortages_told
from shmtui.layouts.options import LayoutOptions
from shmtui.monitor.control_reader import in_flight, permits_held, totals
from shmtui.monitor.open_segment import OpenSegment
from shmtui.monitor.ring_reader import RingReader
from shmtui.monitor.snapshot_limits import SnapshotLimits
from shmtui.monitor.snapshot_parts import (
    counted_throughput,
    file_access,
    layout_info,
    ring_occupancy,
    segment_info,
)
from shmtui.monitor.sync_objects import named_semaphore, sync_objects
from shmtui.procfs.clock import SYSTEM_CLOCK, Clock
from shmtui.procfs.identity import alive
from shmtui.procfs.namespaces import require_proc
from shmtui.shm.control_format import Flags
from shmtui.shm.control_records import ControlHeader
from shmtui.shm.item_counts import Audit, Throughput
from shmtui.shm.layout import Layout
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.segment import SHM_DIR, FileIdentity
from shmtui.shm.segment_info import LayoutInfo, LayoutSource, SegmentInfo, SemaphoreState
from shmtui.shm.segment_reader import SegmentStatus, Span
from shmtui.shm.value import checksum_of
from shmtui.snapshot import EMPTY, Health, Process, Snapshot

if TYPE_CHECKING:
    from shmtui.monitor.exact_counter import ExactCounter

SLOTS_JUDGED: Final = 64
"""Slots that are read for a diagnosis that nobody draws."""
DIAGNOSE_NS: Final = 200_000_000
"""How often the findings are worked out; samples between keep the last ones."""
FOLLOW_NS: Final = 1_000_000_000
"""Pause before a file that took the name and could not be opened is tried again."""
_MASK: Final = 2**64 - 1
Part = TypeVar("Part", SegmentInfo, LayoutInfo, Throughput)


class Sampler:
    """Makes snapshots of one segment; follows its name when another file takes it."""

    def __init__(
        self,
        name: str,
        options: LayoutOptions | None = None,
        *,
        read_only: bool = True,
        folder: str = SHM_DIR,
        clock: Clock = SYSTEM_CLOCK,
        likely: Callable[[], Set[int]] | None = None,
    ) -> None:
        """Open ``name`` and settle its layout.

        MissingSegmentError: no such segment. AmbiguousLayoutError: several layouts fit.
        ShmtuiError: what ``options`` say cannot be, or there is no /proc. ShortageError, here and at each sample: no
        descriptor or no memory is left for it. ``likely``: as `FileUsers` has it.
        """
        self.slots_shown = 0
        """How many slots a snapshot carries, the first ones. Without any the diagnosis cannot tell a ring that went
        round between two looks from one that stands still."""
        self.audit: Audit | None = None
        """The last audit, which every snapshot carries from then on."""
        self.all_threads = False
        """Whether each sample looks at all threads, of processes with thousands of them too."""
        self._name = name
        self._options = options or LayoutOptions()
        self._words = self._options.words
        self._read_only = read_only
        self._folder = folder
        self._clock = clock
        self._likely = likely
        self._limits = SnapshotLimits(name)
        self._history: deque[Snapshot] = deque()
        self._health = Health()
        self._stored: tuple[object, ...] = ()
        """As `OpenSegment.stored` had it just before the last sample."""
        self._last: Snapshot | None = None
        self._parts: dict[type, Any] = {}
        self._follow_after_ns = 0
        self._creator_checked_ns = 0
        self._creator_runs = False
        self._mutex_free_ns: int | None = None
        self._exact: ExactCounter | None = None
        require_proc()
        with shortages_told():
            self._segment = self._open()

    def _open(self) -> OpenSegment:
        return OpenSegment(self._name, self._options, self._folder, self._clock, self._likely)

    @property
    def name(self) -> str:
        return self._name

    @property
    def folder(self) -> str:
        """The /dev/shm that it lies in."""
        return self._folder

    @property
    def options(self) -> LayoutOptions:
        """What was said of its layout."""
        return self._options

    @property
    def layout(self) -> Layout | None:
        """The layout; None for a segment shown raw."""
        return self._segment.layout

    @property
    def identity(self) -> FileIdentity:
        return self._segment.reader.identity

    @property
    def source(self) -> LayoutSource:
        """Where the layout is known from."""
        return self._segment.resolved.source

    @property
    def assumed(self) -> bool:
        """Whether the layout is likely at most."""
        return self._segment.resolved.assumed

    @property
    def dispute(self) -> str:
        """Why nothing may be built on the layout; empty where something may."""
        return "; ".join(self._segment.resolved.disputes)

    @property
    def counts_exactly(self) -> bool:
        """Whether workers' counters tell the throughput, so that nothing between samples is missed."""
        return self._segment.counted

    def reopen_control_block(self) -> None:
        """Find the control block that was put beside the segment since it was opened."""
        self._segment.reopen_control_block()

    @shortages_told()
    def sample_ring(self) -> None:
        """Read the ring alone, so that what moves between two samples is counted."""
        if self._segment.ring is not None:
            self._segment.measure()
            if self._exact is not None:
                self._exact.update()

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of the segment, for the raw view; fewer where it ends before."""
        return self._segment.reader.read(offset, length)

    def stretches(self) -> Iterator[Span]:
        """The parts of the segment that may hold anything but zeros, in order."""
        return self._segment.reader.stretches()

    def close(self) -> None:
        self.count_exactly(on=False)
        self._segment.close()

    @property
    def exact(self) -> bool:
        """Whether items are counted by breakpoints."""
        return self._exact is not None and not self._exact.now.refused

    def count_exactly(self, *, on: bool) -> None:
        """Count the items of others by breakpoints from the next sample on, or no longer. What comes
        of it stands in the snapshots.
        """
        if self._exact is not None:
            self._exact.close()
        self._exact = None
        if on:
            from shmtui.monitor.exact_counter import (  # noqa: PLC0415 - on request alone
                ExactCounter,
            )

            self._exact = ExactCounter(self._segment, self._clock)

    def moved(self) -> bool:
        """Whether anything was stored in the segment since the last sample, or its file changed. It costs
        a tenth of a sample: nothing is decoded, and what processes do is not read. True before the first.
        """
        if self._last is None or self.exact:
            return True
        segment, last = self._segment, self._last
        if segment.stored(self.slots_shown) != self._stored:
            return True
        segment.seen_again(self._clock.monotonic_ns(), last.in_, last.out)
        return False

    @shortages_told()
    def sample(self, *, thorough: bool = False, judge: bool = True) -> Snapshot:
        """A snapshot as of now; ``thorough`` searches all of /proc for processes that have just come.
        Without ``judge`` it has the findings of the one before.
        """
        from shmtui.diagnosis.health import (  # noqa: PLC0415 - five milliseconds
            HISTORY_NS,
            diagnose,
            to_verify,
        )
        from shmtui.diagnosis.history import moves_until, rest_until  # noqa: PLC0415 - likewise

        # Before it is read, so that nothing that is stored meanwhile counts as seen.
        self._stored = self._segment.stored(self.slots_shown)
        snapshot = self._last = self._read(thorough=thorough)
        history = self._history
        if history and snapshot.monotonic_ns - history[-1].monotonic_ns < DIAGNOSE_NS:
            return self._told(snapshot)
        before = history[-1] if history else None
        if before is not None and before.segment.inode != snapshot.segment.inode:
            before = None
            history.clear()
        snapshot = replace(
            snapshot, moves=moves_until(snapshot, before), rest=rest_until(snapshot, before)
        )
        while history and snapshot.monotonic_ns - history[0].monotonic_ns > HISTORY_NS:
            history.popleft()
        history.append(snapshot)
        if not judge:
            return self._told(snapshot)
        found = diagnose(history)
        if not thorough and to_verify(found, self._health):
            # A finding that rests on an absence is reported once all of /proc has been searched.
            read = self._read(thorough=True)
            snapshot = replace(read, moves=snapshot.moves, rest=rest_until(read, snapshot))
            history[-1] = snapshot
            found = diagnose(history)
        self._health = found
        return self._told(snapshot)

    def _told(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot with its findings. Where a participant has another struct, the word after a value
        may be no mark: whether other processes can wake is unknown.
        """
        told = replace(snapshot, health=self._health)
        if not any(finding.code == "other-struct" for finding in self._health.findings):
            return told
        states = {role: replace(state, shared=None) for role, state in told.semaphores.items()}
        sync = tuple(replace(each, shared=None) for each in told.sync)
        return replace(told, semaphores=states, sync=sync)

    def _read(self, *, thorough: bool) -> Snapshot:
        self._segment.processes.all_threads = self.all_threads
        status = self._segment.reader.status()
        segment = self._segment
        moved_on = (
            status.replaced or segment.sized_since(status.size) or segment.outgrown(status.size)
        )
        if moved_on and self._clock.monotonic_ns() >= self._follow_after_ns:
            status = self._follow(status)
        now_ns = self._clock.monotonic_ns()
        segment = self._segment
        if segment.layout is None or segment.ring is None:
            return self._raw(status, now_ns, thorough=thorough)
        return self._ring_snapshot(segment.layout, segment.ring, status, now_ns, thorough=thorough)

    def _ring_snapshot(
        self,
        layout: Layout,
        ring_reader: RingReader,
        status: SegmentStatus,
        now_ns: int,
        *,
        thorough: bool,
    ) -> Snapshot:
        segment, table = self._segment, self._segment.processes
        run_stamps = table.run_stamps()
        reading = segment.read_steadily(ring_reader, self.slots_shown)
        if segment.settle_direction(reading.ring) and segment.layout and segment.ring:
            layout, ring_reader = segment.layout, segment.ring
            reading = segment.read_steadily(ring_reader, self.slots_shown)
        header, ring, records = reading.header, reading.ring, reading.records
        if ring.value(SemaphoreRole.MUTEX) == 1:
            self._mutex_free_ns = now_ns
        if not segment.direction_open:
            table.infer_roles(run_stamps, ring.in_, ring.out)
            if layout.lock_free and not thorough:
                segment.watch_stores(ring_reader)
        processes = table.read(
            records,
            now_ns,
            file_access(status),
            reading.states or {},
            indices=(ring.in_, ring.out),
            position=(ring.in_, ring.out, ring.count, *ring.semaphores.values()),
            free_ns=self._mutex_free_ns,
            thorough=thorough,
        )
        known = reading.states is not None and segment.counted and header is not None
        items, room = permits_held(records) if known else (None, None)
        full = ring_occupancy(layout, ring, items, room)
        if layout.lock_free and segment.direction_open:
            full = None
        throughput = self._throughput(header, processes, now_ns)
        if self._exact is not None:
            self._exact.update()
            throughput = self._exact.throughput() or throughput
            processes = self._exact.applied(processes, now_ns)
        snapshot = Snapshot(
            time=self._clock.time(),
            monotonic_ns=now_ns,
            segment=self._kept(segment_info(self._name, status, read_only=self._read_only)),
            layout=self._kept(layout_info(self._segment.resolved, layout, self._words)),
            in_=ring.in_,
            out=ring.out,
            occupancy=full,
            count=ring.count,
            in_flight=in_flight(records) if known else None,
            slots=ring_reader.slots(ring.data or b"", ring.out, full),
            semaphores={
                role: SemaphoreState(words.value, words.waiters, words.shared)
                for role, words in ring.semaphores.items()
            },
            sync=(
                *sync_objects(
                    segment.reader,
                    layout,
                    ring.semaphores,
                    table.mappers,
                    ask=bool(table.waits_hidden),
                ),
                *table.semaphores,
            ),
            throughput=self._kept(throughput),
            exact=None if self._exact is None else self._exact.now,
            processes=processes,
            sleepers=ring_reader.sleepers() if table.waits_hidden else {},
            mutex_free_ns=self._mutex_free_ns,
            joined_ns=segment.joined_ns(),
            lent_ns=segment.lent_ns(now_ns),
            came_ns=segment.came_ns,
            forked_ns=table.forked_ns,
            steady=ring.steady,
            supervised=self._supervised(header, now_ns),
            totals=None if header is None else totals(header, records),
            audit=self.audit,
            guests=header is not None and bool(header.flags & Flags.GUESTS),
            uptime=self._uptime(header),
        )
        return self._limits.noted(snapshot, self._segment, thorough=thorough)

    def _raw(self, status: SegmentStatus, now_ns: int, *, thorough: bool) -> Snapshot:
        resolved, table = self._segment.resolved, self._segment.processes
        snapshot = Snapshot(
            time=self._clock.time(),
            monotonic_ns=now_ns,
            segment=self._kept(segment_info(self._name, status, read_only=self._read_only)),
            layout=self._kept(
                replace(
                    EMPTY.layout,
                    candidates=resolved.candidate_options,
                    assumptions=resolved.disputes,
                    disputed=bool(resolved.disputes),
                )
            ),
            sync=named_semaphore(self._segment.reader),
            processes=table.read((), now_ns, file_access(status), thorough=thorough),
            exact=None if self._exact is None else self._exact.now,
        )
        return self._limits.noted(snapshot, self._segment, thorough=thorough)

    def _kept(self, part: Part) -> Part:
        """``part``, or the one of the sample before where it is equal: an exporter keeps a dozen samples
        of each of hundreds of segments.
        """
        if self._parts.get(type(part)) != part:
            self._parts[type(part)] = part
        kept: Part = self._parts[type(part)]
        return kept

    def _follow(self, status: SegmentStatus) -> SegmentStatus:
        """Open the name anew, for the file that has it now or the size that it has got; keep what is
        open if that cannot be.
        """
        try:
            opened = self._open()
        except ShmtuiError:
            self._follow_after_ns = self._clock.monotonic_ns() + FOLLOW_NS
            return status
        counting = self._exact is not None
        self.count_exactly(on=False)
        self._segment.close()
        self._segment, self._mutex_free_ns = opened, None
        self.count_exactly(on=counting)
        return opened.reader.status()

    def _supervised(self, header: ControlHeader | None, now_ns: int) -> bool:
        """Whether the shmtui that made the buffer still runs; /proc is read for it now and then."""
        if header is None:
            return False
        if now_ns - self._creator_checked_ns >= DIAGNOSE_NS:
            self._creator_checked_ns = now_ns
            self._creator_runs = alive(header.creator_pid, header.creator_start)
        return self._creator_runs

    def _throughput(
        self, header: ControlHeader | None, processes: Sequence[Process], now_ns: int
    ) -> Throughput:
        """From the workers' counters if they move all items, else from what the ring shows."""
        if header is not None and self._segment.counted:
            return counted_throughput(header, processes, now_ns)
        return self._segment.estimated_throughput()

    def _uptime(self, header: ControlHeader | None) -> float | None:
        """Seconds since the buffer was made; None for a control block beside another's segment."""
        if header is None or header.flags & Flags.FOREIGN:
            return None
        return max(round(self._clock.time() - header.created_ns / 1e9, 3), 0.0)

    def resident_sum(self, count: int) -> int:
        """The checksum of ``count`` items from ``out`` on; meaningful once nothing moves."""
        snapshot, ring = self.sample(), self._segment.ring
        if snapshot.out is None or ring is None:
            return 0
        return sum(map(checksum_of, ring.resident(snapshot.out, count))) & _MASK
