"""What many browsers cost more than one: the program's processor time, with viewers that read all."""

import asyncio
import contextlib
import functools
import time
from collections.abc import Iterator
from typing import Final

from tests.benchmarks.effort import Effort, interleaved, progress
from tests.benchmarks.programs import cpu_seconds, crew
from tests.benchmarks.tables import Figures, Table
from tests.serving import Serving, Viewer, looking

MANY: Final = 30
_SETTLE: Final = 2.0
"""Seconds before a measurement begins."""


async def cost(serving: Serving, viewers: int, seconds: float, pictures: list[float]) -> float:
    """Per cent of a core with so many viewers; the pictures a second of each go to ``pictures``."""

    async def read(viewer: Viewer) -> None:
        while True:
            await viewer.connection.recv()
            viewer.told += 1

    async with contextlib.AsyncExitStack() as stack:
        there = [await stack.enter_async_context(looking(serving.looking)) for _ in range(viewers)]
        reading = [asyncio.create_task(read(viewer)) for viewer in there]
        await asyncio.sleep(_SETTLE)
        told = sum(viewer.told for viewer in there)
        at, used = time.monotonic(), cpu_seconds(serving.process.pid)
        await asyncio.sleep(seconds)
        used, at = cpu_seconds(serving.process.pid) - used, time.monotonic() - at
        if viewers:
            pictures.append((sum(viewer.told for viewer in there) - told) / viewers / at)
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)
    return 100 * used / at


def run(effort: Effort) -> Iterator[Table]:
    """None, one and thirty, in turns, of one program."""
    progress("browsers")
    rates = ("--produce-rate", "50", "--consume-rate", "50")
    pictures: dict[int, list[float]] = {0: [], 1: [], MANY: []}
    with (
        crew("/bench-served", "--producers", "5", "--consumers", "5", *rates),
        Serving("/bench-served") as serving,
    ):
        measured = interleaved(
            effort.rounds(4),
            {
                viewers: functools.partial(
                    lambda n: asyncio.run(cost(serving, n, effort.seconds(6.0), pictures[n])),
                    viewers,
                )
                for viewers in pictures
            },
        )
    rows = [
        (
            str(viewers),
            figures.text(),
            figures.over(measured[1]).text(),
            Figures(tuple(pictures[viewers])).text(),
        )
        for viewers, figures in measured.items()
    ]
    yield Table(
        "Browsers: shmtui serve at 10 frames a second, 120×40, 10 workers",
        ("viewers", "CPU, % of a core", "× one viewer", "pictures/s for each"),
        tuple(rows),
        (
            f"Viewers read all that they are told. Goal: {MANY} cost less than 3 times as much as one.",
        ),
    )
