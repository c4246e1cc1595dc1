"""The course's two programs, as they are: they hang, are found, wake, and exchange items."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from shmtui.procfs.futex import sleeps_on_futex
from shmtui.shm.segment import segment_path
from tests.compiling import Compiler
from tests.peers import Peer, build
from tests.program import letter, run_shmtui
from tests.terminal import Terminal
from tests.traces import course_name
from tests.waiting import poll

NAME = "/shm_buffer"
PRODUCER, CONSUMER = "produtor", "consumidor"
HANGING = {"never-initialised", "process-private"}


@pytest.fixture(autouse=True)
def course() -> Iterator[None]:
    """The programs' own name is this test's for a while."""
    with course_name():
        yield


@pytest.fixture(params=["gcc", "musl-gcc"])
def programs(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Path]:
    """Both, compiled against one C library."""
    compiler = Compiler(tmp_path, request.param)
    return {name: build(compiler, name) for name in (PRODUCER, CONSUMER)}


def is_there() -> bool:
    """Whether the segment has its size."""
    path = Path(segment_path(NAME))
    return path.exists() and path.stat().st_size > 0


def numbers(lines: Sequence[str]) -> list[int]:
    """The numbers that it printed."""
    return [int(found[1]) for line in lines if (found := re.search(r": (\d+)$", line))]


def asleep(peer: Peer) -> bool:
    """Whether it sleeps in a futex call: it has become the program, and waits."""
    return bool(sleeps_on_futex(peer.pid))


def start(
    programs: dict[str, Path], order: Sequence[str], stack: contextlib.ExitStack
) -> list[Peer]:
    """Start them one after another; each hangs before the next one starts."""
    peers = []
    if order[0] == CONSUMER:
        # The producer makes the segment. One that is killed leaves it as it was.
        with Peer(programs[PRODUCER]) as first:
            poll(lambda: is_there() and asleep(first), "it has made the segment")
    for program in order:
        peer = stack.enter_context(Peer(programs[program]))
        poll(lambda peer=peer: is_there() and asleep(peer), f"{program} hangs")  # type: ignore[misc]
        peers.append(peer)
    return peers


def checked() -> tuple[int, set[str]]:
    """What ``check`` says: its exit code and the codes of what it found."""
    done = run_shmtui("check", NAME, "--for", "1.5")
    return done.returncode, set(re.findall(r"^ *\w+ +([a-z]+-[a-z]+) \(", done.stdout, re.M))


def exchange(peers: Sequence[Peer], order: Sequence[str]) -> None:
    """Each goes on by itself; with one of each, consumed is what was produced, one after another."""
    said: list[list[int]] = [[] for _ in peers]

    def enough() -> bool:
        for at, peer in enumerate(peers):
            said[at] += numbers(peer.lines())
        return all(len(found) >= 2 for found in said)

    poll(enough, "all of them move items")
    for program, found in zip(order, said, strict=True):
        if program == PRODUCER or len(peers) == 2:
            assert found == list(range(len(found)))


ORDERS = (
    (PRODUCER, CONSUMER),
    (CONSUMER, PRODUCER),
    (PRODUCER, PRODUCER, CONSUMER, CONSUMER),
)


@pytest.mark.parametrize(
    "order", [ORDERS[0], *(pytest.param(o, marks=pytest.mark.slow) for o in ORDERS[1:])], ids=str
)
def test_repaired_by_command(
    programs: dict[str, Path], order: Sequence[str], request: pytest.FixtureRequest
) -> None:
    """``check`` names both findings; ``repair --yes`` ends them; ``check`` is healthy after."""
    musl = "musl-gcc" in request.node.name
    with contextlib.ExitStack() as stack:
        peers = start(programs, order, stack)
        code, found = checked()
        # In musl a zero word means shared between processes: nobody sleeps privately.
        assert (code, found - {"ghost-waiter"}) == (1, {"never-initialised"} if musl else HANGING)
        word = of_zeros(musl=musl)
        planned = run_shmtui("repair", NAME, *word)
        assert planned.returncode == 1
        assert "nothing was changed" in planned.stdout
        assert all(not numbers(peer.lines()) for peer in peers)
        done = run_shmtui("repair", NAME, *word, "--yes")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "items move again" in done.stdout
        exchange(peers, order)
        poll(lambda: checked() == (0, set()), "check finds it healthy")


def of_zeros(*, musl: bool) -> list[str]:
    """The word that a repair of zeros takes: musl's may be a gate that is yet to be opened, and the refusal
    says so.
    """
    if not musl:
        return []
    before = Path(segment_path(NAME)).read_bytes()
    refused = run_shmtui("repair", NAME, "--yes")
    assert refused.returncode == 2
    assert f"if you know that none opens it: shmtui repair {NAME} --permits" in refused.stdout
    assert Path(segment_path(NAME)).read_bytes() == before
    return ["--permits"]


def test_a_consumer_that_comes_late(
    programs: dict[str, Path], request: pytest.FixtureRequest
) -> None:
    """The producer alone is woken; a process that comes then needs no repair."""
    with contextlib.ExitStack() as stack:
        peers = start(programs, (PRODUCER,), stack)
        word = of_zeros(musl="musl-gcc" in request.node.name)
        done = run_shmtui("repair", NAME, *word, "--yes")
        # On a busy machine it has filled the ring by then, and waits for a consumer.
        filled = "nobody-left" in done.stdout
        assert done.returncode == int(filled), done.stdout + done.stderr
        late = stack.enter_context(Peer(programs[CONSUMER]))
        exchange([*peers, late], (PRODUCER, CONSUMER))
        poll(lambda: checked() == (0, set()), "check finds it healthy")


def test_repaired_by_key(gcc: Compiler) -> None:
    """The same by ``r`` and a yes in the dashboard, whose log says so."""
    made = {name: build(gcc, name) for name in (PRODUCER, CONSUMER)}
    with contextlib.ExitStack() as stack:
        peers = start(made, (PRODUCER, CONSUMER), stack)
        with Terminal("attach", NAME, "--write") as terminal:
            terminal.wait_for("never-initialised")
            terminal.press("r")
            terminal.wait_for("Carry it out")
            terminal.press("y")
            terminal.wait_for("items move again")
            terminal.press("escape")
            # A key that comes at once would be taken with the escape for one with Alt.
            terminal.wait_for(lambda text: "esc closes" not in text, "the plan is closed")
            terminal.wait_for(" is over")
            exchange(peers, (PRODUCER, CONSUMER))
            terminal.press("q")
            assert terminal.wait() == 0
        poll(lambda: checked() == (0, set()), "check finds it healthy")


def test_stopped_by_somebody_else_it_stays_stopped(gcc: Compiler) -> None:
    """A process that was stopped before is not continued; the others wake without it."""
    made = {name: build(gcc, name) for name in (PRODUCER, CONSUMER)}
    with contextlib.ExitStack() as stack:
        order = (PRODUCER, CONSUMER, CONSUMER)
        peers = start(made, order, stack)
        stopped = peers.pop()
        os.kill(stopped.pid, signal.SIGSTOP)
        done = run_shmtui("repair", NAME, "--yes")
        assert "items move again" in done.stdout, done.stdout
        exchange(peers, order[:2])
        assert letter(stopped.pid) == "T"
        assert not numbers(stopped.lines())


SUSPENDS_ITSELF = """
import os, signal, sys
from shmtui.repair.executor import Repairer
from shmtui.shm.word_file import WordFile
swap, left = WordFile.swap, int(sys.argv[2])
def swapped(file, word):
    global left
    done = swap(file, word)
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGSTOP)
    return done
