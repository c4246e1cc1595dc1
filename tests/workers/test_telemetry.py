"""What a worker tells of itself is true at any point of its life, its death included."""

import os
import signal
from itertools import pairwise

import pytest

from shmtui.monitor.control_reader import totals
from shmtui.shm.control_format import STEPPING, Field
from shmtui.shm.control_records import WorkerRecord, parse_header
from shmtui.shm.protocol import Role, Step
from tests.conftest import MakeBuffer, join
from tests.program import read_control, worker_records
from tests.waiting import poll
from tests.workers.crew import Crew, end_all, items, record_of, wait_items, wait_obeyed, wait_ready

DEATHS = 8


def told_of_counting(record: WorkerRecord, size: int) -> None:
    """The sum and the last item are those of a count from 0 of as many items as it tells."""
    count = record.items
    assert record.sum == count * (count - 1) // 2
    if count:
        assert int.from_bytes(record.last_item[:size], "little", signed=True) == count - 1


@pytest.mark.parametrize("named", [False, True], ids=["embedded", "named"])
@pytest.mark.parametrize(("item", "slots"), [("int32", 3), ("int64", 64)])
def test_killed_at_any_point(
    make_buffer: MakeBuffer, crew: Crew, named: bool, item: str, slots: int
) -> None:
    """An unthrottled pair is killed by SIGKILL wherever it is: each has told exactly what it did, but for
    an item that it was moving.
    """
    for death in range(DEATHS):
        buffer = make_buffer(slots, item, named=named)
        supervisor = crew(buffer)
        pids = [supervisor.start(role) for role in (Role.PRODUCER, Role.CONSUMER)]
        wait_items(buffer, pids[1], 1 + 37 * death)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        end_all(supervisor)
        ring = join(buffer)
        for record in worker_records(buffer.name):
            told_of_counting(record, buffer.layout.item.size)
            moving = record.step is Step.TRANSFER
            moved = [record.items % slots, *([(record.items + 1) % slots] if moving else ())]
            assert ring.index(record.role)[0] in moved
        raw = read_control(buffer.name)
        header = parse_header(raw)
        before = totals(header, worker_records(buffer.name))
        for index in range(header.records):
            buffer.control.retire(buffer.control.record(index))
        assert totals(parse_header(read_control(buffer.name)), ()) == before


def test_read_while_it_works(make_buffer: MakeBuffer, crew: Crew) -> None:
    """The count never goes back, whenever it is read."""
    buffer = make_buffer(64)
    supervisor = crew(buffer)
    pids = [supervisor.start(role) for role in (Role.PRODUCER, Role.CONSUMER)]
    wait_ready(supervisor)
    seen: list[int] = []
    while len(set(seen)) < 300:
        seen.append(next(r.items for r in worker_records(buffer.name) if r.pid == pids[0]))
    assert all(before <= after for before, after in pairwise(seen))


def test_stepped_and_running_in_turn(make_buffer: MakeBuffer, crew: Crew) -> None:
    """Items that are stepped and items of the plain loop are counted in one log."""
    buffer = make_buffer(256)
    supervisor = crew(buffer)
    pid = supervisor.start(Role.PRODUCER)
    words = record_of(buffer, pid).words
    supervisor.start(Role.CONSUMER)
    for _turn in range(5):
        wait_items(buffer, pid, items(buffer, pid) + 20)
        supervisor.orders.step(pid)
        # Where it was blocked on mutex it stands inside, and takes the order up after this item.
        poll(lambda: words[Field.STEP] & STEPPING, "it stands before a step")
        supervisor.orders.resume(pid)
        wait_obeyed(buffer, pid)
    supervisor.orders.pause(pid)
    wait_obeyed(buffer, pid)
    assert words[Field.STEPS] == 0
    (record,) = [r for r in worker_records(buffer.name) if r.pid == pid]
    told_of_counting(record, 4)


def test_a_signal_without_an_order_stops_nobody(make_buffer: MakeBuffer, crew: Crew) -> None:
    """Who looks up at a signal and finds nothing new goes on."""
    buffer = make_buffer(64)
    supervisor = crew(buffer)
    pids = [supervisor.start(role) for role in (Role.PRODUCER, Role.CONSUMER)]
    wait_ready(supervisor)
    for _round in range(20):
        for pid in pids:
            os.kill(pid, signal.SIGURG)
        before = items(buffer, pids[1])
        poll(lambda count=before: items(buffer, pids[1]) > count, "items flow")  # type: ignore[misc]
