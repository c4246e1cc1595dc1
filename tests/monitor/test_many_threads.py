"""A process of many threads: a part of them is looked at, those first that matter, and it is said."""

import contextlib
from pathlib import Path

import pytest
from msgspec.structs import replace

from shmtui.diagnosis.health import diagnose
from shmtui.monitor.discovery import Surveyor
from shmtui.monitor.sampler import Sampler
from shmtui.procfs.thread_calls import IN_TURN, KEPT, MANY
from shmtui.report.snapshot_json import snapshot_json
from shmtui.shm.protocol import SemaphoreRole
from shmtui.snapshot import Certainty, Process, Snapshot
from tests.clock import ManualClock
from tests.compiling import Compiler
from tests.conftest import MakeBuffer
from tests.peers import HERE, Peer
from tests.program import run_shmtui
from tests.waiting import poll

THREADS = 200
FULL = SemaphoreRole.FULL


@pytest.fixture
def user(gcc: Compiler) -> Path:
    """The program that uses a ring in the way that it is told."""
    return gcc.program(HERE / "user.c")


def only(snapshot: Snapshot) -> Process:
    """The one process that there is."""
    (process,) = snapshot.processes
    return process


def test_who_waits_is_found_and_looked_at_from_then_on(user: Path, make_buffer: MakeBuffer) -> None:
    """One thread of two hundred. Nothing that is not looked at is taken for known."""
    name = make_buffer().name
    with Peer(user, "crowd", name) as peer, contextlib.closing(Sampler(name)) as sampler:
        assert peer.line() == "ready"
        looks = sampler.sample()
        process = only(looks)
        assert (process.threads, process.threads_read) == (THREADS, 1 + IN_TURN)
        assert looks.hidden
        assert any("threads of PID" in limit and "shmtui check" in limit for limit in looks.limits)
        shown = snapshot_json(looks)["processes"][0]
        assert (shown["threads"], shown["threads_read"]) == (THREADS, 1 + IN_TURN)
        poll(lambda: only(sampler.sample()).waits == (FULL,), "it is its turn")
        # Where the others go round it is read at each look.
        for _look in range(THREADS // IN_TURN + 2):
            process = only(sampler.sample())
            assert (process.waits, process.goes_on) == ((FULL,), None)
        whole = sampler.sample(thorough=True)
        assert (only(whole).waits, only(whole).threads_read) == ((FULL,), None)
        assert not whole.hidden
        assert not whole.limits


def test_of_those_that_were_not_looked_at_nothing_is_said(
    user: Path, make_buffer: MakeBuffer
) -> None:
    """All but one wait, and the semaphore counts them: no waiter is a ghost, and no finding is certain."""
    name, clock = make_buffer().name, ManualClock()
    with (
        Peer(user, "queue", name) as peer,
        contextlib.closing(Sampler(name, clock=clock)) as sampler,
    ):
        assert peer.line() == "ready"

        def waiters() -> int | None:
            return sampler.sample(thorough=True).semaphores[FULL].waiters

        poll(lambda: waiters() == THREADS - 1, "all of them wait")
        history: list[Snapshot] = []
        for _look in range(30):
            history.append(sampler.sample(judge=False))
            clock.advance(0.5)
        waits = len(only(history[-1]).waits)
        assert IN_TURN < waits <= 1 + KEPT + IN_TURN < MANY
        findings = diagnose(history).findings
        assert "ghost-waiter" not in {f.code for f in findings}
        assert Certainty.CERTAIN not in {f.certainty for f in findings}
        # With as many threads as were read, the same counts would be ghosts.
        few = [
            replace(s, processes=(replace(only(s), threads=waits, threads_read=None),))
            for s in history
        ]
        assert "ghost-waiter" in {f.code for f in diagnose(few).findings}


def test_check_looks_at_all_of_them(user: Path, make_buffer: MakeBuffer) -> None:
    """It gives a verdict, and takes the time for it."""
    name = make_buffer().name
    with Peer(user, "queue", name) as peer:
        assert peer.line() == "ready"
        with contextlib.closing(Sampler(name)) as sampler:
            poll(lambda: len(only(sampler.sample(thorough=True)).waits) == THREADS - 1, "they wait")
        said = run_shmtui("check", name, "--for", "0.5", "--json")
        assert f'"threads": {THREADS}, "threads_read": null' in said.stdout
        looked = run_shmtui("stat", name, "--json")
        assert f'"threads": {THREADS}, "threads_read": {1 + IN_TURN}' in looked.stdout


def test_the_list_says_who_waits_as_far_as_it_was_seen(user: Path, make_buffer: MakeBuffer) -> None:
    """Before the thread that waits is in turn it is not known whether one does; from then on it is."""
    name, surveyor = make_buffer().name, Surveyor()

    def waiting() -> tuple[int, ...] | None:
        (found,) = (each for each in surveyor.look().objects if each.name == name)
        return found.waiting

    with Peer(user, "crowd", name) as peer:
        assert peer.line() == "ready"
        assert waiting() in {None, (peer.pid,)}
        poll(lambda: waiting() == (peer.pid,), "it is its turn")
        for _look in range(3):
            assert waiting() == (peer.pid,)
