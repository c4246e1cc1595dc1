"""A ring of one mutex and condition variables: healthy, full, empty, and with a lost signal."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from shmtui.shm.segment import segment_path
from tests.compiling import Compiler
from tests.program import run_shmtui, stat_json
from tests.waiting import poll

SOURCE: Final = Path(__file__).with_name("conditions.c")

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(gcc: Compiler, name: str) -> Iterator[Start]:
    """Starts one of the program's parts on the segment; all are gone afterwards."""
    program = str(gcc.program(SOURCE, "-g"))
    started: list[subprocess.Popen[str]] = []

    def one(*what: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen([program, name, *what], stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == ("" if what[0] == "make" else "ready\n")
        if what[0] == "make":
            assert process.wait() == 0
        return process

    yield one
    for process in started:
        process.kill()
        process.communicate()
    Path(segment_path(name)).unlink(missing_ok=True)


def check(name: str, seconds: str = "4.5") -> tuple[int, str]:
    """The exit code and the text."""
    done = run_shmtui("check", name, "--for", seconds)
    return done.returncode, done.stdout


def count(name: str) -> object:
    """The items in it."""
    return stat_json(name)["count"]


def test_its_own_count_tells_the_items(start: Start, name: str) -> None:
    """Full and empty are told apart where the indices are the same."""
    start("make")
    consumer = start("get")
    assert stat_json(name)["occupancy"] == 0
    consumer.kill()
    start("put")
    poll(lambda: count(name) == 4, "it is full")
    assert stat_json(name)["occupancy"] == 4
    (process,) = (p for p in stat_json(name)["processes"] if p["state"] != "ended")
    assert process["sleeps_on"] == ["not_full"]


@pytest.mark.parametrize("paces", [("100000", "20000"), ("20000", "100000")])
def test_one_that_moves_is_ok(start: Start, name: str, paces: tuple[str, str]) -> None:
    """Mostly empty or mostly full: judged, and ok."""
    start("make")
    start("put", paces[0])
    start("get", paces[1])
    code, text = check(name)
    assert code == 0, text
    assert "the count of items fitted in and out in" in text
    assert "lock was free in" in text


@pytest.mark.parametrize("side", ["put", "get"])
def test_nobody_left(start: Start, name: str, side: str) -> None:
    """The only process waits for a peer that is not there."""
    start("make")
    start(side, "1000")
    code, text = check(name)
    assert code == 1, text
    assert "nobody-left (likely)" in text
    assert ("all wait for not_full" if side == "put" else "all wait for not_empty") in text


def test_a_lost_signal(start: Start, name: str) -> None:
    """A consumer makes room and does not say so, and then waits as well."""
    start("make")
    start("put")
    poll(lambda: count(name) == 4, "it is full")
    start("mute", "wait")
    poll(lambda: count(name) == 2, "two are taken")
    code, text = check(name)
    assert code == 1, text
    assert "stalled (likely)" in text
    assert "a signal was lost" in text
    assert "2 of 4 slots are full" in text
    refused = run_shmtui("repair", name, "--yes")
    assert refused.returncode != 0
    assert "Traceback" not in refused.stderr


def test_one_that_is_awake_may_signal_yet(start: Start, name: str) -> None:
    """Room was made without a signal: it may come later, once there is more. So it is left open."""
    start("make")
    start("put")
    poll(lambda: count(name) == 4, "it is full")
    start("mute")
    poll(lambda: count(name) == 2, "two are taken")
    code, text = check(name)
    assert code == 2, text
    assert "a signal may be lost" in text


def test_conditions_of_one_process(start: Start, name: str) -> None:
    """Made without PTHREAD_PROCESS_SHARED: a signal of another process wakes nobody."""
    start("make", "private")
    start("get")
    poll(lambda: stat_json(name)["processes"][0]["sleeps_on"], "it waits")
    start("put")
    poll(lambda: count(name) == 4, "it is full")
    code, text = check(name)
    assert code == 1, text
    assert "process-private (likely)" in text
    assert "pthread_condattr_setpshared" in text


def test_a_slow_peer_is_no_finding(start: Start, name: str) -> None:
    """One that takes an item each two seconds leaves the ring full, and nobody is blamed."""
    start("make")
    start("put")
    start("get", "2000000")
    _code, text = check(name)
    assert "likely" not in text
    assert "certain" not in text


def test_a_lock_that_is_kept(start: Start, name: str) -> None:
    """Nobody waits for it yet: that is left open, and not called ok."""
    start("make")
    start("hold")
    code, text = check(name)
    assert code == 2, text
    assert "lock was held in all" in text


def test_the_count_can_be_named(start: Start, name: str) -> None:
    """By the user; a wrong one is not used, and that is said."""
    start("make")
    start("put", "20000")
    start("get", "20000")
    done = run_shmtui("stat", name, "--header", str(SOURCE), "--map", "count=count")
    assert done.returncode == 0, done.stderr
    code, text = check_with(name, "count=-")
    assert code == 2
    assert "--map count=MEMBER" in text


def check_with(name: str, mapping: str) -> tuple[int, str]:
    """The same with a member of the header named."""
    done = run_shmtui("check", name, "--for", "2", "--header", str(SOURCE), "--map", mapping)
    return done.returncode, done.stdout + done.stderr
