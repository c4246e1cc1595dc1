"""The course's two programs, compiled and untouched, take part in our buffer on either side."""

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shmtui.monitor.sampler import Sampler
from shmtui.shm.control_format import Flags
from shmtui.shm.segment import segment_path
from shmtui.snapshot import Snapshot
from tests.compiling import Compiler, output
from tests.conftest import MakeBuffer, join
from tests.peers import Peer, build
from tests.program import HeadlessRun, flags_of, run_shmtui, stat_json
from tests.traces import course_name
from tests.waiting import poll

NOBODY = ("--producers", "0", "--consumers", "0")
PRODUCER = ("--producers", "1", "--consumers", "0", "--produce-rate", "max")
CONSUMER = ("--producers", "0", "--consumers", "1", "--consume-rate", "max")


def consistent(snapshot: Snapshot) -> None:
    """What holds in every interleaving of the protocol, whoever takes part."""
    slots = snapshot.layout.slots
    mutex, empty, full = (state.value for state in snapshot.semaphores.values())
    assert snapshot.in_ is not None
    assert snapshot.out is not None
    assert mutex in {0, 1}
    assert empty is not None
    assert full is not None
    assert 0 <= snapshot.in_ < slots
    assert 0 <= snapshot.out < slots
    assert empty + full <= slots
    if snapshot.occupancy is not None:
        assert snapshot.occupancy % slots == (snapshot.in_ - snapshot.out) % slots
        assert full <= snapshot.occupancy <= slots - empty


def watch(name: str, enough: Callable[[], bool]) -> list[Snapshot]:
    """Look at a buffer again and again until there is enough; each look is consistent."""
    sampler = Sampler(name)
    seen: list[Snapshot] = []

    def look() -> bool:
        seen.append(sampler.sample())
        consistent(seen[-1])
        return enough()

    poll(look, "enough has happened")
    sampler.close()
    return seen


def peer_in(record: dict[str, Any], pid: int) -> dict[str, Any] | None:
    """What a snapshot says of a process."""
    return next((p for p in record["processes"] if p["pid"] == pid), None)


def test_produtor_feeds_our_consumer(gcc: Compiler, name: str) -> None:
    """Items of the C producer come out at our end, and it is listed under its PID."""
    program = build(gcc, "produtor", name)
    with HeadlessRun(name, *CONSUMER, workers=1) as run, Peer(program) as peer:
        assert peer.line() == "Produzindo: 0"
        assert peer.line() == "Produzindo: 1"
        watch(name, lambda: run.live()[0].items == 2)
        assert run.live()[0].sum == 1
        record = stat_json(name)
        process = peer_in(record, peer.pid)
        assert process is not None
        assert process["name"].endswith("produtor")
        assert record["throughput"]["method"] != "counters"
        assert {p["name"] for p in record["processes"]} >= {"consumer 1"}


def test_consumidor_takes_from_our_producer(gcc: Compiler, name: str) -> None:
    """Our items come out of the C consumer, in their order."""
    program = build(gcc, "consumidor", name)
    with HeadlessRun(name, *PRODUCER, workers=1) as run, Peer(program) as peer:
        assert peer.line() == "Consumindo: 0"
        watch(name, lambda: run.live()[0].items == 6)
        assert peer.line() == "Consumindo: 1"
        record = stat_json(name)
        assert peer_in(record, peer.pid) is not None
        assert record["occupancy"] == 5


def test_both_at_once_with_ours_beside_them(gcc: Compiler, name: str) -> None:
    """The two C programs and ours on the same ring: every look is consistent, and all are listed."""
    made, used = build(gcc, "produtor", name), build(gcc, "consumidor", name)
    with HeadlessRun(name, "--produce-rate", "20", "--consume-rate", "20") as run:
        with Peer(made) as producer, Peer(used) as consumer:
            assert producer.line() == "Produzindo: 0"
            assert consumer.line().startswith("Consumindo: ")
            seen = watch(name, lambda: sum(r.items for r in run.live()) > 30)
            pids = {process.pid for process in seen[-1].processes}
            assert pids == {producer.pid, consumer.pid, *run.pids}
            assert any(snapshot.occupancy is not None for snapshot in seen)
        assert run.end() == 143


@pytest.mark.parametrize("slots", [1, 5, 64])
def test_nothing_is_lost_between_c_and_python(gcc: Compiler, name: str, slots: int) -> None:
    """A C program at full speed against our worker: every item arrives, by count and sum."""
    program = build(gcc, "exchanger", name, slots)
    with HeadlessRun(name, *CONSUMER, "--slots", str(slots), workers=1) as run:
        total = int(output(program, "producer", "20000"))
        poll(lambda: run.live()[0].items == 20000, "all have arrived")
        assert run.live()[0].sum == total == sum(range(20000))
        assert run.end() == 143
    with HeadlessRun(name, *PRODUCER, "--slots", str(slots), workers=1) as run:
        assert int(output(program, "consumer", "20000")) == sum(range(20000))
        poll(lambda: run.live()[0].items == 20000 + slots, "the ring is full again")
        assert run.end() == 143


