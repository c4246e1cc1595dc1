"""The control block: a second segment, ``NAME.shmtui``, beside the buffer.

It carries what the buffer's own bytes cannot: who the workers are, where each
stands, exact counts, and the orders to them. The buffer itself keeps the
layout that foreign programs expect.

Every field is 8 bytes, little or big as the machine is, and has **one writer**:
S = the supervisor, W = the worker of that record. An 8-byte aligned store is
seen whole or not at all on the 64-bit machines that are supported.

Header, 4096 bytes::

      0  magic "shmtui-c"    S     72  created, epoch ns        S
      8  version             S     80  rates published at, ns   S  (CLOCK_MONOTONIC)
     16  record size         S     88  produced per s, double   S
     24  capacity, records   S     96  consumed per s, double   S
     32  records in use      S    104  retired: seqlock         S  (odd = being written)
     40  creator PID         S    112  retired: produced        S
     48  creator start time  S    120  retired: produced sum    S
     56  segment device      S    128  retired: consumed        S
     64  segment inode       S    136  retired: consumed sum    S
    144  flags (1 = keep, 2 = the segment is somebody else's)   S
    152  name length         S    160  name, 256 bytes          S
    416  layout length       S    424  layout, as JSON          S

The version is written last: a header with version 0 is not ready to be read.

Record, 256 bytes, four cache lines, so that no two writers share one::

    identity        S    0 pid  8 start time  16 role  24 number  32 condition
                        40 exit status  48 ended at, ns  56 starting rate, double
    orders          S   64 sequence  72 target rate, double  80 hold  88 shown rate, double
                        96 until, ns (no item is due from then on; 0 = no end)
                       104 program (1 = the user's own: it writes no telemetry)
                       112 fault, and how many were told (ipc/faults.py)  120 steps (0 = it runs; else it stops before
                       each step, and steps - 1 of them have been allowed)
    telemetry       W  128 step  136 items  144 sum  152 last item  160 heartbeat, ns
                       168 blocked since, ns  176 sequence obeyed  184 the fault word last made
    bell        S + W  192 sem_t: posted after each order, so that a sleeper looks

Counters of a worker that has gone are added to ``retired`` before its record is
used again, so the totals never go back.
"""

import math
import mmap
import os
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from functools import lru_cache
from typing import Final

from shmtui.errors import ControlBlockError
from shmtui.i18n import _
from shmtui.shm.faults import Fault, fault_of, fault_word
from shmtui.shm.layout import Layout
from shmtui.shm.layout_spec import layout_text, parse_layout
from shmtui.shm.libc import Libc
from shmtui.shm.protocol import Role, Step
from shmtui.shm.segment import (
    FileIdentity,
    companion_name,
    create_segment,
    map_segment,
    unlink_segment,
)
from shmtui.shm.semaphore import EmbeddedSemaphore

MAGIC: Final = b"shmtui-c"
VERSION: Final = 1
HEADER_SIZE: Final = 4096
RECORD_SIZE: Final = 256
CAPACITY: Final = 512
"""Records: how many workers can live at a time."""
SUFFIX: Final = ".shmtui"
MASK: Final = 2**64 - 1

LAYOUT_ROOM: Final = HEADER_SIZE - 424
"""Bytes that a layout may take."""

_HEADER = struct.Struct(f"=8s10Q2d5QQQ256sQ{LAYOUT_ROOM}s")
_RECORD = struct.Struct("=5QqQd QdQd4Q 3Q8s4Q")
_VERSION_WORD = 1


class Header(IntEnum):
    """Words (8 bytes each) of the header."""

    RECORDS = 4
    SEGMENT_DEVICE = 7
    SEGMENT_INODE = 8
    PUBLISHED_NS = 10
    PRODUCED_PER_S = 11
    CONSUMED_PER_S = 12
    RETIRE_LOCK = 13
    RETIRED_PRODUCED = 14
    RETIRED_PRODUCED_SUM = 15
    RETIRED_CONSUMED = 16
    RETIRED_CONSUMED_SUM = 17
    FLAGS = 18


