"""Whether workers keep the pace they are told, and whether the rate shown is the true one."""

import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shmtui.errors import MissingSegmentError
from shmtui.monitor.sampler import Sampler
from shmtui.shm.segment import segment_path
from tests.benchmarks import foreign_rates
from tests.benchmarks.effort import Effort, progress
from tests.benchmarks.programs import SHMTUI, Screen
from tests.benchmarks.tables import MISSING, Table

RATES: Final = (0.1, 1.0, 10.0, 100.0, 1_000.0, 10_000.0, 100_000.0)
ALONE: Final = 1_000.0
"""From here on rates are measured one at a time."""
LOOK: Final = 0.1
READY: Final = 30.0
"""Seconds that a run has to make its segment."""


@dataclass(slots=True)
class Run:
    """A producer at a rate, and what is seen of it until it ends."""

    rate: float
    seconds: float
    process: subprocess.Popen[bytes]
    shown: float | None = None

    def line(self) -> tuple[str, ...]:
        """Pace and shown rate, each over what was asked."""
        output, _ = self.process.communicate()
        totals = json.loads(output)["totals"]
        expected = self.rate * self.seconds
        error = totals["produced"] / expected - 1
        shown = MISSING if self.shown is None else f"{self.shown / self.rate - 1:+.3%}"
        return (
            f"{self.rate:,g}",
            f"{totals['produced']:,}",
            f"{error:+.3%}",
            shown,
        )


def start(rate: float, seconds: float) -> Run:
    """Start a run of the real program."""
    options = ["--produce-rate", rate, "--consume-rate", "max", "--slots", 1024]
    options += ["--duration", seconds, "--json"]
    command = [*SHMTUI, "run", name_of(rate), "--headless", *map(str, options)]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    return Run(rate, seconds, process)


def name_of(rate: float) -> str:
    """Its segment."""
    return f"/bench-pace-{rate:g}"


def watch(runs: Sequence[Run]) -> None:
    """Look at them as the dashboard does, until a moment before they end."""
    samplers: dict[float, Sampler] = {}
    end = time.monotonic() + runs[0].seconds
    while time.monotonic() < end:
        for run in runs:
            if run.rate not in samplers:
                try:
                    samplers[run.rate] = Sampler(name_of(run.rate))
                except MissingSegmentError:
                    continue
            shown = samplers[run.rate].sample().throughput.produced_per_s
            if shown:
                run.shown = shown
        time.sleep(LOOK)
    for sampler in samplers.values():
        sampler.close()


def paced(effort: Effort) -> Table:
    """Workers of our own, from one item in ten seconds to a hundred thousand a second."""
    slow = [rate for rate in RATES if rate < ALONE]
    rows: list[tuple[str, ...]] = []
    for group in (slow, *([rate] for rate in RATES if rate >= ALONE)):
        seconds = 30.0 if group is slow else max(effort.seconds(6.0), 4.0)
        progress(f"accuracy: workers at {', '.join(f'{rate:g}' for rate in group)} items/s")
        runs = [start(rate, seconds) for rate in group]
        watch(runs)
        rows += [run.line() for run in runs]
    return Table(
        "Accuracy: the pace of shmtui's workers, and the rate shown of them",
        ("items/s asked for", "items", "error of the pace", "error of the rate shown"),
        tuple(rows),
        ("The pace is that of a whole run; the rate shown is the last before its end, by the method "
         "`counters`. Goal: ±0.5 % from 0.1 to 10,000 items/s.",),
    )  # fmt: skip


def paced_while_watched(effort: Effort) -> Table:
    """The same workers, with the list of all segments and two dashboards open."""
    rows: list[tuple[str, ...]] = []
    for rate in (1_000.0, 10_000.0):
        progress(f"accuracy: workers at {rate:g} items/s, watched")
        run = start(rate, max(effort.seconds(12.0), 6.0))
        attach = (*SHMTUI, "attach", name_of(rate))
        deadline = time.monotonic() + READY
        while not Path(segment_path(name_of(rate))).exists() and time.monotonic() < deadline:
            time.sleep(LOOK)
        with Screen((*SHMTUI, "top")), Screen(attach), Screen(attach):
            run.process.wait()
        rows.append(run.line()[:-1])
    return Table(
        "Accuracy: the pace of shmtui's workers while shmtui top and two dashboards are open",
        ("items/s asked for", "items", "error of the pace"),
        tuple(rows),
        ("Goal: at least 99.5 % of what is asked for.",),
    )


def foreign(effort: Effort) -> Table:
    """A C program's, of which nothing but the ring is seen."""
    progress("accuracy: foreign buffers")
    rates = (0.1, 1, 30, 1_000, 100_000)
    payloads = ("counting", "same") if effort.short else foreign_rates.PAYLOADS
    lines = [
        line
        for found, _ in foreign_rates.every_kind(
            rates[1:] if effort.short else rates,
            foreign_rates.SLOTS[-1:] if effort.short else foreign_rates.SLOTS,
            payloads,
        )
        for line in found
    ]
    return Table(
        "Accuracy: the rate shown of a C program, by method",
        foreign_rates.COLUMNS,
        tuple(lines),
        ("A plain number has to be within 1 % of the true one, a bound (≥) below it; `unknown` "
         "is said where the ring does not tell.",),
    )  # fmt: skip


def run(effort: Effort) -> Iterator[Table]:
    """Ours and others'."""
    yield paced(effort)
    yield paced_while_watched(effort)
    yield foreign(effort)
