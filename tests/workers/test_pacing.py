"""A rate asked for is the rate that comes, from one item in seconds to thousands a second."""

import time

import pytest

from shmtui.shm.control_format import Field
from shmtui.shm.protocol import Role
from tests.conftest import MakeBuffer, join
from tests.waiting import poll
from tests.workers.crew import Crew, blocked, items, record_of, still_works, wait_items, wait_obeyed


@pytest.mark.parametrize("role", [Role.PRODUCER, Role.CONSUMER])
def test_rate_got_is_rate_asked(make_buffer: MakeBuffer, crew: Crew, role: Role) -> None:
    """Deadlines are absolute, so the longer one looks, the closer items per second come to the
    rate. One that slept a period after each item would stay behind for ever.
    """
    buffer = make_buffer(1024)
    supervisor = crew(buffer)
    other = Role.CONSUMER if role is Role.PRODUCER else Role.PRODUCER
    supervisor.start(other)
    rates = (0.5, 10.0, 100.0, 1000.0, 5000.0)
    workers = {supervisor.start(role): rate for rate in rates}
    poll(supervisor.ready, "all have joined")
    for pid, rate in workers.items():
        supervisor.set_rate(pid, rate)
    for pid, rate in workers.items():
        wait_obeyed(buffer, pid)
        # The last item before the order came at another pace, and perhaps long before it.
        wait_items(buffer, pid, items(buffer, pid) + 1)
        start: tuple[int, int] = (0, 0)

        def close_enough(pid: int = pid, rate: float = rate) -> bool:
            nonlocal start
            words = record_of(buffer, pid).words
            count, at = words[Field.ITEMS], words[Field.HEARTBEAT_NS]
            if words[Field.ITEMS] != count:
                return False  # Count and time belong together only while no item comes between.
            if not start[1] or time.monotonic_ns() - at > 5_000_000_000:
                start = (count, at)
            elapsed = (at - start[1]) / 1e9
            if elapsed < max(1.0, 0.9 / rate):
                return False
            return abs((count - start[0]) / elapsed / rate - 1) < 0.005

        poll(close_enough, f"{rate:g} items/s", 60)


def test_a_change_takes_effect_in_the_middle_of_a_sleep(
    make_buffer: MakeBuffer, crew: Crew
) -> None:
    """At one item in ten seconds a worker told to hurry does so within 50 ms, not at the end of
    its sleep. Several tries in a row, since a busy machine can be late once.
    """
    buffer = make_buffer(1024)
    supervisor = crew(buffer, produce_rate=0.1)
    supervisor.start(Role.CONSUMER)
    pid = supervisor.start(Role.PRODUCER)
    poll(lambda: items(buffer, pid) == 1, "the first item, which is due at once")
    in_time = 0
    for _ in range(40):
        before = items(buffer, pid)
        ordered = time.monotonic_ns()
        supervisor.set_rate(pid, 1000.0)
        wait_items(buffer, pid, before + 1)
        late = time.monotonic_ns() - ordered
        in_time = in_time + 1 if late < 50_000_000 else 0
        if in_time == 4:
            return
        supervisor.set_rate(pid, 0.1)
        wait_obeyed(buffer, pid)
    raise AssertionError("never four times in a row within 50 ms")


def test_an_order_to_one_that_is_blocked_moves_no_later_item(
    make_buffer: MakeBuffer, crew: Crew
) -> None:
    """A rate that changes while an item is due already, and only cannot come, counts from that
    item on: slow while blocked and fast again after it is fast, not one slow period late.
    """
    buffer = make_buffer(4)
    ring = join(buffer)
    supervisor = crew(buffer, consume_rate=1000.0)
    pid = supervisor.start(Role.CONSUMER)
    assert ring.put(1)
    wait_items(buffer, pid, 1)
    poll(lambda: blocked(buffer, pid), "the ring is empty")
    supervisor.set_rate(pid, 0.01)
    wait_obeyed(buffer, pid)
    assert ring.put(2)
    wait_items(buffer, pid, 2)
    supervisor.set_rate(pid, 1000.0)
    assert ring.put(3)
    started = time.monotonic()
    wait_items(buffer, pid, 3)
    assert time.monotonic() - started < 20


