"""Orders in no order: keys, signals, sizes and stalls against the real program, from a seed.

The same seed gives the same orders; what they meet depends on where the workers stand by then.
"""

import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from shmtui.shm.control_format import RecordState
from shmtui.shm.faults import Fault
from shmtui.shm.protocol import Step
from tests.program import run_shmtui, worker_records
from tests.terminal import Terminal
from tests.waiting import poll

MOST_WORKERS: Final = 10
LOSING: Final = frozenset({Fault.NO_MUTEX, Fault.DOUBLE_POST_MUTEX, Fault.DOUBLE_POST_PERMIT})
"""Mistakes that items are lost by, or taken twice."""
HALF_DONE: Final = frozenset({Step.TRANSFER, Step.POST_MUTEX})
"""Where a killed worker may have moved an item that it has not counted."""
SIZES: Final = ((120, 40), (80, 24), (50, 20), (200, 60), (20, 6), (250, 70), (10, 3), (1, 1))


@dataclass(frozen=True, slots=True)
class Resources:
    """What a process holds."""

    descriptors: int
    threads: int
    children: frozenset[int]


def resources_of(pid: int) -> Resources:
    """Open descriptors, threads and children of a process."""
    tasks = os.listdir(f"/proc/{pid}/task")
    children: set[int] = set()
    for task in tasks:
        with contextlib.suppress(FileNotFoundError):
            children.update(map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split()))
    return Resources(len(os.listdir(f"/proc/{pid}/fd")), len(tasks), frozenset(children))


