"""A worker keeps its rate: never an item before it is due, and none left out.

What is proved of real workers are bounds on counted items, which hold on a machine of any speed.
That the deadlines themselves are exact is proved of the pure pacer.
"""

import time
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shmtui.shm.control_format import Field
from shmtui.shm.protocol import Role
from shmtui.workers.pacing import BACKLOG_NS, Pacer
from tests.conftest import MakeBuffer, join
from tests.waiting import poll
from tests.workers.crew import (
    Crew,
    blocked,
    items,
    record_of,
    still_works,
    wait_items,
    wait_obeyed,
    wait_ready,
)

SECOND: Final = 1_000_000_000
RATES: Final = st.floats(0.01, 100_000)
HOURS: Final = 0.001
"""A rate at which the next item is due long after every patience."""


def paced(rate: float, now_ns: int = 0) -> Pacer:
    """A pacer at a rate since ``now_ns``."""
    pacer = Pacer()
    pacer.set_rate(rate, now_ns, waiting=False)
    pacer.restart(now_ns)
    return pacer


@given(RATES, st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_late_items_delay_none_after_them(rate: float, late: list[float]) -> None:
    """However late each item is within the backlog, the last is due at its place in the count."""
    pacer = paced(rate)
    for lateness in late:
        pacer.advance(pacer.due_ns + round(lateness * BACKLOG_NS))
    assert pacer.due_ns == len(late) * pacer.period_ns
    assert abs(pacer.period_ns - SECOND / rate) <= 0.5


@given(RATES, st.integers(1, 100 * SECOND))
def test_no_burst_after_a_block(rate: float, blocked_ns: int) -> None:
    """Later than the backlog, the next item is due now: what was missed is not made up for."""
    pacer = paced(rate)
    now = pacer.period_ns + max(BACKLOG_NS, pacer.period_ns) + blocked_ns
    pacer.advance(now)
    assert pacer.due_ns == now


@given(RATES, RATES, st.booleans())
def test_a_new_rate_counts_from_the_last_item(before: float, after: float, waiting: bool) -> None:
    """While the worker waits, the deadline moves; an item that is due already stays due."""
    pacer = paced(before)
    pacer.advance(0)
    due = pacer.due_ns
    pacer.set_rate(after, 5, waiting=waiting)
    assert pacer.due_ns == (pacer.period_ns if waiting else due)


def test_from_unthrottled_the_next_item_is_due_at_once() -> None:
    """Deadlines begin with the rate."""
    pacer = paced(float("inf"))
    assert pacer.period_ns == 0
    pacer.set_rate(2.0, 7 * SECOND, waiting=False)
    assert pacer.due_ns == 7 * SECOND


@pytest.mark.parametrize("role", [Role.PRODUCER, Role.CONSUMER])
@pytest.mark.parametrize("rate", [10.0, 200.0, 2000.0])
def test_never_more_items_than_are_due(
    make_buffer: MakeBuffer, crew: Crew, role: Role, rate: float
) -> None:
    """From the order on, at most one item and as many as the time since then has periods."""
    buffer = make_buffer(1024)
    supervisor = crew(buffer)
    other = Role.CONSUMER if role is Role.PRODUCER else Role.PRODUCER
    pid = supervisor.start(role)
    supervisor.start(other)
    poll(lambda: items(buffer, pid) > 100, "items flow")
    words = record_of(buffer, pid).words
    ordered = time.monotonic_ns()
    supervisor.orders.set_rate(pid, rate)
    wait_obeyed(buffer, pid)
    first = words[Field.ITEMS]
    seen: set[int] = set()
    while len(seen) < 10:
        count = words[Field.ITEMS] - first
        due = (time.monotonic_ns() - ordered) / SECOND * rate
        assert count <= due + 1
        seen.add(count)


@pytest.mark.parametrize("role", [Role.PRODUCER, Role.CONSUMER])
def test_rate_got_is_rate_asked(make_buffer: MakeBuffer, crew: Crew, role: Role) -> None:
    """Deadlines are absolute, so over a second or more the items come to the rate, exactly.

    A busy machine may need several tries until a second is without a delay of a quarter of one.
    A worker that slept a period after each item would be behind in every second.
    """
    buffer = make_buffer(1024)
    supervisor = crew(buffer)
    other = Role.CONSUMER if role is Role.PRODUCER else Role.PRODUCER
    supervisor.start(other)
    rates = (10.0, 100.0, 1000.0)
    workers = {supervisor.start(role): rate for rate in rates}
    wait_ready(supervisor)
    for pid, rate in workers.items():
        supervisor.orders.set_rate(pid, rate)
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
            if not start[1] or time.monotonic_ns() - start[1] > 5 * SECOND:
                start = (count, at)
            elapsed = (at - start[1]) / SECOND
            return elapsed >= 1 and abs((count - start[0]) / elapsed / rate - 1) < 0.01

        poll(close_enough, f"{rate:g} items/s", 120)


def test_a_change_takes_effect_in_the_middle_of_a_sleep(
    make_buffer: MakeBuffer, crew: Crew
) -> None:
    """A worker whose next item is due in 1000 s takes up a new rate at once, again and again."""
    buffer = make_buffer(1024)
    supervisor = crew(buffer, produce_rate=HOURS)
    supervisor.start(Role.CONSUMER)
    pid = supervisor.start(Role.PRODUCER)
    wait_items(buffer, pid, 1)  # The first item is due at once.
    for _change in range(10):
        before = items(buffer, pid)
        supervisor.orders.set_rate(pid, 1000.0)
        wait_items(buffer, pid, before + 1)
        supervisor.orders.set_rate(pid, HOURS)
        wait_obeyed(buffer, pid)


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
    supervisor.orders.set_rate(pid, HOURS)
    wait_obeyed(buffer, pid)
    assert ring.put(2)
    wait_items(buffer, pid, 2)
    supervisor.orders.set_rate(pid, 1000.0)
    assert ring.put(3)
    wait_items(buffer, pid, 3)


def test_a_pause_moves_no_later_item(make_buffer: MakeBuffer, crew: Crew) -> None:
    """The same for a rate that changes during a pause: what was due then is due at once."""
    buffer = make_buffer(4)
    supervisor = crew(buffer, produce_rate=1000.0)
    pid = supervisor.start(Role.PRODUCER, hold=True)
    wait_ready(supervisor)
    supervisor.orders.set_rate(pid, HOURS)
    wait_obeyed(buffer, pid)
    supervisor.orders.resume(pid)
    wait_items(buffer, pid, 1)
    supervisor.orders.set_rate(pid, 1000.0)
    wait_items(buffer, pid, 2)


def test_slower_takes_effect_too(make_buffer: MakeBuffer, crew: Crew) -> None:
    """From unthrottled to one item in ten seconds: after the order is obeyed, one more item at
    the most.
    """
    buffer = make_buffer(64)
    supervisor = crew(buffer)
    pid = supervisor.start(Role.PRODUCER)
    supervisor.start(Role.CONSUMER)
    poll(lambda: items(buffer, pid) > 100, "items flow")
    supervisor.orders.set_rate(pid, 0.1)
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
    supervisor.orders.set_rate(pid, 7.0)
    assert record.doubles[Field.TARGET_RATE] == 7.0
    supervisor.orders.reset_rate(pid)
    assert record.doubles[Field.TARGET_RATE] == 2.5
    texts = [event.text for event in supervisor.history()]
    assert texts[-2:] == ["producer 1: 2.5 → 7 items/s", "producer 1: 7 → 2.5 items/s"]


def test_blocked_is_not_late(make_buffer: MakeBuffer, crew: Crew) -> None:
    """A producer that a full ring has blocked for 30 periods does not make up for them in a burst.

    At once there come the item that was blocked and the one after it; the others take a period
    each.
    """
    rate = 20.0
    buffer = make_buffer(2)
    supervisor = crew(buffer, produce_rate=rate)
    pid = supervisor.start(Role.PRODUCER)
    wait_items(buffer, pid, 2)
    words = record_of(buffer, pid).words
    full = words[Field.HEARTBEAT_NS]
    poll(lambda: time.monotonic_ns() - full > 30 / rate * SECOND, "a long block")
    freed = time.monotonic_ns()
    supervisor.start(Role.CONSUMER)
    for count in (6, 9, 13):
        wait_items(buffer, pid, count)
        at_once = 2 + 2
        assert time.monotonic_ns() - freed >= (count - at_once) / rate * SECOND


def test_paused_between_items_and_resumed(make_buffer: MakeBuffer, crew: Crew) -> None:
    """A pause holds a worker where it holds nothing, and it goes on when told."""
    buffer = make_buffer(16)
    supervisor = crew(buffer)
    producer, consumer = supervisor.start(Role.PRODUCER), supervisor.start(Role.CONSUMER)
    poll(lambda: items(buffer, consumer) > 100, "items flow")
    for pid in (producer, consumer):
        supervisor.orders.pause(pid)
        wait_obeyed(buffer, pid)
    counts = items(buffer, producer), items(buffer, consumer)
    still_works(buffer)
    assert (items(buffer, producer), items(buffer, consumer)) == counts
    for pid in (producer, consumer):
        supervisor.orders.resume(pid)
    poll(lambda: items(buffer, consumer) > counts[1] + 100, "items flow again")
