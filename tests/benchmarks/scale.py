"""What size costs: of the ring, of the crew, of /dev/shm."""

import functools
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from shmtui.errors import ShmtuiError
from shmtui.monitor.sampler import Sampler
from shmtui.shm.segment import SHM_DIR
from tests.benchmarks.effort import Effort, interleaved, progress
from tests.benchmarks.programs import SHMTUI, Screen, crew, spent
from tests.benchmarks.tables import Figures, Table

SLOTS: Final = (5, 1_000, 100_000, 4_000_000)
WORKERS: Final = (2, 16, 64, 256)
SEGMENTS: Final = (10, 1_000, 10_000)
LOOKS: Final = 400
_FIRST: Final = 2
"""Looks of ``stat`` in which all processes are read: for who uses the segment, then for who may come to."""
HZ: Final = 10.0
_SETTLE: Final = 2.5
_PATIENCE: Final = 120.0


def frame(name: str, seconds: float) -> float | None:
    """Milliseconds of processor for a frame of the dashboard."""
    with Screen((*SHMTUI, "attach", "--refresh", f"{HZ:g}", name)) as screen:
        screen.cost(_SETTLE)
        cost = screen.cost(seconds)
    return None if cost is None else cost.cpu / 100 / HZ * 1e3


def look(name: str) -> tuple[float, float]:
    """Milliseconds of processor that ``stat`` takes to start, with its first looks, which look at all
    processes; and those of each look that follows.
    """
    command = (*SHMTUI, "stat", name, "--json", "--interval", "0.002", "--count")
    _, begun = spent((*command, str(_FIRST)))
    _, often = spent((*command, str(_FIRST + LOOKS)))
    return begun * 1e3, (often - begun) / LOOKS * 1e3


def _following(name: str) -> float:
    return look(name)[1]


def costs(
    effort: Effort, names: Mapping[int, str], rounds: int
) -> tuple[dict[int, Figures], dict[int, Figures]]:
    """Frame and look of each."""
    seconds = effort.seconds(4.0)
    frames: dict[int, Callable[[], float | None]] = {
        size: functools.partial(frame, name, seconds) for size, name in names.items()
    }
    looks: dict[int, Callable[[], float | None]] = {
        size: functools.partial(_following, name) for size, name in names.items()
    }
    return interleaved(rounds, frames), interleaved(rounds, looks)


def slots(effort: Effort) -> Table:
    """From five slots to four million."""
    progress("scale: slots")
    names = {count: f"/bench-slots-{count}" for count in SLOTS}
    with ExitStack() as cleaning:
        for count, name in names.items():
            cleaning.enter_context(
                crew(name, "--slots", str(count), "--produce-rate", "50", "--consume-rate", "50")
            )
        for name in names.values():
            wait_for_crew(name, 2)
        frames, looks = costs(effort, names, effort.rounds(3))
    few = SLOTS[0]
    return Table(
        "Scale: slots",
        ("slots", "frame, ms of CPU", "× 5 slots", "look of stat, ms of CPU", "× 5 slots "),
        tuple(
            (
                f"{count:,}",
                frames[count].text(),
                frames[count].over(frames[few]).text(),
                looks[count].text(),
                looks[count].over(looks[few]).text(),
            )
            for count in SLOTS
        ),
        ("Frames at 10/s on 120×40; 64 slots' values are read at each look. Goal: at most 1.2.",),
    )


def workers(effort: Effort) -> Table:
    """From two workers to 256, each at an item a second."""
    rows = []
    for count in WORKERS[:3] if effort.short else WORKERS:
        progress(f"scale: {count} workers")
        name, each = f"/bench-workers-{count}", str(count // 2)
        options = ("--slots", "64", "--producers", each, "--consumers", each)
        with crew(name, *options, "--produce-rate", "1", "--consume-rate", "1"):
            wait_for_crew(name, count)
            frames, looks = costs(effort, {count: name}, effort.rounds(3))
        share = Figures(tuple(value * HZ / 10 for value in frames[count].values))
        rows.append((str(count), share.text(), frames[count].text(), looks[count].text()))
    return Table(
        "Scale: workers",
        ("workers", "dashboard, % of a core", "frame, ms of CPU", "look of stat, ms of CPU"),
        tuple(rows),
        ("At 10 frames/s. Goal: linear, and at most 8 % of a core at 256.",),
    )


def wait_for_crew(name: str, count: int) -> None:
    """Until all have joined. TimeoutError: they have not."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        try:
            sampler = Sampler(name)
        except ShmtuiError:
            time.sleep(0.05)
            continue
        steps = [p.step for p in sampler.sample().processes if p.step is not None]
        sampler.close()
        if len(steps) >= count and "starting" not in steps:
            return
        time.sleep(0.2)
    raise TimeoutError(f"{count} workers have not joined {name}")


def segments(effort: Effort) -> Table:
    """``ls`` among ten segments, a thousand and ten thousand."""
    rows = []
    made: list[Path] = []
    try:
        for count in SEGMENTS[:2] if effort.short else SEGMENTS:
            progress(f"scale: {count} segments")
            for number in range(len(made), count):
                path = Path(SHM_DIR) / f"bench-ls-{os.getpid()}-{number}"
                path.write_bytes(bytes(128))
                made.append(path)
            times = [spent((*SHMTUI, "ls", "--json")) for _ in range(effort.rounds(3))]
            elapsed = Figures(tuple(each[0] for each in times))
            used = Figures(tuple(each[1] for each in times))
            rows.append((f"{count:,}", elapsed.text(), used.text()))
    finally:
        for path in made:
            path.unlink()
    return Table("Scale: segments under /dev/shm", ("segments", "ls, s", "s of CPU"), tuple(rows))


def run(effort: Effort) -> Iterator[Table]:
    """All three."""
    yield slots(effort)
    yield workers(effort)
    yield segments(effort)
