"""Header and workers' records of a control block, decoded and checked before they are used. Pure.

:mod:`shmtui.shm.control_format` describes the bytes.
"""

import os
from collections.abc import Iterator
from functools import lru_cache

import msgspec

from shmtui.errors import ControlBlockError
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
    Flags,
    RecordState,
)
from shmtui.shm.faults import Fault, fault_of
from shmtui.shm.item_log import last_of, sum_of
from shmtui.shm.layout import ItemType, Layout
from shmtui.shm.layout_spec import parse_layout
from shmtui.shm.protocol import Role, Step
from shmtui.shm.segment import FileIdentity


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
