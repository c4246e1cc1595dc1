"""The sampler: one look at a segment becomes one frozen snapshot.

It owns a read-only descriptor of the segment, of its control block and of its
named semaphores, and remembers what rates need. It writes to none of them.
"""

import math
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from shmtui.errors import ShmtuiError, shortages_told
from shmtui.i18n import _
from shmtui.layouts.options import LayoutOptions, ResolvedLayout
from shmtui.monitor.control_reader import Companion, in_flight, permits_held, positions, totals
from shmtui.monitor.process_table import Participants
from shmtui.monitor.ring_reader import RingReader, RingState
from shmtui.procfs.identity import alive
from shmtui.shm.control_block import ControlHeader, Flags, WorkerRecord, control_name
from shmtui.shm.layout import Layout
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.shm.ring import counted, sum_of
from shmtui.shm.segment import SHM_DIR, FileIdentity
from shmtui.shm.segment_reader import Looked, SegmentReader, user_name
from shmtui.snapshot import (
    Audit,
    Health,
    LayoutInfo,
    LayoutSource,
    Method,
    Offsets,
    Origin,
    Process,
    SegmentInfo,
    SemaphoreState,
    Snapshot,
    Throughput,
    occupancy,
)

if TYPE_CHECKING:
    from shmtui.monitor.ring_throughput import RingMeter

STALE_NS: Final = 3_000_000_000
"""Published rates older than this are not believed."""
STEADY_TRIES: Final = 4
"""How often the ring is read until no worker moved meanwhile; each costs some 0.1 ms."""
DIAGNOSE_NS: Final = 200_000_000
"""How often the findings are worked out; looks between keep the last ones."""
FOLLOW_NS: Final = 1_000_000_000
"""How long a file that took the name and cannot be read is left alone before it is tried again."""
_MASK: Final = 2**64 - 1
_AT_A_TIME: Final = 1 << 16
"""Bytes of items that are read at a time for a sum."""


