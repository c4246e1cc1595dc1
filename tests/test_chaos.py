"""The real program under orders in no order: it lives, loses nothing unsaid, and leaves nothing."""

import os
import signal
import time
from typing import Final

import pytest

from shmtui.diagnosis.audit import audit_of
from shmtui.monitor.sampler import Sampler
from shmtui.shm.control_format import RecordState
from tests.chaos import Chaos, Resources, resources_of
from tests.program import gone, run_shmtui, running, worker_records
from tests.terminal import Terminal
from tests.waiting import PATIENCE, poll

PER_WORKER: Final = 3
"""Descriptors that a live worker takes: its pidfd, what it says, its line in /proc."""
POOL: Final = 8
"""Threads that Python keeps for what may block, once there was something: no more, and none else."""


def beside_workers(held: Resources, workers: int) -> int:
    """Descriptors that a dashboard has beside those for its workers."""
    return held.descriptors - PER_WORKER * workers


def at_rest(chaos: Chaos) -> Resources:
    """Nobody stopped, no dialogue open, no news of the dead: what it holds then."""
    terminal = chaos.terminal
    terminal.resize(100, 30)
    chaos.watch(1.0)
    terminal.resize(120, 40)
    for pid in chaos.workers:
        os.kill(pid, signal.SIGCONT)
    for _dialogue in range(6):
        terminal.press("escape")
        chaos.watch(0.3)
    end = time.monotonic() + PATIENCE
    while ended(chaos.name) and time.monotonic() < end:
        chaos.watch(0.1)
    return resources_of(terminal.process.pid)


def ended(name: str) -> list[int]:
    """Those whose end is still shown."""
    return [r.pid for r in worker_records(name) if r.state is RecordState.ENDED]


def leave(chaos: Chaos) -> int:
    """Quit; the exit code. An audit tells its outcome once who was stopped goes on, and so may
    have opened its dialogue since: that takes a ``q``, and on a busy machine the help may, too.
    """
    for _dialogue in range(3):
        chaos.terminal.press("q")
        end = time.monotonic() + 3
        while chaos.terminal.process.poll() is None and time.monotonic() < end:
            chaos.terminal.read(0.05)
        if chaos.terminal.process.poll() is not None:
            break
    return chaos.terminal.wait()


def run_chaos(name: str, seed: int, seconds: float, *, faults: bool) -> Chaos:
    """Give orders for so long; AssertionError for what is amiss then."""
    pace = ("--produce-rate", "200", "--consume-rate", "200", "--producers", "2")
    with Terminal("run", name, *pace, "--consumers", "2", "--keep") as terminal:
        terminal.wait_for("consumer 2 ")
        chaos = Chaos(name, terminal, seed, faults=faults)
        try:
            chaos.watch(1.0)
            before = resources_of(terminal.process.pid)
            workers_before = len(chaos.workers)
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                chaos.give()
            chaos.close()
            after = at_rest(chaos)
            workers = chaos.workers
            assert beside_workers(after, len(workers)) <= beside_workers(before, workers_before) + 2
            assert after.threads <= before.threads + POOL
            assert len(after.children - set(workers)) <= 1, "children beside workers and guard"
            terminal.press("?")
            terminal.wait_for("esc closes", "it listens")
            terminal.press("escape")
            chaos.watch(0.3)
            pids = chaos.workers
            assert leave(chaos) == 0
            assert terminal.modes == terminal.modes_before
            assert b"Traceback" not in terminal.raw
            assert not running(pids)
        except BaseException:
            chaos.close()
            print(f"seed {seed}, after {chaos.given}, last {chaos.last}")  # noqa: T201 - to replay
            raise
    return chaos


def balance(name: str) -> int:
    """Items that went in and neither came out nor are there, once nobody moves any more."""
    sampler = Sampler(name)
    try:
        audit = audit_of(sampler.sample(), sampler.resident_sum)
    finally:
        sampler.close()
    assert audit.resident is not None
    return audit.moved.produced - audit.moved.consumed - audit.resident


def check(name: str, seed: int, seconds: float, *, faults: bool) -> None:
    """Chaos, and then the books."""
    try:
        chaos = run_chaos(name, seed, seconds, faults=faults)
        missing = balance(name)
        told = f"{chaos.given.total()} orders, {missing} missing, {chaos.half_done} half done"
        print(f"{told}, {chaos.given}")  # noqa: T201 - the figures, with -rP
        assert chaos.lossy or abs(missing) <= chaos.half_done, told
    finally:
        assert run_shmtui("rm", name).returncode == 0
    poll(lambda: gone(name), "the names are gone")


@pytest.mark.parametrize(("seed", "faults"), [(1, False), (2, True)])
def test_a_few_seconds(name: str, seed: int, faults: bool) -> None:
    """A few with workers killed, stopped and hurried, and a few with mistakes and repairs."""
    check(name, seed, 4, faults=faults)


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "faults"), [(3, False), (4, True)])
def test_ten_minutes(name: str, seed: int, faults: bool) -> None:
    """The same for ten minutes."""
    check(name, seed, 600, faults=faults)
