"""A recording or a capsule in place of a segment: its last snapshot, and what is known of it."""

import contextlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shmtui.events import Event
from shmtui.recording.capsule import read_capsule
from shmtui.recording.incident import Incident
from shmtui.recording.member import HEADER_SIZE, unpack
from shmtui.recording.past import Past
from shmtui.recording.reader import Recording
from shmtui.shm.segment import SHM_DIR, identity_at, segment_path
from shmtui.snapshot import Snapshot

_LONGEST_HOST: Final = 256


@dataclass(frozen=True, slots=True)
class RecordedLook:
    """What was last seen of a segment, by a file."""

    path: Path
    snapshot: Snapshot
    events: tuple[Event, ...]
    """The newest first."""
    incident: Incident
    """Of a recording that is no capsule it has little."""
    capsule: bool
    frames: int
    note: str
    """What is not read of the file, and why; empty where it is whole."""


def recorded_look(path: Path) -> RecordedLook:
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
        return RecordedLook(
            path, snapshot, events, incident, found is not None, last + 1, recording.note
        )


def recorded_file(text: str) -> Path | None:
    """The recording that a user means by a target; None: he means a segment. A segment of that name goes
    before a file of that name in this folder: ``./NAME`` is the file.
    """
    bare = text.removeprefix("/")
    if "\0" in text or text.startswith(SHM_DIR + "/"):
        return None
    path = Path(text)
    if "/" in bare:
        with contextlib.suppress(OSError):
            return path if path.is_file() else None
        return None
    return path if is_recording(path) and identity_at(segment_path(text)) is None else None


def is_recording(path: Path) -> bool:
    """Whether a file begins as a recording."""
    with contextlib.suppress(OSError):
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            plain = stat.S_ISREG(os.fstat(fd).st_mode)
            return plain and unpack(os.pread(fd, HEADER_SIZE, 0)) is not None
        finally:
            os.close(fd)
    return False
