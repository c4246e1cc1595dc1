"""A glance tells whether anything was stored since the last sample, and stores nothing itself."""

import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from shmtui.layouts.options import LayoutOptions
from shmtui.monitor.sampler import Sampler
from shmtui.shm.control_format import HEADER_SIZE, Field, Header, control_name
from shmtui.shm.item_counts import Method
from shmtui.shm.owned_buffer import OwnedBuffer
from shmtui.shm.protocol import Role, Step
from shmtui.shm.segment import segment_path
from tests.clock import ManualClock
from tests.conftest import MakeBuffer, join


def store(path: str, offset: int, data: bytes) -> None:
    """Write bytes, as another program does."""
    with open(path, "r+b", buffering=0) as file:
        file.seek(offset)
        file.write(data)


def control_word(buffer: OwnedBuffer, offset: int, value: int) -> None:
    """Store a word of the control block."""
    store(segment_path(control_name(buffer.name)), offset, struct.pack("=Q", value))


CHANGES: dict[str, Callable[[OwnedBuffer], None]] = {
    "a slot": lambda b: store(segment_path(b.name), 4, struct.pack("=i", 9)),
    "an index": lambda b: store(segment_path(b.name), 20, struct.pack("=i", 3)),
    "a semaphore": lambda b: store(segment_path(b.name), 64, struct.pack("=I", 2)),
    "a waiter": lambda b: store(segment_path(b.name), 68, struct.pack("=I", 1)),
    "a step": lambda b: control_word(b, HEADER_SIZE + 8 * Field.STEP, Step.WAIT_MUTEX),
    "an order": lambda b: control_word(b, HEADER_SIZE + 8 * Field.ORDER, 8),
    "a total": lambda b: control_word(b, 8 * Header.RETIRED_PRODUCED, 5),
    "its size": lambda b: os.truncate(segment_path(b.name), 64),
    "its mode": lambda b: Path(segment_path(b.name)).chmod(0o644),
    "its name": lambda b: Path(segment_path(b.name)).unlink(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_each_change_is_seen(make_buffer: MakeBuffer, change: str) -> None:
    """Also one that the values at the ring's ends do not show."""
    buffer = make_buffer(5)
    buffer.control.claim_record(Role.PRODUCER, 1, 1.0, hold=True)
    sampler = Sampler(buffer.name)
    assert sampler.moved()
    sampler.slots_shown = 5
    sampler.sample()
    assert not sampler.moved()
    CHANGES[change](buffer)
    assert sampler.moved()
    sampler.sample()
    assert not sampler.moved()
    sampler.close()


def test_a_value_of_a_large_ring_is_seen_where_it_is_shown(make_buffer: MakeBuffer) -> None:
    """Of others nothing is read."""
    buffer = make_buffer(1_000_000)
    sampler = Sampler(buffer.name)
    sampler.slots_shown = 8
    sampler.sample()
    store(segment_path(buffer.name), 4 * 900_000, b"\1")
    assert not sampler.moved()
    store(segment_path(buffer.name), 4 * 7, b"\1")
    assert sampler.moved()
    sampler.close()


def test_rates_that_are_published_are_no_change(make_buffer: MakeBuffer) -> None:
    """Otherwise a dashboard would never rest: it is what publishes them."""
    buffer = make_buffer(5)
    record = buffer.control.claim_record(Role.PRODUCER, 1, 1.0, hold=True)
    sampler = Sampler(buffer.name)
    sampler.sample()
    buffer.control.publish(7, 3.0, 4.0)
    record.doubles[Field.SHOWN_RATE] = 3.0
    assert not sampler.moved()
    sampler.close()


class Standing(ManualClock):
    """A clock that goes on only where it is turned."""

    def monotonic_ns(self) -> int:
        """What it was turned by, after ten minutes."""
        return 600_000_000_000 + self._ahead_ns


def test_a_glance_counts_for_the_rate(make_buffer: MakeBuffer) -> None:
    """The rate of a slow flow is as well known as by samples: between two moves the ring was seen unmoved."""
    found = []
    for glance in (True, False):
        buffer, clock = make_buffer(5), Standing()
        ring = join(buffer)
        Path(segment_path(control_name(buffer.name))).unlink()
        sampler = Sampler(buffer.name, LayoutOptions(slots=5), clock=clock)
        for item in range(30):
            assert ring.put(item)
            assert ring.get() == item
            for _interval in range(10):
                clock.advance(0.1)
                if glance and not sampler.moved():
                    continue
                snapshot = sampler.sample()
        found.append(snapshot.throughput)
        sampler.close()
        Path(segment_path(control_name(buffer.name))).touch()
    assert [rates.method for rates in found] == [Method.SEQUENCE, Method.SEQUENCE], found
    assert found[0].produced_per_s == pytest.approx(found[1].produced_per_s, rel=0.05)