WordFile.swap = swapped
repairer = Repairer(sys.argv[1])
print(repairer.carry_out(repairer.propose()))
"""


@pytest.mark.parametrize(
    "words", [3, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2, 4, 5))]
)
def test_suspended_between_two_words(gcc: Compiler, words: int) -> None:
    """The helper continues them, and one uses what is written: the next repair ends it."""
    made = {name: build(gcc, name) for name in (PRODUCER, CONSUMER)}
    with contextlib.ExitStack() as stack:
        peers = start(made, (PRODUCER, CONSUMER), stack)
        repairing = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-c", SUSPENDS_ITSELF, NAME, str(words)],
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        poll(lambda: letter(repairing.pid) == "T", "it is suspended")
        poll(lambda: all(letter(peer.pid) == "S" for peer in peers), "the helper continues them")
        repairing.send_signal(signal.SIGCONT)
        assert repairing.stdout is not None
        said = repairing.stdout.read()
        assert said.startswith("Report" if words == 5 else "Refusal"), said
        if words < 5:
            assert f"end what it began: shmtui repair {NAME}" in said
            done = run_shmtui("repair", NAME, "--yes")
            assert done.returncode == 0, done.stdout + done.stderr
        exchange(peers, (PRODUCER, CONSUMER))
        poll(lambda: checked() == (0, set()), "check finds it healthy")
