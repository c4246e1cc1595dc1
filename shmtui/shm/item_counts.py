"""Counts of a ring's items: those of our workers, with their audit, and those that hardware breakpoints
tell of others' programs, with what that costs. Pure.
"""

from enum import StrEnum
from typing import Final

import msgspec

from shmtui.i18n import N_

SWITCH_SECONDS: Final = 1.5e-6
"""More for a context switch to a thread with breakpoints; 1 to 2 µs were measured (x86-64)."""


class Totals(msgspec.Struct, frozen=True):
    """Exact counts, where every participant is a worker of ours. Sums are modulo 2**64."""

    produced: int
    consumed: int
    produced_sum: int
    consumed_sum: int


class Audit(msgspec.Struct, frozen=True):
    """What all workers moved, and what is in the ring, taken while nothing moves."""

    moved: Totals
    slots: int
    resident: int | None
    """Items in the ring; None where unknown."""
    resident_sum: int | None
    """Their sum, modulo 2**64."""
    foreign: bool = False
    """Other programs took part, and nobody counted their items."""
    guests: int | None = None
    """How often, at the least, others had the segment open for writing, were it for a moment; None
    where that cannot be told.
    """
    in_hand: tuple[str, ...] = ()
    """Workers that did not stop between two items, with their steps."""
    permits: int | None = None
    """``empty`` + ``full``."""
    died_mid_transfer: tuple[str, ...] = ()
    """Workers that were killed while moving an item: it may be uncounted, or lost."""
    seconds: float = 0.0
    """How long a run was."""

    @property
    def missing(self) -> int | None:
        """Items lost; negative: items taken twice. The indices tell it modulo N only: the value
        nearest to zero, unless that is zero and the counts differ by full turns of the ring.
        """
        if self.foreign or self.resident is None:
            return None
        missing = self.moved.produced - self.moved.consumed - self.resident
        return (missing + self.slots // 2) % self.slots - self.slots // 2 or missing

    @property
    def lost_to_deaths(self) -> bool:
        """Whether no more is missing than the workers were moving that were killed."""
        missing, died = self.missing, len(self.died_mid_transfer)
        return self.balanced is False and missing is not None and abs(missing) <= died > 0

    @property
    def sum_difference(self) -> int | None:
        """Sum produced - sum consumed - sum resident, modulo 2**64, from -2**63 to 2**63 - 1."""
        if self.foreign or self.resident_sum is None:
            return None
        moved = self.moved
        sums = moved.produced_sum - moved.consumed_sum - self.resident_sum
        return (sums + 2**63) % 2**64 - 2**63

    @property
    def balanced(self) -> bool | None:
        """Whether produced - consumed = resident, in count and in sum; None where unknown."""
        if self.foreign or self.resident is None or self.resident_sum is None:
            return None
        by_count = self.moved.produced - self.moved.consumed == self.resident
        return by_count and self.sum_difference == 0


class EarlierCounts(msgspec.Struct, frozen=True):
    """What was counted before the counts began anew; what moved in between is in neither."""

    since: float | None = None
    """Seconds since the epoch of the first count; None: they never began anew."""
    produced: int = 0


class ExactCounts(msgspec.Struct, frozen=True):
    """Items of a ring of others, counted by hardware breakpoints since that was asked for."""

    produced: int | None = None
    """None before it is known."""
    consumed: int | None = None
    """None too where only the moves of ``out`` would tell, and these are not counted."""
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
    earlier: EarlierCounts = EarlierCounts()

    @property
    def cost(self) -> float:
        """The cost of the hits in per cent of a processor."""
        return 100 * self.hits_per_s * self.hit_seconds

    @property
    def switch_cost(self) -> float:
        """The cost of context switches in per cent of a processor, by a measured mean."""
        return 100 * self.switches_per_s * SWITCH_SECONDS


class Method(StrEnum):
    """How a throughput figure is known. Only the first four give a plain number, within 1 %."""

    COUNTERS = N_("counters")
    BREAKPOINTS = N_("breakpoints")
    SEQUENCE = N_("sequence")
    INDEX = N_("index")
    ESTIMATE = N_("estimate")
    """All items were seen, over a time that is known within 10 %."""
    LOWER_BOUND = N_("lower-bound")
    UNKNOWN = N_("unknown")


class Throughput(msgspec.Struct, frozen=True):
    """Items per second, and the method that each figure is known by."""

    produced_per_s: float | None = None
    consumed_per_s: float | None = None
    method: Method = Method.UNKNOWN
