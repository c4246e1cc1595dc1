"""What recording costs by itself, how much a recording takes, and how long a jump in one takes."""

import functools
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from shmtui.monitor.sampler import Sampler
from shmtui.recording.recorder import RECORDED_SLOTS
from shmtui.recording.writer import RecordingWriter
from shmtui.session.replay_source import ReplaySource
from shmtui.snapshot import Snapshot
from tests.benchmarks.effort import Effort, interleaved, progress
from tests.benchmarks.programs import crew
from tests.benchmarks.scale import wait_for_crew
from tests.benchmarks.tables import Figures, Table

NAME: Final = "/bench-recording"
CREW: Final = 10
HERTZ: Final = 10
HOURS: Final = (1, 8)
"""How long the recordings are that are jumped in."""
_CREW_OPTIONS: Final = ("--slots", "64", "--producers", "5", "--consumers", "5")
RATES: Final = {"20": "at 20 items/s each", "max": "unthrottled"}
"""Of the workers. Those without a limit change every slot and every count between two snapshots."""


def sampled(sampler: Sampler, count: int) -> list[Snapshot]:
    """So many snapshots, at the pace of a recording."""
    found = []
    for _snapshot in range(count):
        found.append(sampler.sample())
        time.sleep(1 / HERTZ)
    return found


def later(snapshots: Sequence[Snapshot], count: int) -> Iterator[Snapshot]:
    """The snapshots again and again, each a tenth of a second after the one before."""
    first = snapshots[0]
    for number in range(count):
        yield replace(
            snapshots[number % len(snapshots)],
            time=first.time + number / HERTZ,
            monotonic_ns=first.monotonic_ns + number * 10**9 // HERTZ,
        )


def written(path: Path, snapshots: Sequence[Snapshot], count: int) -> float:
    """Milliseconds of processor time that a snapshot takes to be written."""
    path.unlink(missing_ok=True)
    began = time.process_time()
    with closing(RecordingWriter(path)) as writer:
        for snapshot in later(snapshots, count):
            writer.add(snapshot)
    return (time.process_time() - began) / count * 1e3


def cost(effort: Effort, sampler: Sampler, folder: Path, pace: str) -> tuple[Table, list[Snapshot]]:
    """A snapshot taken, and one written; ``pace``: that of the workers."""
    progress(f"recording: its cost, workers {pace}")
    snapshots = sampled(sampler, int(effort.seconds(40.0) * HERTZ))
    path = folder / "cost.rec"

    def taken() -> float:
        began = time.process_time()
        for _snapshot in range(20):
            sampler.sample()
        return (time.process_time() - began) / 20 * 1e3

    found = interleaved(
        effort.rounds(9),
        {"taken": taken, "written": lambda: written(path, snapshots, len(snapshots))},
    )
    size = path.stat().st_size / len(snapshots) * HERTZ * 3600 / 1e6
    rows = [
        (what, times.text(), times.text(HERTZ / 10), times.over(found["taken"]).text())
        for what, times in found.items()
    ]
    return Table(
        f"Recording 64 slots and {CREW} workers {pace} at {HERTZ} snapshots/s",
        ("a snapshot is", "ms of CPU", "% of a core", "× taken"),
        tuple(rows),
        (f"{size:.1f} MB an hour. Goals: 20 MB an hour; to write takes 1 % of a core.",),
    ), snapshots


def jump(source: ReplaySource, chance: random.Random) -> float:
    """Milliseconds that it takes to go anywhere: the frame, the minute before, the last events."""
    at = chance.random() * source.player.length
    began = time.perf_counter()
    source.move(lambda player: player.go_to(at))
    return (time.perf_counter() - began) * 1e3


def jumps(effort: Effort, snapshots: Sequence[Snapshot], folder: Path) -> Table:
    """In a short recording and a long one."""
    progress("recording: jumps")
    measures: dict[str, Callable[[], float]] = {}
    sources = []
    for hours in HOURS:
        path = folder / f"{hours}.rec"
        written(path, snapshots, hours * HERTZ * (900 if effort.short else 3600))
        sources.append(ReplaySource(path))
        measures[f"{hours} h"] = functools.partial(jump, sources[-1], random.Random(1))
    found: dict[str, Figures] = interleaved(effort.rounds(50), measures)
    for source in sources:
        source.close()
    short = found[f"{HOURS[0]} h"]
    return Table(
        "A jump in a recording",
        ("length", "ms", f"× {HOURS[0]} h"),
        tuple((length, times.text(), times.over(short).text()) for length, times in found.items()),
        ("Goal: 50 ms anywhere in 8 hours.",),
    )


def run(effort: Effort) -> Iterator[Table]:
    """On a buffer at work."""
    with tempfile.TemporaryDirectory() as folder:
        for rate, pace in RATES.items():
            rates = ("--produce-rate", rate, "--consume-rate", rate)
            with crew(NAME, *_CREW_OPTIONS, *rates):
                wait_for_crew(NAME, CREW)
                with closing(Sampler(NAME)) as sampler:
                    sampler.slots_shown = RECORDED_SLOTS
                    table, snapshots = cost(effort, sampler, Path(folder), pace)
            yield table
        yield jumps(effort, snapshots, Path(folder))
