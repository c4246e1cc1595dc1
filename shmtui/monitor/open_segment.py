"""What is open of one segment: its bytes, control block, layout, ring and processes. Read only."""

import contextlib
from collections.abc import Callable, Set
from typing import TYPE_CHECKING, Final

import msgspec

from shmtui.i18n import _
from shmtui.layouts.options import LayoutOptions, ResolvedLayout
from shmtui.monitor.control_reader import ControlBlockWatcher, positions
from shmtui.monitor.lent_segment import LentSegment
from shmtui.monitor.process_table import ProcessTable
from shmtui.monitor.ring_reader import RingReader, RingState
from shmtui.procfs.clock import Clock
from shmtui.procfs.file_watch import OPENED, FileWatch
from shmtui.procfs.file_writers import anybody_writes_one_of
from shmtui.procfs.target import has_name, open_target
from shmtui.shm.control_format import Flags
from shmtui.shm.control_records import ControlHeader, WorkerRecord
from shmtui.shm.item_counts import Throughput
from shmtui.shm.layout import SEM_SIZE, Layout
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.segment import FileIdentity, identity_at
from shmtui.shm.segment_info import LayoutSource
from shmtui.shm.segment_reader import integer_at
from shmtui.shm.semaphore import named_semaphore_path

if TYPE_CHECKING:
    from shmtui.layouts.role_evidence import DirectionEvidence
    from shmtui.monitor.ring_throughput import ThroughputEstimator

AT_REST: Final = 5
"""Samples after which a ring that does not move may tell its direction."""
STEADY_TRIES: Final = 4
"""Reads of the ring, at the most, until no worker moved during one; each costs some 0.1 ms."""

STORE_LOOKS: Final = 20
"""Looks at a ring without a lock with each sample, while it is not known who stores its indices; each
costs some 0.1 ms."""
MOST_WATCHES: Final = 300
"""With so many samples: what they have not shown, more will not."""
STORE_PROCESSES: Final = 8
"""Of more processes this is not asked: several run at any time."""


class SegmentReading(msgspec.Struct, frozen=True):
    """Control block and ring, read together."""

    header: ControlHeader | None
    ring: RingState
    records: tuple[WorkerRecord, ...]
    states: dict[int, str] | None
    """The kernel's state letter of each worker that says it is blocked, read while its record
    did not change; None where the workers never stood still.
    """


