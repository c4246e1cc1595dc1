"""The real program in a real terminal, driven by keys alone, and every way in which it can end."""

import re
import signal
from collections.abc import Callable

import pytest

from shmtui.shm.control_format import RecordState
from tests.compiling import Compiler
from tests.peers import build
from tests.program import gone, run_shmtui, running, worker_records
from tests.terminal import Terminal
from tests.waiting import poll

LEFT = (b"\x1b[?1049l", b"\x1b[?1000l", b"\x1b[?25h")
"""Back from the alternate screen, no mouse reports, a visible cursor."""


def workers(name: str) -> list[int]:
    """The workers that have not ended, by PID."""
    return [r.pid for r in worker_records(name) if r.state is RecordState.LIVE]


def opened(name: str, terminal: Terminal) -> list[int]:
    """Wait for the dashboard with its first two workers; their PIDs."""
    terminal.wait_for("producer 1 ")
    terminal.wait_for("consumer 1 ")
    return workers(name)


def row(screen: str, process: str) -> str:
    """The row of a process, or nothing."""
    found = re.search(rf"^.*[├└] {process} .*$", screen, re.MULTILINE)
    return found[0] if found else ""


def test_a_session_with_keys_alone(name: str) -> None:
    """Two producers more, a rate changed, one paused, one killed, and out: the screen says so at
    each step, and nothing is left at the end.
    """
    with Terminal("run", name) as terminal:
        assert len(opened(name, terminal)) == 2
        terminal.press("p", "p")
        terminal.wait_for(
            lambda s: "producers (3)" in s and row(s, "producer 3"), "three producers"
        )
        assert len(workers(name)) == 4

        terminal.press("down", "+")
        terminal.wait_for("producer 1: 1 → 2 items/s")
        terminal.wait_for(lambda s: re.search(r"\b2\b", row(s, "producer 1")), "its new rate")

        terminal.press("space")
        terminal.wait_for(lambda s: "paused" in row(s, "producer 1"), "it is paused")
        terminal.press("space")
        terminal.wait_for(lambda s: row(s, "producer 1") and "paused" not in row(s, "producer 1"))

        terminal.press("down", "K")
        terminal.wait_for(r"killed by SIGKILL")
        poll(lambda: len(workers(name)) == 3, "one worker fewer")

        pids = workers(name)
        terminal.press("q")
        assert terminal.wait() == 0
        assert not running(pids)
        assert gone(name)
        assert terminal.modes == terminal.modes_before


@pytest.mark.parametrize(
    ("end", "code"),
    [("q", 0), ("ctrl+c", 130), (signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)],
    ids=str,
)
def test_every_end_is_clean(name: str, end: str | signal.Signals, code: int) -> None:
    """Key or signal: the terminal is as before, no worker lives, the names are gone."""
    with Terminal("run", name, "--semaphores", "named") as terminal:
        pids = opened(name, terminal)
        if isinstance(end, str):
            terminal.press(end)
        else:
            terminal.signal(end)
        assert terminal.wait() == code
        assert terminal.modes == terminal.modes_before
        for sequence in LEFT:
            assert sequence in terminal.raw
        assert "Traceback" not in terminal.text
        assert not running(pids)
        assert gone(name)


def test_a_closed_terminal_ends_it(name: str) -> None:
    """Where the window is closed, program and workers end and the names go."""
    with Terminal("run", name) as terminal:
        pids = [*opened(name, terminal), terminal.process.pid]
        terminal.hang_up()
        poll(lambda: terminal.process.poll() is not None, "it has ended")
        assert not running(pids)
        assert gone(name)


def test_a_terminal_that_is_closed_while_it_draws_ends_it(new_name: Callable[[], str]) -> None:
    """A hang-up brings SIGCONT as well, for which Textual begins to draw anew, for nobody: by chance, so it is
    tried more than once.
    """
    for name in [new_name() for _time in range(4)]:
        with Terminal("run", name) as terminal:
            poll(lambda: terminal.read(0.2) and b"Ring" in terminal.raw, "it draws")
            terminal.hang_up()
            poll(lambda: terminal.process.poll() is not None, "it has ended")
            assert gone(name)


@pytest.mark.parametrize("end", ["q", signal.SIGTERM])
def test_it_leaves_a_terminal_that_takes_nothing(name: str, end: str | signal.Signals) -> None:
    """Nobody reads what it draws, and nobody closes the terminal."""
    with Terminal("run", name) as terminal:
        poll(lambda: terminal.read(0.2) and b"Ring" in terminal.raw, "it draws")

        def full() -> bool:
            terminal.press("\x0c")  # It draws all of it again.
            return not terminal.has_room

        poll(full, "the terminal takes nothing more")
        if isinstance(end, str):
            terminal.press(end)
        else:
            terminal.signal(end)
        poll(lambda: terminal.process.poll() is not None, "it has ended")
        assert gone(name)