class Field:
    """Words (8 bytes each) of a record. Plain numbers: looking an enum's up costs a worker more
    than writing the word does.
    """

    PID: Final = 0
    START_TIME: Final = 1
    ROLE: Final = 2
    NUMBER: Final = 3
    CONDITION: Final = 4
    EXIT_STATUS: Final = 5
    ENDED_NS: Final = 6
    START_RATE: Final = 7
    ORDER: Final = 8
    TARGET_RATE: Final = 9
    HOLD: Final = 10
    SHOWN_RATE: Final = 11
    UNTIL_NS: Final = 12
    PROGRAM: Final = 13
    FAULT: Final = 14
    STEPS: Final = 15
    STEP: Final = 16
    ITEMS: Final = 17
    SUM: Final = 18
    LAST_ITEM: Final = 19
    HEARTBEAT_NS: Final = 20
    BLOCKED_SINCE_NS: Final = 21
    OBEYED: Final = 22
    FAULTED: Final = 23


BELL_OFFSET: Final = 192
STEP_MASK: Final = 0xFF
BLOCKED: Final = 0x100
"""Set in the step word while the worker sleeps in that step's wait."""
PAUSED: Final = 0x200
"""Set in the step word while the worker holds still by order, between two items."""
STEPPING: Final = 0x400
"""Set in the step word while the worker stands before that step and waits to be let on."""

HOLDS: Final = 0x800
"""Set in the step word while the worker waits with the mutex in hand: in the wrong order."""


class Condition(IntEnum):
    """What a record stands for."""

    FREE = 0
    LIVE = 1
    ENDED = 2


class Flags(IntFlag):
    """Header flags."""

    KEEP = 1
    """Outlive the creator: not a leftover to sweep."""
    GUEST = 2
    """The segment is somebody else's: the block goes, the segment stays."""
    ASSUMED = 4
    """Its layout is only the likeliest of those that fit."""


_ALL_FLAGS: Final = Flags.KEEP | Flags.GUEST | Flags.ASSUMED


_ROLE_NUMBERS: Final = {Role.PRODUCER: 1, Role.CONSUMER: 2}
_ROLES: Final = {number: role for role, number in _ROLE_NUMBERS.items()}


def control_name(segment: str) -> str:
    """The control block's name for a segment.

    >>> control_name("/shm_buffer")
    '/shm_buffer.shmtui'
    """
    return companion_name(segment, SUFFIX)


@dataclass(frozen=True, slots=True)
class ControlHeader:
    """The header, as read."""

    name: str
    creator_pid: int
    creator_start: int
    """Clock ticks after boot, field 22 of /proc/PID/stat; with the PID it names one process."""
    segment: FileIdentity
    layout: Layout
    records: int
    created_ns: int
    published_ns: int
    produced_per_s: float
    consumed_per_s: float
    retired_produced: int
    retired_produced_sum: int
    retired_consumed: int
    retired_consumed_sum: int
    flags: Flags


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """One worker's record, as read."""

    index: int
    pid: int
    start_time: int
    role: Role
    number: int
    condition: Condition
    exit_status: int
    """As Popen.returncode: exit code, or minus the signal."""
    ended_ns: int
    start_rate: float
    target_rate: float
    hold: bool
    program: bool
    """A program of the user's: it writes no telemetry."""
    shown_rate: float
    """Items per second as the supervisor last measured it; NaN before."""
    step: Step
    blocked: bool
    paused: bool
    stepping: bool
    """It stands before ``step`` and waits to be let on."""
    holds_mutex: bool
    """It waits with the mutex in hand."""
    fault: Fault
    """The mistake that it is told to make."""
    faulted: bool
    """It has made it."""
    items: int
    sum: int
    last_item: bytes
    """8 bytes; the item's own bytes come first."""
    heartbeat_ns: int
    """CLOCK_MONOTONIC at the last item; 0 before the first."""
    blocked_since_ns: int

    @property
    def name(self) -> str:
        """As the dashboard calls it."""
        return f"{self.role} {self.number}"


