"""How long it takes to start, and what memory the dashboard has after a long time."""

import functools
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import shmtui
from shmtui.shm.segment import create_segment, unlink_segment
from tests.benchmarks.effort import Effort, interleaved, progress
from tests.benchmarks.programs import (
    SHMTUI,
    Screen,
    background,
    crew,
    find,
    own_memory,
    resident_memory,
    spent,
)
from tests.benchmarks.scale import wait_for_crew
from tests.benchmarks.tables import MISSING, Figures, Table

EMPTY_APP: Final = (
    "from textual.app import App\nfrom textual.widgets import Static\n"
    "class Empty(App):\n    def compose(self): yield Static('ready')\n"
    "Empty().run()"
)
NAME: Final = "/bench-start"
EXPORTED: Final = 200
"""Segments that an exporter watches."""
FRAMES: Final = 100_000
_PATIENCE: Final = 900.0


def first_frame(command: Sequence[str], mark: bytes) -> float | None:
    """Milliseconds until ``mark`` is on the screen."""
    with Screen(command, answer=mark) as screen:
        seconds = screen.first()
    return None if seconds is None else seconds * 1e3


def first_frames(effort: Effort) -> Table:
    """Dashboards, and what draws nothing."""
    progress("start: first frames")
    contenders: dict[str, tuple[tuple[str, ...], bytes]] = {
        "empty Textual app": ((sys.executable, "-c", EMPTY_APP), b"ready"),
        "shmtui attach": ((*SHMTUI, "attach", NAME), b"Processes"),
        "shmtui run": ((*SHMTUI, "run", f"{NAME}-run"), b"Processes"),
    }
    htop = find("htop")
    if htop is not None:
        contenders["htop"] = ((htop,), b"PID")
    found = interleaved(
        effort.rounds(9),
        {
            name: functools.partial(first_frame, command, mark)
            for name, (command, mark) in contenders.items()
        },
    )
    empty = found["empty Textual app"]
    return Table(
        "Start: first frame",
        ("program", "ms", "× empty Textual app"),
        tuple((name, times.text(), times.over(empty).text()) for name, times in found.items()),
    )


def commands(effort: Effort) -> Table:
    """What is run and ends: beside the interpreter itself."""
    progress("start: commands")
    bare = "python -c pass"
    everybody: dict[str, tuple[str, ...]] = {
        bare: (sys.executable, "-c", "pass"),
        "shmtui stat --json": (*SHMTUI, "stat", NAME, "--json"),
        "shmtui --help": (*SHMTUI, "--help"),
        "shmtui ls": (*SHMTUI, "ls"),
    }
    used: dict[str, list[float]] = {name: [] for name in everybody}

    def measure(name: str) -> float:
        elapsed, cpu = spent(everybody[name])
        used[name].append(cpu * 1e3)
        return elapsed * 1e3

    found = interleaved(
        effort.rounds(15), {name: functools.partial(measure, name) for name in everybody}
    )
    rows = []
    for name, times in found.items():
        more = zip(times.values, found[bare].values, strict=True)
        above = Figures(tuple(mine - python for mine, python in more))
        rows.append((name, times.text(), above.text(), Figures(tuple(used[name])).text()))
    return Table(
        "Start: commands",
        ("command", "ms", f"ms above {bare}", "ms of CPU"),
        tuple(rows),
        ("Goals: stat within 70 ms of the bare interpreter, ls within 80, --help within 45. The modules are "
         "compiled, as pip does it.",),
    )  # fmt: skip


def first_start(effort: Effort) -> Table:
    """What the first command after an installation takes that compiled nothing, as uv's does."""
    progress("start: modules that are not compiled")
    command = (*SHMTUI, "stat", NAME, "--json")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bare = shutil.ignore_patterns("__pycache__")
        shutil.copytree(Path(shmtui.__file__).parent, folder / "shmtui", ignore=bare)
        env = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": name}
        found = interleaved(
            effort.rounds(5),
            {
                "compiled": lambda: spent(command)[0] * 1e3,
                "not compiled": lambda: spent(command, folder, env)[0] * 1e3,
            },
        )
    return Table(
        "Start: shmtui stat --json, by what the installation left",
        ("modules of shmtui", "ms", "× compiled"),
        tuple((n, t.text(), t.over(found["compiled"]).text()) for n, t in found.items()),
        ("The first start compiles them, where it may write there; else each start does.",),
    )


def memory(effort: Effort) -> Table:
    """Bytes of its own that the dashboard has, early and late."""
    minute, frames = effort.seconds(60.0), FRAMES // (40 if effort.short else 1)
    progress(f"start: memory over {minute:g} s and {frames:,} frames")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "memory"
        hurried = (sys.executable, "-m", "tests.benchmarks.frames", NAME, str(frames), str(file))
        with Screen((*SHMTUI, "attach", NAME)) as calm, Screen(hurried) as many:
            time.sleep(minute / 4)
            early = own_memory(calm.process.pid)
            time.sleep(minute * 3 / 4)
            late = own_memory(calm.process.pid)
            deadline = time.monotonic() + _PATIENCE
            while many.process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.1)
        seen = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
    rows = [row_of(f"{minute:g} s at 10 frames/s", f"{minute / 4:g} s", early, late)]
    if len(seen) == 10:
        first, last = int(seen[0][1]), int(seen[-1][1])
        rows.append(row_of(f"{frames:,} frames", f"{int(seen[0][0]):,} frames", first, last))
    else:
        rows.append((f"{frames:,} frames", MISSING, MISSING, "did not finish"))
    return Table(
        "Memory of the dashboard that is its own",
        ("after", "counted from", "MB then", "MB more at the end"),
        tuple(rows),
        ("Private dirty pages. Goal: flat within 2 MB.",),
    )


def exporter_memory(effort: Effort) -> Table:
    """Memory that an exporter has resident, which watches many segments."""
    minute = effort.seconds(60.0)
    progress(f"start: memory of an exporter over {minute:g} s")
    names = [f"{NAME}-{number}" for number in range(EXPORTED)]
    for name in names:
        create_segment(name, 4096)
    try:
        with background([*SHMTUI, "export", "--all", "--listen", "0"]) as process:
            time.sleep(minute)
            resident = resident_memory(process.pid)
    finally:
        for name in names:
            unlink_segment(name)
    return Table(
        "Memory of an exporter",
        ("segments", "after", "MB resident"),
        ((str(len(names)), f"{minute:g} s", f"{resident / 1e6:.1f}"),),
        ("With the pages of the interpreter, which other programs in Python share. Goal: at most 25.",),
    )  # fmt: skip


def row_of(what: str, since: str, early: int, late: int) -> tuple[str, ...]:
    """Two looks at the memory."""
    return what, since, f"{early / 1e6:.1f}", f"{(late - early) / 1e6:+.2f}"


def run(effort: Effort) -> Iterator[Table]:
    """On a buffer at work."""
    options = ("--slots", "64", "--produce-rate", "50", "--consume-rate", "50")
    with crew(NAME, *options):
        wait_for_crew(NAME, 2)
        yield first_frames(effort)
        yield commands(effort)
        yield first_start(effort)
        yield memory(effort)
    yield exporter_memory(effort)