class Chaos:
    """Gives orders to one dashboard, and keeps count of what may have come of them."""

    def __init__(
        self, name: str, terminal: Terminal, seed: int, *, faults: bool, paced: bool = False
    ) -> None:
        """``faults``: mistakes and repairs too. ``paced``: no worker is hurried far beyond its start,
        and what is stuck is repaired, so that it can go on for hours.
        """
        self.name = name
        self.terminal = terminal
        self._size = SIZES[0]
        self.given: Counter[str] = Counter()
        self.last: list[str] = []
        """The newest orders, for who looks for what went wrong."""
        self.half_done = 0
        """Workers that were killed where an item may be uncounted."""
        self.lossy = False
        """A mistake was told that items are lost by."""
        self.observers: list[Terminal] = []
        self._random = Random(seed)
        self._paced = paced
        self._seen_dead: set[tuple[int, int]] = set()
        self._orders = [*self._keys(), *self._signals(), *self._around()]
        if faults:
            self._orders += [("a fault", 5, self._fault)]
        if faults or paced:
            self._orders += [("repair", 2, self._repair)]

    def give(self) -> None:
        """One order, and a moment for it."""
        names, weights, orders = zip(*self._orders, strict=True)
        (at,) = self._random.choices(range(len(names)), weights)
        self.given[names[at]] += 1
        self.last = [*self.last[-30:], names[at]]
        orders[at]()
        self.watch(self._random.choice((0.0, 0.02, 0.05, 0.2)))

    def watch(self, seconds: float) -> None:
        """Let it draw for so long; note who has died and how."""
        end = time.monotonic() + seconds
        while True:
            for terminal in (self.terminal, *self.observers):
                while terminal.skip():
                    pass
            if time.monotonic() >= end:
                break
            time.sleep(0.01)
        code = self.terminal.process.poll()
        assert code is None, f"it ended with {code}: {self.terminal.raw[-3000:]!r}"
        for record in worker_records(self.name):
            self.lossy = self.lossy or record.fault in LOSING
            who = (record.pid, record.start_time)
            if record.state is RecordState.ENDED and who not in self._seen_dead:
                self._seen_dead.add(who)
                killed = record.exit_status == -signal.SIGKILL
                self.half_done += killed and record.step in HALF_DONE

    @property
    def workers(self) -> list[int]:
        """The live ones."""
        return [r.pid for r in worker_records(self.name) if r.state is RecordState.LIVE and r.pid]

    def close(self) -> None:
        """End the observers."""
        for terminal in self.observers:
            terminal.__exit__(None, None, None)

    # -- orders -----------------------------------------------------------------------------

    def _keys(self) -> Iterator[tuple[str, int, Callable[[], None]]]:
        plain = {
            "choose": (16, ("up", "down", "home", "end", "pagedown")),
            "pace": (12, ("+", "-", "-", "0") if self._paced else ("+", "-", "m", "0", "+", "+")),
            "pause": (8, ("space",)),
            "step": (6, ("s",)),
            "end": (2, ("t",)),
            "kill": (2, ("K",)),
            "freeze": (3, ("z",)),
            "panel": (6, ("tab", "1", "2", "3", "4", "5", "f", "escape")),
            # Other actors' segments are on the list.
            "open": (3, ("?", "l") if self._paced else ("?", "o", "enter", "ctrl+p", "l")),
            "close": (8, ("escape",)),
            "audit": (2, ("v",)),
            "odd keys": (2, ("\x1b[200~paste\x1b[201~", "\x1b[<64;5;5M", "é", "\x00", "\x1bO")),
        }
        for name, (weight, keys) in plain.items():
            yield name, weight, lambda keys=keys: self._press(self._random.choice(keys))  # type: ignore[misc]
        yield "add", 8, self._add

    def _press(self, *keys: str) -> None:
        self.terminal.press(*keys)

    def _add(self) -> None:
        key = self._random.choice("pc")
        if len(self.workers) < MOST_WORKERS:
            self._press("escape", key)

    def _resize(self) -> None:
        self._size = self._random.choice(SIZES)
        self.terminal.resize(*self._size)

    def _click(self) -> None:
        """Above the key bar: a click on its last key is an end that nobody ordered."""
        columns, rows = self._size
        self.terminal.click(
            self._random.randrange(columns), self._random.randrange(max(1, rows - 4))
        )

    def _signals(self) -> Iterator[tuple[str, int, Callable[[], None]]]:
        for number, weight in ((signal.SIGKILL, 3), (signal.SIGSTOP, 5), (signal.SIGCONT, 8)):
            yield number.name, weight, lambda number=number: self._signal(number)  # type: ignore[misc]

    def _signal(self, number: signal.Signals) -> None:
        which, workers = self._random.random(), self.workers
        if workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(workers[int(which * len(workers))], number)

    def _around(self) -> Iterator[tuple[str, int, Callable[[], None]]]:
        yield "resize", 4, self._resize
        yield "click", 4, self._click
        yield "stall", 1, lambda: time.sleep(self._random.choice((0.5, 1.5, 2.5)))
        yield "attach", 1, self._attach
        yield "detach", 1, self._detach
        yield "look", 1, self._look

    def _attach(self) -> None:
        if len(self.observers) < 2:
            self.observers.append(Terminal("attach", self.name, columns=80, rows=24).__enter__())

    def _detach(self) -> None:
        how = self._random.choice(("q", "hang up", signal.SIGTERM, signal.SIGKILL))
        if not self.observers:
            return
        terminal = self.observers.pop(0)
        if isinstance(how, signal.Signals):
            terminal.signal(how)
        elif how == "hang up":
            terminal.hang_up()
        else:
            terminal.press("q")
        poll(lambda: not terminal.skip() and terminal.process.poll() is not None, "it ends")
        assert b"Traceback" not in terminal.raw
        terminal.__exit__(None, None, None)

    def _look(self) -> None:
        arguments = self._random.choice(
            (("stat", self.name, "--json"), ("check", self.name, "--for", "0.3"), ("ls",))
        )
        done = run_shmtui(*arguments)
        # On a busy machine so short a look may leave something undecided.
        undecided = done.returncode == 2 and "undecided: " in done.stdout
        assert undecided or done.returncode in {0, 1}, done
        assert done.stderr == ""

    def _fault(self) -> None:
        down = self._random.randrange(len(Fault))
        self._press("escape", "x")
        self.watch(0.1)
        self._press(*["down"] * down, "enter")

    def _repair(self) -> None:
        self._press("escape", "r")
        self.watch(self._random.choice((0.2, 3.0)))
        self._press(self._random.choice(("y", "escape")))
        self.watch(self._random.choice((0.0, 2.0)))
