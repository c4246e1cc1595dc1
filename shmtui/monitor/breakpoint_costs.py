"""What hits of breakpoints cost the programs that are counted, and whether that is too much. Pure."""

from collections import deque
from typing import Final, NamedTuple

from shmtui.i18n import _
from shmtui.monitor.store_counts import ENOUGH

LIMIT: Final = 0.01
"""Part of a processor that hits may cost."""
_WINDOW_NS: Final = 3_000_000_000
"""Over which the cost is averaged: a program that was held up makes up for it in a burst."""


class HitRates(NamedTuple):
    """By the second."""

    slots: float = 0.0
    indices: float = 0.0
    turns: float = 0.0
    """Turns on a processor of those that are watched: each switches the breakpoints on and off."""


class HitCosts:
    """The hits of the last seconds, at ``hit_seconds`` each."""

    def __init__(self, hit_seconds: float) -> None:
        self.hit_seconds = hit_seconds
        self._hits: deque[tuple[int, HitRates]] = deque()
        """Time, and what there was since the one before."""
        self.tried = HitRates()
        """The rates of a trial."""

    @property
    def budget(self) -> float:
        """Hits a second that may be."""
        return LIMIT / self.hit_seconds

    @property
    def rates(self) -> HitRates:
        """Of the last seconds; those of the trial before there are enough of them."""
        return self.tried if len(self._hits) <= ENOUGH else self._recent

    @property
    def _recent(self) -> HitRates:
        seconds = max(self._hits[-1][0] - self._hits[0][0], 1) / 1e9
        more = [each for _at, each in self._hits][1:]
        return HitRates(*(sum(kind) / seconds for kind in zip(*more, strict=True)))

    def clear(self) -> None:
        self._hits.clear()

    def add(self, now_ns: int, more: HitRates) -> None:
        """Take what there was since the last time, in numbers."""
        self._hits.append((now_ns, more))
        while now_ns - self._hits[0][0] > _WINDOW_NS:
            self._hits.popleft()

    def are_too_many(self, *, indices: bool) -> bool:
        """Whether the hits of slots, and of ``indices``, go beyond the budget of those seconds."""
        hits = sum(each.slots + (each.indices if indices else 0) for _at, each in self._hits)
        return hits > self.budget * _WINDOW_NS / 1e9

    def too_dear(self, rate: float | None = None) -> str:
        """The reason to give up at this many hits a second, by default the rate of the last seconds."""
        rate = self._recent.slots if rate is None else rate
        return _(
            "it would cost {cost:.1f} % of a processor: {hits:,.0f} hits a second at {micro:.1f} µs"
        ).format(cost=100 * rate * self.hit_seconds, hits=rate, micro=1e6 * self.hit_seconds)
