"""A control block as others read it: header and workers' records, checked before they are used.

The block is used only where it belongs to this user or to root and nobody else can write to it,
since orders and PIDs stand in it. :mod:`shmtui.shm.control_format` describes the bytes.
"""

import os
import stat
import sys
from collections.abc import Iterator
from functools import lru_cache
from operator import lt
from typing import Final

import msgspec

from shmtui.errors import ControlBlockError, ShmtuiError
from shmtui.i18n import _
from shmtui.shm.control_format import (
    ALL_FLAGS,
    BLOCKED,
    CAPACITY,
    HEADER,
    HEADER_SIZE,
    HOLDS,
    LAYOUT_ROOM,
    MAGIC,
    PAUSED,
    RECORD,
    RECORD_SIZE,
    ROLES,
    STEP_MASK,
    STEPPING,
    VERSION,
    WAKEUP_OFFSET,
    Field,
    Flags,
    Header,
    RecordState,
    control_name,
)
from shmtui.shm.faults import Fault, fault_of
from shmtui.shm.item_log import last_of, sum_of
from shmtui.shm.layout import ItemType, Layout
from shmtui.shm.layout_spec import parse_layout
from shmtui.shm.memory_fence import fence
from shmtui.shm.protocol import Role, Step
from shmtui.shm.segment import SHM_DIR, FileIdentity, open_readonly, segment_path

_FEW: Final = 16
"""Records that the first read takes in; few runs have more workers."""
_ATTEMPTS: Final = 100
"""Reads, at the most, until one is whole. A retirement takes microseconds, 5 s after an end."""
_SUM_ATTEMPTS: Final = 10
"""Reads, at the most, until all sums are whole: one is not where reading it was interrupted for as long as a
worker takes for a batch."""


class ControlHeader(msgspec.Struct, frozen=True):
    """The header's fields."""

    name: str
    creator_pid: int
    creator_start: int
    """Clock ticks after boot, field 22 of /proc/PID/stat; with the PID it names one process."""
    segment: FileIdentity
    layout: Layout
    records: int
    """Records in use, free ones among them included."""
    created_ns: int
    """Nanoseconds since the epoch."""
    published_ns: int
    """CLOCK_MONOTONIC when the two rates below were stored; 0 before the first time."""
    produced_per_s: float
    """Items per second, as the supervisor measured it; NaN before."""
    consumed_per_s: float
    retired_produced: int
    """Items of the producers that have ended and whose records are free again."""
    retired_produced_sum: int
    retired_consumed: int
    retired_consumed_sum: int
    flags: Flags


class WorkerRecord(msgspec.Struct, frozen=True):
    """The fields of one worker's record."""

    index: int
    pid: int
    start_time: int
    role: Role
    number: int
    state: RecordState
    exit_status: int
    """As Popen.returncode: exit code, or minus the signal."""
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
    """It stands before ``step`` until it is allowed to take it."""
    holds_mutex: bool
    """It waits for a permit while it holds the mutex."""
    fault: Fault
    """The fault that it is ordered to make."""
    faulted: bool
    """It has made the fault."""
    items: int
    sum: int
    last_item: bytes
    """The item's own bytes; of a compound one its checksum. Zeros before the first item."""
    heartbeat_ns: int
    """CLOCK_MONOTONIC at the last item; 0 before the first."""
    blocked_since_ns: int

    @property
    def name(self) -> str:
        """Its name in the dashboard: ``producer 1``."""
        return f"{self.role} {self.number}"


def parse_header(raw: bytes) -> ControlHeader:
    """The header in ``raw``. ControlBlockError: it cannot be used; the text says why.

    Sizes, counts and layout are checked against each other before any of them is used.
    """
    if len(raw) < HEADER_SIZE:
        raise ControlBlockError(_("it is shorter than a control block's header"))
    fields = HEADER.unpack_from(raw)
    magic, version, record_size, capacity, records = fields[:5]
    if magic != MAGIC:
        raise ControlBlockError(_("it does not start with a control block's magic"))
    if version == 0:
        raise ControlBlockError(_("it is not ready: its creator has not finished writing it"))
    if version != VERSION:
        text = _("it has version {version}, and this shmtui reads {own}")
        raise ControlBlockError(text.format(version=version, own=VERSION))
    if record_size != RECORD_SIZE or capacity > CAPACITY or records > capacity:
        raise ControlBlockError(_("its record counts contradict each other"))
    pid, start, device, inode, created, published, made, used = fields[5:13]
    lock, produced, produced_sum, consumed, consumed_sum, flags = fields[13:19]
    length, name, layout_length, layout = fields[19:]
    if lock % 2:
        raise ControlBlockError(_("its totals are being written"))
    return ControlHeader(
        os.fsdecode(name[: min(length, 256)]), pid, start, FileIdentity(device, inode),
        _layout(layout[: min(layout_length, LAYOUT_ROOM)]), records, created, published, made, used,
        produced, produced_sum, consumed, consumed_sum, Flags(flags & ALL_FLAGS),
    )  # fmt: skip


@lru_cache(maxsize=8)
def _layout(raw: bytes) -> Layout:
    try:
        return parse_layout(raw.decode("utf-8", "surrogatepass"))
    except ValueError as error:
        text = _("its layout makes no sense: {error}")
        raise ControlBlockError(text.format(error=error)) from None


def parse_records(raw: bytes, header: ControlHeader) -> Iterator[WorkerRecord]:
    """The live and ended records in ``raw``, which starts with the header.

    Records with a role, state or step that does not exist are left out.
    """
    starts = range(HEADER_SIZE, len(raw) - RECORD_SIZE + 1, RECORD_SIZE)[: header.records]
    item = header.layout.item
    records = (_record(n, raw[at : at + RECORD_SIZE], item) for n, at in enumerate(starts))
    return filter(None, records)


