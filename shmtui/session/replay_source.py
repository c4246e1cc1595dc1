"""The source of a replay: snapshots of a recording, as time passes there."""

import time
from collections.abc import Callable
from pathlib import Path

from shmtui.events import Event
from shmtui.recording.capsule import read_capsule
from shmtui.recording.incident import Incident
from shmtui.recording.player import Player
from shmtui.recording.reader import FrameDigest, Recording
from shmtui.recording.schema import RecordingError
from shmtui.snapshot import Snapshot

PAST_SECONDS = 60.0
"""How much before a frame is read for the rates."""


class ReplaySource:
    """Plays a recording. RecordingError: it cannot be read."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.recording = Recording(path)
        self.player = Player(self.recording)
        self.wrong = ""
        """Why the frame that was asked for is not shown."""
        self._clock = clock
        try:
            self._capsule = read_capsule(self.recording)
            self._shown = 0, self.recording.frame(0).snapshot
        except BaseException:
            self.close()
            raise

    @property
    def incident(self) -> Incident | None:
        """What a capsule holds beside the snapshots; None: it is no capsule."""
        return None if self._capsule is None else self._capsule[0]

    @property
    def has_bytes(self) -> bool:
        """Whether it holds the segment's bytes, of the time when it was written."""
        return self._capsule is not None and self._capsule[1].copied > 0

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of the segment as a capsule holds them; fewer where these end, or it holds none."""
        return b"" if self._capsule is None else self._capsule[1].read(offset, length)

    def close(self) -> None:
        """Close the file."""
        self.recording.close()

    def sample(self) -> Snapshot:
        """The snapshot at this time of the clock."""
        self.move(lambda player: player.advance(self._clock()), keep=True)
        return self._shown[1]

    def move(self, change: Callable[[Player], object], *, keep: bool = False) -> object:
        """Have the player move; returns what ``change`` does. Where it would come to a place that is damaged
        it pauses where it was, and ``wrong`` says why, up to the next move (``keep``: and after it).
        """
        player = self.player
        before = player.number, player.seconds
        if not keep:
            self.wrong = ""
        try:
            done = change(player)
            number = player.number
            if number != self._shown[0]:
                self.past()
                self.events()
                self._shown = number, self.recording.frame(number).snapshot
        except RecordingError as error:
            player.number, player.seconds = before
            player.playing, self.wrong = False, str(error)
            return None
        return done

    def past(self) -> tuple[FrameDigest, ...]:
        """The frames of the last minute up to the one on the screen, the oldest first."""
        return tuple(self.recording.before(self.player.number, PAST_SECONDS))

    def events(self) -> tuple[Event, ...]:
        """What was reported up to it, the newest first."""
        return self.recording.events_until(self.player.number)
