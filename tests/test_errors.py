"""A shortage is told by what is lacking; every other error stays what it is."""

import errno

import pytest

from shmtui.errors import ShortageError, shortages_told


@pytest.mark.parametrize(
    ("error", "way_out"),
    [
        (OSError(errno.EMFILE, "too many open files"), "ulimit -n"),
        (OSError(errno.ENFILE, "too many open files in system"), "ulimit -n"),
        (OSError(errno.ENOMEM, "cannot allocate memory"), "ulimit -v"),
        (MemoryError(), "ulimit -v"),
        (BlockingIOError(errno.EAGAIN, "resource temporarily unavailable"), "ulimit -u"),
        (OSError(errno.ENOSPC, "no space left on device"), "make room"),
        (OSError(errno.EDQUOT, "disk quota exceeded"), "make room"),
    ],
)
def test_a_shortage(error: Exception, way_out: str) -> None:
    """The way out is named, and where it came from is kept."""
    with pytest.raises(ShortageError, match=way_out) as told, shortages_told():
        raise error
    assert told.value.__cause__ is error


@pytest.mark.parametrize("error", [PermissionError(errno.EPERM, "no"), ValueError("no")])
def test_any_other_error(error: Exception) -> None:
    """It is raised as it is."""
    with pytest.raises(type(error)) as told, shortages_told():
        raise error
    assert told.value is error
