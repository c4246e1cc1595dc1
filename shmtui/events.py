"""Events: what happened, when, and how bad it is. For the events panel and the headless log."""

from enum import StrEnum

import msgspec


class Severity(StrEnum):
    """How good or bad an event is; glyph and colour follow from it."""

    INFO = "info"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


class Event(msgspec.Struct, frozen=True):
    """One event. ``text`` may hold hostile characters: make it inert before showing it."""

    time: float
    """Seconds since the epoch."""
    severity: Severity
    text: str
