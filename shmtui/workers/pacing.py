"""When a worker's next item is due, from its rate and its deadlines so far. Pure.

Deadlines are absolute, so a late item does not delay those after it. A worker that is late by more
than `BACKLOG_NS` and a period was blocked: it starts anew from now, and does not make up for the
time in a burst.
"""

import math
from typing import Final

BACKLOG_NS: Final = 250_000_000


class Pacer:
    """Deadlines of one worker. All times are nanoseconds of one monotonic clock."""

    def __init__(self) -> None:
        self.period_ns = 0
        """From item to item; 0 is unthrottled."""
        self.due_ns = 0
        """Deadline of the next item; of no meaning while unthrottled."""

    def restart(self, now_ns: int) -> None:
        """The next item is due one period from now: after a start, or a pause."""
        self.due_ns = now_ns

    def set_rate(self, rate: float, now_ns: int, *, waiting: bool) -> None:
        """Change to ``rate`` items per second, infinite for unthrottled.

        ``waiting``: the worker waits for its deadline, which moves as if the rate had been this
        one since the last item. Else the item is due already and stays so.
        """
        period_ns = 0 if math.isinf(rate) else round(1e9 / rate)
        if self.period_ns and period_ns:
            if waiting:
                self.due_ns += period_ns - self.period_ns
        elif period_ns:
            self.due_ns = now_ns
        self.period_ns = period_ns

    def advance(self, now_ns: int) -> None:
        """An item has been moved: the next is due a period after the last one was."""
        self.due_ns += self.period_ns
        if now_ns - self.due_ns > max(BACKLOG_NS, self.period_ns):
            self.due_ns = now_ns