def test_a_pause_moves_no_later_item(make_buffer: MakeBuffer, crew: Crew) -> None:
    """The same for a rate that changes during a pause: what was due then is due at once."""
    buffer = make_buffer(4)
    supervisor = crew(buffer, produce_rate=1000.0)
    pid = supervisor.start(Role.PRODUCER, hold=True)
    poll(supervisor.ready, "it has joined")
    supervisor.set_rate(pid, 0.01)
    wait_obeyed(buffer, pid)
    supervisor.resume(pid)
    started = time.monotonic()
    wait_items(buffer, pid, 1)
    supervisor.set_rate(pid, 1000.0)
    wait_items(buffer, pid, 2)
    assert time.monotonic() - started < 20


def test_slower_takes_effect_too(make_buffer: MakeBuffer, crew: Crew) -> None:
    """From unthrottled to one item in ten seconds: after the order is obeyed, one more item at
    the most.
    """
    buffer = make_buffer(64)
    supervisor = crew(buffer)
    pid = supervisor.start(Role.PRODUCER)
    supervisor.start(Role.CONSUMER)
    poll(lambda: items(buffer, pid) > 100, "items flow")
    supervisor.set_rate(pid, 0.1)
    wait_obeyed(buffer, pid)
    count = items(buffer, pid)
    limit = time.monotonic() + 0.5
    while time.monotonic() < limit:
        assert items(buffer, pid) <= count + 1
        time.sleep(0.01)


def test_rates_cost_nobody_their_first_rate(make_buffer: MakeBuffer, crew: Crew) -> None:
    """A worker goes back to the rate it started with, whatever came between."""
    buffer = make_buffer()
    supervisor = crew(buffer, produce_rate=2.5)
    pid = supervisor.start(Role.PRODUCER)
    record = record_of(buffer, pid)
    supervisor.set_rate(pid, 7.0)
    assert record.doubles[Field.TARGET_RATE] == 7.0
    supervisor.reset_rate(pid)
    assert record.doubles[Field.TARGET_RATE] == 2.5
    texts = [event.text for event in supervisor.history()]
    assert texts[-2:] == ["producer 1: 2.5 → 7 items/s", "producer 1: 7 → 2.5 items/s"]


def test_blocked_is_not_late(make_buffer: MakeBuffer, crew: Crew) -> None:
    """A producer that was blocked by a full ring does not make up for it in a burst."""
    buffer = make_buffer(2)
    supervisor = crew(buffer, produce_rate=20.0)
    pid = supervisor.start(Role.PRODUCER)
    poll(lambda: items(buffer, pid) == 2, "the ring is full")
    blocked = record_of(buffer, pid).words
    poll(lambda: time.monotonic_ns() - blocked[Field.HEARTBEAT_NS] > 1_500_000_000, "a long block")
    supervisor.start(Role.CONSUMER)
    poll(lambda: items(buffer, pid) >= 3, "it goes on")
    first = blocked[Field.HEARTBEAT_NS]
    poll(lambda: items(buffer, pid) >= 13, "ten more items")
    # Ten items at 20 a second take half a second; a burst would make up 1.5 s at once.
    assert blocked[Field.HEARTBEAT_NS] - first > 200_000_000


def test_paused_between_items_and_resumed(make_buffer: MakeBuffer, crew: Crew) -> None:
    """A pause holds a worker where it holds nothing, and it goes on when told."""
    buffer = make_buffer(16)
    supervisor = crew(buffer)
    producer, consumer = supervisor.start(Role.PRODUCER), supervisor.start(Role.CONSUMER)
    poll(lambda: items(buffer, consumer) > 100, "items flow")
    for pid in (producer, consumer):
        supervisor.pause(pid)
        wait_obeyed(buffer, pid)
    counts = items(buffer, producer), items(buffer, consumer)
    still_works(buffer)
    assert (items(buffer, producer), items(buffer, consumer)) == counts
    for pid in (producer, consumer):
        supervisor.resume(pid)
    poll(lambda: items(buffer, consumer) > counts[1] + 100, "items flow again")
