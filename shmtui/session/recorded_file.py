"""Whether a target that a user gives is a recording or a capsule. Loads nothing slow: most are segments."""

import contextlib
import os
import stat
from pathlib import Path

from shmtui.shm.segment import SHM_DIR, identity_at, segment_path


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
            return stat.S_ISREG(os.fstat(fd).st_mode) and _begins_member(fd)
        finally:
            os.close(fd)
    return False


def _begins_member(fd: int) -> bool:
    from shmtui.recording.gzip_members import HEADER_SIZE, unpack  # noqa: PLC0415 - most targets are no files

    return unpack(os.pread(fd, HEADER_SIZE, 0)) is not None
