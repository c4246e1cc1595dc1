"""What one reading of a ring shows to those who count what moves."""

from dataclasses import dataclass
from typing import Final

RUN: Final = 8
"""How many newest items are looked at for a sequence."""


@dataclass(frozen=True, slots=True)
class RingLook:
    """What one reading of a ring showed, taken while ``in`` and ``out`` stood still."""

    at_ns: int
    in_: int
    """The slot that is written next."""
    out: int
    occupancy: int | None
    data: bytes | None
    """All slots, or None where they are too many to read each time."""
    newest: tuple[int, ...] | None
    """The last items written, the newest first; None where items are no integers."""
    made: int | None = None
    """Items ever put in, modulo 2**32, where ``in`` counts on; None where it is reduced."""
