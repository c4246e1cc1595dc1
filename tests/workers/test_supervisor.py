"""Workers start, end as they are told, and how each one ended is told at once."""

import asyncio
import os
import resource
import signal
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from shmtui.errors import ShmtuiError
from shmtui.events import Severity
from shmtui.shm.control_file import read_header
from shmtui.shm.control_format import Field, RecordState
from shmtui.shm.faults import Fault
from shmtui.shm.owned_buffer import OwnedBuffer
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.shm.segment import map_segment
from shmtui.workers import supervisor as supervisor_module
from shmtui.workers.supervisor import Supervisor
from tests.conftest import MakeBuffer, index_offsets, join
from tests.program import running, worker_records
from tests.waiting import poll, until
from tests.workers.crew import (
    Crew,
    blocked,
    end_all,
    items,
    moved,
    record_of,
    still_works,
    values,
    wait_items,
    wait_ready,
)

FD_SETSIZE: Final = 1024
"""Descriptors that select(2) can name."""


def watched(supervisor: Supervisor) -> Callable[[], str]:
    """Have the running loop watch; returns what gives the last thing told."""
    supervisor.watch(asyncio.get_running_loop())
    return lambda: supervisor.history()[-1].text


@pytest.mark.parametrize("named", [False, True], ids=["embedded", "named"])
def test_terminated_without_taking_anything_along(
    make_buffer: MakeBuffer, crew: Crew, named: bool
) -> None:
    """Twenty workers that are told to end while items flow: each ends by itself, and no lock and no
    permit is missing afterwards.
    """
    buffer = make_buffer(3, named=named)
    supervisor = crew(buffer)
    for _round in range(2):
        pids = [supervisor.start(role) for role in (Role.PRODUCER, Role.CONSUMER) * 5]
        wait_ready(supervisor)
        before = moved(buffer, Role.CONSUMER)
        poll(lambda count=before: moved(buffer, Role.CONSUMER) > count + 50, "items flow")  # type: ignore[misc]
        for pid in pids:
            supervisor.terminate(pid)
        end_all(supervisor)
        ends = [r for r in worker_records(buffer.name) if r.pid in pids]
        assert [(r.state, r.exit_status) for r in ends] == [(RecordState.ENDED, 0)] * 10
        still_works(buffer)


def test_a_worker_blocked_on_the_mutex_ends_too(make_buffer: MakeBuffer, crew: Crew) -> None:
    """With the mutex gone for good a worker gives its permit back and ends by itself."""
    buffer = make_buffer(3)
    ring = join(buffer)
    assert ring.semaphores[SemaphoreRole.MUTEX].try_wait()
    supervisor = crew(buffer)
    pid = supervisor.start(Role.PRODUCER)
    poll(lambda: values(buffer) == (0, 2, 0), "it holds a permit")
    supervisor.terminate(pid)
    end_all(supervisor)
    (record,) = worker_records(buffer.name)
    assert record.exit_status == 0
    assert values(buffer) == (0, 3, 0)


async def test_killed_is_told_at_once_with_its_place(make_buffer: MakeBuffer, crew: Crew) -> None:
    """SIGKILL is noticed, named, and said where it hit."""
    buffer = make_buffer(2)
    supervisor = crew(buffer)
    last = watched(supervisor)
    pid = supervisor.start(Role.PRODUCER)
    await until(lambda: items(buffer, pid) == 2 and blocked(buffer, pid), "the ring is full")
    supervisor.kill(pid)
    await until(lambda: not supervisor.owns(pid), "it is noticed")
    assert last() == (
        f"producer 1 (PID {pid}) killed by SIGKILL in wait-empty, holding nothing after 2 items"
    )
    assert supervisor.history()[-1].severity is Severity.BAD
    (record,) = worker_records(buffer.name)
    assert (record.state, record.exit_status) == (RecordState.ENDED, -signal.SIGKILL)


async def test_killed_while_paused_held_nothing(make_buffer: MakeBuffer, crew: Crew) -> None:
    """A pause is between two items, and the words say so."""
    buffer = make_buffer(2)
    supervisor = crew(buffer)
    last = watched(supervisor)
    pid = supervisor.start(Role.CONSUMER, hold=True)
    await until(lambda: worker_records(buffer.name)[0].paused, "it is paused")
    supervisor.kill(pid)
    await until(lambda: not supervisor.owns(pid), "it is noticed")
    assert last() == f"consumer 1 (PID {pid}) killed by SIGKILL while paused after 0 items"


