"""What a reader gets from a control block: its header and the workers' records, checked."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

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
    Flags,
    RecordState,
    control_name,
)
from shmtui.shm.faults import Fault, fault_of
from shmtui.shm.layout import Layout
from shmtui.shm.layout_text import parse_layout
from shmtui.shm.protocol import Role, Step
from shmtui.shm.segment import SHM_DIR, FileIdentity, open_readonly, segment_path


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
    state: RecordState
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
    fields = HEADER.unpack_from(raw)
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
        flags=Flags(flags & ALL_FLAGS),
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
    fields = RECORD.unpack_from(raw)
    pid, start, role, number, state, status, ended, start_rate = fields[:8]
    _order, target, hold, shown, _until, program, fault, _steps = fields[8:16]
    step, items, total, last, heartbeat, since, _obeyed, faulted = fields[16:24]
    if state not in {RecordState.LIVE, RecordState.ENDED} or role not in ROLES:
        return None
    if step & STEP_MASK > Step.ENDED:
        return None
    return WorkerRecord(
        index=index,
        pid=pid,
        start_time=start,
        role=ROLES[role],
        number=number,
        state=RecordState(state),
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


_MOST = 1 << 20
"""Bytes; a header and all of its records are fewer."""


def open_control(control: str, folder: str = SHM_DIR) -> int:
    """A read-only descriptor of the control block of that name (the segment's has another).

    ControlBlockError: it is somebody else's, or writable by others.
    MissingSegmentError: there is none.
    """
    fd = open_readonly(segment_path(control, folder))
    if not trusted(os.fstat(fd)):
        os.close(fd)
        raise ControlBlockError(
            _("it belongs to another user or others may write to it, so it is not believed")
        )
    return fd


def read_control(name: str) -> bytes:
    """The bytes of segment ``name``'s control block, header first; fails as :func:`open_control`."""
    fd = open_control(control_name(name))
    try:
        return os.pread(fd, _MOST, 0)
    finally:
        os.close(fd)


def read_header(name: str, folder: str = SHM_DIR) -> ControlHeader | None:
    """The control block's header of segment ``name``; None where there is none to believe."""
    try:
        fd = open_control(control_name(name), folder)
    except ShmtuiError:
        return None
    try:
        header = parse_header(os.pread(fd, HEADER_SIZE, 0))
    except ControlBlockError:
        return None
    finally:
        os.close(fd)
    return header if header.name == name else None
