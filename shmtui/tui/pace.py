"""How often the dashboard looks: at its full rate while something moves, seldom while nothing does. Pure.

An interval has three outcomes: a look, which samples all and draws it; a glance, which compares the
segment's bytes with those of the last look; or nothing. A glance costs a tenth of a look, and the first
change that it sees is looked at in the same interval. Times are seconds of one clock.
"""

from collections.abc import Callable
from typing import Final

STEADY_SECONDS: Final = 0.5
"""Between two looks while nothing is stored: what processes do is not in the bytes."""
REST_AFTER: Final = 5.0
"""Seconds without a change after which the dashboard rests."""
REST_SECONDS: Final = 1.0
"""Between two looks at rest."""
GLANCE_SECONDS: Final = 0.1
"""Between two glances at rest, at the least: so soon a first change is on the screen."""
UNSEEN_SECONDS: Final = 2.5
"""Between two looks while nobody sees the screen, or it is frozen. There are no glances."""
RETURN_SECONDS: Final = 0.25
"""Between two intervals then, at the least: so soon it is noticed that somebody sees it again."""


class Pace:
    """Says at each interval whether a look is due, and how often there are looks now."""

    def __init__(self, hz: float) -> None:
        """``hz``: the intervals a second that the user wants."""
        self._interval = 1 / hz
        self._looked = -UNSEEN_SECONDS
        self._moved = 0.0
        self._unseen = False

    def due(self, now: float, moved: Callable[[], bool], *, unseen: bool = False) -> bool:
        """Whether to look. ``moved`` glances. ``unseen``: whether nobody sees what would be drawn."""
        returned, self._unseen = self._unseen and not unseen, unseen
        if not unseen and moved():
            self._moved = now
            return True
        # Intervals are never exact: one that comes a little early counts.
        return returned or now - self._looked >= self.seconds(now) - 0.5 * self._interval

    def looked(self, now: float, *, moved: bool = False) -> None:
        """Note a look. ``moved``: it showed a change, or the user made it."""
        self._looked = now
        if moved:
            self._moved = now

    def rests(self, now: float) -> bool:
        """Whether looks are rarer than the user wants, since nothing moves or nobody sees it."""
        return self.seconds(now) > max(self._interval, STEADY_SECONDS)

    def seconds(self, now: float) -> float:
        """Seconds between two looks while nothing moves."""
        if self._unseen:
            return max(self._interval, UNSEEN_SECONDS)
        still = now - self._moved >= REST_AFTER
        return max(self._interval, REST_SECONDS if still else STEADY_SECONDS)

    def pause(self, now: float) -> float:
        """Seconds until the next interval."""
        if self._unseen:
            return max(self._interval, RETURN_SECONDS)
        return max(self._interval, GLANCE_SECONDS) if self.rests(now) else self._interval
