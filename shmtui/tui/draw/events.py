"""What happened, newest first. Pure."""

from shmtui.events import Event, Severity
from shmtui.tui.formatting import format_clock
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.spans import Line, clip_line, line
from shmtui.tui.text import inert

_ROLES = {
    Severity.INFO: "accent",
    Severity.GOOD: "good",
    Severity.WARN: "warn",
    Severity.BAD: "bad",
}


def event_line(event: Event, width: int, glyphs: Glyphs) -> Line:
    """Time of day, how it feels, what it was."""
    text = inert(event.text, glyphs.ascii_only)
    role = "bad" if event.severity is Severity.BAD else "text"
    return clip_line(
        line(
            (format_clock(event.time), "muted"),
            (f" {glyphs.severities[event.severity]} ", _ROLES[event.severity]),
            (text, role),
        ),
        width,
        glyphs.ellipsis,
    )
