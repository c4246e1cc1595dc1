"""Who waits for what held by whom, over several segments: deadlocks are drawn and named."""

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from shmtui.diagnosis.wait_graph import wait_graph
from shmtui.monitor.sampler import Sampler
from shmtui.report.graph_text import graph_rows
from shmtui.session.opener import AttachOptions, SegmentOpener
from shmtui.shm.segment import segment_path
from shmtui.shm.semaphore import named_semaphore_path
from shmtui.tui.app import DashboardApp
from tests.compiling import Compiler
from tests.program import run_shmtui
from tests.tui.dashboards import shows
from tests.waiting import poll

SOURCE: Final = Path(__file__).with_name("two_segments.c")


class Two:
    """Two segments or semaphores, and the two processes that use both."""

    def __init__(self, program: Path, first: str, second: str, *what: str) -> None:
        self.names = first, second
        self.process = subprocess.Popen(
            [str(program), first, second, *what], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"
        own = self.process.pid
        children = Path(f"/proc/{own}/task/{own}/children").read_text()
        self.pids = sorted(map(int, children.split()))

    def graph(self) -> dict[str, Any]:
        """As ``check`` prints it of the first."""
        done = run_shmtui("check", self.names[0], "--graph", "--json", "--for", "1")
        found = json.loads(done.stdout)
        graph: dict[str, Any] = found["graph"]
        return graph | {"exit": done.returncode}

    def end(self) -> None:
        """End it, and leave nothing."""
        self.process.kill()
        self.process.communicate()
        for name in self.names:
            Path(segment_path(name)).unlink(missing_ok=True)
            Path(named_semaphore_path(name)).unlink(missing_ok=True)


Start = Callable[..., Two]


@pytest.fixture
def start(gcc: Compiler, new_name: Callable[[], str]) -> Iterator[Start]:
    """Starts the program, built with some flags; all is gone afterwards."""
    started: list[Two] = []

    def one(*what: str, flags: tuple[str, ...] = ()) -> Two:
        program = gcc.program(SOURCE, "-g", *flags)
        started.append(Two(program, new_name(), new_name(), *what))
        return started[-1]

    yield one
    for two in started:
        two.end()


@pytest.mark.parametrize(
    ("flags", "named"), [((), False), (("-DPTHREAD",), True), (("-DNAMED",), False)]
)
def test_a_deadlock_over_two_segments(start: Start, flags: tuple[str, ...], named: bool) -> None:
    """A has 1 and waits for 2, B has 2 and waits for 1, as the locks say where they name their owners."""
    two = start("cross", flags=flags)
    poll(lambda: two.graph()["cycles"], "the deadlock")
    graph = two.graph()
    assert graph["cycles"] == [two.pids]
    assert graph["unless"] == []
    assert graph["certainty"] == "likely"
    assert graph["owners_named"] is named
    assert graph["exit"] != 0
    assert {wait["pid"] for wait in graph["waits"]} == set(two.pids)
    shown = run_shmtui("check", two.names[1], "--graph", "--for", "1").stdout
    assert shown.count("waits for") == 2
    claim = "in an owner's place: " if named else "deadlock, it seems: "
    assert claim in shown
    assert all(f"(PID {pid})" in shown for pid in two.pids)


def test_one_that_may_have_it_is_named(start: Start) -> None:
    """The parent uses both segments too: a semaphore does not tell that it has none of the locks."""
    two = start("cross", "map")
    poll(lambda: two.graph()["cycles"], "the ring")
    graph = two.graph()
    assert graph["cycles"] == [two.pids]
    assert graph["unless"] == [two.process.pid]
    shown = run_shmtui("check", two.names[0], "--graph", "--for", "1").stdout
    assert "deadlock, unless" in shown


def test_another_process_may_unlock_in_an_owners_place(start: Start) -> None:
    """Glibc lets it: the healthy program for which no deadlock by owners is certain."""
    two = start("cross", "map", flags=("-DPTHREAD",))
    poll(lambda: two.graph()["cycles"], "the ring")
    assert two.graph()["certainty"] == "likely"
    two.process.send_signal(signal.SIGUSR1)
    poll(lambda: len(two.graph()["waits"]) == 1, "one of them goes on")
    assert not two.graph()["cycles"]


@pytest.mark.parametrize("flags", [(), ("-DPTHREAD",)])
def test_in_one_order_there_is_none(start: Start, flags: tuple[str, ...]) -> None:
    """One has both, and the other waits: drawn, and not called a deadlock."""
    two = start("same", flags=flags)
    poll(lambda: two.graph()["waits"], "one waits")
    graph = two.graph()
    assert not graph["cycles"]
    (wait,) = graph["waits"]
    (giver,) = wait["givers"]
    assert {wait["pid"], giver["pid"]} == set(two.pids)


async def test_in_the_dashboard(start: Start) -> None:
    """The key w, whatever is attached to."""
    two = start("cross", flags=("-DPTHREAD",))
    poll(lambda: two.graph()["cycles"], "the deadlock")
    opener = SegmentOpener(AttachOptions())
    try:
        app = DashboardApp(opener.open(two.names[0]), opener=opener)
        async with app.run_test(size=(130, 40)) as pilot:
            await pilot.press("w")
            text = await shows(app, "deadlock, unless")
            assert "Who waits for whom" in text
            await pilot.press("escape")
            assert app.screen is app.main
    finally:
        opener.close()


def test_nobody_waits(start: Start) -> None:
    """Of the second segment alone: one line, also in ASCII."""
    two = start("same")
    poll(lambda: two.graph()["waits"], "one waits")
    sampler = Sampler(two.names[1])
    try:
        snapshot = sampler.sample()
    finally:
        sampler.close()
    (row,) = graph_rows(wait_graph((snapshot,)), ascii_only=True)
    assert row.text == "nobody waits for anything that another process could give"
