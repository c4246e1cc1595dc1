"""A recording or a capsule in place of a segment: its last snapshot, and what is known of it."""

import contextlib
from pathlib import Path
from typing import Final

import msgspec

from shmtui.events import Event
from shmtui.recording.capsule import read_capsule
from shmtui.recording.incident import Incident
from shmtui.recording.past import Past
from shmtui.recording.reader import Recording
from shmtui.snapshot import Snapshot

_LONGEST_HOST: Final = 256


class RecordedSegment(msgspec.Struct, frozen=True):
    """What was last seen of a segment, by a file."""

    snapshot: Snapshot
    events: tuple[Event, ...]
    """The newest first."""
    incident: Incident
    """Of a recording that is no capsule it has little."""
    capsule: bool
    frames: int
    note: str
    """What is not read of the file, and why; empty where it is whole."""


def recorded_segment(path: Path) -> RecordedSegment:
    """The last look in a file. RecordingError: it cannot be read, is none, or is damaged."""
    with contextlib.closing(Recording(path)) as recording:
        last = len(recording) - 1
        snapshot, events = recording.frame(last).snapshot, Past(recording).events(last)
        found = read_capsule(recording)
        if found is not None:
            incident = found[0]
        else:
            host, version = (text[:_LONGEST_HOST] for text in recording.made_by())
            incident = Incident(
                host=host,
                version=version,
                time=snapshot.time,
                seconds=round(recording.index.length, 2),
            )
        return RecordedSegment(
            snapshot, events, incident, found is not None, last + 1, recording.note
        )
