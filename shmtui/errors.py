"""Errors that a user sees, and the exit codes of the program.

Every refusal is one sentence: what is wrong, why, and the way out. The edge
in :mod:`shmtui.cli.main` prints it on one line of stderr and exits with ``code``.
"""

import contextlib
import errno
from collections.abc import Iterator
from enum import IntEnum

from shmtui.i18n import _


class ExitCode(IntEnum):
    """What the shell gets; a death by signal N is ``128 + N``."""

    OK = 0
    FINDINGS = 1
    CANNOT = 2


class ShmtuiError(Exception):
    """Something that the user asked for cannot be done; the text says why and what to do."""


class NameInUseError(ShmtuiError):
    """The segment's name is taken."""


class MissingSegmentError(ShmtuiError):
    """No segment of that name exists."""


class ShortageError(ShmtuiError):
    """The machine, or a limit, has no more of something: it may have again."""


class ControlBlockError(ShmtuiError):
    """A control block is absent, not ready, of another version, or not to be trusted."""


def shortage(error: OSError | MemoryError) -> str | None:
    """What the machine or a limit has no more of, and the way out; None for any other error."""
    match errno.ENOMEM if isinstance(error, MemoryError) else error.errno:
        case errno.EMFILE | errno.ENFILE:
            return _("no file descriptor is left: raise the limit (ulimit -n)")
        case errno.ENOMEM:
            return _("no memory is left: raise the limit (ulimit -v), or end what takes it")
        case errno.EAGAIN:
            return _("no process or thread may be started: raise the limit (ulimit -u)")
        case errno.ENOSPC | errno.EDQUOT:
            return _("no space is left where it is written: make room there")
    return None


@contextlib.contextmanager
def shortages_told() -> Iterator[None]:
    """Have a shortage in the block raised as ShortageError; other errors stay what they are."""
    try:
        yield
    except (OSError, MemoryError) as error:
        lacking = shortage(error)
        if lacking is None:
            raise
        raise ShortageError(lacking) from error
