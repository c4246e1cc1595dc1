"""The clock: what time it is, and how long to wait. Tests turn one by hand."""

import time


class Clock:
    """The system's clock. A test passes a subclass that it turns by hand."""

    def monotonic_ns(self) -> int:
        """CLOCK_MONOTONIC in nanoseconds: the clock of a control block and of a snapshot."""
        return time.monotonic_ns()

    def monotonic(self) -> float:
        """The same in seconds, for deadlines."""
        return self.monotonic_ns() / 1e9

    def time(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait; zero or less returns at once."""
        if seconds > 0:
            time.sleep(seconds)


SYSTEM_CLOCK = Clock()
"""What everything uses unless it is told otherwise."""