@lru_cache(maxsize=512)
def _record(index: int, raw: bytes, item: ItemType) -> WorkerRecord | None:
    """One record, None where it is free or makes no sense.

    Cached: an observer reads all records twice a sample, and few have changed between.
    """
    fields = RECORD.unpack_from(raw)
    pid, start, role, number, state, status = fields[:6]
    _order, target, hold, shown, _until, program, fault, _steps = fields[8:16]
    step, items, even, odd, heartbeat, since, _taken, faulted = fields[16:24]
    if state not in {RecordState.LIVE, RecordState.ENDED} or role not in ROLES:
        return None
    if step & STEP_MASK > Step.ENDED:
        return None
    return WorkerRecord(
        index, pid, start, ROLES[role], number, RecordState(state), status, target,
        bool(hold), bool(program), shown, Step(step & STEP_MASK), bool(step & BLOCKED),
        bool(step & PAUSED), bool(step & STEPPING), bool(step & HOLDS), fault_of(fault),
        faulted == fault != 0, items, sum_of(raw, items, (even, odd), item),
        last_of(raw, items, item), heartbeat, since,
    )  # fmt: skip


def trusted(status: os.stat_result) -> bool:
    """Whether a control block with this status may be used.

    It has to be a plain file of this user or of root that nobody else can write, with one name at
    the most: a user who cannot write a block of his own could give it a second name with a link.
    """
    return (
        stat.S_ISREG(status.st_mode)
        and status.st_nlink <= 1
        and status.st_uid in {os.geteuid(), 0}
        and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    )


def open_control(control: str, folder: str = SHM_DIR) -> int:
    """A read-only descriptor of the control block with the name ``control``.

    ControlBlockError: it belongs to somebody else, or others can write to it.
    MissingSegmentError: there is none.
    """
    fd = open_readonly(segment_path(control, folder))
    if not trusted(os.fstat(fd)):
        os.close(fd)
        raise ControlBlockError(
            _("it belongs to another user or others may write to it, so it is not believed")
        )
    return fd


def read_block(fd: int) -> bytes:
    """Header and records in use, all as of one moment but for the telemetry of running workers.

    Reads twice, with a fence between, until the words that publish the others are the same in
    both, and the totals were not being written meanwhile; and, a few times at the most, until what the
    sum of each worker is made of was kept while it was read. A file that is too short comes back as
    it is, for :func:`parse_header` to refuse. ControlBlockError: it changed at each of many tries.
    """
    for attempt in range(_ATTEMPTS):
        published = _published(_read(fd))
        fence()
        raw = _read(fd)
        fence()
        after = os.pread(fd, 8, 8 * Header.RETIRED_SEQUENCE)
        written = int.from_bytes(after, sys.byteorder) % 2 == 1
        if _published(raw) == published and after == published[2] and not written:
            if attempt < _SUM_ATTEMPTS and not _sums_kept(raw):
                continue
            return raw
    raise ControlBlockError(_("its totals are being written"))


def read_stored(fd: int) -> bytes:
    """All that workers and their supervisor store, but for the rates that the supervisor measured: equal
    while no worker moves, no order is given, and none starts or ends. Read once: its parts need not be
    of one moment.
    """
    head = os.pread(fd, 8 * (Header.FLAGS + 1), 0)
    count = int.from_bytes(_word(head, Header.RECORDS), sys.byteorder)
    raw = os.pread(fd, min(count, CAPACITY) * RECORD_SIZE, HEADER_SIZE)
    parts = [head[: 8 * Header.PUBLISHED_NS], head[8 * Header.RETIRED_SEQUENCE :]]
    for at in range(0, len(raw), RECORD_SIZE):
        shown = at + 8 * Field.SHOWN_RATE
        parts += (raw[at:shown], raw[shown + 8 : at + WAKEUP_OFFSET])
    return b"".join(parts)


def _read(fd: int) -> bytes:
    """Header and records in use, by one read where there are few workers."""
    raw = os.pread(fd, HEADER_SIZE + _FEW * RECORD_SIZE, 0)
    records = int.from_bytes(_word(raw, Header.RECORDS), sys.byteorder)
    wanted = HEADER_SIZE + min(records, CAPACITY) * RECORD_SIZE
    if records > _FEW and len(raw) < wanted:
        raw += os.pread(fd, wanted - len(raw), len(raw))
    return raw


def _published(raw: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """The words that publish others: version, records in use, sequence of the totals, states."""
    low_byte = 0 if sys.byteorder == "little" else 7
    return (
        _word(raw, Header.VERSION),
        _word(raw, Header.RECORDS),
        _word(raw, Header.RETIRED_SEQUENCE),
        raw[HEADER_SIZE + 8 * Field.STATE + low_byte :: RECORD_SIZE],
    )


def _sums_kept(raw: bytes) -> bool:
    """Whether no worker wrote over what the sum of its items is made of, while ``raw`` was read."""
    words = memoryview(raw[: len(raw) // 8 * 8]).cast("Q")[HEADER_SIZE // 8 :]
    counts = words[Field.ITEMS :: RECORD_SIZE // 8].tolist()
    kept = words[Field.KEPT_FROM :: RECORD_SIZE // 8].tolist()
    return not any(map(lt, counts, kept))


def _word(raw: bytes, index: int) -> bytes:
    return raw[8 * index : 8 * index + 8]


def read_header(name: str, folder: str = SHM_DIR) -> ControlHeader | None:
    """The header of segment ``name``'s control block; None where no block may be used."""
    try:
        fd = open_control(control_name(name), folder)
        try:
            header = parse_header(read_block(fd))
        finally:
            os.close(fd)
    except ShmtuiError:
        return None
    return header if header.name == name else None
