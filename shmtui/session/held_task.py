"""A thread of a program where it is held, as the panel of programs shows it."""

import msgspec

from shmtui.shm.protocol import Role


class HeldTask(msgspec.Struct, frozen=True):
    """A task where it is held. Its texts are hostile."""

    name: str
    role: Role
    pid: int
    command: str
    next: str
    """What it does next, in words; how it ended, where it has."""
    waits: bool
    """Whether it cannot take that step."""
    parked: bool
    """Whether it is let go no further, having made its items."""
    ended: bool
    path: str
    """Of the source that it stands in; empty where that is not known."""
    line: int
    """0 where it is not known, -1 where it stands in none: it has not started, or has ended."""
    source: tuple[str, ...]
    """Its lines; none where it is not there."""
    newer: bool
    """Whether the source was changed since the program was built."""
    output: tuple[str, ...]
    """The lines that it has written."""
    runs: bool = False
    """Whether it is not held: ``next`` says what it is in."""
