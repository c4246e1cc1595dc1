"""The sources of a replay: snapshots of a recording, or of two, as time passes there."""

import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shmtui.i18n import _
from shmtui.recording.capsule import read_capsule
from shmtui.recording.incident import Incident
from shmtui.recording.pair_player import PairPlayer
from shmtui.recording.past import Past, Rates
from shmtui.recording.playback import Playback
from shmtui.recording.player import Player
from shmtui.recording.positions import position_of
from shmtui.recording.reader import Recording
from shmtui.recording.schema import RecordingError
from shmtui.snapshot import Snapshot

PAST_SECONDS = 60.0
"""How much before a frame is read for the rates."""


class ShownFrame:
    """The frame of a recording that its player has come to."""

    def __init__(self, player: Player) -> None:
        self.player = player
        self._past = Past(player.recording)
        self.number = player.number
        self.snapshot = player.recording.frame(self.number).snapshot
        self.events = self._past.events(self.number)
        """What was reported up to it, the newest first."""
        self._capsule = read_capsule(player.recording)

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

    def follow(self) -> None:
        """Read the frame, and all that is shown beside it. RecordingError: that is damaged."""
        number = self.player.number
        if number != self.number:
            self.past()
            frame, events = self.player.recording.frame(number), self._past.events(number)
            self.number, self.snapshot, self.events = number, frame.snapshot, events

    def past(self) -> tuple[Rates, ...]:
        """The rates of the last minute up to the frame, the oldest first."""
        return tuple(self._past.rates(self.player.number, PAST_SECONDS))


class Replayed(ABC):
    """What a dashboard replays."""

    def __init__(
        self, player: Playback, sides: tuple[ShownFrame, ...], clock: Callable[[], float]
    ) -> None:
        self.player = player
        self.sides = sides
        """Of each recording."""
        self.side = 0
        """Number of the recording that the panels show."""
        self.wrong = ""
        """Why the frame that was asked for is not shown."""
        self._clock = clock

    @property
    def shown(self) -> ShownFrame:
        """What the panels show."""
        return self.sides[self.side]

    @property
    def recordings(self) -> tuple[Recording, ...]:
        return tuple(side.player.recording for side in self.sides)

    def close(self) -> None:
        for recording in self.recordings:
            recording.close()

    def sample(self) -> Snapshot:
        """The snapshot at this time of the clock."""
        self.move(lambda player: player.advance(self._clock()), keep=True)
        return self.shown.snapshot

    def move(self, change: Callable[[Any], object], *, keep: bool = False) -> object:
        """Have the player move; returns what ``change`` does. Where it would come to a place that is damaged
        it pauses where it was, and ``wrong`` says why, up to the next move (``keep``: and after it).
        """
        before = self.player.seconds
        places = [(side.player.number, side.player.seconds) for side in self.sides]
        if not keep:
            self.wrong = ""
        try:
            done = change(self.player)
            for side in self.sides:
                side.follow()
        except RecordingError as error:
            self.player.seconds = before
            for side, (number, seconds) in zip(self.sides, places, strict=True):
                side.player.number, side.player.seconds = number, seconds
            self.player.playing, self.wrong = False, str(error)
            return None
        return done

    @abstractmethod
    def position_of(self, text: str) -> float:
        """The position on the time line that a user types. ValueError: the text is not a position."""


class ReplaySource(Replayed):
    """Plays a recording. RecordingError: it cannot be read."""

    player: Player

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.recording = Recording(path)
        player = Player(self.recording)
        try:
            shown = ShownFrame(player)
        except BaseException:
            self.recording.close()
            raise
        super().__init__(player, (shown,), clock)

    def position_of(self, text: str) -> float:
        return position_of(text, self.recording, self.shown.snapshot.time)


class PairSource(Replayed):
    """Plays two recordings together. RecordingError: one cannot be read, or they are to be aligned by
    wall time and have none in common.
    """

    player: PairPlayer
    both = True
    """Whether both are on the screen, side by side; else that of `side`."""

    def __init__(
        self,
        first: Path,
        second: Path,
        *,
        by_wall: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        with contextlib.ExitStack() as failing:
            recordings = []
            for path in (first, second):
                recordings.append(Recording(path))
                failing.callback(recordings[-1].close)
            player = PairPlayer(*recordings, by_wall=by_wall)
            if player.by_wall and not player.overlap:
                raise RecordingError(no_common_time())
            sides = tuple(ShownFrame(side) for side in player.sides)
            failing.pop_all()
        super().__init__(player, sides, clock)

    def show_next(self) -> None:
        """From both to the first alone, to the second, and to both again."""
        last = not self.both and self.side == 1
        self.side = 0 if self.both or last else 1
        self.both = last

    def align_otherwise(self) -> bool:
        """By wall time in place of the starts, or the other way round; False: they have no time in
        common.
        """
        by_wall = not self.player.by_wall
        if by_wall and not self.player.overlap:
            return False
        self.move(lambda player: player.align(by_wall=by_wall))
        return True

    def position_of(self, text: str) -> float:
        """A time of day is looked for in the recording that the panels show, and then in the other."""
        player, wrong = self.player, ""
        for side in (self.side, 1 - self.side):
            shown = self.sides[side]
            try:
                return position_of(
                    text,
                    shown.player.recording,
                    shown.snapshot.time,
                    length=player.length,
                    start=player.starts[side],
                )
            except ValueError as error:
                wrong = wrong or str(error)
        raise ValueError(wrong)


def no_common_time() -> str:
    """That two recordings cannot be aligned by wall time, and the way out."""
    return _("the two have no time in common: they are aligned by their starts (--align start)")
