"""Errors that a user sees, and the exit codes of the program.

Every refusal is one sentence: what is wrong, why, and the way out. The edge
in :mod:`shmtui.cli` prints it on one line of stderr and exits with ``code``.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the shell gets; a death by signal N is ``128 + N``."""

    OK = 0
    FINDINGS = 1
    CANNOT = 2


class ShmtuiError(Exception):
    """Something that the user asked for cannot be done; the text says why and what to do."""

    code: ExitCode = ExitCode.CANNOT


class NameInUseError(ShmtuiError):
    """The segment's name is taken."""


class MissingSegmentError(ShmtuiError):
    """No segment of that name exists."""


class ControlBlockError(ShmtuiError):
    """A control block is absent, not ready, of another version, or not to be trusted."""
