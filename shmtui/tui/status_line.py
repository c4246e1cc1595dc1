"""The status of a buffer in one word, and how its permits add up. Pure, but for `Debounced`.

A sample is not atomic: it may be taken in the middle of a change. So a new word, or a doubt,
reaches the screen only when several samples agree.
"""

from enum import Enum, StrEnum
from typing import Generic, TypeVar

import msgspec

from shmtui.i18n import N_, _, ngettext
from shmtui.shm.item_counts import Method
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.segment_info import LayoutSource
from shmtui.snapshot import Health, Snapshot, Status, word
from shmtui.tui.spans import Span

T = TypeVar("T")

AGREEING = 4
"""Samples in a row that must agree before a new status is shown."""


class Activity(Enum):
    """What the buffer is doing, in a word and its style."""

    FLOWING = (N_("flowing"), "good")
    FULL = (N_("full"), "warn")
    EMPTY = (N_("empty"), "consumer")
    IDLE = (N_("idle"), "muted")
    UNKNOWN = (N_("unknown"), "muted")


def nothing() -> Span:
    """The status while nothing is attached."""
    return Span(_("nothing open"), "muted")


def flow(snapshot: Snapshot) -> Activity:
    """Full or empty first, since that tells which side waits; else whether items move."""
    slots, occupancy, rates = snapshot.layout.slots, snapshot.occupancy, snapshot.throughput
    if slots > 0 and occupancy is not None and not 0 < occupancy < slots:
        return Activity.EMPTY if occupancy <= 0 else Activity.FULL
    known = [r for r in (rates.produced_per_s, rates.consumed_per_s) if r is not None]
    if rates.method is Method.UNKNOWN or not known:
        return Activity.UNKNOWN
    return Activity.FLOWING if max(known) > 0 else Activity.IDLE


def status_word(snapshot: Snapshot) -> Span:
    """Health where it has been judged, else the activity.

    >>> from shmtui.snapshot import EMPTY
    >>> status_word(EMPTY).text
    'nothing open'
    """
    if not snapshot.segment.name:
        return nothing()
    judged = health_word(snapshot.health)
    if judged is not None:
        return judged
    if snapshot.layout.source is LayoutSource.RAW:
        # Without a layout there is no health to judge.
        return Span(_("raw bytes"), "muted")
    text, style = flow(snapshot).value
    return Span(_(text), style)


def health_word(health: Health) -> Span | None:
    """Health in a few words; None where it has not been judged.

    >>> health_word(Health(Status.OK)), health_word(Health(Status.CRITICAL)).text
    (Span(text='healthy', style='good'), 'critical')
    """
    codes = [f.code for f in health.findings if f.severity is health.status]
    text = ": ".join((word(health.status), *codes[:1]))
    match health.status:
        case Status.OK:
            return Span(_("healthy"), "good")
        case Status.CRITICAL:
            more = len(health.findings) - 1
            return Span(f"{text} +{more}" if codes and more > 0 else text, "bad")
        case Status.WARNING if len(codes) > 1:
            text = ngettext("{count} warning", "{count} warnings", len(codes))
            return Span(text.format(count=len(codes)), "warn")
        case Status.WARNING:
            return Span(text, "warn")
    return None


class Balance(StrEnum):
    """How the permits add up."""

    HOLDS = "holds"
    BROKEN = "broken"
    POSSIBLE = "possible"
    """No more permits than slots; those in flight are not known."""
    UNKNOWN = "unknown"


class Permits(msgspec.Struct, frozen=True):
    """``empty + full + in flight = slots``, as one sample has it."""

    empty: int | None
    full: int | None
    in_flight: int | None
    slots: int

    @property
    def total(self) -> int:
        """The permits that are accounted for."""
        return (self.empty or 0) + (self.full or 0) + (self.in_flight or 0)

    @property
    def balance(self) -> Balance:
        """Every permit is in ``empty``, in ``full``, or held by a process between its wait and its
        post. Where the holders are not known, only more permits than slots are a contradiction.
        """
        if self.empty is None or self.full is None or self.slots <= 0:
            return Balance.UNKNOWN
        if self.in_flight is None:
            return Balance.POSSIBLE if self.total <= self.slots else Balance.BROKEN
        return Balance.HOLDS if self.total == self.slots else Balance.BROKEN


def permits(snapshot: Snapshot) -> Permits:
    """The permits of a snapshot."""
    empty, full = (
        state.value if (state := snapshot.semaphores.get(role)) else None
        for role in (SemaphoreRole.EMPTY, SemaphoreRole.FULL)
    )
    return Permits(empty, full, snapshot.in_flight, snapshot.layout.slots)


class Debounced(Generic[T]):
    """The last value that held for ``AGREEING`` samples in a row."""

    def __init__(self) -> None:
        self.value: T | None = None
        self._candidate: T | None = None
        self._seen = 0

    def update(self, value: T) -> T:
        """Add one sample; the first is taken at once."""
        self._seen = self._seen + 1 if value == self._candidate else 1
        self._candidate = value
        if self.value is None or self.settled:
            self.value = value
        return self.value

    @property
    def settled(self) -> bool:
        """Whether the newest samples agree."""
        return self._seen >= AGREEING
