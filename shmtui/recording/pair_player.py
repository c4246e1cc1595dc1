"""Two recordings on one time line: the same instant of both, and how both move together.

By wall time the first frame of each is where the clock of its machine says; by the start both begin at
0. Within a recording the time line is that of CLOCK_MONOTONIC, so a clock that is set while it is
recorded moves nothing.
"""

from collections.abc import Callable
from typing import Final

from shmtui.recording.playback import Playback
from shmtui.recording.player import Player
from shmtui.recording.reader import Recording

_SAME: Final = 1e-6
"""Seconds: positions that are worked out differ by their last digits."""
_Search = Callable[[Recording, int, int], int | None]
"""The next frame of a kind behind a number, in the direction of a step."""


def overlap(first: Recording, second: Recording) -> bool:
    """Whether the two have an instant in common by the wall clocks at their starts."""
    one, other = first.index, second.index
    ahead = other.first_times[0] - one.first_times[0]
    return -other.length <= ahead <= one.length


def _next_frame(recording: Recording, number: int, step: int) -> int | None:
    return number + step if 0 <= number + step < len(recording) else None


class PairPlayer(Playback):
    """Plays two recordings together, from where both have begun on: what was at one instant in both.

    RecordingError, at the start and at each move: a place that it comes to is damaged.
    """

    def __init__(self, first: Recording, second: Recording, *, by_wall: bool | None = None) -> None:
        """``by_wall``: None is by wall time where they overlap."""
        super().__init__()
        self.sides = Player(first), Player(second)
        self.overlap = overlap(first, second)
        self.by_wall = self.overlap if by_wall is None else by_wall
        self.starts = self._starts()
        """Seconds on the common time line at which each begins."""
        self.show_at(max(self.starts))

    def _starts(self) -> tuple[float, float]:
        first, second = (side.recording.index.first_times[0] for side in self.sides)
        if not self.by_wall:
            return 0.0, 0.0
        begin = min(first, second)
        return first - begin, second - begin

    def align(self, *, by_wall: bool) -> None:
        """Lay them over each other anew; the first stays where it is."""
        within = self.within(0)
        self.by_wall = by_wall
        self.starts = self._starts()
        self.go_to(self.starts[0] + within)

    def within(self, side: int) -> float:
        """The position on the time line of one of the two: before 0 it has not begun."""
        return self.seconds - self.starts[side]

    def covers(self, side: int) -> bool:
        """Whether one of the two has anything of this instant."""
        return -_SAME <= self.within(side) <= self.sides[side].length + _SAME

    @property
    def length(self) -> float:
        return max(start + side.length for start, side in zip(self.starts, self.sides, strict=True))

    @property
    def at_end(self) -> bool:
        return self.seconds >= self.length - _SAME

    def show_at(self, seconds: float) -> None:
        for start, side in zip(self.starts, self.sides, strict=True):
            side.go_to(seconds - start)
        self.seconds = seconds

    def _pause_at(self, seconds: float) -> None:
        self.show_at(seconds)
        self.playing = False

    def go_to_start(self) -> None:
        self._pause_at(0.0)

    def go_to_end(self) -> None:
        self._pause_at(self.length)

    def step(self, by: int) -> None:
        """To the next frame of either."""
        if not self._go(_next_frame, by):
            self.playing = False

    def go_to_event(self, step: int) -> bool:
        return self._go(Recording.event_from, step)

    def go_to_finding(self, step: int) -> bool:
        return self._go(Recording.finding_from, step)

    def _go(self, search: _Search, step: int) -> bool:
        """Pause at what is nearest of it in either; False: there is none."""
        found = [
            seconds for side in (0, 1) if (seconds := self._nearest(side, search, step)) is not None
        ]
        if not found:
            return False
        self._pause_at(min(found) if step > 0 else max(found))
        return True

    def _nearest(self, side: int, search: _Search, step: int) -> float | None:
        """Where the next one of a recording is on the common time line, behind the position."""
        recording, start, at = self.sides[side].recording, self.starts[side], self.within(side)
        number: int | None = -1 if at < -_SAME else recording.number_at(at)
        assert number is not None
        if step < 0 <= number and recording.digest(number).seconds < at - _SAME:
            number += 1
        while (number := search(recording, number, step)) is not None:
            seconds = recording.digest(number).seconds
            if (seconds - at) * step > _SAME:
                return start + seconds
        return None
