"""The control block mapped for writing: by the supervisor that made it, or by a worker.

Every method that publishes something stores the publishing word last, after a fence, as
:mod:`shmtui.shm.control_format` says.
"""

import math
import mmap
import os

from shmtui.errors import ControlBlockError
from shmtui.i18n import _
from shmtui.shm.control_format import (
    CAPACITY,
    HEADER,
    HEADER_SIZE,
    LAYOUT_ROOM,
    MAGIC,
    MASK,
    RECORD_SIZE,
    ROLE_NUMBERS,
    VERSION,
    WAKEUP_OFFSET,
    Field,
    Flags,
    Header,
    RecordState,
    control_name,
)
from shmtui.shm.control_records import ControlHeader, parse_header
from shmtui.shm.faults import Fault, fault_word
from shmtui.shm.item_log import ItemLog
from shmtui.shm.layout import ItemType, Layout
from shmtui.shm.layout_spec import layout_text
from shmtui.shm.libc import Libc
from shmtui.shm.memory_fence import fence
from shmtui.shm.protocol import Role
from shmtui.shm.segment import FileIdentity, create_segment, map_segment, unlink_segment
from shmtui.shm.semaphore import EmbeddedSemaphore


class ControlRecord:
    """One mapped record: ``words`` and ``doubles`` are its 8-byte fields by :class:`Field`."""

    __slots__ = ("doubles", "index", "log", "raw", "wakeup", "words")

    def __init__(self, block: memoryview, index: int, item: ItemType, libc: Libc) -> None:
        start = HEADER_SIZE + index * RECORD_SIZE
        self.index = index
        self.raw = block[start : start + RECORD_SIZE]
        self.words = self.raw.cast("Q")
        self.doubles = self.raw.cast("d")
        self.wakeup = EmbeddedSemaphore(block, start + WAKEUP_OFFSET, libc)
        self.log = ItemLog(self.raw, self.words, item)

    def order(
        self,
        *,
        rate: float | None = None,
        hold: bool | None = None,
        until_ns: int | None = None,
        fault: Fault | None = None,
        steps: int | None = None,
    ) -> None:
        """Write an order, raise the sequence, and wake a worker that sleeps between two items."""
        if rate is not None:
            self.doubles[Field.TARGET_RATE] = rate
        if hold is not None:
            self.words[Field.HOLD] = int(hold)
        if until_ns is not None:
            self.words[Field.UNTIL_NS] = until_ns
        if fault is not None:
            self.words[Field.FAULT] = fault_word(fault, self.words[Field.FAULT])
        if steps is not None:
            self.words[Field.STEPS] = steps
        fence()
        self.words[Field.ORDER] += 1
        self.wakeup.post()

    def set_process(self, pid: int, start_time: int) -> None:
        """Say which process the worker is; ``start_time`` in clock ticks after boot."""
        self.words[Field.START_TIME] = start_time
        fence()
        self.words[Field.PID] = pid

    def set_ended(self, status: int, ended_ns: int) -> None:
        """Say that the worker has ended: ``status`` as Popen.returncode, time CLOCK_MONOTONIC."""
        self.raw.cast("q")[Field.EXIT_STATUS] = status
        self.words[Field.ENDED_NS] = ended_ns
        fence()
        self.words[Field.STATE] = RecordState.ENDED

    def free(self) -> None:
        """Give the record back: its worker never started."""
        self.words[Field.STATE] = RecordState.FREE


