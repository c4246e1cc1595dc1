"""How a replay moves along a time line, whatever that is made of. Time comes in as an argument."""

from abc import ABC, abstractmethod
from typing import Final

SPEEDS: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)


class Playback(ABC):
    """A position that plays at a speed, from the start of the time line on."""

    def __init__(self) -> None:
        self.seconds = 0.0
        """The position on the time line."""
        self.playing = True
        self.speed = 1.0
        self._moved_at: float | None = None

    # For the subclass.

    @property
    @abstractmethod
    def length(self) -> float:
        """Seconds of the time line."""

    @property
    @abstractmethod
    def at_end(self) -> bool:
        """Whether nothing comes after what is shown."""

    @abstractmethod
    def show_at(self, seconds: float) -> None:
        """Put the position there, and show what was then."""

    @abstractmethod
    def go_to_start(self) -> None:
        """Pause at the start."""

    @abstractmethod
    def go_to_end(self) -> None:
        """Pause at the end."""

    @abstractmethod
    def step(self, by: int) -> None:
        """One frame on (1) or back (-1), and pause there."""

    @abstractmethod
    def go_to_event(self, step: int) -> bool:
        """Pause at the next event (``step`` 1), or the one before; False: there is none."""

    @abstractmethod
    def go_to_finding(self, step: int) -> bool:
        """Pause where the next finding begins, or the one before; False: none does."""

    # Moving.

    def advance(self, now: float) -> None:
        """Move on by the time since the last call, at the speed; it stops at the end."""
        before, self._moved_at = self._moved_at, now
        if not self.playing or before is None:
            return
        seconds = self.seconds + (now - before) * self.speed
        if seconds >= self.length:
            self.go_to_end()
        else:
            self.show_at(seconds)

    def toggle(self) -> None:
        """Play or pause; at the end play from the start."""
        if not self.playing and self.at_end:
            self.go_to(0.0)
        self.playing = not self.playing

    def change_speed(self, by: int) -> None:
        """Go ``by`` steps of `SPEEDS` faster."""
        at = SPEEDS.index(self.speed) + by
        self.speed = SPEEDS[min(max(at, 0), len(SPEEDS) - 1)]

    def usual_speed(self) -> None:
        self.speed = 1.0

    def go_to(self, seconds: float) -> None:
        """Go to a position on the time line; it goes on playing if it does."""
        self.show_at(min(max(seconds, 0.0), self.length))

    def move(self, by: float) -> None:
        """Go ``by`` seconds on."""
        self.go_to(self.seconds + by)
