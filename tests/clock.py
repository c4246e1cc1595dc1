"""A clock that a test turns by hand: thresholds of seconds pass at once, with real processes."""

import time
from collections.abc import Callable
from typing import Final

from shmtui.diagnosis.history import position
from shmtui.procfs.clock import Clock
from shmtui.snapshot import Origin, ProcessState, Snapshot
from tests.waiting import poll

_GOING: Final = {ProcessState.STARTING, ProcessState.RUNNING, ProcessState.PACING}


class ManualClock(Clock):
    """The system's clock, ahead by as much as it was turned; waiting turns it.

    It starts at the system's time and goes on with it, since real workers write that time into
    their records. What a test waits for by this clock is seconds; what it waits for by the
    machine is a condition, by :func:`tests.waiting.poll`.
    """

    def __init__(self) -> None:
        self._ahead_ns = 0

    def monotonic_ns(self) -> int:
        """The system's, and what it was turned by."""
        return time.monotonic_ns() + self._ahead_ns

    def time(self) -> float:
        """The system's, and what it was turned by."""
        return time.time() + self._ahead_ns / 1e9

    def advance(self, seconds: float) -> None:
        """Turn it on."""
        self._ahead_ns += round(seconds * 1e9)

    def sleep(self, seconds: float) -> None:
        """Turn it on; others get a turn on the processor meanwhile."""
        self.advance(max(seconds, 0.0))
        time.sleep(0)


def at_rest(before: Snapshot, now: Snapshot) -> bool:
    """Whether nothing moved between two snapshots, and no worker is about to move something."""
    going = any(p.origin is Origin.WORKER and p.state in _GOING for p in now.processes)
    return not going and position(before) == position(now)


def sample_until(
    clock: ManualClock,
    sample: Callable[[], Snapshot],
    holds: Callable[[Snapshot], object],
    what: str,
    step: float = 0.2,
) -> Snapshot:
    """The first sample that ``holds``. While everything is at rest the clock is turned on by
    ``step`` seconds a sample: what then has to last some seconds lasts some samples. While
    something moves, time passes as it does.
    """
    last: Snapshot | None = None

    def try_once() -> Snapshot | None:
        nonlocal last
        snapshot = sample()
        if holds(snapshot):
            return snapshot
        if last is not None and at_rest(last, snapshot):
            clock.advance(step)
        last = snapshot
        return None

    return poll(try_once, what)
