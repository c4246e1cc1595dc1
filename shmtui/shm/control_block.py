"""The control block mapped for writing: by the supervisor that made it, or by a worker."""

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
    VERSION_WORD,
    WAKEUP_OFFSET,
    Field,
    Flags,
    Header,
    RecordState,
    control_name,
)
from shmtui.shm.control_records import ControlHeader, parse_header
from shmtui.shm.faults import Fault, fault_word
from shmtui.shm.layout import Layout
from shmtui.shm.layout_text import layout_text
from shmtui.shm.libc import Libc
from shmtui.shm.protocol import Role
from shmtui.shm.segment import FileIdentity, create_segment, map_segment, unlink_segment
from shmtui.shm.semaphore import EmbeddedSemaphore


class ControlRecord:
    """One record, mapped: ``words`` and ``doubles`` are its 8-byte fields by :class:`Field`."""

    __slots__ = ("doubles", "index", "raw", "wakeup", "words")

    def __init__(self, block: memoryview, index: int, libc: Libc) -> None:
        start = HEADER_SIZE + index * RECORD_SIZE
        self.index = index
        self.raw = block[start : start + RECORD_SIZE]
        self.words = self.raw.cast("Q")
        self.doubles = self.raw.cast("d")
        self.wakeup = EmbeddedSemaphore(block, start + WAKEUP_OFFSET, libc)

    def order(
        self,
        *,
        rate: float | None = None,
        hold: bool | None = None,
        until_ns: int | None = None,
        fault: Fault | None = None,
        steps: int | None = None,
    ) -> None:
        """Write an order, then ring. The sequence rises after the fields, so that a worker
        that sees it sees them.
        """
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
        self.words[Field.ORDER] += 1
        self.wakeup.post()


class ControlBlock:
    """A control block mapped for writing: by the supervisor that made it, or by a worker."""

    def __init__(self, name: str, mapping: mmap.mmap, libc: Libc) -> None:
        self.name = name
        self._libc = libc
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
        """Make the block for ``segment``; ``creator`` is PID and start time.

        It exists before the segment does, so that whatever a dead creator leaves
        behind has a note beside it that says whose it was.
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
            block = cls(name, map_segment(name), layout.libc)
        except BaseException:
            unlink_segment(name)
            raise
        bare = os.fsencode(segment)
        pid, start = creator
        HEADER.pack_into(
            block.memory, 0,
            MAGIC, 0, RECORD_SIZE, CAPACITY, 0, pid, start, 0, 0,
            created_ns, 0, math.nan, math.nan, 0, 0, 0, 0, 0, int(flags or 0),
            len(bare), bare, len(text), text,
        )  # fmt: skip
        block.words[VERSION_WORD] = VERSION
        return block

    @classmethod
    def open(cls, name: str, expected: FileIdentity | None = None) -> "ControlBlock":
        """Map an existing block to take part in it, as a worker."""
        mapping = map_segment(name, expected)
        header = parse_header(mapping[:HEADER_SIZE])
        return cls(name, mapping, header.layout.libc)

    @property
    def header(self) -> ControlHeader:
        """The header as it stands."""
        return parse_header(bytes(self.memory[:HEADER_SIZE]))

    def bind_segment(self, identity: FileIdentity) -> None:
        """Say which file the segment is, once it exists: only that one is ever swept."""
        self.words[Header.SEGMENT_DEVICE] = identity.device
        self.words[Header.SEGMENT_INODE] = identity.inode

    def record(self, index: int) -> ControlRecord:
        """The record at ``index``."""
        return ControlRecord(self.memory, index, self._libc)

    def claim_record(self, role: Role, number: int, rate: float, *, hold: bool) -> ControlRecord:
        """Take a free record for a worker about to start. ControlBlockError: all are taken."""
        used = self.words[Header.RECORDS]
        for index in range(min(used + 1, CAPACITY)):
            record = self.record(index)
            if record.words[Field.STATE] == RecordState.FREE:
                break
        else:
            raise ControlBlockError(
                _("all {count} worker records are in use: end a worker first").format(
                    count=CAPACITY
                )
            )
        record.raw[:] = bytes(RECORD_SIZE)
        record.wakeup.init(0)
        record.words[Field.ROLE] = ROLE_NUMBERS[role]
        record.words[Field.NUMBER] = number
        record.doubles[Field.START_RATE] = rate
        record.doubles[Field.TARGET_RATE] = rate
        record.doubles[Field.SHOWN_RATE] = math.nan
        record.words[Field.HOLD] = int(hold)
        record.words[Field.STATE] = RecordState.LIVE
        self.words[Header.RECORDS] = max(used, index + 1)
        return record

    def retire(self, record: ControlRecord) -> None:
        """Add a dead worker's counts to the totals and free its record, in one seen step."""
        words, mine = self.words, record.words
        produced = mine[Field.ROLE] == ROLE_NUMBERS[Role.PRODUCER]
        count = Header.RETIRED_PRODUCED if produced else Header.RETIRED_CONSUMED
        total = Header.RETIRED_PRODUCED_SUM if produced else Header.RETIRED_CONSUMED_SUM
        words[Header.RETIRED_SEQUENCE] += 1
        words[count] = (words[count] + mine[Field.ITEMS]) & MASK
        words[total] = (words[total] + mine[Field.SUM]) & MASK
        mine[Field.STATE] = RecordState.FREE
        words[Header.RETIRED_SEQUENCE] += 1

    def publish(self, now_ns: int, produced_per_s: float, consumed_per_s: float) -> None:
        """Write the rates that the supervisor measured, for those who look only once."""
        self.doubles[Header.PRODUCED_PER_S] = produced_per_s
        self.doubles[Header.CONSUMED_PER_S] = consumed_per_s
        self.words[Header.PUBLISHED_NS] = now_ns

    def keep(self) -> None:
        """Mark the block as meant to outlive its creator."""
        self.words[Header.FLAGS] |= int(Flags.KEEP)
