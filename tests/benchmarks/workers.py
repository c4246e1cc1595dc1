"""Items a second, unthrottled: shmtui's workers with all their telemetry, beside what has none."""

import contextlib
import functools
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from tests.benchmarks.effort import Effort, interleaved, progress
from tests.benchmarks.programs import SHMTUI, compiled
from tests.benchmarks.tables import Figures, Table

SLOTS: Final = (5, 64, 1024, 65_536)
CREWS: Final = (1, 2, 4)
NAMES: Final = {
    "embedded": "shmtui, embedded",
    "named": "shmtui, named",
    "posix_ipc": "plain posix_ipc loop",
    "mp": "mp.Semaphore over shared_memory",
    "queue": "multiprocessing.Queue",
    "simplequeue": "multiprocessing.SimpleQueue",
    "c": "the same protocol in C",
}
PAIR: Final = Path(__file__).with_name("pair.c")
_SECONDS: Final = 0.6

Rates = dict[str, Figures]


def ours(kind: str, slots: int, each: int, seconds: float) -> float:
    """The real program, without a screen."""
    options = ["--slots", slots, "--semaphores", kind, "--duration", seconds, "--json"]
    options += ["--producers", each, "--consumers", each]
    command = [*SHMTUI, "run", f"/bench-{kind}", "--headless", *map(str, options)]
    done = subprocess.run(
        [*command, "--produce-rate", "max", "--consume-rate", "max"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )
    totals = json.loads(done.stdout)["totals"]
    assert totals["balanced"], totals
    return float(totals["consumed"] / totals["seconds"])


def theirs(kind: str, slots: int, each: int, seconds: float) -> float | None:
    """Another way that Python has; None where it cannot be done with so many slots."""
    command = [sys.executable, "-m", "tests.benchmarks.rivals", kind]
    done = subprocess.run(
        [*command, *map(str, (slots, each, each, seconds))],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=60,
    )
    return float(done.stdout) if done.returncode == 0 else None


def in_c(program: Path, seconds: float) -> float:
    """The program of :data:`PAIR`."""
    done = subprocess.run([program, "/bench-pair", str(seconds)], capture_output=True, check=True)
    return float(done.stdout)


def contest(effort: Effort, slots: int, each: int) -> Rates:
    """Everybody in turn."""
    seconds = effort.seconds(_SECONDS)
    contenders: dict[str, Callable[[], float | None]] = {
        kind: functools.partial(ours, kind, slots, each, seconds) for kind in ("embedded", "named")
    }
    for kind in ("posix_ipc", "mp", "queue", "simplequeue"):
        contenders[kind] = functools.partial(theirs, kind, slots, each, seconds)
    with contextlib.ExitStack() as cleaning:
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            flags = (f"-DN={slots}", f"-DP={each}", f"-DC={each}")
            program = cleaning.enter_context(compiled(PAIR, *flags))
            contenders["c"] = functools.partial(in_c, program, seconds)
        found = interleaved(effort.rounds(3), contenders)
    return {"c": Figures()} | found


def throughput(results: dict[tuple[int, int], Rates]) -> Table:
    """Thousands of items a second."""
    rows = [
        (
            f"{each}+{each}, {slots:,} slots",
            *(rates[kind].text(1e-3) for kind in NAMES),
        )
        for (each, slots), rates in results.items()
    ]
    return Table(
        "Workers: thousands of items a second, unthrottled",
        ("producers + consumers, slots", *NAMES.values()),
        tuple(rows),
        ("Median, and the least and the greatest. shmtui counts, sums up and dates its items and "
         "notes each step; the others do nothing of the kind. SimpleQueue has no number of slots.",),
    )  # fmt: skip


def standing(results: dict[tuple[int, int], Rates]) -> Table:
    """Our rates over the others', pair by pair."""
    rows = []
    for (each, slots), rates in results.items():
        best = rates["embedded"]
        rows.append(
            (
                f"{each}+{each}, {slots:,} slots",
                best.over(rates["queue"]).text(),
                best.over(rates["posix_ipc"]).text(),
                rates["named"].over(rates["posix_ipc"]).text(),
                best.over(rates["named"]).text(),
                best.over(rates["mp"]).text(),
                best.over(rates["c"]).text(),
            )
        )
    return Table(
        "Workers: ratios, each of two measurements made one after the other",
        ("producers + consumers, slots", "embedded / Queue", "embedded / posix_ipc",
         "named / posix_ipc", "embedded / named", "embedded / mp.Semaphore", "embedded / C"),
        tuple(rows),
        ("Goals: at least 4, at least 0.9, at least 0.9, at least 1.",),
    )  # fmt: skip


def run(effort: Effort) -> Iterator[Table]:
    """All sizes of crew and of ring."""
    results: dict[tuple[int, int], Rates] = {}
    for each in CREWS:
        for slots in SLOTS:
            progress(f"workers: {each}+{each}, {slots:,} slots")
            results[each, slots] = contest(effort, slots, each)
    yield throughput(results)
    yield standing(results)
