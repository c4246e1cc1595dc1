"""The lines of a source that debug information names, as far as it is there."""

import os
import stat
from functools import cache
from pathlib import Path
from typing import Final

_MOST_BYTES: Final = 4 << 20


@cache
def source_lines(path: str) -> tuple[str, ...]:
    """Its lines; none where it cannot be read, or is no plain file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except (OSError, ValueError):
        return ()
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return ()
        return tuple(file.read(_MOST_BYTES).decode("utf-8", "replace").splitlines())


@cache
def is_newer(path: str, executable: str) -> bool:
    """Whether a source has been changed since the program was built from it, so that lines may not fit."""
    try:
        return Path(path).stat().st_mtime > Path(executable).stat().st_mtime
    except OSError:
        return False
