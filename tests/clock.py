"""A clock that a test turns by hand: thresholds of seconds pass at once, with real processes."""

import time

from shmtui.procfs.clock import Clock


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