@pytest.mark.parametrize(
    ("program", "ours", "role", "semaphore"),
    [("produtor", PRODUCER, "producer", "empty"), ("consumidor", CONSUMER, "consumer", "full")],
)
def test_a_role_is_learned_when_it_is_seen_waiting(
    gcc: Compiler, name: str, program: str, ours: tuple[str, ...], role: str, semaphore: str
) -> None:
    """A stranger's role is unknown until it waits for a permit; then what it waits on tells."""
    peer_program = build(gcc, program, name)
    # Our worker fills the ring, or drains it, so that the peer blocks at once.
    with HeadlessRun(name, *ours, workers=1) as run:
        poll(lambda: run.live()[0].blocked, "our worker is blocked")
        with Peer(peer_program) as peer:
            record = poll(lambda: waiting(name, peer.pid), "the peer is seen waiting")
            assert record["role"] == role
            assert record["blocked_on"] == semaphore
            assert record["wakeable"] is True
            assert record["state"] == "blocked"


def test_a_role_is_learned_from_what_it_alone_can_have_done(gcc: Compiler, name: str) -> None:
    """In a ring that is never full and never empty nobody waits; who ran while it moved tells."""
    # Rates that never keep step with a second or two, and room for more than the test will make.
    ours = ("--slots", "1024", "--produce-rate", "3.7", "--consume-rate", "0.3")
    producer = build(gcc, "produtor", name, slots=1024)
    consumer = build(gcc, "consumidor", name, slots=1024)
    with HeadlessRun(name, *ours, workers=2) as run:
        poll(lambda: run.live()[0].items > 4, "there are items")
        with Peer(producer) as made, Peer(consumer) as taken:
            sampler = Sampler(name)
            waited: set[int] = set()

            def roles() -> dict[int, str]:
                time.sleep(0.02)
                processes = sampler.sample().processes
                waited.update(p.pid for p in processes if p.blocked_on in {"empty", "full"})
                return {p.pid: p.role for p in processes}

            wanted = {made.pid: "producer", taken.pid: "consumer"}
            poll(lambda: wanted.items() <= roles().items(), "both have shown what they are")
            assert not waited & wanted.keys()
            sampler.close()


def waiting(name: str, pid: int) -> dict[str, Any] | None:
    """The peer, once ``stat`` has seen it blocked."""
    process = peer_in(stat_json(name), pid)
    return process if process is not None and process["blocked_on"] else None


def test_a_peer_that_still_maps_at_the_end_is_named(gcc: Compiler, name: str) -> None:
    """The segment goes all the same, and the last line says by whom it is still mapped."""
    program = build(gcc, "produtor", name)
    with HeadlessRun(name, *CONSUMER, workers=1) as run, Peer(program) as peer:
        assert peer.line() == "Produzindo: 0"
        assert run.end(signal.SIGTERM) == 143
        last = run.stderr.splitlines()[-1]
        assert f"unlinked {name}" in last
        assert f"PID {peer.pid} (" in last
        assert "produtor" in last
        assert not Path(segment_path(name)).exists()
        assert peer.process.poll() is None


def test_with_others_in_the_game_no_balance_is_claimed(gcc: Compiler, name: str) -> None:
    """Items of strangers are counted by nobody, so the balance is unknown, not wrong."""
    program = build(gcc, "exchanger", name)
    with HeadlessRun(name, *CONSUMER, "--json", workers=1) as run:
        with Peer(build(gcc, "produtor", name)):
            output(program, "producer", "100")
            poll(lambda: run.live()[0].items >= 100, "they have arrived")
            poll(lambda: len(stat_json(name)["processes"]) == 2, "the stranger is seen")
            poll(lambda: flags_of(name) & Flags.GUESTS, "by the run as well")
        assert run.end() == 143
        assert json.loads(run.stdout)["totals"]["balanced"] is not False


def test_the_name_of_the_course(gcc: Compiler) -> None:
    """With no option at all the programs' own /shm_buffer is the buffer: untouched, they join."""
    program = build(gcc, "produtor")
    with (
        course_name(),
        HeadlessRun("shm_buffer", *CONSUMER, workers=1) as run,
        Peer(program) as peer,
    ):
        assert peer.line() == "Produzindo: 0"
        poll(lambda: run.live()[0].items == 1, "its item has come")
        assert peer_in(stat_json("/shm_buffer"), peer.pid) is not None


def test_a_c_program_alone_is_read_by_its_options(gcc: Compiler, make_buffer: MakeBuffer) -> None:
    """Where no shmtui runs, --slots is enough to see a stranger's buffer and who waits on it."""
    buffer = make_buffer(5)
    ring = join(buffer)
    Path(segment_path(buffer.name + ".shmtui")).unlink()
    with Peer(build(gcc, "consumidor", buffer.name)) as peer:
        assert ring.put(41)
        assert peer.line() == "Consumindo: 41"
        done = run_shmtui("stat", buffer.name, "--slots", "5", "--json")
        record = json.loads(done.stdout)
        assert record["layout"]["source"] == "options"
        assert (record["in"], record["out"], record["occupancy"]) == (1, 1, 0)
        assert {p["pid"] for p in record["processes"]} >= {peer.pid}
