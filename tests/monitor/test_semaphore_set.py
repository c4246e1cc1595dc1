"""A System V set of semaphores: its values, who is blocked by how much, and who took it last."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from shmtui.errors import MissingSegmentError
from shmtui.monitor.discovery import survey
from shmtui.monitor.semaphore_set import look_at_set
from shmtui.procfs.semop_waits import SemaphoreOperation
from shmtui.procfs.sysvipc import sysv_sets
from tests.compiling import Compiler
from tests.program import run_shmtui
from tests.waiting import poll

SEMOP = Path(__file__).with_name("semop.c")


class Crew:
    """The program of `SEMOP`, with both of its children asleep."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.pid = process.pid
        self.number, self.taker, self.first, self.second = map(
            int, process.stdout.readline().split()
        )
        poll(lambda: len(look_at_set(self.number).blocked) == 2, "both are asleep")


@pytest.fixture
def crew(gcc: Compiler, request: pytest.FixtureRequest) -> Iterator[Crew]:
    """Its set is gone with it."""
    words = [str(gcc.program(SEMOP)), *getattr(request, "param", ())]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Crew(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait()


def test_who_waits_and_by_how_much(crew: Crew) -> None:
    """The kernel's counts, and the operations in the callers' memory."""
    found = look_at_set(crew.number)
    assert [s.value for s in found.semaphores] == [0, 3]
    assert [(s.waiters, s.zero_waiters) for s in found.semaphores] == [(1, 0), (0, 1)]
    blocked = {wait.pid: wait.operations for wait, _name in found.blocked}
    assert blocked == {
        crew.first: (SemaphoreOperation(0, -2, undo=True),),
        crew.second: (SemaphoreOperation(1, 0, undo=False),),
    }


def test_who_took_it_last(crew: Crew) -> None:
    """By PID, though it has ended; that is the note for who waits for it."""
    first, second = look_at_set(crew.number).last
    assert first is not None
    assert (first.pid, first.name) == (crew.taker, None)
    assert second is not None
    assert second.pid == crew.pid
    shown = run_shmtui("stat", f"semset:{crew.number}").stdout
    assert f"semaphore 0 was last used by PID {crew.taker}, which has ended" in shown


@pytest.mark.parametrize("crew", [("undo",)], indirect=True)
def test_what_was_taken_with_undo_is_given_back(crew: Crew) -> None:
    """The kernel does that when the process ends."""
    assert [s.value for s in look_at_set(crew.number).semaphores] == [1, 3]


def test_looking_changes_nothing(crew: Crew) -> None:
    """Not the time of the last operation either."""
    before = [each for each in sysv_sets() if each.number == crew.number]
    for _look in range(3):
        look_at_set(crew.number)
    assert [each for each in sysv_sets() if each.number == crew.number] == before


def test_as_json_and_in_the_list(crew: Crew) -> None:
    """``ls`` counts who waits; ``stat --json`` has all of it."""
    (each,) = (e for e in survey().objects if e.target == f"semset:{crew.number}")
    assert each.waiters == 2
    done = run_shmtui(
        "stat", f"semset:{crew.number}", "--json", "--count", "2", "--interval", "0.1"
    )
    first, second = map(json.loads, done.stdout.splitlines())
    # How many processes refuse to be read changes with others of the machine.
    assert {**first, "refused": 0} == {**second, "refused": 0}
    assert [s["waiters"] for s in first["semaphores"]] == [1, 0]
    assert {b["pid"] for b in first["blocked"]} == {crew.first, crew.second}


def test_one_that_is_not_there() -> None:
    """One line, and where those are that are."""
    with pytest.raises(MissingSegmentError, match="--kind semset"):
        look_at_set(2**31 - 1)
    done = run_shmtui("stat", "semset:2147483647")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