class Sampler:
    """Looks at one segment, again and again; follows its name to another file that takes it."""

    def __init__(
        self,
        name: str,
        options: LayoutOptions | None = None,
        *,
        read_only: bool = True,
        folder: str = SHM_DIR,
    ) -> None:
        """Open ``name`` and settle its layout.

        MissingSegmentError: no such segment. AmbiguousLayoutError: several layouts fit.
        ShmtuiError: what ``options`` say cannot be. ShortageError, here and at each look: no
        descriptor or no memory is left for it.
        """
        self.slots_shown = 0
        self._name = name
        self._options = options or LayoutOptions()
        self._read_only = read_only
        self._folder = folder
        self._history: deque[Snapshot] = deque()
        self._health = Health()
        self.audit: Audit | None = None
        """The last audit, which every sample carries from then on."""
        self._follow_after_ns = 0
        self._creator_seen_ns = 0
        self._creator_runs = False
        with shortages_told():
            self._open()

    def _open(self) -> None:
        self._reader = SegmentReader(self._name, self._folder)
        self._control = Companion(self._name, self._reader.identity, self._folder)
        try:
            self._resolved = self._resolve()
        except BaseException:
            self._reader.close()
            self._control.close()
            raise
        layout = self._resolved.layout
        self._candidates = self._resolved.candidate_options
        self._participants = Participants(self._reader.identity, layout, self._folder)
        self._ring = None if layout is None else RingReader(self._reader, layout, self._folder)
        self._meter: RingMeter | None = None
        self._contradicted: set[Layout] = set()
        """Directions of the ring that a value has contradicted."""

    def _resolve(self) -> ResolvedLayout:
        header = self._control.header
        if header is not None and not self._options.given:
            if self._reader.look().size >= header.layout.size:
                assumed = (_("the layout in its control block is only likely"),)
                assumptions = assumed if header.flags & Flags.ASSUMED else ()
                return ResolvedLayout(header.layout, LayoutSource.CONTROL, assumptions=assumptions)
            self._control.reject(_("the segment is shorter than the layout in it"))
        from shmtui.layouts.resolve import candidates_of, resolve  # noqa: PLC0415 - heavy

        resolved = resolve(self._reader, self._options)
        if self._options.raw:
            candidates = candidates_of(self._reader, LayoutOptions())
            return ResolvedLayout(None, LayoutSource.RAW, candidates=candidates)
        return resolved

    @property
    def name(self) -> str:
        """The segment's name."""
        return self._name

    def rejoin(self) -> None:
        """Take note of a control block that was put beside the segment since it was opened."""
        self._control.close()
        self._control = Companion(self._name, self._reader.identity, self._folder)

    @property
    def layout(self) -> Layout | None:
        """The layout; None for a segment shown raw."""
        return self._resolved.layout

    @property
    def identity(self) -> FileIdentity:
        """The file that is looked at."""
        return self._reader.identity

    @property
    def source(self) -> LayoutSource:
        """Where the layout is known from."""
        return self._resolved.source

    @property
    def assumed(self) -> bool:
        """Whether the layout is likely at most."""
        return self._resolved.assumed

    @property
    def dispute(self) -> str:
        """Why nothing may be built on the layout; empty where something may."""
        return "; ".join(self._resolved.disputes)

    @property
    def counted(self) -> bool:
        """Whether workers' counters tell the throughput, so that nothing is missed between looks."""
        return self._control.header is not None and not self._participants.foreign

    @shortages_told()
    def watch(self) -> None:
        """Look at the ring alone, so that what moves between two samples is counted."""
        if self._ring is not None:
            self._measure()

    def _measure(self) -> None:
        assert self._ring is not None
        look = self._ring.ring_look()
        if look is not None:
            self._counter().add(look)

    def _counter(self) -> "RingMeter":
        """What counts a ring that nobody counts; made when there is a need."""
        if self._meter is None:
            from shmtui.monitor.ring_throughput import RingMeter  # noqa: PLC0415 - only for others' buffers

            layout = self._resolved.layout
            assert layout is not None
            self._meter = RingMeter(layout.slots, layout.item)
        return self._meter

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of the segment, for the raw view."""
        return self._reader.read(offset, length)

    def close(self) -> None:
        """Give all descriptors back."""
        self._reader.close()
        self._control.close()
        if self._ring is not None:
            self._ring.close()
        self._participants.close()

    # -- one look ---------------------------------------------------------------------------

    @shortages_told()
    def sample(self, *, thorough: bool = False) -> Snapshot:
        """Look once; ``thorough`` searches all of /proc for whoever has just come."""
        from shmtui.diagnosis.health import (  # noqa: PLC0415 - five milliseconds
            HISTORY_NS,
            diagnose,
            to_verify,
        )

        snapshot = self._look(thorough=thorough)
        history = self._history
        if history and snapshot.monotonic_ns - history[-1].monotonic_ns < DIAGNOSE_NS:
            return replace(snapshot, health=self._health)
        while history and snapshot.monotonic_ns - history[0].monotonic_ns > HISTORY_NS:
            history.popleft()
        if history and history[-1].segment.inode != snapshot.segment.inode:
            history.clear()
        history.append(snapshot)
        found = diagnose(history)
        if not thorough and to_verify(found, self._health):
            # What rests on nobody's being there is told once all of /proc has been searched.
            snapshot = history[-1] = self._look(thorough=True)
            found = diagnose(history)
        self._health = found
        return replace(snapshot, health=self._health)

    def _look(self, *, thorough: bool) -> Snapshot:
        looked = self._reader.look()
        if looked.replaced and time.monotonic_ns() >= self._follow_after_ns:
            looked = self._follow(looked)
        now_ns = time.monotonic_ns()
        layout = self._resolved.layout
        if layout is None or self._ring is None:
            return self._raw(looked, now_ns)
        stamps = self._participants.stamps()
        header, ring, records_after, letters = self._read_steadily(self._ring)
        if self._resolved.by_convention and self._settle_direction(ring):
            layout = self._resolved.layout or layout
            header, ring, records_after, letters = self._read_steadily(self._ring)
        self._participants.witness(stamps, ring.in_, ring.out)
        processes = self._participants.look(records_after, now_ns, letters or {}, thorough=thorough)
        known = letters is not None and self._participants.foreign == 0 and header is not None
        items, room = permits_held(records_after) if known else (None, None)
        full = _occupancy(layout, ring, items, room)
        return Snapshot(
            time=time.time(),
            monotonic_ns=now_ns,
            segment=self._segment(looked),
            layout=self._layout_info(layout),
            in_=ring.in_,
            out=ring.out,
            occupancy=full,
            in_flight=in_flight(records_after) if known else None,
            slots=self._ring.slots(ring.data or b"", ring.out, full),
            semaphores={
                role: SemaphoreState(words.value, words.waiters, words.shared)
                for role, words in ring.semaphores.items()
            },
            throughput=self._throughput(header, processes, now_ns),
            processes=processes,
            limits=self._limits,
            hidden=self._participants.hidden,
            supervised=self._supervised(header, now_ns),
            totals=None if header is None else totals(header, records_after),
            audit=self.audit,
            uptime=_uptime(header),
        )

    def _settle_direction(self, ring: RingState) -> bool:
        """Note which direction of the ring the values contradict; True: the other one is taken."""
        from shmtui.layouts.role_evidence import (  # noqa: PLC0415 - heavy
            RingValues,
            excess,
            swapped,
        )

        layout = self._resolved.layout
        assert layout is not None
        words = [ring.semaphores.get(role) for role in (SemaphoreRole.EMPTY, SemaphoreRole.FULL)]
        ways = (
            (layout, RingValues(ring.in_, ring.out, None, *words)),
            (swapped(layout), RingValues(ring.out, ring.in_, None, *words)),
        )
        self._contradicted |= {way for way, values in ways if excess(way, values)}
        left = [way for way, _values in ways if way not in self._contradicted]
        if len(left) != 1:
            return False
        self._resolved = self._resolved.with_direction(left[0])
        if self._ring is not None:
            self._ring.close()
        self._ring = RingReader(self._reader, left[0], self._folder)
        self._meter = None
        return True

    def _follow(self, looked: Looked) -> Looked:
        """Go on with the file that has the name now; stay with the old one if that cannot be read."""
        old = (self._reader, self._control, self._ring, self._participants)
        state = (self._resolved, self._meter)
        try:
            self._open()
        except ShmtuiError:
            self._reader, self._control, self._ring, self._participants = old
            self._resolved, self._meter = state
            self._follow_after_ns = time.monotonic_ns() + FOLLOW_NS
            return looked
        reader, control, ring, participants = old
        reader.close()
        participants.close()
        control.close()
        if ring is not None:
            ring.close()
        return self._reader.look()

    def _raw(self, looked: Looked, now_ns: int) -> Snapshot:
        return Snapshot(
            time=time.time(),
            monotonic_ns=now_ns,
            segment=self._segment(looked),
            layout=LayoutInfo(LayoutSource.RAW, 0, "", 0, Offsets(0, 0, 0), "", self._candidates),
            processes=self._participants.look((), now_ns),
            limits=self._limits,
            hidden=self._participants.hidden,
        )

    @property
    def _limits(self) -> tuple[str, ...]:
        limits = self._participants.limits
        if not self._control.doubt:
            return limits
        told = _("its control block {control} is not used: {why}")
        control = control_name(self._name)
        return (*limits, told.format(control=control, why=self._control.doubt))

    def _read_steadily(
        self, ring: RingReader
    ) -> tuple[ControlHeader | None, RingState, tuple[WorkerRecord, ...], dict[int, str] | None]:
        """Control block and ring, again until no worker moved meanwhile, or patience ends.

        With them the kernel's word on those that say they are blocked, of a moment at which
        their records were the same: who is asleep then was so when the ring was read. None
        where they never stood still.
        """
        header, records = self._control.read()
        for _attempt in range(STEADY_TRIES):
            state = ring.read(self.slots_shown)
            letters = self._participants.letters(records)
            header, after = self._control.read()
            if positions(records) == positions(after):
                return header, state, after, letters
            records = after
        return header, state, after, None

    def _supervised(self, header: ControlHeader | None, now_ns: int) -> bool:
        """Whether who made the buffer runs still; asked now and then, since it costs a look at
        /proc and nobody has to know sooner.
        """
        if header is None:
            return False
        if now_ns - self._creator_seen_ns >= DIAGNOSE_NS:
            self._creator_seen_ns = now_ns
            self._creator_runs = alive(header.creator_pid, header.creator_start)
        return self._creator_runs

    def _throughput(
        self,
        header: ControlHeader | None,
        processes: Sequence[Process],
        now_ns: int,
    ) -> Throughput:
        """From the workers' counters if they are all there is, else from what the ring shows."""
        if header is not None and not self._participants.foreign:
            return counted_throughput(header, processes, now_ns)
        self._measure()
        return self._counter().throughput()

    def _segment(self, looked: Looked) -> SegmentInfo:
        return SegmentInfo(
            name=self._reader.name,
            size=looked.size,
            inode=looked.identity.inode,
            mode=looked.mode,
            owner=user_name(looked.uid),
            unlinked=looked.unlinked,
            replaced=looked.replaced,
            read_only=self._read_only,
        )

    def _layout_info(self, layout: Layout) -> LayoutInfo:
        return LayoutInfo(
            source=self._resolved.source,
            slots=layout.slots,
            item_type=layout.item.name,
            item_size=layout.item.size,
            offsets=Offsets(
                layout.data, layout.in_, layout.out, layout.mutex, layout.empty, layout.full
            ),
            semaphores=layout.kind,
            candidates=self._candidates,
            by_convention=self._resolved.by_convention,
            libc=layout.libc,
            index_size=layout.index_size,
            assumptions=(*self._resolved.assumptions, *self._resolved.disputes),
            disputed=bool(self._resolved.disputes),
            origin=self._resolved.origin,
            index_segment=layout.index_segment,
        )

    def resident_sum(self, count: int) -> int:
        """The checksum of ``count`` items from ``out`` on; meaningful once nothing moves."""
        return sum(map(sum_of, self._resident(count))) & _MASK

    def _resident(self, count: int) -> Iterator[int | float]:
        """What a worker would read, the oldest first; as far as the file goes."""
        snapshot, layout = self.sample(), self._resolved.layout
        if snapshot.out is None or layout is None:
            return
        item, size = layout.item, layout.item.size
        at, end = snapshot.out, snapshot.out + count
        while at < end:
            slot = at % layout.slots
            wanted = min(end - at, layout.slots - slot, max(_AT_A_TIME // size, 1))
            raw = self._reader.read(layout.data + slot * size, wanted * size)
            if len(raw) < wanted * size:
                return
            yield from (counted(item, raw[n : n + size]) for n in range(0, len(raw), size))
            at += wanted


def _uptime(header: ControlHeader | None) -> float | None:
    """Seconds since the buffer was made; a block beside somebody else's does not know."""
    if header is None or header.flags & Flags.GUEST:
        return None
    return max(time.time() - header.created_ns / 1e9, 0.0)


def _occupancy(
    layout: Layout,
    ring: RingState,
    items: tuple[int, int] | None,
    room: tuple[int, int] | None,
) -> int | None:
    if ring.in_ is None or ring.out is None:
        return None
    empty, full = ring.value(SemaphoreRole.EMPTY), ring.value(SemaphoreRole.FULL)
    return occupancy(layout.slots, ring.in_, ring.out, empty, full, items, room, layout.index_size)


def counted_throughput(
    header: ControlHeader, processes: Sequence[Process], now_ns: int
) -> Throughput:
    """Both rates from the workers' own counters, exact while nobody else takes part."""
    produced = _summed(processes, Role.PRODUCER)
    consumed = _summed(processes, Role.CONSUMER)
    if header.published_ns and 0 <= now_ns - header.published_ns < STALE_NS:
        produced = _finite(header.produced_per_s) if produced is None else produced
        consumed = _finite(header.consumed_per_s) if consumed is None else consumed
    return Throughput(produced, consumed, Method.COUNTERS)


def _summed(processes: Sequence[Process], role: Role) -> float | None:
    rates = [p.rate for p in processes if p.role is role and p.origin is Origin.WORKER]
    known = [rate for rate in rates if rate is not None]
    return sum(known) if len(known) == len(rates) else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
