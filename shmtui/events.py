"""Past-tense records of what happened, for the events panel and the headless log."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How an event feels; a reader picks glyph and colour from it."""

    INFO = "info"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. ``text`` may hold hostile bytes; readers make it inert."""

    time: float
    """Seconds since the epoch."""
    severity: Severity
    text: str
