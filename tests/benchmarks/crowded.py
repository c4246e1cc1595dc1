"""What the rest of the machine costs: processes, mappings, threads and segments that nobody looks at."""

import functools
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Final

from shmtui.shm.segment import SHM_DIR, segment_path
from tests.benchmarks.effort import Effort, progress
from tests.benchmarks.programs import SHMTUI, Screen, compiled, crew
from tests.benchmarks.scale import HZ, frame, look, wait_for_crew
from tests.benchmarks.tables import Figures, Table

_SETTLE: Final = 6.0
_NAME: Final = "/bench-crowded"
_SEGMENTS: Final = 2000

Crowd = Callable[[], AbstractContextManager[None]]


@contextmanager
def crowd(program: Path, *words: str) -> Iterator[None]:
    """Others on the machine, as crowd.c makes them."""
    with subprocess.Popen([str(program), *words], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            yield
        finally:
            process.kill()
            for path in (
                *Path(SHM_DIR).glob("bench-object-*"),
                *Path(SHM_DIR).glob("sem.bench-object-*"),
            ):
                path.unlink()


@contextmanager
def segments() -> Iterator[None]:
    """Files under /dev/shm that nobody uses."""
    made = [Path(SHM_DIR) / f"bench-crowded-{os.getpid()}-{n}" for n in range(_SEGMENTS)]
    try:
        for path in made:
            path.write_bytes(bytes(128))
        yield
    finally:
        for path in made:
            path.unlink(missing_ok=True)


def beside(effort: Effort, program: Path) -> Table:
    """The same dashboard and the same look, with others on the machine and without."""
    threads = functools.partial(crowd, program, "threads", segment_path(_NAME))
    pairs: tuple[tuple[str, Crowd, str, Crowd], ...] = (
        (
            "1,000 processes",
            functools.partial(crowd, program, "processes", "1000"),
            "",
            nullcontext,
        ),
        (
            "300 processes of 1,500 mappings",
            functools.partial(crowd, program, "mappings", "300", "1500"),
            "",
            nullcontext,
        ),
        (f"{_SEGMENTS:,} segments", segments, "", nullcontext),
        (
            "10,000 threads in one that maps it",
            functools.partial(threads, "10000"),
            "one that maps it",
            functools.partial(threads, "1"),
        ),
    )
    rows = []
    seconds = effort.seconds(8.0)
    for name, crowded, without, alone in pairs:
        progress(f"crowded: {name}")
        frames: list[list[float]] = [[], []]
        starts: list[list[float]] = [[], []]
        looks: list[list[float]] = [[], []]
        for _round in range(effort.rounds(3)):
            for at, others in enumerate((alone, crowded)):
                with others():
                    frames[at].append((frame(_NAME, seconds) or 0.0) * HZ / 10)
                    start, each_look = look(_NAME)
                    starts[at].append(start)
                    looks[at].append(each_look)
        for at, what in enumerate((without or "nothing beside", name)):
            share, each = Figures(tuple(frames[at])), Figures(tuple(looks[at]))
            rows.append(
                (
                    what,
                    share.text(),
                    share.over(Figures(tuple(frames[0]))).text(),
                    each.text(),
                    each.over(Figures(tuple(looks[0]))).text(),
                    Figures(tuple(starts[at])).text(),
                )
            )
    return Table(
        "Crowded: what others on the machine cost",
        ("beside", "dashboard, % of a core", "× without", "look of stat, ms of CPU", "× without ",
         "start of stat, ms of CPU"),
        tuple(rows),
        ("Two workers at an item a second; frames at 10/s on 120×40. Each row of others stands below its "
         "own measurement without them. Goal: at most 1.2. The start of stat has its first two looks in it, "
         "which look at all processes.",),
    )  # fmt: skip


def top(effort: Effort, program: Path) -> Table:
    """The list of all, at its own rate."""
    progress("crowded: top")
    shares = []
    with crowd(program, "objects", "500", "200"):
        for _round in range(effort.rounds(3)):
            with Screen((*SHMTUI, "top")) as screen:
                screen.cost(_SETTLE)
                cost = screen.cost(effort.seconds(15.0))
            shares += [] if cost is None else [cost.cpu * 10]
    return Table(
        "Crowded: shmtui top, 500 processes and 200 objects",
        ("ms of CPU a second",),
        ((Figures(tuple(shares)).text(),),),
        ("A fifth of the processes runs five times a second. Goal: under 30.",),
    )


def run(effort: Effort) -> Iterator[Table]:
    """Both."""
    with ExitStack() as cleaning:
        program = cleaning.enter_context(compiled(Path(__file__).parent / "crowd.c", "-w"))
        with crew(_NAME, "--produce-rate", "1", "--consume-rate", "1"):
            wait_for_crew(_NAME, 2)
            time.sleep(1)
            yield beside(effort, program)
        yield top(effort, program)
