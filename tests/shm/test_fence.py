"""Words are published after what they publish, and a reader never gets half of a change."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from shmtui.errors import ControlBlockError
from shmtui.procfs.identity import own_identity
from shmtui.shm import control_block
from shmtui.shm import memory_fence as fence
from shmtui.shm.control_block import ControlBlock, ControlRecord
from shmtui.shm.control_file import open_control, read_block
from shmtui.shm.control_format import VERSION, Field, Header, RecordState, control_name
from shmtui.shm.control_records import parse_header, parse_records
from shmtui.shm.layout import ITEM_TYPES, seed_layout
from shmtui.shm.libc import running_libc
from shmtui.shm.owned_buffer import OwnedBuffer
from shmtui.shm.protocol import Role
from shmtui.shm.segment import unlink_segment
from tests.conftest import MakeBuffer


def test_a_fence_holds_no_permit_afterwards() -> None:
    """Threads that fence at the same time never wait, and the semaphore is at 0 at the end."""

    def many() -> None:
        for _number in range(2000):
            fence.fence()

    threads = [threading.Thread(target=many) for _thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    acquire, _release, _memory = fence._semaphore()
    assert not acquire(False)


def told_by(words: "memoryview[int]", word: int, act: Callable[[], object]) -> list[int]:
    """The values of ``word`` at each fence that ``act`` makes, and after it."""
    seen: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(control_block, "fence", lambda: seen.append(words[word]))
        act()
    return [*seen, words[word]]


@pytest.fixture
def buffer(make_buffer: MakeBuffer) -> OwnedBuffer:
    """A buffer with its control block."""
    return make_buffer()


@pytest.fixture
def record(buffer: OwnedBuffer) -> ControlRecord:
    """The record of a worker."""
    return buffer.control.claim_record(Role.PRODUCER, 1, 1.0, hold=False)


def test_the_sequence_publishes_an_order(record: ControlRecord) -> None:
    """At the fence the rate is there and the sequence has not moved yet."""
    rates: list[float] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            control_block, "fence", lambda: rates.append(record.doubles[Field.TARGET_RATE])
        )
        record.order(rate=7.0)
    assert rates == [7.0]
    assert told_by(record.words, Field.ORDER, lambda: record.order(rate=8.0)) == [1, 2]


def test_the_state_publishes_a_record(buffer: OwnedBuffer, record: ControlRecord) -> None:
    """A record is LIVE, counted, ENDED and retired only after what stands behind each is stored."""
    words, header = record.words, buffer.control.words
    assert told_by(words, Field.PID, lambda: record.set_process(7, 8)) == [0, 7]
    live, ended = int(RecordState.LIVE), int(RecordState.ENDED)
    assert told_by(words, Field.STATE, lambda: record.set_ended(0, 9)) == [live, ended]
    assert told_by(header, Header.RETIRED_SEQUENCE, lambda: buffer.control.retire(record)) == [
        1,
        1,
        2,
    ]
    claim = lambda: buffer.control.claim_record(Role.CONSUMER, 2, 1.0, hold=False)  # noqa: E731
    assert told_by(words, Field.STATE, claim) == [RecordState.FREE, live, live]
    assert told_by(header, Header.RECORDS, claim) == [1, 1, 2]
    assert told_by(header, Header.PUBLISHED_NS, lambda: buffer.control.publish(5, 1.0, 2.0)) == [
        0,
        5,
    ]


def test_the_version_publishes_the_header(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the fence in the middle of its creation a block is complete, and not ready."""
    seen: list[bytes] = []

    def look() -> None:
        fd = open_control(control_name(name))
        seen.append(os.pread(fd, 4096, 0))
        os.close(fd)

    monkeypatch.setattr(control_block, "fence", look)
    layout = seed_layout(5, ITEM_TYPES["int32"], running_libc())
    block = ControlBlock.create(name, layout, own_identity(), 0)
    (raw,) = seen
    with pytest.raises(ControlBlockError, match="not ready"):
        parse_header(raw)
    ready = raw[:8] + VERSION.to_bytes(8, sys.byteorder) + raw[16:]
    assert repr(parse_header(ready)) == repr(block.header)  # NaN is not equal to itself.
    unlink_segment(block.name)


RETIRING = """
import sys
from shmtui.shm.control_block import ControlBlock
from shmtui.shm.control_format import Field
from shmtui.shm.protocol import Role
block = ControlBlock.open(sys.argv[1])
print(flush=True)
while True:
    record = block.claim_record(Role.PRODUCER, 1, 1.0, hold=False)
    record.words[Field.ITEMS] = 1
    block.retire(record)
"""


@pytest.fixture
def retiring(buffer: OwnedBuffer) -> Iterator[OwnedBuffer]:
    """A buffer in which workers of one item each come and go without a pause."""
    for number in range(20):
        buffer.control.claim_record(Role.CONSUMER, number, 1.0, hold=False)
    with subprocess.Popen(
        [sys.executable, "-c", RETIRING, buffer.control.name], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        try:
            process.stdout.readline()
            yield buffer
        finally:
            process.kill()


def test_totals_never_go_back_while_workers_come_and_go(retiring: OwnedBuffer) -> None:
    """The items of a worker are in its record or in the totals: never in both, never in neither."""
    fd = open_control(retiring.control.name)
    counts: list[int] = []
    while len(set(counts)) < 80:
        try:
            raw = read_block(fd)
        except ControlBlockError:
            continue  # The writer was interrupted in the middle of it for longer than 100 reads.
        header = parse_header(raw)
        live = sum(record.items for record in parse_records(raw, header))
        counts.append(header.retired_produced + live)
    os.close(fd)
    assert counts == sorted(counts)


def test_a_block_that_is_always_being_written_is_an_error(buffer: OwnedBuffer) -> None:
    """A reader does not wait for a supervisor that died in the middle of a retirement."""
    buffer.control.words[Header.RETIRED_SEQUENCE] = 1
    fd = open_control(buffer.control.name)
    with pytest.raises(ControlBlockError, match="being written"):
        read_block(fd)
    os.close(fd)
