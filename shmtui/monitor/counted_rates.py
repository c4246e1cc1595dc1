"""Rates from counts. Pure: a history of counts goes in, items per second come out.

Each count has the time of its last item, which makes slow rates exact: one item a second reads
as 1.00 and not as 0, 1 or 2, whenever the samples are taken.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final

import msgspec

WINDOW_NS: Final = 1_000_000_000
"""A fast rate is that of the last second."""
SILENCE_NS: Final = 10_000_000_000
"""After this time without an item, and three times the usual interval, the rate is zero."""
JITTER_NS: Final = 150_000_000
"""How late a sample may be."""


class Count(msgspec.Struct, frozen=True):
    """How many items there were, and the time of the last one (CLOCK_MONOTONIC ns)."""

    items: int
    last_ns: int


def rate(counts: Sequence[Count], now_ns: int) -> float | None:
    """Items per second from the first of the counts to the last; they have distinct times, the
    oldest first. None for fewer than two. It falls towards zero while the next item is overdue.

    >>> second = 1_000_000_000
    >>> rate([Count(1, 0), Count(2, second)], second + 5)
    1.0
    >>> rate([Count(1, 0), Count(2, second)], 5 * second)
    0.25
    >>> rate([Count(1, 0), Count(2, second)], 20 * second)
    0.0
    """
    if len(counts) < 2:
        return None
    newest, base = counts[-1], counts[0]
    items = newest.items - base.items
    elapsed = newest.last_ns - base.last_ns
    if items <= 0 or elapsed <= 0:
        return None
    interval = elapsed / items
    silence = now_ns - newest.last_ns
    if silence <= 1.5 * interval + JITTER_NS:
        return six_digits(items * 1e9 / elapsed)
    if silence > SILENCE_NS and silence > 3 * interval:
        return 0.0
    return six_digits(1e9 / silence)


def six_digits(value: float) -> float:
    """What no clock tells is left out: it would be a third of a recording of busy workers.

    >>> six_digits(119929.6297539148), six_digits(0.333333333)
    (119930.0, 0.333333)
    """
    return float(f"{value:.6g}")


class RateWindow:
    """The counts of one process that :func:`rate` needs."""

    __slots__ = ("_counts", "_first_ns")

    def __init__(self, now_ns: int) -> None:
        self._counts: deque[Count] = deque(maxlen=64)
        self._first_ns = now_ns

    def add(self, items: int, last_ns: int) -> None:
        """Take in a count; it changes nothing where its last item is known."""
        counts = self._counts
        if counts and (items < counts[-1].items or last_ns < counts[-1].last_ns):
            counts.clear()
        if items and (not counts or last_ns > counts[-1].last_ns):
            counts.append(Count(items, last_ns))
            # The last two stay, however slow the rate is.
            while len(counts) > 2 and last_ns - counts[0].last_ns > WINDOW_NS:
                counts.popleft()

    def rate(self, now_ns: int) -> float | None:
        """Items per second now. Before the first item: None, and 0.0 after a second."""
        if not self._counts:
            return 0.0 if now_ns - self._first_ns > WINDOW_NS else None
        if len(self._counts) == 1:
            silence = now_ns - max(self._counts[0].last_ns, self._first_ns)
            return 0.0 if silence > SILENCE_NS else None
        return rate(self._counts, now_ns)