@pytest.mark.alone
def test_killed_outright_takes_its_workers_along(name: str) -> None:
    """After SIGKILL the workers end, and rm removes the names."""
    with Terminal("run", name, "--produce-rate", "max", "--consume-rate", "max") as terminal:
        pids = opened(name, terminal)
        terminal.signal(signal.SIGKILL)
        poll(lambda: not running(pids), "the workers are gone")
    assert not gone(name)
    assert run_shmtui("rm", name).returncode == 0
    assert gone(name)


@pytest.mark.parametrize(("columns", "rows"), [(50, 20), (80, 24), (120, 40), (200, 60)])
def test_every_size_tells_the_essential(name: str, columns: int, rows: int) -> None:
    """From 50x20 up the screen tells the name, the occupancy and both rates, within its width."""
    with Terminal(
        "run", name, "--produce-rate", "max", "--consumers", "0", columns=columns, rows=rows
    ) as terminal:
        for shown in ("5 ?(of|/) ?5 full|5/5", "produced|▲", "consumed|▼"):
            terminal.wait_for(re.compile(shown).search, shown)
        assert len(terminal.lines) == rows
        terminal.press("q")
        assert terminal.wait() == 0


def test_another_size_in_the_middle(name: str) -> None:
    """A window made small and large again is drawn anew each time."""
    with Terminal("run", name) as terminal:
        opened(name, terminal)
        terminal.resize(50, 20)
        terminal.wait_for(lambda s: max(map(len, s.splitlines()), default=0) <= 50)
        terminal.resize(200, 60)
        terminal.wait_for(lambda s: max(map(len, s.splitlines()), default=0) > 150, "it is wide")
        terminal.press("q")
        assert terminal.wait() == 0


def test_256_colours_have_grey_backgrounds(name: str) -> None:
    """The nearest colour of the cube (16 to 21 are its blacks and blues) is a loud one."""
    with Terminal("run", name, env={"COLORTERM": ""}) as terminal:
        opened(name, terminal)
        terminal.press("?")
        terminal.wait_for("Add a producer")
        backgrounds = {int(found) for found in re.findall(rb"48;5;(\d+)", terminal.raw)}
        assert backgrounds
        assert not backgrounds & set(range(17, 22))
        terminal.press("q")
        terminal.wait_for(lambda s: "Add a producer" not in s, "the help is closed")
        terminal.press("q")
        assert terminal.wait() == 0


@pytest.mark.parametrize("setting", [{"NO_COLOR": "1"}, {"LANG": "C", "LC_ALL": "C"}], ids=str)
def test_poor_terminals(name: str, setting: dict[str, str]) -> None:
    """Without colours, or in a locale that knows no UTF-8, the dashboard works."""
    with Terminal("run", name, "--ascii", env=setting) as terminal:
        terminal.wait_for("producer 1 ")
        assert terminal.text.isascii()
        terminal.press("q")
        assert terminal.wait() == 0


def test_programs_of_ones_own_are_steered_like_workers(name: str, gcc: Compiler) -> None:
    """They are shown, paused, let go on, started anew and ended with it."""
    produtor, consumidor = build(gcc, "produtor", name), build(gcc, "consumidor", name)
    commands = ("--producer", str(produtor), "--consumer", str(consumidor))

    def producers(text: str) -> list[tuple[str, str]]:
        """PID and state of each row of one."""
        return re.findall(r"(\d+) +└ produtor +\S+ (\w+)", text)

    with Terminal("run", name, *commands, columns=130, rows=44) as terminal:
        terminal.wait_for(lambda text: producers(text) and "consumers (1)" in text)
        first = producers(terminal.text)[0][0]
        terminal.press("down", "space")
        terminal.wait_for(lambda text: producers(text) == [(first, "paused")], "it is paused")
        terminal.press("space")
        terminal.wait_for("resumed")
        terminal.wait_for(lambda text: producers(text)[0][1] in {"asleep", "blocked", "running"})
        terminal.press("l")
        terminal.wait_for("Produzindo:")
        terminal.press("R")
        terminal.wait_for(lambda text: f"PID {first}" not in text, "another takes its place")
        terminal.press("escape")
        # What it covered is whole again: a part of the panel would look like none, too.
        closed = "the panel is closed"
        terminal.wait_for(
            lambda text: producers(text) and not re.search("R restarts|─ Programs ─", text), closed
        )
        terminal.press("q")
        assert terminal.wait() == 0
    assert gone(name)
