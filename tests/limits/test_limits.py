"""What must work whatever the system refuses: a run, a look at a foreign program, its repair.

The tests hold with all rights too. Where something is refused they expect the line that says so.
"""

import contextlib
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shmtui.monitor.counted_waits import FOR_GOOD_S
from shmtui.procfs.futex import futex_sleepers
from shmtui.procfs.run_times import asleep_for
from shmtui.shm.segment import segment_path, unlink_segment
from tests.compiling import Compiler
from tests.peers import Peer, build
from tests.program import HeadlessRun, run_shmtui, stat_json
from tests.terminal import Terminal
from tests.waiting import poll

pytestmark = pytest.mark.limits

SLOTS = ("--slots", "5")


@pytest.fixture
def produtor(gcc: Compiler, name: str) -> Iterator[Peer]:
    """The course's producer, which hangs: nobody initialised its semaphores."""
    path = Path(segment_path(name))
    with Peer(build(gcc, "produtor", name)) as peer:
        poll(lambda: path.exists() and path.stat().st_size, "its segment")
        yield peer
    unlink_segment(name)


def syscall_refused(pid: int) -> bool:
    """Whether a program that is no ancestor of ``pid`` may not read its /proc/PID/syscall."""
    command = ["cat", f"/proc/{pid}/syscall"]
    return subprocess.run(command, check=False, capture_output=True).returncode != 0


def test_a_foreign_program_is_shown(produtor: Peer, name: str) -> None:
    """With what it waits on: as read, or as the waiter counts tell it, with a line that says that it
    is hidden and the way out.
    """
    refused = syscall_refused(produtor.pid)

    def hangs() -> bool:
        record = stat_json(name, *SLOTS)
        (process,) = (p for p in record["processes"] if p["pid"] == produtor.pid)
        hidden = [limit for limit in record["limits"] if str(produtor.pid) in limit]
        counted = any("waiter counts alone" in assumed for assumed in record["assumptions"])
        told = counted is refused and ("ptrace_scope" in "".join(hidden)) is refused
        return process["blocked_on"] == "empty" and told

    poll(hangs, "it is shown as it hangs")
    checked = run_shmtui("check", name, *SLOTS, "--for", "0.6")
    assert (checked.returncode, "never-initialised" in checked.stdout) == (1, True)


def test_a_foreign_program_is_repaired(produtor: Peer, name: str) -> None:
    """One's own program, by one's own right: it goes on."""
    done = run_shmtui("repair", name, *SLOTS, "--yes")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "items move again" in done.stdout
    assert produtor.line() == "Produzindo: 0"


def test_the_courses_pair(gcc: Compiler, name: str) -> None:
    """Both hang, the source lies beside them, and nothing is said of the layout."""
    with contextlib.ExitStack() as ends:
        ends.callback(unlink_segment, name)
        pair = [
            ends.enter_context(Peer(build(gcc, each, name))) for each in ("produtor", "consumidor")
        ]
        poll(lambda: all(futex_sleepers(each.pid) for each in pair), "both wait")
        checked = run_shmtui("check", name)
        assert checked.returncode == 1, checked.stdout
        assert all(f"(PID {each.pid})" in checked.stdout for each in pair)
        done = run_shmtui("repair", name, "--yes")
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        assert [each.line() for each in pair] == ["Produzindo: 0", "Consumindo: 0"]


@pytest.fixture
def started(gcc: Compiler, name: str) -> Iterator["Started"]:
    """Starts programs over one ring, by their arguments."""
    shutil.copy(Path(__file__).parent / "inside.c", gcc.directory)
    program = str(gcc.program(gcc.directory / "inside.c"))
    with contextlib.ExitStack() as ends:
        ends.callback(unlink_segment, name)

        def start(*words: str) -> "subprocess.Popen[str]":
            peer = subprocess.Popen([program, name, *words], stdout=subprocess.PIPE, text=True)
            ends.enter_context(peer)
            ends.callback(peer.kill)
            return peer

        yield start


