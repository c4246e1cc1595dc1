"""The exercise over System V: its ring and its set of semaphores, in the three roles, judged as another."""

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from shmtui.shm.segment import segment_path
from shmtui.shm.system_v import SystemVKind, remove_system_v
from tests.compiling import Compiler
from tests.program import run_shmtui, stat_json
from tests.waiting import poll

SOURCE: Final = Path(__file__).with_name("semop_ring.c")


@dataclass(frozen=True)
class Ring:
    """One running, and its objects."""

    process: "subprocess.Popen[str]"
    target: str
    set_number: int
    producer: int
    consumer: int

    def look(self) -> dict[str, Any]:
        """A snapshot."""
        return stat_json(self.target)

    def check(self, *options: str) -> tuple[int, str]:
        """The exit code and the text."""
        done = run_shmtui("check", self.target, "--for", "4.5", *options)
        return done.returncode, done.stdout


Start = Callable[..., Ring]


@pytest.fixture
def start(gcc: Compiler) -> Iterator[Start]:
    """Starts the program; its set and its segment are gone afterwards."""
    program = str(gcc.program(SOURCE, "-g"))
    with contextlib.ExitStack() as ends:

        def one(*what: str, name: str = "") -> Ring:
            process = subprocess.Popen(
                [program, *what, *filter(None, [name])],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            assert process.stdout is not None
            number, set_number, producer, consumer = map(int, process.stdout.readline().split())

            def end() -> None:
                process.kill()
                process.communicate()
                with contextlib.suppress(OSError):
                    remove_system_v(SystemVKind.SET, set_number)
                if name:
                    Path(segment_path(name)).unlink(missing_ok=True)

            ends.callback(end)
            return Ring(process, name or f"sysv:{number}", set_number, producer, consumer)

        yield one


def values(ring: Ring) -> dict[str, int]:
    """What the semaphores are, by role."""
    return {role: each["value"] for role, each in ring.look()["semaphores"].items()}


def test_in_the_three_roles(start: Start) -> None:
    """Full: the producer waits for empty, which is number 1 of its set."""
    ring = start("full")
    poll(lambda: values(ring).get("full") == 5, "it is full")
    found = ring.look()
    assert found["layout"]["semaphores"] == "system-v"
    assert [each["name"] for each in found["sync"]] == [
        f"semset:{ring.set_number}:{number}" for number in range(3)
    ]
    assert found["semaphores"]["empty"] == {"value": 0, "waiters": 1, "shared": True}
    (producer,) = found["processes"]
    assert (producer["pid"], producer["blocked_on"]) == (ring.producer, "empty")
    assert producer["role"] == "producer"
    code, text = ring.check()
    assert code == 1, text
    assert "nobody-left (likely): all wait for empty" in text


def test_empty(start: Start) -> None:
    """The consumer waits for full."""
    ring = start("empty")
    poll(lambda: ring.look()["processes"][0]["blocked_on"] == "full", "it waits")
    code, text = ring.check()
    assert code == 1, text
    assert "nobody-left (likely): all wait for full" in text


@pytest.mark.parametrize("order", ["012", "201", "120"])
def test_roles_that_the_user_says(start: Start, order: str) -> None:
    """Where the values leave it open, the options are named that settle it; then it is judged, and ok."""
    ring = start("pair", order)
    roles = zip(("mutex", "empty", "full"), order, strict=True)
    options = [
        word for role, at in roles for word in (f"--{role}", f"semset:{ring.set_number}:{at}")
    ]
    code, text = ring.check(*options)
    assert code == 0, text
    assert "empty + full was 5 in" in text
    assert "items moved" in text


def test_a_holder_that_died(start: Start) -> None:
    """GETPID says who took the lock last, and that it has ended."""
    ring = start("dies")
    poll(lambda: values(ring).get("mutex") == 0, "it is dead")
    code, text = ring.check()
    assert code == 1, text
    assert "dead-holder (likely)" in text
    assert f"changed last by PID {ring.producer}, which has ended (GETPID)" in text
    assert "shmtui sets no semaphore of a System V set" in text
    refused = run_shmtui("repair", ring.target, "--yes")
    assert refused.returncode == 2
    assert "a repair writes through that alone" in refused.stderr


def test_nobody_set_the_values(start: Start) -> None:
    """All are 0, and both sides wait."""
    ring = start("unset")
    poll(lambda: sum(1 for p in ring.look()["processes"] if p["blocked_on"]) == 2, "both wait")
    code, text = ring.check()
    assert code == 1, text
    assert "never-initialised (likely)" in text
    assert "semctl" in text


def test_beside_a_segment_with_a_name(start: Start, name: str) -> None:
    """shm_open for the memory, semget for the semaphores: a repair is refused, as of any set."""
    ring = start("dies", "012", name=name)
    poll(lambda: values(ring).get("mutex") == 0, "it is dead")
    before = Path(segment_path(name)).read_bytes()
    refused = run_shmtui("repair", name, "--yes")
    assert refused.returncode == 2
    assert "System V set" in refused.stdout
    assert Path(segment_path(name)).read_bytes() == before
    assert values(ring)["mutex"] == 0


def test_a_set_that_is_not_there(start: Start) -> None:
    """One line."""
    ring = start("pair")
    done = run_shmtui(
        "check", ring.target, "--mutex", "semset:2147483647:0", "--empty", "semset:2147483647:1",
        "--full", "semset:2147483647:2",
    )  # fmt: skip
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "semset:2147483647:0" in done.stderr