async def test_killed_with_the_mutex_says_so(make_buffer: MakeBuffer, crew: Crew) -> None:
    """Who dies waiting for the mutex takes a permit along, and that is the news."""
    buffer = make_buffer(3)
    ring = join(buffer)
    assert ring.semaphores[SemaphoreRole.MUTEX].try_wait()
    supervisor = crew(buffer)
    last = watched(supervisor)
    pid = supervisor.start(Role.PRODUCER)
    await until(lambda: blocked(buffer, pid), "it waits for the mutex")
    supervisor.kill(pid)
    await until(lambda: not supervisor.owns(pid), "it is noticed")
    assert "killed by SIGKILL in wait-mutex, holding a permit of empty" in last()
    assert values(buffer) == (0, 2, 0)


@pytest.mark.parametrize(("role", "side"), [(Role.PRODUCER, "in"), (Role.CONSUMER, "out")])
async def test_bad_index_is_the_last_word(
    make_buffer: MakeBuffer, crew: Crew, role: Role, side: str
) -> None:
    """A worker that finds a bad index exits with code 3, one line on stderr, and takes neither
    lock nor permit along.
    """
    buffer = make_buffer(5)
    assert join(buffer).put(1)
    at = index_offsets(buffer.layout)[side == "out"]
    map_segment(buffer.name)[at : at + 4] = (99).to_bytes(4, "little")
    supervisor = crew(buffer)
    last = watched(supervisor)
    pid = supervisor.start(role)
    await until(lambda: not supervisor.owns(pid), "it has ended")
    assert f"(PID {pid}) exit code 3 after 0 items" in last()
    assert last().endswith(f": shmtui worker: {side} is 99, outside 0…4")
    assert values(buffer) == (1, 4, 1)