class ControlBlock:
    """A mapped control block."""

    def __init__(self, name: str, mapping: mmap.mmap, layout: Layout) -> None:
        self.name = name
        self._layout = layout
        self.memory = memoryview(mapping)
        self.words = self.memory.cast("Q")
        self.doubles = self.memory.cast("d")

    @classmethod
    def create(
        cls,
        segment: str,
        layout: Layout,
        creator: tuple[int, int],
        created_ns: int,
        flags: "Flags | None" = None,
    ) -> "ControlBlock":
        """Make the block for ``segment``; ``creator`` is PID and start time in clock ticks.

        It is made before the segment is, so that a creator that dies at any point leaves no
        segment without a block that says whose it was. NameInUseError: there is a block already.
        ControlBlockError: the layout is too long for it.
        """
        name = control_name(segment)
        text = layout_text(layout).encode("utf-8", "surrogatepass")
        if len(text) > LAYOUT_ROOM:
            raise ControlBlockError(
                _("an item of type {name} has too many members for a control block").format(
                    name=layout.item.name
                )
            )
        create_segment(name, HEADER_SIZE + CAPACITY * RECORD_SIZE, 0o600)
        try:
            block = cls(name, map_segment(name), layout)
        except BaseException:
            unlink_segment(name)
            raise
        bare = os.fsencode(segment)
        HEADER.pack_into(
            block.memory, 0,
            MAGIC, 0, RECORD_SIZE, CAPACITY, 0, *creator, 0, 0,
            created_ns, 0, math.nan, math.nan, 0, 0, 0, 0, 0, int(flags or 0),
            len(bare), bare, len(text), text,
        )  # fmt: skip
        fence()
        block.words[Header.VERSION] = VERSION
        return block

    @classmethod
    def open(cls, name: str) -> "ControlBlock":
        """Map the existing block ``name`` to write into it, as a worker does.

        MissingSegmentError: there is none. ShmtuiError: it cannot be opened for writing.
        ControlBlockError: its header cannot be used.
        """
        mapping = map_segment(name)
        return cls(name, mapping, parse_header(mapping[:HEADER_SIZE]).layout)

    @property
    def header(self) -> ControlHeader:
        return parse_header(bytes(self.memory[:HEADER_SIZE]))

    def bind_segment(self, identity: FileIdentity) -> None:
        """Say which file the segment is, once it exists: only that file is ever removed."""
        self.words[Header.SEGMENT_DEVICE] = identity.device
        self.words[Header.SEGMENT_INODE] = identity.inode

    def record(self, index: int) -> ControlRecord:
        return ControlRecord(self.memory, index, self._layout.item, self._layout.libc)

    def claim_record(self, role: Role, number: int, rate: float, *, hold: bool) -> ControlRecord:
        """Take a free record for a worker about to start; ``rate`` in items per second.

        ControlBlockError: all are taken.
        """
        used = self.words[Header.RECORDS]
        record = self._free_record(min(used + 1, CAPACITY))
        record.raw[:] = bytes(RECORD_SIZE)
        record.wakeup.init(0)
        record.words[Field.ROLE] = ROLE_NUMBERS[role]
        record.words[Field.NUMBER] = number
        record.doubles[Field.START_RATE] = rate
        record.doubles[Field.TARGET_RATE] = rate
        record.doubles[Field.SHOWN_RATE] = math.nan
        record.words[Field.HOLD] = int(hold)
        fence()
        record.words[Field.STATE] = RecordState.LIVE
        fence()
        self.words[Header.RECORDS] = max(used, record.index + 1)
        return record

    def _free_record(self, count: int) -> ControlRecord:
        for index in range(count):
            record = self.record(index)
            if record.words[Field.STATE] == RecordState.FREE:
                return record
        text = _("all {count} worker records are in use: end a worker first")
        raise ControlBlockError(text.format(count=CAPACITY))

    def retire(self, record: ControlRecord) -> None:
        """Add the counts of a worker that has ended to the totals, and free its record.

        To a reader that follows the sequence both happen at once, so the totals never go back.
        """
        words, ended = self.words, record.words
        produced = ended[Field.ROLE] == ROLE_NUMBERS[Role.PRODUCER]
        count = Header.RETIRED_PRODUCED if produced else Header.RETIRED_CONSUMED
        total = Header.RETIRED_PRODUCED_SUM if produced else Header.RETIRED_CONSUMED_SUM
        words[Header.RETIRED_SEQUENCE] += 1
        fence()
        words[count] = (words[count] + ended[Field.ITEMS]) & MASK
        words[total] = (words[total] + record.log.sum()) & MASK
        ended[Field.STATE] = RecordState.FREE
        fence()
        words[Header.RETIRED_SEQUENCE] += 1

    def publish(self, now_ns: int, produced_per_s: float, consumed_per_s: float) -> None:
        """Store the rates measured at ``now_ns`` (CLOCK_MONOTONIC), for one-shot readers."""
        self.doubles[Header.PRODUCED_PER_S] = produced_per_s
        self.doubles[Header.CONSUMED_PER_S] = consumed_per_s
        fence()
        self.words[Header.PUBLISHED_NS] = now_ns

    def keep(self) -> None:
        """Mark the block as meant to outlive its creator."""
        self.words[Header.FLAGS] |= int(Flags.KEEP)

    def note_guests(self) -> None:
        """Note for every reader that programs of others took part."""
        self.words[Header.FLAGS] |= int(Flags.GUESTS)
