"""Where a replay is in its recording, and how it moves. Time comes in as an argument."""

from typing import Final

from shmtui.recording.reader import Recording

SPEEDS: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)


class Player:
    """Plays a recording at a speed, from its first frame on."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.number = 0
        """The frame on the screen."""
        self.seconds = 0.0
        """The position on the time line; the frame is the last one at or before it."""
        self.playing = True
        self.speed = 1.0
        self._moved_at: float | None = None

    def advance(self, now: float) -> None:
        """Move on by the time since the last call, at the speed; it stops at the end."""
        before, self._moved_at = self._moved_at, now
        if not self.playing or before is None:
            return
        self.seconds += (now - before) * self.speed
        if self.seconds >= self.recording.index.length:
            self.go_to_frame(len(self.recording) - 1)
        else:
            self.number = self.recording.number_at(self.seconds)

    def toggle(self) -> None:
        """Play or pause; at the end play from the start."""
        if not self.playing and self.number == len(self.recording) - 1:
            self.go_to(0.0)
        self.playing = not self.playing

    def change_speed(self, by: int) -> None:
        """So many steps of `SPEEDS` faster."""
        at = SPEEDS.index(self.speed) + by
        self.speed = SPEEDS[min(max(at, 0), len(SPEEDS) - 1)]

    def usual_speed(self) -> None:
        self.speed = 1.0

    def step(self, by: int) -> None:
        """So many frames on, and pause there."""
        self.go_to_frame(min(max(self.number + by, 0), len(self.recording) - 1))

    def go_to_frame(self, number: int) -> None:
        """Pause at a frame."""
        self.seconds = self.recording.digest(number).seconds
        self.number = number
        self.playing = False

    def go_to(self, seconds: float) -> None:
        """Go to a position on the time line; it goes on playing if it does."""
        seconds = min(max(seconds, 0.0), self.recording.index.length)
        self.number = self.recording.number_at(seconds)
        self.seconds = seconds

    def move(self, by: float) -> None:
        """So many seconds on."""
        self.go_to(self.seconds + by)

    def go_to_event(self, step: int) -> bool:
        """Pause at the next event (``step`` 1), or the one before; False: there is none."""
        return self._go(self.recording.event_from(self.number, step))

    def go_to_finding(self, step: int) -> bool:
        """Pause where the next finding begins, or the one before; False: none does."""
        return self._go(self.recording.finding_from(self.number, step))

    def _go(self, number: int | None) -> bool:
        if number is not None:
            self.go_to_frame(number)
        return number is not None