async def test_the_record_of_an_ended_worker_is_kept_for_a_while(
    make_buffer: MakeBuffer, crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its end is told while its record is there; then the record is free and its counts are kept."""
    monkeypatch.setattr(supervisor_module, "RETIRE_SECONDS", 0.2)
    buffer = make_buffer(2)
    supervisor = crew(buffer)
    watched(supervisor)
    pid = supervisor.start(Role.PRODUCER)
    await until(lambda: items(buffer, pid) == 2, "two items")
    states: list[list[RecordState]] = []
    supervisor.on_event = lambda _event: states.append(
        [record.state for record in worker_records(buffer.name)]
    )
    supervisor.terminate(pid)
    await until(lambda: not worker_records(buffer.name), "its record is free")
    assert states == [[RecordState.LIVE], [RecordState.ENDED]]
    header = read_header(buffer.name)
    assert header is not None
    assert (header.retired_produced, header.retired_produced_sum) == (2, 1)


@pytest.mark.parametrize("moves", [False, True], ids=["posted", "moved"])
@pytest.mark.parametrize("named", [False, True], ids=["embedded", "named"])
async def test_the_record_of_who_died_with_mutex_stays_until_it_is_free(
    make_buffer: MakeBuffer, crew: Crew, monkeypatch: pytest.MonkeyPatch, named: bool, moves: bool
) -> None:
    """It tells who has mutex, for as long as somebody may ask."""
    monkeypatch.setattr(supervisor_module, "RETIRE_SECONDS", 0.02)
    buffer = make_buffer(2, named=named)
    supervisor = crew(buffer)
    watched(supervisor)
    looked: list[bytes] = []
    held_at = OwnedBuffer.held_at

    def noted(self: OwnedBuffer) -> bytes:
        looked.append(held_at(self))
        return looked[-1]

    monkeypatch.setattr(OwnedBuffer, "held_at", noted)
    pid = supervisor.start(Role.PRODUCER)
    supervisor.orders.set_fault(pid, Fault.DIE_AT_TRANSFER)
    await until(lambda: len(looked) > 3, "it was looked at again and again")
    assert [record.pid for record in worker_records(buffer.name)] == [pid]
    if moves:  # Somebody has had mutex since.
        at = index_offsets(buffer.layout)[0]
        map_segment(buffer.name)[at] = 1
    else:
        join(buffer).semaphores[SemaphoreRole.MUTEX].post()
    await until(lambda: not worker_records(buffer.name), "its record is free")
    assert looked[:-1] == [bytes(8)] * (len(looked) - 1)
    assert looked[-1] != bytes(8)


def test_signals_in_a_storm_lose_nothing(make_buffer: MakeBuffer, crew: Crew) -> None:
    """Waits that are interrupted again and again still take exactly one permit an item."""
    buffer = make_buffer(2)
    supervisor = crew(buffer)
    pids = [supervisor.start(role) for role in (Role.PRODUCER, Role.CONSUMER)]
    wait_ready(supervisor)
    for _number in range(400):
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
            os.kill(pid, signal.SIGCONT)
    wait_items(buffer, pids[1], items(buffer, pids[1]) + 100)
    for pid in pids:
        supervisor.terminate(pid)
    end_all(supervisor)
    still_works(buffer)
    made, used = moved(buffer, Role.PRODUCER), moved(buffer, Role.CONSUMER)
    assert made - used == values(buffer)[2]


def test_sixty_four_workers(make_buffer: MakeBuffer, crew: Crew, patient: None) -> None:
    """Sixty-four work at a time, and all end by themselves when the supervisor closes."""
    buffer = make_buffer(8)
    supervisor = crew(buffer, produce_rate=20.0, consume_rate=20.0)
    pids = [supervisor.start(role) for role in (Role.PRODUCER, Role.CONSUMER) * 32]
    assert len(set(pids)) == 64
    wait_ready(supervisor)
    poll(lambda: all(items(buffer, pid) for pid in pids), "each has moved an item", 240)
    names = {r.name for r in worker_records(buffer.name)}
    assert names == {f"{role} {n}" for role in ("producer", "consumer") for n in range(1, 33)}
    supervisor.close()
    assert not supervisor.pids
    assert {r.exit_status for r in worker_records(buffer.name)} == {0}
    still_works(buffer)


def test_close_ends_even_those_that_stand_still(
    make_buffer: MakeBuffer, crew: Crew, patient: None
) -> None:
    """Paused, blocked, stopped by a signal, or just started: all are gone when close returns."""
    buffer = make_buffer(2)
    supervisor = crew(buffer)
    stopped = supervisor.start(Role.PRODUCER)
    wait_items(buffer, stopped, 2)
    os.kill(stopped, signal.SIGSTOP)
    supervisor.start(Role.PRODUCER, hold=True)
    supervisor.start(Role.PRODUCER)
    wait_ready(supervisor)
    born = supervisor.start(Role.CONSUMER)
    supervisor.close()
    assert not supervisor.pids
    assert not running([born])
    statuses = {r.exit_status for r in worker_records(buffer.name) if r.pid != born}
    assert statuses == {0}


def test_what_cannot_start_is_said(
    make_buffer: MakeBuffer, crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system gives no process, the reason is told and the record is free again."""
    buffer = make_buffer()
    supervisor = crew(buffer)
    monkeypatch.setattr("sys.executable", "/nonexistent/python")
    with pytest.raises(ShmtuiError, match="cannot start producer 1"):
        supervisor.start(Role.PRODUCER)
    supervisor.add(Role.PRODUCER)
    assert supervisor.history()[-1].severity is Severity.BAD
    assert worker_records(buffer.name) == ()


def test_orders_to_the_dead_are_nothing(make_buffer: MakeBuffer, crew: Crew) -> None:
    """A key pressed a moment too late harms nobody."""
    buffer = make_buffer()
    supervisor = crew(buffer)
    pid = supervisor.start(Role.PRODUCER)
    wait_ready(supervisor)
    words = record_of(buffer, pid).words
    supervisor.terminate(pid)
    end_all(supervisor)
    before = supervisor.history(), words[Field.ORDER]
    for order in (
        supervisor.orders.pause,
        supervisor.orders.resume,
        supervisor.terminate,
        supervisor.kill,
    ):
        order(pid)
    supervisor.orders.set_rate(pid, 5.0)
    supervisor.orders.reset_rate(pid)
    assert (supervisor.history(), words[Field.ORDER]) == before


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """This process has more than 1024 open files, so that every new descriptor is above that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < FD_SETSIZE + 100:
        pytest.skip("this user may not open so many files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, FD_SETSIZE + 100), hard))
    opened: list[int] = []
    try:
        while not opened or opened[-1] < FD_SETSIZE:
            opened.append(os.open(os.devnull, os.O_RDONLY))
        yield
    finally:
        for fd in opened:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("with_loop", [True, False])
async def test_descriptors_above_the_limit_of_select(
    make_buffer: MakeBuffer, crew: Crew, many_descriptors: None, with_loop: bool
) -> None:
    """With 1024 files open a child's last words and its end are noticed as ever."""
    buffer = make_buffer(5)
    at = index_offsets(buffer.layout)[0]
    map_segment(buffer.name)[at : at + 4] = b"\x63\0\0\0"
    supervisor = crew(buffer)
    if with_loop:
        watched(supervisor)
    pid = supervisor.start(Role.PRODUCER)
    if with_loop:
        await until(lambda: not supervisor.owns(pid), "it has ended")
    else:
        end_all(supervisor)
    assert supervisor.history()[-1].text.endswith(": shmtui worker: in is 99, outside 0…4")