Started = Callable[..., "subprocess.Popen[str]"]


def test_a_dead_holder_of_a_ring_that_was_never_seen_to_move(started: Started, name: str) -> None:
    """Its sides are not known, and who waits for what need not be: all of them sleep on its semaphores. It is found
    at the first look, and repaired by its user's own right.
    """
    assert started("i").wait() == 0
    *others, holder = started("c"), started("p"), started("p", "12")
    assert holder.stdout is not None
    assert holder.stdout.readline() == "inside\n"
    holder.kill()
    poll(lambda: all(futex_sleepers(each.pid) for each in others), "the others wait")
    checked = run_shmtui("check", name, *SLOTS)
    assert checked.returncode == 1, checked.stdout
    assert "dead-holder (likely)" in checked.stdout
    done = run_shmtui("repair", name, *SLOTS, "--yes", "--lock")
    assert (done.returncode, done.stderr) == (1, ""), done.stdout
    assert "items move again" in done.stdout


def test_waits_of_one_process_alone(started: Started, name: str) -> None:
    """Whoever of them sleeps on which semaphore: each is woken, and waits for the other from then on."""
    assert started("i", "0").wait() == 0
    consumer = started("c")
    poll(lambda: futex_sleepers(consumer.pid), "it waits")
    producer = started("p")
    poll(lambda: futex_sleepers(producer.pid), "the other waits, too")
    poll(
        lambda: (asleep_for(producer.pid) or 0.0) >= FOR_GOOD_S,
        "for so long that it has no timeout",
    )
    checked = run_shmtui("check", name, *SLOTS)
    assert checked.returncode == 1, checked.stdout
    assert f"(PID {producer.pid})" in checked.stdout
    assert "process-private" in checked.stdout
    done = run_shmtui("repair", name, *SLOTS, "--yes")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "items move again" in done.stdout


def test_ls_shows_who_maps_it(produtor: Peer, name: str) -> None:
    """One's own processes are listed."""
    entries = map(json.loads, run_shmtui("ls", "--json").stdout.strip().split("\n"))
    (entry,) = (entry for entry in entries if entry["name"] == name)
    assert [mapper["pid"] for mapper in entry["mappers"]] == [produtor.pid]


def test_a_run_is_seen_from_outside(name: str) -> None:
    """Its workers, their roles and their counters, from another process of the same user."""
    with HeadlessRun(name, "--produce-rate", "50", "--consume-rate", "50", "--json") as run:
        record = stat_json(name)
        roles = {p["name"]: p["role"] for p in record["processes"] if p["origin"] == "worker"}
        assert roles == {"producer 1": "producer", "consumer 1": "consumer"}
        assert run.end() == 143
        assert json.loads(run.stdout)["totals"]["balanced"] is True


def test_programs_that_shmtui_started(name: str, gcc: Compiler) -> None:
    """Its children: nothing of them is hidden, and they are steered."""
    commands = [
        word
        for side, program in (("--producer", "produtor"), ("--consumer", "consumidor"))
        for word in (side, str(build(gcc, program, name)))
    ]
    with Terminal("run", name, *commands, columns=130, rows=44) as terminal:
        terminal.wait_for(lambda text: re.search(r"└ produtor +\S+ (asleep|blocked)", text))
        terminal.press("down", "space")
        terminal.wait_for(lambda text: re.search(r"└ produtor +\S+ paused", text), "it is paused")
        terminal.press("q")
        assert terminal.wait() == 0


def test_a_lesson(name: str) -> None:
    """The two programs hang, are repaired by key, and go on."""
    with Terminal("lab", "hang", columns=160, rows=50) as terminal:
        terminal.wait_for("never-initialised")
        terminal.press("r")
        terminal.wait_for("Carry it out")
        terminal.press("y")
        terminal.wait_for("items move again")
        terminal.press("q")
        terminal.wait_for(lambda text: "esc closes" not in text, "it closes")
        terminal.press("q")
        assert terminal.wait() == 0