def parse_header(raw: bytes) -> ControlHeader:
    """Read a header. ControlBlockError says what is wrong with one that cannot be used.

    Nothing in it is believed that does not agree with itself.
    """
    if len(raw) < HEADER_SIZE:
        raise ControlBlockError(_("it is shorter than a control block's header"))
    fields = _HEADER.unpack_from(raw)
    magic, version, record_size, capacity, records = fields[:5]
    if magic != MAGIC:
        raise ControlBlockError(_("it does not start with a control block's magic"))
    if version == 0:
        raise ControlBlockError(_("it is not ready: its creator has not finished writing it"))
    if version != VERSION:
        raise ControlBlockError(
            _("it has version {version}, and this shmtui reads {own}").format(
                version=version, own=VERSION
            )
        )
    if record_size != RECORD_SIZE or capacity > CAPACITY or records > capacity:
        raise ControlBlockError(_("its record counts contradict each other"))
    creator_pid, creator_start, device, inode, created, published, made, used = fields[5:13]
    lock, produced, produced_sum, consumed, consumed_sum, flags = fields[13:19]
    length, name, layout_length, layout_json = fields[19:23]
    if lock % 2:
        raise ControlBlockError(_("its totals are being written"))
    layout = _layout(layout_json[: min(layout_length, LAYOUT_ROOM)])
    return ControlHeader(
        name=os.fsdecode(name[: min(length, 256)]),
        creator_pid=creator_pid,
        creator_start=creator_start,
        segment=FileIdentity(device, inode),
        layout=layout,
        records=records,
        created_ns=created,
        published_ns=published,
        produced_per_s=made,
        consumed_per_s=used,
        retired_produced=produced,
        retired_produced_sum=produced_sum,
        retired_consumed=consumed,
        retired_consumed_sum=consumed_sum,
        flags=Flags(flags & _ALL_FLAGS),
    )


@lru_cache(maxsize=8)
def _layout(raw: bytes) -> Layout:
    try:
        return parse_layout(raw.decode("utf-8", "surrogatepass"))
    except ValueError as error:
        raise ControlBlockError(
            _("its layout makes no sense: {error}").format(error=error)
        ) from None


def parse_records(raw: bytes, header: ControlHeader) -> Iterator[WorkerRecord]:
    """The live and ended records in ``raw``, which starts with the header. Bad ones are skipped."""
    available = (len(raw) - HEADER_SIZE) // RECORD_SIZE
    for index in range(min(header.records, available)):
        start = HEADER_SIZE + index * RECORD_SIZE
        record = _record(index, raw[start : start + RECORD_SIZE])
        if record is not None:
            yield record


@lru_cache(maxsize=512)
def _record(index: int, raw: bytes) -> WorkerRecord | None:
    """One record. An observer reads all of them twice a look, and few have changed between."""
    fields = _RECORD.unpack_from(raw)
    pid, start, role, number, condition, status, ended, start_rate = fields[:8]
    _order, target, hold, shown, _until, program, fault, _steps = fields[8:16]
    step, items, total, last, heartbeat, since, _obeyed, faulted = fields[16:24]
    if condition not in {Condition.LIVE, Condition.ENDED} or role not in _ROLES:
        return None
    if step & STEP_MASK > Step.ENDED:
        return None
    return WorkerRecord(
        index=index,
        pid=pid,
        start_time=start,
        role=_ROLES[role],
        number=number,
        condition=Condition(condition),
        exit_status=status,
        ended_ns=ended,
        start_rate=start_rate,
        target_rate=target,
        hold=bool(hold),
        program=bool(program),
        shown_rate=shown,
        step=Step(step & STEP_MASK),
        blocked=bool(step & BLOCKED),
        paused=bool(step & PAUSED),
        stepping=bool(step & STEPPING),
        holds_mutex=bool(step & HOLDS),
        fault=fault_of(fault),
        faulted=faulted == fault != 0,
        items=items,
        sum=total,
        last_item=last,
        heartbeat_ns=heartbeat,
        blocked_since_ns=since,
    )


