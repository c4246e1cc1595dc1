"""The status of a buffer in one word, and how its permits add up. Pure, but for `Debounced`.

A sample is not atomic: it may be taken in the middle of a change. So a new word, or a doubt,
reaches the screen only when several samples agree.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from shmtui.i18n import N_, _, ngettext
from shmtui.shm.protocol import SemaphoreRole
from shmtui.snapshot import Health, LayoutSource, Method, Snapshot, Status, word

T = TypeVar("T")

AGREEING = 4
"""Samples in a row that must agree before a new status is shown."""


class Activity(StrEnum):
    """What the buffer is doing."""

    FLOWING = "flowing"
    FULL = "full"
    EMPTY = "empty"
    IDLE = "idle"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class StatusWord:
    """A word for the title line, and its style."""

    word: str
    style: str


def nothing() -> StatusWord:
    """The status while nothing is attached."""
    return StatusWord(_("nothing open"), "muted")


def flow(snapshot: Snapshot) -> Activity:
    """Full or empty first, since that tells which side waits; else whether items move."""
    slots = snapshot.layout.slots
    if slots > 0 and snapshot.occupancy is not None:
        if snapshot.occupancy >= slots:
            return Activity.FULL
        if snapshot.occupancy <= 0:
            return Activity.EMPTY
    rates = snapshot.throughput
    if rates.method is Method.UNKNOWN:
        return Activity.UNKNOWN
    known = [r for r in (rates.produced_per_s, rates.consumed_per_s) if r is not None]
    if any(rate > 0 for rate in known):
        return Activity.FLOWING
    return Activity.IDLE if known else Activity.UNKNOWN


_ACTIVITY_STYLES = {
    Activity.FLOWING: "good",
    Activity.FULL: "warn",
    Activity.EMPTY: "consumer",
    Activity.IDLE: "muted",
    Activity.UNKNOWN: "muted",
}

_ACTIVITY_WORDS = {
    Activity.FLOWING: N_("flowing"),
    Activity.FULL: N_("full"),
    Activity.EMPTY: N_("empty"),
    Activity.IDLE: N_("idle"),
    Activity.UNKNOWN: N_("unknown"),
}


def status_word(snapshot: Snapshot) -> StatusWord:
    """Health where it has been judged, else the activity.

    >>> from shmtui.snapshot import EMPTY
    >>> status_word(EMPTY).word
    'nothing open'
    """
    if not snapshot.segment.name:
        return nothing()
    judged = health_word(snapshot.health)
    if judged is not None:
        return judged
    if snapshot.layout.source is LayoutSource.RAW:
        # Without a layout there is no health to judge.
        return StatusWord(_("raw bytes"), "muted")
    seen = flow(snapshot)
    return StatusWord(_(_ACTIVITY_WORDS[seen]), _ACTIVITY_STYLES[seen])


def health_word(health: Health) -> StatusWord | None:
    """Health in a few words; None where it has not been judged.

    >>> health_word(Health(Status.OK)), health_word(Health(Status.CRITICAL)).word
    (StatusWord(word='healthy', style='good'), 'critical')
    """
    if health.status is Status.OK:
        return StatusWord(_("healthy"), "good")
    codes = [f.code for f in health.findings if f.severity is health.status]
    if health.status is Status.CRITICAL:
        more = f" +{len(health.findings) - 1}" if len(health.findings) > 1 else ""
        return StatusWord(
            f"{word(health.status)}: {codes[0]}{more}" if codes else word(health.status), "bad"
        )
    if health.status is Status.WARNING:
        if len(codes) > 1:
            text = ngettext("{count} warning", "{count} warnings", len(codes))
            return StatusWord(text.format(count=len(codes)), "warn")
        return StatusWord(": ".join((word(health.status), *codes)), "warn")
    return None


class Balance(StrEnum):
    """How the permits add up."""

    HOLDS = "holds"
    BROKEN = "broken"
    POSSIBLE = "possible"
    """No more permits than slots; those in flight are not known."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Permits:
    """``empty + full + in flight = slots``, as one sample has it."""

    empty: int | None
    full: int | None
    in_flight: int | None
    slots: int
    balance: Balance

    @property
    def total(self) -> int:
        """The permits that are accounted for."""
        return (self.empty or 0) + (self.full or 0) + (self.in_flight or 0)


def permits(snapshot: Snapshot) -> Permits:
    """Add the permits up.

    Every permit is in ``empty``, in ``full``, or held by a process between its wait and its post.
    Where the holders are not known, only more permits than slots are a contradiction.
    """
    empty_state = snapshot.semaphores.get(SemaphoreRole.EMPTY)
    full_state = snapshot.semaphores.get(SemaphoreRole.FULL)
    empty = empty_state.value if empty_state else None
    full = full_state.value if full_state else None
    slots, in_flight = snapshot.layout.slots, snapshot.in_flight
    if empty is None or full is None or slots <= 0:
        balance = Balance.UNKNOWN
    elif in_flight is not None:
        balance = Balance.HOLDS if empty + full + in_flight == slots else Balance.BROKEN
    else:
        balance = Balance.POSSIBLE if empty + full <= slots else Balance.BROKEN
    return Permits(empty, full, in_flight, slots, balance)


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
        if self.value is None or self._seen >= AGREEING:
            self.value = value
        return self.value

    @property
    def settled(self) -> bool:
        """Whether the newest samples agree."""
        return self._seen >= AGREEING
