"""The control block says what was written into it, and a damaged one is never believed."""

import math
import os
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shmtui.errors import ControlBlockError, NameInUseError
from shmtui.procfs.identity import own_identity
from shmtui.shm.control_block import ControlBlock
from shmtui.shm.control_file import read_header, trusted
from shmtui.shm.control_format import (
    CAPACITY,
    HEADER_SIZE,
    MAGIC,
    RECORD_SIZE,
    VERSION,
    Field,
    Flags,
    Header,
    RecordState,
    control_name,
)
from shmtui.shm.control_records import ControlHeader, WorkerRecord, parse_header, parse_records
from shmtui.shm.layout import ITEM_TYPES, seed_layout
from shmtui.shm.libc import running_libc
from shmtui.shm.owned_buffer import OwnedBuffer
from shmtui.shm.protocol import Role, Step
from shmtui.shm.segment import identity_at, segment_path
from tests.conftest import MakeBuffer
from tests.program import read_control


def records(buffer: OwnedBuffer) -> list[WorkerRecord]:
    """The records of a buffer, as another process reads them."""
    raw = read_control(buffer.name)
    return list(parse_records(raw, parse_header(raw)))


def header_of(buffer: OwnedBuffer) -> ControlHeader:
    """The header of a buffer, as another process reads it."""
    header = read_header(buffer.name)
    assert header is not None
    return header


def control_path(buffer: OwnedBuffer) -> Path:
    """The control block's file."""
    return Path(segment_path(control_name(buffer.name)))


@pytest.mark.parametrize("named", [False, True])
def test_header_round_trip(make_buffer: MakeBuffer, named: bool) -> None:
    """What the creator wrote is what a reader gets."""
    buffer = make_buffer(7, "double", named=named)
    header = header_of(buffer)
    assert header.name == buffer.name
    assert header.layout == buffer.layout
    assert (header.creator_pid, header.creator_start) == own_identity()
    assert header.segment == buffer.identity == identity_at(segment_path(buffer.name))
    assert (header.records, header.flags, header.published_ns) == (0, Flags(0), 0)
    assert math.isnan(header.produced_per_s)
    buffer.control.publish(5, 2.5, 0.25)
    buffer.control.keep()
    header = header_of(buffer)
    assert (header.published_ns, header.produced_per_s, header.consumed_per_s) == (5, 2.5, 0.25)
    assert header.flags is Flags.KEEP


def test_record_round_trip(make_buffer: MakeBuffer) -> None:
    """A record enlisted and written is read back, orders included."""
    buffer = make_buffer()
    record = buffer.control.claim_record(Role.CONSUMER, 3, 0.5, hold=True)
    record.words[Field.PID] = 4711
    record.words[Field.STEP] = Step.WAIT_MUTEX
    record.words[Field.ITEMS] = 12
    before = record.words[Field.ORDER]
    record.order(rate=math.inf, hold=False)
    assert record.words[Field.ORDER] == before + 1
    assert record.wakeup.words().value == 1
    (read,) = records(buffer)
    assert (read.role, read.number, read.name) == (Role.CONSUMER, 3, "consumer 3")
    assert (read.target_rate, read.hold) == (math.inf, False)
    assert (read.pid, read.step, read.items) == (4711, Step.WAIT_MUTEX, 12)
    assert read.state is RecordState.LIVE


def test_not_ready_until_its_version_is_there(make_buffer: MakeBuffer) -> None:
    """A header without its version, the last thing written, is not read."""
    raw = bytearray(read_control(make_buffer().name))
    raw[8:16] = bytes(8)
    with pytest.raises(ControlBlockError, match="not ready"):
        parse_header(bytes(raw))


@pytest.mark.parametrize(
    ("word", "value", "why"),
    [
        (1, VERSION + 1, f"version {VERSION + 1}"),
        (2, RECORD_SIZE + 8, "contradict"),
        (3, CAPACITY + 1, "contradict"),
        (Header.RECORDS, CAPACITY + 1, "contradict"),
        (Header.RETIRED_SEQUENCE, 7, "being written"),
        (0, 0, "magic"),
    ],
)
def test_a_header_that_contradicts_itself(
    make_buffer: MakeBuffer, word: int, value: int, why: str
) -> None:
    """Each field that can be wrong is looked at, and the error says which."""
    raw = bytearray(read_control(make_buffer().name))
    raw[8 * word : 8 * word + 8] = struct.pack("=Q", value)
    with pytest.raises(ControlBlockError, match=why):
        parse_header(bytes(raw))


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_who_could_forge_it_is_not_believed(make_buffer: MakeBuffer, mode: int) -> None:
    """A control block that others can write is no authority."""
    buffer = make_buffer()
    control_path(buffer).chmod(mode)
    with pytest.raises(ControlBlockError, match="not believed"):
        read_control(buffer.name)
    assert read_header(buffer.name) is None


