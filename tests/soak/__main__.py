"""``python -m tests.soak [--minutes 60] [--seed S] [--output FILE]``: an hour that holds the events of eight.

A report in Markdown is printed, or written; the exit code is 1 where anything was wrong.
"""

import argparse
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from multiprocessing.context import ForkProcess
from pathlib import Path
from types import FrameType
from typing import Final

os.environ |= {"SHMTUI_LANG": "en"}

from tests.soak import passers, rings, watchers
from tests.soak.journal import WRONG, Stage, read
from tests.soak.report import report
from tests.soak.sizes import Sizes
from tests.traces import MARK, Before, all_processes, shm_entries
from tests.waiting import PATIENCE, poll

ACTORS: Final = (
    rings.chaos, rings.deaths, rings.counted, watchers.recorders, watchers.exporter, watchers.browsers,
    watchers.top, passers.healthy_long, passers.healthy_brief, passers.sick_long, passers.sick_brief,
    passers.objects,
)  # fmt: skip
_FORK: Final = multiprocessing.get_context("fork")
_AGAIN_S: Final = 2.0
"""Between the end of an actor that failed and its new beginning."""
_SAMPLE_S: Final = 10.0
_TICK_S: Final = 0.5
_LAST_S: Final = 5 * PATIENCE
"""For what was begun, and for the recordings of an hour to be read."""


def _hear_signals() -> None:
    """Programs that are started get the signals that a shell has this one ignore, as it does in the
    background; a hang-up does not end this one.
    """
    for number, handler in (
        (signal.SIGHUP, lambda *_: None),
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGQUIT, signal.SIG_DFL),
    ):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


def _ended(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _act(actor: int, stage: Stage) -> None:
    """An actor in a process of its own; begun anew until the time is over."""
    signal.signal(signal.SIGTERM, _ended)
    act = ACTORS[actor]
    while stage.going:
        with stage.attempt(stage.who):
            act(stage)
        stage.rest(_AGAIN_S)


def soak(seconds: float, seed: int, folder: Path) -> tuple[list[str], bool]:
    """The lines of the report, and whether all was well."""
    mark = f"soak-{os.getpid()}"
    os.environ |= {
        MARK: mark,
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_CONFIG_HOME": str(folder / "config"),
    }
    before = Before(shm_entries(), all_processes())
    began = time.monotonic()
    journal = folder / "journal"
    stages = [
        Stage(act.__name__, seed, folder, journal, began + seconds, seconds) for act in ACTORS
    ]
    judge = Stage("soak", seed, folder, journal, began + seconds, seconds)
    processes = [
        _FORK.Process(target=_act, args=(number, stage), name=stage.who)
        for number, stage in enumerate(stages)
    ]
    sizes = Sizes(journal)
    try:
        for process in processes:
            process.start()
        _watch(processes, sizes, began + seconds + _LAST_S, seconds)
    finally:
        _end(processes, judge)
    used = os.times()
    with judge.attempt("what is left at the end"):
        try:
            poll(lambda: not before.leftovers(mark), "nothing is left")
        except AssertionError:
            left = before.leftovers(mark)
            before.clear(mark)
            raise AssertionError(f"left behind: {left}") from None
    cores = (used.children_user + used.children_system) / (time.monotonic() - began)
    lines = report(read(journal), sizes.samples, began, seed, cores)
    return lines, not any(line.startswith("FAILED") for line in lines)


def _watch(processes: list[ForkProcess], sizes: Sizes, limit: float, seconds: float) -> None:
    """Sample all that live long, until every actor has ended."""
    step = min(_SAMPLE_S, seconds / 30)
    due = time.monotonic()
    while any(process.is_alive() for process in processes) and time.monotonic() < limit:
        if time.monotonic() >= due:
            due += step
            sizes.take()
        time.sleep(min(_TICK_S, step))


def _end(processes: list[ForkProcess], judge: Stage) -> None:
    """End the actors that have not ended."""
    for process in processes:
        if process.is_alive():
            judge.tell(WRONG, f"{process.name} does not end")
            process.terminate()
    for process in processes:
        if process.pid is not None:
            process.join(PATIENCE)
            process.kill()
            process.join()


def main() -> int:
    """Run, and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    _hear_signals()
    with tempfile.TemporaryDirectory() as folder:
        lines, well = soak(given.minutes * 60, given.seed, Path(folder))
    text = "\n".join(lines) + "\n"
    if given.output:
        given.output.write_text(text)
    sys.stdout.write(text)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