def trusted(status: os.stat_result) -> bool:
    """Whether a control block may be believed: a plain file of this user or root that nobody
    else can write, under one name at the most. A second name is somebody's who could not write
    a block of his own.
    """
    return (
        stat.S_ISREG(status.st_mode)
        and status.st_nlink <= 1
        and status.st_uid in {os.geteuid(), 0}
        and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    )


class ControlRecord:
    """One record, mapped: ``words`` and ``doubles`` are its 8-byte fields by :class:`Field`."""

    __slots__ = ("bell", "doubles", "index", "raw", "words")

    def __init__(self, block: memoryview, index: int, libc: Libc) -> None:
        start = HEADER_SIZE + index * RECORD_SIZE
        self.index = index
        self.raw = block[start : start + RECORD_SIZE]
        self.words = self.raw.cast("Q")
        self.doubles = self.raw.cast("d")
        self.bell = EmbeddedSemaphore(block, start + BELL_OFFSET, libc)

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
        self.bell.post()


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
        _HEADER.pack_into(
            block.memory, 0,
            MAGIC, 0, RECORD_SIZE, CAPACITY, 0, pid, start, 0, 0,
            created_ns, 0, math.nan, math.nan, 0, 0, 0, 0, 0, int(flags or 0),
            len(bare), bare, len(text), text,
        )  # fmt: skip
        block.words[_VERSION_WORD] = VERSION
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

    def enlist(self, role: Role, number: int, rate: float, *, hold: bool) -> ControlRecord:
        """Take a free record for a worker about to start. ControlBlockError: all are taken."""
        used = self.words[Header.RECORDS]
        for index in range(min(used + 1, CAPACITY)):
            record = self.record(index)
            if record.words[Field.CONDITION] == Condition.FREE:
                break
        else:
            raise ControlBlockError(
                _("all {count} worker records are in use: end a worker first").format(
                    count=CAPACITY
                )
            )
        record.raw[:] = bytes(RECORD_SIZE)
        record.bell.init(0)
        record.words[Field.ROLE] = _ROLE_NUMBERS[role]
        record.words[Field.NUMBER] = number
        record.doubles[Field.START_RATE] = rate
        record.doubles[Field.TARGET_RATE] = rate
        record.doubles[Field.SHOWN_RATE] = math.nan
        record.words[Field.HOLD] = int(hold)
        record.words[Field.CONDITION] = Condition.LIVE
        self.words[Header.RECORDS] = max(used, index + 1)
        return record

    def retire(self, record: ControlRecord) -> None:
        """Add a dead worker's counts to the totals and free its record, in one seen step."""
        words, mine = self.words, record.words
        produced = mine[Field.ROLE] == _ROLE_NUMBERS[Role.PRODUCER]
        count = Header.RETIRED_PRODUCED if produced else Header.RETIRED_CONSUMED
        total = Header.RETIRED_PRODUCED_SUM if produced else Header.RETIRED_CONSUMED_SUM
        words[Header.RETIRE_LOCK] += 1
        words[count] = (words[count] + mine[Field.ITEMS]) & MASK
        words[total] = (words[total] + mine[Field.SUM]) & MASK
        mine[Field.CONDITION] = Condition.FREE
        words[Header.RETIRE_LOCK] += 1

    def publish(self, now_ns: int, produced_per_s: float, consumed_per_s: float) -> None:
        """Write the rates that the supervisor measured, for those who look only once."""
        self.doubles[Header.PRODUCED_PER_S] = produced_per_s
        self.doubles[Header.CONSUMED_PER_S] = consumed_per_s
        self.words[Header.PUBLISHED_NS] = now_ns

    def keep(self) -> None:
        """Mark the block as meant to outlive its creator."""
        self.words[Header.FLAGS] |= int(Flags.KEEP)
