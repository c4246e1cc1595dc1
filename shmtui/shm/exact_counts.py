"""Items of a ring that others made, counted by hardware breakpoints: what is known, and its cost. Pure."""

from dataclasses import dataclass
from typing import Final

SWITCH_SECONDS: Final = 1.5e-6
"""More for a context switch to a thread with breakpoints; 1 to 2 µs were measured (x86-64)."""


@dataclass(frozen=True, slots=True)
class ExactCounts:
    """Items of a ring of others, counted by hardware breakpoints since that was asked for."""

    produced: int | None = None
    """None before it is known."""
    consumed: int | None = None
    since: float | None = None
    """Seconds since the epoch; counts start anew where a process joins."""
    watched: tuple[str, ...] = ()
    """What is watched without end: ``slot 0``, ``in``, ``out``; empty until something moves."""
    hits_per_s: float = 0.0
    hit_seconds: float = 0.0
    """What a hit costs who stores."""
    switches_per_s: float = 0.0
    """How often the watched threads come onto a processor, which takes about ``SWITCH_SECONDS`` more."""
    refused: str = ""
    """Why nothing is counted."""

    @property
    def cost(self) -> float:
        """Of the hits, in per cent of a processor."""
        return 100 * self.hits_per_s * self.hit_seconds

    @property
    def switch_cost(self) -> float:
        """Of the context switches, in per cent of a processor, by a measured mean."""
        return 100 * self.switches_per_s * SWITCH_SECONDS
