"""What a dashboard costs while little or nothing happens, and what it writes and keeps while much does."""

import contextlib
import functools
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from shmtui.monitor.sampler import Sampler
from tests.benchmarks.effort import Effort, interleaved, progress
from tests.benchmarks.programs import (
    SHMTUI,
    TEN_WORKERS,
    Cost,
    Screen,
    compiled,
    cpu_seconds,
    crew,
    resident_memory,
)
from tests.benchmarks.scale import wait_for_crew
from tests.benchmarks.tables import Figures, Table

SETTLE: Final = 12.0
"""Seconds after which a dashboard rests, and a graph has its shape."""
SECONDS: Final = 20.0
GLANCES: Final = 300
_PAUSE: Final = 0.1
_WAITERS: Final = Path(__file__).parent / "waiters.c"
FRAMES: Final = 100_000
_MIB: Final = 2**20


def watched(command: tuple[str, ...], seconds: float, keys: bytes = b"") -> float | None:
    """Per cent of a core that a dashboard takes once it has settled."""
    with Screen(command) as screen:
        screen.cost(SETTLE / 2)
        screen.press(keys)
        screen.cost(SETTLE / 2)
        cost = screen.cost(seconds)
    return None if cost is None else cost.cpu


def detached(seconds: float) -> float | None:
    """The same of a run in a tmux that nobody is attached to."""
    tmux = shutil.which("tmux")
    if tmux is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        environ = {k: v for k, v in os.environ.items() if k != "TMUX"} | {"TMUX_TMPDIR": folder}
        tell = functools.partial(subprocess.run, env=environ, check=True, capture_output=True)
        tell([tmux, "new-session", "-d", "-x", "120", "-y", "40", *SHMTUI, "run", "/bench-tmux"])
        try:
            pid = int(tell([tmux, "display", "-p", "#{pane_pid}"]).stdout)
            time.sleep(SETTLE)
            before, at = cpu_seconds(pid), time.monotonic()
            time.sleep(seconds)
            return 100 * (cpu_seconds(pid) - before) / (time.monotonic() - at)
        finally:
            tell([tmux, "send-keys", "q"])
            _wait_for_end(pid)
            subprocess.run([tmux, "kill-server"], env=environ, check=False, capture_output=True)


def _wait_for_end(pid: int) -> None:
    end = time.monotonic() + 30
    while Path(f"/proc/{pid}").exists() and time.monotonic() < end:
        time.sleep(0.05)


def quiet(effort: Effort) -> Table:
    """A dashboard by what there is to see."""
    progress("idle: dashboards")
    seconds = effort.seconds(SECONDS)
    rounds = effort.rounds(3)
    attach = (*SHMTUI, "attach")
    with contextlib.ExitStack() as stack:
        stack.enter_context(crew("/bench-still", "--producers", "0", "--consumers", "0"))
        waiters = stack.enter_context(compiled(_WAITERS))
        for _each in range(2):
            process = subprocess.Popen([waiters, "/bench-waiters"])
            stack.callback(process.wait)
            stack.callback(process.kill)
        stack.callback(Path("/dev/shm/bench-waiters").unlink)
        time.sleep(1.0)
        run = (*SHMTUI, "run", "/bench-idle")
        contenders: dict[str, Callable[[], float | None]] = {
            "run, as it starts: 1 item/s": lambda: watched(run, seconds),
            "attach, an empty buffer": lambda: watched((*attach, "/bench-still"), seconds),
            "attach, two programs that wait": lambda: watched(
                (*attach, "/bench-waiters", "--slots", "5"), seconds
            ),
            "run, frozen": lambda: watched(run, seconds, b"z"),
            "run, in a tmux without a client": lambda: detached(seconds),
        }
        used = interleaved(rounds, contenders)
    goals = (1.2, 0.6, 0.6, 0.3, 0.3)
    rows = [
        (name, figures.text(), f"{goal:g}")
        for (name, figures), goal in zip(used.items(), goals, strict=True)
    ]
    return Table(
        "Idle: the dashboard at 10 Hz where little happens",
        ("dashboard", "CPU, % of a core", "goal"),
        tuple(rows),
        (f"Over {seconds:g} s, {SETTLE:g} s after the start.",),
    )


def glances(effort: Effort) -> Table:
    """A glance and a sample, each after a pause, as in a dashboard: then nothing of it is in the caches."""
    progress("idle: glances")
    with crew("/bench-glance", "--produce-rate", "0.1"):
        wait_for_crew("/bench-glance", 2)
        sampler = Sampler("/bench-glance")
        sampler.sample()
        steps: dict[str, Callable[[], object]] = {
            "glance": sampler.moved,
            "sample": sampler.sample,
        }
        used: dict[str, list[float]] = {name: [] for name in steps}
        for _each in range(int(effort.seconds(GLANCES))):
            for name, step in steps.items():
                time.sleep(_PAUSE)
                before = time.thread_time()
                step()
                used[name].append(1e3 * (time.thread_time() - before))
        sampler.close()
    found = {name: Figures(tuple(sorted(values))) for name, values in used.items()}
    return Table(
        "Idle: a look without a change",
        ("", "ms of CPU", "× a sample"),
        tuple(
            (name, f"{figures.median:.3g}", f"{figures.median / found['sample'].median:.3g}")
            for name, figures in found.items()
        ),
        (f"Medians of looks {1000 * _PAUSE:g} ms apart. Goal of a glance: at most 0.3 ms.",),
    )


def busy(effort: Effort) -> Table:
    """Bytes to the terminal while ten workers move items, and memory over many frames."""
    progress("idle: bytes and memory")
    with crew("/bench-busy", *TEN_WORKERS):
        wait_for_crew("/bench-busy", 10)
        costs: list[Cost] = []
        with Screen((*SHMTUI, "attach", "/bench-busy")) as screen:
            screen.cost(SETTLE / 2)
            for _round in range(effort.rounds(3)):
                cost = screen.cost(effort.seconds(SECONDS))
                costs += [] if cost is None else [cost]
            resident = resident_memory(screen.process.pid)
        grown = growth("/bench-busy", FRAMES // 20 if effort.short else FRAMES)
    written = Figures(tuple(cost.bytes_per_s / 10 for cost in costs))
    return Table(
        "Idle: what a busy dashboard writes and keeps",
        ("10 workers at 50 items/s, 120×40, 10 Hz", "", "goal"),
        (
            ("bytes to the terminal a frame", written.text(), "1,500"),
            ("memory resident, MiB", f"{resident / _MIB:.3g}", "45"),
            (f"more of its own after {FRAMES:,} frames, MiB", grown, "2"),
        ),
    )


def growth(name: str, frames: int) -> str:
    """MiB that a dashboard has more at the end of so many frames than after a tenth of them."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "memory"
        command = (*SHMTUI[:2], "tests.benchmarks.frames", name, str(frames), str(file))
        with Screen(command) as screen:
            screen.process.wait()
        sizes = [int(line.split()[1]) for line in file.read_text().splitlines()]
    return f"{(sizes[-1] - sizes[0]) / _MIB:.2f}"


def run(effort: Effort) -> Iterator[Table]:
    """All three."""
    yield quiet(effort)
    yield glances(effort)
    yield busy(effort)