class OpenSegment:
    """The descriptors of one segment and of what stands beside it; closed together."""

    def __init__(
        self,
        name: str,
        options: LayoutOptions,
        folder: str,
        clock: Clock,
        likely: Callable[[], Set[int]] | None = None,
    ) -> None:
        """Open ``name`` and settle its layout.

        MissingSegmentError: no such segment. AmbiguousLayoutError: several layouts fit.
        ShmtuiError: what ``options`` say cannot be. ``likely``: as `FileUsers` has it.
        """
        self.name = name
        self._folder = folder
        self._clock = clock
        self._direction: DirectionEvidence | None = None
        """Directions of the ring that a value has contradicted."""
        self.reader = open_target(name, folder, options.tell if options.shmat else None)
        self.control = ControlBlockWatcher(name, self.reader.identity, folder)
        try:
            self.resolved = self._resolve(options)
        except BaseException:
            self.reader.close()
            self.control.close()
            raise
        layout = self.resolved.layout
        self._size = self.reader.status().size
        path = self.reader.path if has_name(name) else None
        alone = name if self.reader.semaphore else ""
        self.processes = ProcessTable(self.reader.identity, layout, folder, likely, path, alone)
        self._arrivals: list[FileWatch] = []
        """Of the segment's file and those of its named semaphores."""
        self._arrived_ns = 0
        """When somebody may have opened it last: when the watch began, if nobody did since."""
        self._opened_ns = 0
        """When somebody was seen to."""
        # A list has many, and a user has 128 such watches in all.
        self._watches_arrivals = likely is None
        self._lent = LentSegment(clock.monotonic_ns, self.processes.search)
        self._asked_who_joined = False
        self._looks_left = STORE_LOOKS * MOST_WATCHES
        self.ring = None if layout is None else RingReader(self.reader, layout, folder, clock)
        self._estimator: ThroughputEstimator | None = None
        self._measured = False
        """Whether the last reading for it was one: ``in`` stood still."""

    def _resolve(self, options: LayoutOptions) -> ResolvedLayout:
        header = self.control.header
        if header is not None and not options.given:
            if self.reader.status().size >= header.layout.size:
                assumed = (_("the layout in its control block is only likely"),)
                assumptions = assumed if header.flags & Flags.ASSUMED else ()
                return ResolvedLayout(header.layout, LayoutSource.CONTROL, assumptions=assumptions)
            self.control.reject(_("the segment is shorter than the layout in it"))
        from shmtui.layouts.resolve import resolve  # noqa: PLC0415 - heavy

        return resolve(self.reader, options)

    @property
    def layout(self) -> Layout | None:
        """What the bytes mean; None for a segment shown raw."""
        return self.resolved.layout

    def sized_since(self, size: int) -> bool:
        """Whether it had 0 bytes when it was opened, and has ``size`` now."""
        return self._size == 0 and size > 0

    def outgrown(self, size: int) -> bool:
        """Whether the number of slots is out of date: the member that says it has changed, or it was read
        of a file that was smaller than ``size``.
        """
        at = self.resolved.slots_at
        if at is not None and self.layout is not None:
            return integer_at(self.reader, at) not in {None, self.layout.slots}
        return self.resolved.source is LayoutSource.INFERRED and size > self._size

    @property
    def counted(self) -> bool:
        """Whether everything that moves is counted by workers of ours."""
        return self.control.header is not None and not self.processes.foreign

    def anybody_writes(self) -> bool | None:
        """Whether anybody has the segment or one of its named semaphores open for writing, in
        this process or another; None where it cannot be told.
        """
        files = self._files()
        self._note_arrivals()
        self.processes.note_arrivals()
        found = anybody_writes_one_of(files)
        for watch in self._arrivals:
            watch.happened()  # By the question itself.
        return found

    def _files(self) -> list[tuple[str, FileIdentity]]:
        """The segment's file and those of its named semaphores that exist: path and identity."""
        names = self.layout.posix_names if self.layout is not None else ()
        paths = [named_semaphore_path(name, self._folder) for _role, name in names]
        found = [(path, file) for path in paths if (file := identity_at(path)) is not None]
        return [(self.reader.path, self.reader.identity), *found]

    def joined_ns(self) -> int | None:
        """As `Snapshot.joined_ns`. Arrivals are watched from the second question on: to end a watch takes
        the kernel up to 20 ms, and what is looked at once needs none.
        """
        if self._watches_arrivals and self._asked_who_joined:
            self._watches_arrivals = False
            self._arrived_ns = self._clock.monotonic_ns()
            with contextlib.ExitStack() as watched, contextlib.suppress(OSError):
                found = []
                for path, _file in self._files():
                    found.append(FileWatch(path, OPENED))
                    watched.callback(found[-1].close)
                self._arrivals = found
                watched.pop_all()
        self._asked_who_joined = True
        self._note_arrivals()
        if not self._arrivals:
            return None
        return max(self._arrived_ns, self.processes.left_ns)

    def lent_ns(self, now_ns: int) -> int | None:
        """As `Snapshot.lent_ns`; asked after `joined_ns`. ``now_ns``: of the sample."""
        if not self._arrivals:
            return None
        files = {file for _path, file in self._files()}
        return self._lent.look(lambda: self.processes.users, files, self._arrived_ns, now_ns)

    @property
    def came_ns(self) -> int:
        """As `Snapshot.came_ns`; asked after `joined_ns`."""
        return max(self._opened_ns, self.processes.left_ns)

    def _note_arrivals(self) -> None:
        come = [watch.happened() for watch in self._arrivals]
        if any(come):
            self._arrived_ns = self._opened_ns = self._clock.monotonic_ns()

    def reopen_control_block(self) -> None:
        """Find the control block that was put beside the segment since it was opened."""
        self.control.close()
        self.control = ControlBlockWatcher(self.name, self.reader.identity, self._folder)

    def close(self) -> None:
        self.reader.close()
        self.control.close()
        for watch in self._arrivals:
            watch.close()
        if self.ring is not None:
            self.ring.close()
        self.processes.close()

    def read_steadily(self, ring: RingReader, slots: int) -> SegmentReading:
        """Control block and ring with its first ``slots`` slots, read again until no worker moved
        meanwhile, or ``STEADY_TRIES`` times.
        """
        header, records = self.control.read()
        for _try in range(STEADY_TRIES):
            state = ring.read(slots)
            states = self.processes.states_of_blocked(records)
            header, after = self.control.read()
            if positions(records) == positions(after):
                return SegmentReading(header, state, after, states)
            records = after
        return SegmentReading(header, state, after, None)

    def stored(self, slots: int) -> tuple[object, ...]:
        """All that a sample reads of the segment and its control block, not decoded: equal while nothing
        is stored, and the file is as it was. Who maps it is not read.
        """
        reader = self.reader
        ring = None if self.ring is None else self.ring.stored(slots)
        semaphore = reader.read(0, SEM_SIZE) if reader.semaphore else b""
        at = self.resolved.slots_at
        slots_said = None if at is None else integer_at(reader, at)
        return reader.status(), ring, semaphore, slots_said, self.control.stored()

    def seen_again(self, at_ns: int, in_: int | None, out: int | None) -> None:
        """Note that the ring was seen as in the last sample: rates and roles rest on that, too."""
        if self._estimator is not None and self._measured:
            self._estimator.add_again(at_ns)
        stamps = {} if self.direction_open else self.processes.run_stamps()
        if stamps:
            self.processes.infer_roles(stamps, in_, out)

    @property
    def direction_open(self) -> bool:
        """Whether it is not known which index is the producer's, or whether it is a ring at all: then no
        count says what was produced, and no move of an index who produces.
        """
        resolved = self.resolved
        lock_free = resolved.layout is not None and resolved.layout.lock_free
        return bool(resolved.by_convention or (lock_free and resolved.disputes))

    def settle_direction(self, ring: RingState) -> bool:
        """Note which direction of the ring the values contradict. True: one is left and taken."""
        layout = self.layout
        if layout is None or not self.resolved.by_convention:
            return False
        from shmtui.layouts.ring_values import RingValues  # noqa: PLC0415 - heavy
        from shmtui.layouts.role_evidence import DirectionEvidence  # noqa: PLC0415 - heavy

        if self._direction is None:
            self._direction = DirectionEvidence(layout)
        evidence = self._direction
        words = [ring.semaphores.get(role) for role in (SemaphoreRole.EMPTY, SemaphoreRole.FULL)]
        evidence.add(RingValues(ring.in_, ring.out, None, *words))
        left = evidence.left if evidence.states > 1 or evidence.readings >= AT_REST else None
        if left is None:
            return False
        self.take_direction(left)
        return True

    def take_direction(self, layout: Layout, *assumed: str) -> None:
        """Read the ring in this direction from now on. ``assumed``: on what it rests."""
        self.resolved = self.resolved.with_direction(layout, *assumed)
        if self.ring is not None:
            self.ring.close()
        self.ring = RingReader(self.reader, layout, self._folder, self._clock)
        self._estimator = None

    def watch_stores(self, ring: RingReader) -> None:
        """Look at a ring without a lock for some milliseconds, to see who ran while an index moved."""
        for _look in range(STORE_LOOKS):
            stamps = self.processes.run_stamps() if self._looks_left else {}
            if not stamps or len(stamps) > STORE_PROCESSES:
                return
            self._looks_left -= 1
            state = ring.read(0)
            self.processes.infer_roles(stamps, state.in_, state.out)

    def measure(self) -> None:
        """Read the ring for the throughput estimate, so that what moves between samples counts."""
        assert self.ring is not None
        sample = self.ring.sample()
        self._measured = sample is not None
        if sample is not None:
            self._throughput_estimator().add(sample)

    def estimated_throughput(self) -> Throughput:
        """What the readings of the ring prove of the throughput."""
        self.measure()
        estimator = self._throughput_estimator()
        # A ring that is empty whenever it is looked at takes in and gives out the same.
        same = estimator.alike and bool(self.resolved.by_convention)
        return Throughput() if self.direction_open and not same else estimator.throughput()

    def _throughput_estimator(self) -> "ThroughputEstimator":
        if self._estimator is None:
            from shmtui.monitor.ring_throughput import (  # noqa: PLC0415 - only for others' buffers
                ThroughputEstimator,
            )

            assert self.layout is not None
            self._estimator = ThroughputEstimator(
                self.layout.slots, self.layout.item, lock_free=self.layout.lock_free
            )
        return self._estimator
