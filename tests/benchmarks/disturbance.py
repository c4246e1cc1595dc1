"""What watching does to the watched: the throughput of a C pair with and without a watcher."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from shmtui.shm.segment import unlink_segment
from tests.benchmarks.effort import Effort, progress
from tests.benchmarks.programs import SHMTUI, Screen, background, compiled, find
from tests.benchmarks.tables import Figures, Table

PACE: Final = Path(__file__).parent.parent / "peers" / "pace.c"
SLOTS: Final = 1024
SETTLE: Final = 1.0
GET_READY: Final = 15.0
UNTHROTTLED: Final = 1e12


class Pair:
    """A producer and a consumer in C, and how many items they have moved."""

    def __init__(self, program: Path, name: str, rate: float, core: int | None = None) -> None:
        self.name = name
        pinned = (lambda: os.sched_setaffinity(0, {core})) if core is not None else None
        self.process = subprocess.Popen(
            [program, name, str(rate), "counting"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=pinned,  # noqa: PLW1509 - no threads yet
        )

    def rate(self, seconds: float) -> float:
        """Items a second from now on."""
        at, items = self._count()
        time.sleep(seconds)
        later, more = self._count()
        return (more - items) * 1e9 / (later - at)

    def _count(self) -> tuple[int, int]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        at, items = self.process.stdout.readline().split()
        return int(at), int(items)

    @property
    def workers(self) -> list[int]:
        """The two processes that move items."""
        tasks = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in tasks.read_text().split()]

    def wait_until_running(self) -> None:
        """Until a debugger that is getting ready lets them go on, or has had its time.

        One that stops them at each system call is seen running too, now and then.
        """
        deadline = time.monotonic() + GET_READY
        for pid in self.workers:
            while time.monotonic() < deadline:
                status = Path(f"/proc/{pid}/status").read_text()
                if "State:\tt" not in status:
                    break
                time.sleep(0.01)

    def close(self) -> None:
        """End them."""
        self.process.kill()
        self.process.communicate()
        unlink_segment(self.name)


Watch = Callable[[Pair], contextlib.AbstractContextManager[bool]]


@contextmanager
def attached(pair: Pair) -> Iterator[bool]:
    """The dashboard."""
    with Screen((*SHMTUI, "attach", pair.name, "--slots", str(SLOTS))):
        yield True


@contextmanager
def watched_by_all(pair: Pair) -> Iterator[bool]:
    """The list of all segments, and two dashboards."""
    attach = (*SHMTUI, "attach", pair.name, "--slots", str(SLOTS))
    with Screen((*SHMTUI, "top")), Screen(attach), Screen(attach):
        yield True


@contextmanager
def looked_at(pair: Pair) -> Iterator[bool]:
    """A stream of snapshots."""
    command = [*SHMTUI, "stat", pair.name, "--slots", str(SLOTS), "--interval", "0.1", "--json"]
    with background(command):
        yield True


@contextmanager
def straced(pair: Pair) -> Iterator[bool]:
    """``strace -f`` on both."""
    path = find("strace")
    if path is None:
        yield False
        return
    pids = [f"--attach={pid}" for pid in pair.workers]
    with background([path, "-f", "-o", os.devnull, *pids]):
        yield True


@contextmanager
def debugged(pair: Pair) -> Iterator[bool]:
    """Two gdb, one on each; they let them run."""
    path = find("gdb")
    if path is None:
        yield False
        return
    with contextlib.ExitStack() as both:
        for pid in pair.workers:
            command = [path, "-batch", "-nx", "-p", str(pid), "-ex", "continue"]
            both.enter_context(background(command))
        yield True


WATCHERS: Final[dict[str, Watch]] = {
    "attach": attached,
    "top and two attach": watched_by_all,
    "stat --interval 0.1": looked_at,
    "strace -f": straced,
    "gdb": debugged,
}


def disturbed(effort: Effort, pair: Pair, watch: Watch, seconds: float) -> Figures:
    """Throughput while watched over the mean of that just before and just after."""
    ratios = []
    for _ in range(effort.rounds(4)):
        before = pair.rate(seconds)
        with watch(pair) as there:
            if not there:
                return Figures()
            time.sleep(SETTLE)
            pair.wait_until_running()
            during = pair.rate(seconds)
        # Whoever stopped them by leaving is made up for.
        for pid in pair.workers:
            os.kill(pid, signal.SIGCONT)
        time.sleep(SETTLE / 4)
        after = pair.rate(seconds)
        ratios.append(2 * during / (before + after))
    return Figures(tuple(ratios))


def run(effort: Effort) -> Iterator[Table]:
    """Paced, unthrottled on all cores, and unthrottled with a core left free."""
    seconds = effort.seconds(1.5)
    with compiled(PACE, f"-DN={SLOTS}") as program:
        name = f"/bench-watched-{os.getpid()}"
        pair = Pair(program, name, UNTHROTTLED)
        try:
            time.sleep(SETTLE)
            most = min(pair.rate(1.0) for _ in range(effort.rounds(8)))
        finally:
            pair.close()
        first = min(os.sched_getaffinity(0))
        loads: dict[str, tuple[float, int | None]] = {
            f"paced at {0.8 * most:,.0f} items/s, 80 % of the least they can": (0.8 * most, None),
            "unthrottled, a core each": (UNTHROTTLED, None),
            "unthrottled, both on one core": (UNTHROTTLED, first),
        }
        rows = []
        for load, (rate, core) in loads.items():
            progress(f"disturbance: {load}")
            pair = Pair(program, name, rate, core)
            try:
                time.sleep(SETTLE)
                cells = [disturbed(effort, pair, w, seconds).text() for w in WATCHERS.values()]
            finally:
                pair.close()
            rows.append((load, *cells))
    yield Table(
        "Disturbance: throughput of a C pair while watched over that while not",
        ("load", *WATCHERS),
        tuple(rows),
        (f"{SLOTS} slots. Each figure is of three measurements in a row: without, with and without "
         "the watcher. The pace is set by the slowest of eight seconds without one. Goals for those "
         "of shmtui: at least 0.995 paced; at least 0.97 unthrottled "
         "where a core is free, which on a machine of two cores is the last line.",),
    )  # fmt: skip
