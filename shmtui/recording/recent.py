"""The last half minute of snapshots in memory, for a capsule of what just happened. Bounded."""

from collections import deque
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from shmtui.events import Event
from shmtui.recording.recorder import RECORDED_SLOTS
from shmtui.recording.schema import Frame
from shmtui.snapshot import Snapshot

RECENT_SECONDS: Final = 30.0
_APART_NS: Final = 90_000_000
"""Of faster samples some are left out; their events go with the next one."""
_MOST_PARTS: Final = 40_000
"""Slots, processes, locks and events in all frames together, which take at most about 1 kB each: of a
segment with thousands of processes fewer seconds are kept."""
_MOST_EVENTS: Final = 1000
"""Of one frame."""


class RecentFrames:
    """Keeps the frames of the last `RECENT_SECONDS`."""

    def __init__(self) -> None:
        self._frames: deque[tuple[Frame, int]] = deque()
        self._parts = 0
        self._waiting: tuple[Event, ...] = ()
        """Events since the last frame that was kept."""

    def add(self, snapshot: Snapshot, events: Sequence[Event] = ()) -> None:
        """Take in a snapshot, with what was reported since the one before."""
        self._waiting = (*self._waiting, *events)[-_MOST_EVENTS:]
        now_ns = snapshot.monotonic_ns
        frames = self._frames
        if frames and 0 <= now_ns - frames[-1][0].snapshot.monotonic_ns < _APART_NS:
            return
        if len(snapshot.slots) > RECORDED_SLOTS:
            snapshot = replace(snapshot, slots=snapshot.slots[:RECORDED_SLOTS])
        parts = sum(map(len, (snapshot.slots, snapshot.processes, snapshot.sync, self._waiting)))
        frames.append((Frame(snapshot, self._waiting), parts))
        self._waiting = ()
        self._parts += parts
        oldest = now_ns - RECENT_SECONDS * 1e9
        while len(frames) > 1 and (
            self._parts > _MOST_PARTS or frames[0][0].snapshot.monotonic_ns < oldest
        ):
            self._parts -= frames.popleft()[1]

    def clear(self) -> None:
        """Forget all: another segment is watched."""
        self._frames.clear()
        self._parts, self._waiting = 0, ()

    def frames(self) -> list[Frame]:
        """Those that are kept, the oldest first."""
        return [frame for frame, _count in self._frames]