def test_another_users_block_is_not_believed() -> None:
    """Only this user's and root's files are; never a directory or a device."""
    me, other = os.geteuid(), os.geteuid() + 1

    def status(mode: int, uid: int) -> os.stat_result:
        return os.stat_result((mode, 1, 1, 1, uid, 0, 0, 0, 0, 0))

    assert trusted(status(0o100600, me))
    assert trusted(status(0o100644, 0))
    assert not trusted(status(0o100600, other))
    assert not trusted(status(0o040700, me))
    assert not trusted(status(0o020600, me))


def test_a_block_for_another_segment_is_not_believed(make_buffer: MakeBuffer) -> None:
    """A block that names another segment than the one it stands beside is passed over."""
    one, two = make_buffer(), make_buffer()
    control_path(two).write_bytes(control_path(one).read_bytes())
    assert read_header(two.name) is None


def test_creation_is_exclusive_and_private(make_buffer: MakeBuffer) -> None:
    """There is one control block a segment, and only its owner may look into it."""
    buffer = make_buffer()
    assert control_path(buffer).stat().st_mode & 0o7777 == 0o600
    layout = seed_layout(5, ITEM_TYPES["int32"], running_libc())
    with pytest.raises(NameInUseError):
        ControlBlock.create(buffer.name, layout, own_identity(), 0)


@given(st.binary(max_size=2 * HEADER_SIZE), st.booleans())
def test_random_bytes_are_refused(raw: bytes, magic: bool) -> None:
    """Bytes from anywhere are a ControlBlockError, never another error."""
    if magic:
        raw = MAGIC + struct.pack("=4Q", VERSION, RECORD_SIZE, CAPACITY, 2) + raw
    raw = raw.ljust(HEADER_SIZE, b"\0")
    with pytest.raises(ControlBlockError):
        parse_header(raw)


def test_mutations_never_crash_a_reader(make_buffer: MakeBuffer) -> None:
    """A real block with bytes overwritten at will is read, skipped in part, or refused."""
    buffer = make_buffer()
    for role in (Role.PRODUCER, Role.CONSUMER):
        buffer.control.claim_record(role, 1, 1.0, hold=False)
    good = read_control(buffer.name)[: HEADER_SIZE + 3 * RECORD_SIZE]
    places = st.integers(0, 900) | st.integers(HEADER_SIZE, len(good) - 1)

    @given(st.dictionaries(places, st.integers(0, 255), max_size=12), st.integers(0, len(good)))
    def reads(changes: dict[int, int], length: int) -> None:
        raw = bytearray(good)
        for at, byte in changes.items():
            raw[at] = byte
        for cut in (bytes(raw), bytes(raw[:length])):
            try:
                header = parse_header(cut)
            except ControlBlockError:
                continue
            assert len(list(parse_records(cut, header))) <= header.records

    reads()


def test_totals_never_go_back(make_buffer: MakeBuffer) -> None:
    """A worker's counts stay in the totals when its record is used again."""
    buffer = make_buffer()
    seen = []
    for number in range(1, 6):
        role = Role.PRODUCER if number % 2 else Role.CONSUMER
        record = buffer.control.claim_record(role, number, 1.0, hold=False)
        record.words[Field.ITEMS] = 10 * number
        batch = 10 * number // record.log.half
        record.words[Field.SUMS + batch % 2] = 2**64 - number
        buffer.control.retire(record)
        header = header_of(buffer)
        seen.append((header.retired_produced, header.retired_consumed))
        assert records(buffer) == []
    assert seen == [(10, 0), (10, 20), (40, 20), (40, 60), (90, 60)]
    header = header_of(buffer)
    assert header.retired_produced_sum == 2**64 - 9
    assert header.retired_consumed_sum == 2**64 - 6
    assert header.records == 1


def test_records_run_out(make_buffer: MakeBuffer) -> None:
    """There is room for as many workers as are promised, and the next is refused in words."""
    buffer = make_buffer()
    for number in range(CAPACITY):
        buffer.control.claim_record(Role.PRODUCER, number, 1.0, hold=False)
    with pytest.raises(ControlBlockError, match=str(CAPACITY)):
        buffer.control.claim_record(Role.PRODUCER, 0, 1.0, hold=False)
    assert len(records(buffer)) == CAPACITY
