"""The dashboard on a schedule: the real programs, held at a step, on and back."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from msgspec.structs import replace

from shmtui.control.judge import Finding
from shmtui.session.held_schedule import Held, HeldStep
from shmtui.session.held_task import HeldTask
from shmtui.shm.protocol import Role
from shmtui.tui.draw.schedule import program_lines, step_rows
from shmtui.tui.glyphs import ASCII, UNICODE, Glyphs
from shmtui.tui.spans import Line, plain, width_of
from tests.compiling import require
from tests.program import run_shmtui
from tests.terminal import Terminal
from tests.waiting import poll

SOURCE: Final = Path(__file__).parents[1] / "control" / "programs" / "ring.c"
HOSTILE: Final = "\x1b[31m[red]\x07"


@pytest.fixture
def schedule(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Path]]:
    """Makes a schedule of a mistake."""
    monkeypatch.setenv("EXPLORED", name)

    def make(mistake: str, *options: str) -> Path:
        ring, file = tmp_path / "ring", tmp_path / "lost.shmsched"
        subprocess.run(
            [require("gcc"), "-g", "-O0", "-w", "-o", ring, SOURCE, "-lrt", "-pthread"], check=True
        )
        done = run_shmtui(
            "explore", "--producer", f"{ring} p {mistake}", "--consumer", f"{ring} c {mistake}",
            "--schedule", str(file), *options,
        )  # fmt: skip
        assert done.returncode == 1, done.stderr
        return file

    yield make
    assert not [each for each in os.listdir("/dev/shm") if name[1:] in each]


def test_a_schedule_of_threads(tmp_path: Path) -> None:
    """A ring in global variables is no segment to be shown; steps and sources are. One of the variables holds an
    address on the stack, which another environment does not move.
    """
    threads, file = tmp_path / "threads", tmp_path / "lost.shmsched"
    source = SOURCE.with_name("threads.c")
    subprocess.run([require("gcc"), "-g", "-w", "-o", threads, source, "-pthread"], check=True)
    done = run_shmtui("explore", "--producer", f"{threads} no-lock", "--schedule", str(file))
    assert "4 × 4-byte items in queue" in done.stdout, done.stderr
    assert re.search(r"sides +producer P1\.\d", done.stdout)
    other = {"ONE_MORE": "and longer"}
    with Terminal("replay", str(file), columns=100, rows=30, env=other) as terminal:
        screen = terminal.wait_for("✗ critical")
        assert re.search(r"threads\.c:\d+", screen)
        terminal.press("q")
        assert terminal.wait() == 0


def position(screen: str) -> tuple[int, int]:
    """The step that it is held at, and the last one."""
    found = re.search(r"step (\d+) of (\d+)", screen)
    assert found is not None, screen
    return int(found[1]), int(found[2])


@pytest.mark.parametrize("env", [{}, {"NO_COLOR": "1"}])
def test_a_schedule_step_by_step(schedule: Callable[..., Path], env: dict[str, str]) -> None:
    """At 80 × 24: the step that shows it, back to the start, on again, to the end; ring, semaphores,
    sources and output are those of the step.
    """
    file = schedule("empty-5")
    with Terminal("replay", str(file), columns=80, rows=24, env=env) as terminal:
        terminal.wait_for("overwrites the item")
        screen = terminal.wait_for(lambda text: re.search(r"▌ *\d+ ", text), "the line it is at")
        assert "✗ critical: item-overwritten" in screen.splitlines()[0]
        assert re.search(r"stores data\[0\] = 5 +ring.c:\d+", screen)
        assert "made 4" in screen
        fault, last = position(screen)
        terminal.press("<")
        start = terminal.wait_for(
            lambda text: (
                "critical" not in text and "made 1" not in text and "next: sem_wait(empty)" in text
            )
        )
        first = position(start)[0]
        terminal.press("space")
        terminal.wait_for(f"step {first + 1} of ")
        terminal.press("left")
        terminal.wait_for(f"step {first} of ")
        terminal.press("n")
        terminal.wait_for(lambda text: f"step {fault} of " in text and "✗ critical" in text)
        terminal.press(">")
        terminal.wait_for(f"step {last} of {last}")
        terminal.press("up")
        terminal.wait_for(f"step {last - 1} of ")
        terminal.press("?")
        terminal.wait_for(
            lambda text: "A step back, a step on" in text and "Go to the programs" in text
        )
        terminal.press("q")
        terminal.wait_for(lambda text: "Go to the programs" not in text)
        terminal.press("q")
        assert terminal.wait() == 0


def test_a_deadlock(schedule: Callable[..., Path]) -> None:
    """Who waits for what stands at the programs and at the semaphores."""
    file = schedule("lock-first")
    with Terminal("replay", str(file), columns=100, rows=30) as terminal:
        screen = terminal.wait_for("nobody can go on")
        assert "waits: sem_wait(mutex)" in screen
        assert "1 waiting ← P1" in screen
        terminal.press("K")
        terminal.wait_for("K: the programs of")
        terminal.press("q")
        assert terminal.wait() == 0


def test_killed_it_leaves_nothing(schedule: Callable[..., Path]) -> None:
    """Kill -9 ends the programs with the dashboard; no name is left."""
    file = schedule("lock-first")
    with Terminal("replay", str(file), columns=80, rows=24) as terminal:
        terminal.wait_for("nobody can go on")
        children = Path(f"/proc/{terminal.process.pid}/task/{terminal.process.pid}/children")
        held = [int(pid) for pid in children.read_text().split()]
        assert len(held) >= 4  # Two programs, and a copy of each.
        terminal.process.kill()
        poll(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in held), "they end")


def test_headless(schedule: Callable[..., Path]) -> None:
    """The order is printed, and that each execution was the same; of a program that was changed nothing is."""
    file = schedule("lock-first")
    done = run_shmtui("replay", str(file), "--headless")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("20 of 20 ")
    assert "sem_wait(mutex)" in done.stdout
    with (file.parent / "ring").open("ab") as program:
        program.write(b"\0")
    for options in (("--headless",), ()):
        done = run_shmtui("replay", str(file), *options)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_what_is_no_schedule(tmp_path: Path) -> None:
    """Only a schedule can be checked, and it is replayed by itself."""
    file = tmp_path / "x.shmsched"
    for text in ("", "{", '{"kind": "other"}'):
        file.write_text(text)
        done = run_shmtui("replay", str(file), "--headless")
        assert (done.returncode, done.stdout) == (2, "")
    file.write_text('{"kind": "shmtui schedule"}')
    for options in ((), ("--csv", "-"), ("--headless",)):
        done = run_shmtui("replay", str(file), *options)
        assert (done.returncode, done.stdout) == (2, "")


def held(at: int, *, count: int = 60) -> Held:
    """A schedule of hostile texts."""
    steps = tuple(
        HeldStep(f"P{n % 3}", Role.PRODUCER, f"stores {HOSTILE} = {n}", HOSTILE, HOSTILE * (n % 2), n == 9)
        for n in range(count)
    )  # fmt: skip
    tasks = tuple(
        HeldTask(f"P{n}", Role.PRODUCER, 77, HOSTILE, HOSTILE, n == 1, n == 2, n == 3, "x.c", 3,
                 (HOSTILE,) * 9, n == 0, (HOSTILE, "two") * 9)
        for n in range(4)
    )  # fmt: skip
    return Held(steps, at, 30, Finding("deadlock", HOSTILE * 9, 29), tasks, "P1")


def programs(held: Held, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """The lines of its programs."""
    taken = [step.task for step in held.steps[: held.at]]
    return program_lines(held.tasks, taken, held.mover, width, height, glyphs)


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=repr)
@pytest.mark.parametrize("width", [1, 8, 34, 50, 76, 200])
@pytest.mark.parametrize("height", [1, 2, 3, 7, 30])
def test_any_size(glyphs: object, width: int, height: int) -> None:
    """The last step is in view; nothing is wider than the panel; hostile text is inert."""
    table = UNICODE if glyphs is UNICODE else ASCII
    for at in (0, 1, 2, 29, 30, 31, 60):
        rows = step_rows(held(at), width, height, table)
        lines = [*rows.lines, *programs(held(at), width, height, table)]
        assert len(rows.lines) <= height
        assert rows.cursor is None or 0 <= rows.cursor < len(rows.lines)
        if at and width >= 8:
            assert rows.cursor is not None
            assert str(at) in plain(rows.lines[rows.cursor])
        for row in lines:
            assert width_of(row) <= max(width, 2)
            assert plain(row).isprintable()
            assert table is UNICODE or plain(row).isascii()


def test_whoever_has_not_ended_is_shown() -> None:
    """Where there is no room for all: one that waits for ever took its last step long before the others' ends."""
    tasks = tuple(replace(task, ended=number != 2) for number, task in enumerate(held(60).tasks))
    lines = program_lines(tasks, ["P2", "P0", "P1", "P3"], "P3", 80, 3, UNICODE)
    assert "P2" in plain(lines[0])
    assert "P3" in plain(lines[0])
    assert "P1" not in plain(lines[0])
