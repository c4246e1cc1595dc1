"""Where a replay is in its recording, and how it moves."""

from shmtui.recording.playback import Playback
from shmtui.recording.reader import Recording


class Player(Playback):
    """Plays a recording at a speed, from its first frame on."""

    def __init__(self, recording: Recording) -> None:
        super().__init__()
        self.recording = recording
        self.number = 0
        """The frame on the screen: the last one at or before the position."""

    @property
    def length(self) -> float:
        return self.recording.index.length

    @property
    def at_end(self) -> bool:
        return self.number == len(self.recording) - 1

    def show_at(self, seconds: float) -> None:
        self.number = self.recording.number_at(seconds)
        self.seconds = seconds

    def go_to_frame(self, number: int) -> None:
        self.seconds = self.recording.digest(number).seconds
        self.number = number
        self.playing = False

    def go_to_start(self) -> None:
        self.go_to_frame(0)

    def go_to_end(self) -> None:
        self.go_to_frame(len(self.recording) - 1)

    def step(self, by: int) -> None:
        self.go_to_frame(min(max(self.number + by, 0), len(self.recording) - 1))

    def go_to_event(self, step: int) -> bool:
        return self._go(self.recording.event_from(self.number, step))

    def go_to_finding(self, step: int) -> bool:
        return self._go(self.recording.finding_from(self.number, step))

    def _go(self, number: int | None) -> bool:
        if number is not None:
            self.go_to_frame(number)
        return number is not None
