"""``python -m tests.benchmarks.foreign_rates``: the throughput shown of a foreign buffer, and the true one.

A C program moves items at a rate, through few slots and through many, with a payload that
counts and with two that do not. What is shown, sampled as the dashboard samples, stands
beside what the program counted itself over the same seconds. A plain number has to be within
1 % of it; a lower bound has to be marked as one, and not to exceed it. Exit code 1: one is not.
"""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from shmtui.layouts.options import LayoutOptions
from shmtui.monitor.ring_throughput import LONG_WINDOW_NS, PRECISION, WINDOW_NS
from shmtui.monitor.sampler import Sampler
from shmtui.shm.item_counts import Method, Throughput
from shmtui.shm.segment import unlink_segment
from tests.benchmarks.programs import compiled
from tests.benchmarks.tables import row as markdown_row

PEER: Final = Path(__file__).parent.parent / "peers" / "pace.c"
RATES: Final = (1, 30, 1_000, 100_000)
SLOTS: Final = (5, 1024)
PAYLOADS: Final = ("counting", "scattered", "same")
ALONE: Final = 10_000
"""Rates from here on are measured one at a time: two of them would take each other's processor."""
REFRESH: Final = 0.1
SECONDS: Final = LONG_WINDOW_NS / 1e9 + 2


@dataclass(slots=True)
class Row:
    """One program, and what is seen of it."""

    rate: float
    slots: int
    payload: str
    process: subprocess.Popen[str]
    sampler: Sampler
    counts: list[tuple[int, int]] = field(default_factory=list)
    """(time, items) by the program's own word."""
    shown: Throughput = field(default_factory=Throughput)

    def look(self) -> None:
        """Sample once, and ask the program."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.shown = self.sampler.sample().throughput
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        at, items = self.process.stdout.readline().split()
        self.counts.append((int(at), int(items)))

    @property
    def true(self) -> float:
        """Items a second over the seconds that the shown rate covers, where it is no slow one."""
        last_at, last = self.counts[-1]
        at, items = next(c for c in self.counts if last_at - c[0] <= WINDOW_NS)
        return (last - items) / ((last_at - at) / 1e9)

    def close(self) -> None:
        """End the program, and remove its segment."""
        self.sampler.close()
        self.process.kill()
        self.process.communicate()
        unlink_segment(self.sampler.name)

    def verdict(self, shown: float | None) -> tuple[str, bool]:
        """How a figure stands to the truth, and whether that may be."""
        if shown is None or self.shown.method is Method.UNKNOWN:
            return "unknown", True
        true = self.true
        # An item more or less falls into the window: at one a second that is a twelfth. Where
        # the program has kept its pace, the pace is the truth.
        grain = 1 / (WINDOW_NS / 1e9 * true)
        if abs(self.rate / true - 1) <= grain:
            true = self.rate
        if self.shown.method is Method.LOWER_BOUND:
            return f"≥ {shown:,.2f}" if shown else "unknown", shown <= true * (1 + PRECISION)
        off = shown / true - 1
        return f"{shown:,.2f} ({off:+.2%})", abs(off) <= PRECISION


def start(program: Path, rate: float, slots: int, payload: str) -> Row:
    """Start a program, and look at its segment."""
    name = f"/shmtui-rates-{os.getpid()}-{rate}-{slots}-{payload}"
    process = subprocess.Popen(
        [program, name, str(rate), payload],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    while not Path(f"/dev/shm{name}").exists() or not Path(f"/dev/shm{name}").stat().st_size:
        time.sleep(0.01)
    return Row(rate, slots, payload, process, Sampler(name, LayoutOptions(slots=slots)))


def measure(rows: Sequence[Row]) -> tuple[list[tuple[str, ...]], bool]:
    """Look at them for a window's length; a line of the table each, and whether all are right."""
    end = time.monotonic() + SECONDS
    due = time.monotonic()
    while due < end:
        for row in rows:
            row.look()
        due += REFRESH
        time.sleep(max(due - time.monotonic(), 0))
    right = True
    lines: list[tuple[str, ...]] = []
    for row in rows:
        produced, fine = row.verdict(row.shown.produced_per_s)
        consumed, fine_too = row.verdict(row.shown.consumed_per_s)
        right = right and fine and fine_too
        row.close()
        lines.append(
            (
                f"{row.rate:,}",
                str(row.slots),
                row.payload,
                f"{row.true:,.1f}",
                produced,
                consumed,
                str(row.shown.method),
                "yes" if fine and fine_too else "NO",
            )
        )
    return lines, right


def every_kind(
    rates: Sequence[float] = RATES,
    slots: Sequence[int] = SLOTS,
    payloads: Sequence[str] = PAYLOADS,
) -> Iterator[tuple[list[tuple[str, ...]], bool]]:
    """Measure them, the slow ones all at once."""
    with contextlib.ExitStack() as cleaning:
        programs = {n: cleaning.enter_context(compiled(PEER, f"-DN={n}")) for n in slots}
        kinds = [(r, s, p) for r in rates for s in slots for p in payloads]
        together = [kind for kind in kinds if kind[0] < ALONE]
        for group in (together, *([kind] for kind in kinds if kind[0] >= ALONE)):
            if group:
                yield measure([start(programs[s], r, s, p) for r, s, p in group])


COLUMNS: Final = (
    "set /s",
    "slots",
    "payload",
    "true /s",
    "produced",
    "consumed",
    "method",
    "right",
)


def main() -> int:
    """All rates, slots and payloads."""
    print(markdown_row(COLUMNS))  # noqa: T201 - the table is what this is for
    print("|---" * len(COLUMNS) + "|")  # noqa: T201
    right = True
    for lines, fine in every_kind():
        right &= fine
        for line in lines:
            print(markdown_row(line), flush=True)  # noqa: T201
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
