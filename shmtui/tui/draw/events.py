"""What happened, newest first. Pure."""

from shmtui.events import Event, Tone
from shmtui.sanitize import inert
from shmtui.tui.formatting import format_clock
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.spans import Line, clip_line, line

_ROLES = {Tone.INFO: "accent", Tone.GOOD: "good", Tone.WARN: "warn", Tone.BAD: "bad"}


def event_line(event: Event, width: int, glyphs: Glyphs) -> Line:
    """Time of day, how it feels, what it was."""
    text = inert(event.text, glyphs.ascii_only)
    role = "bad" if event.tone is Tone.BAD else "text"
    return clip_line(
        line(
            (format_clock(event.time), "muted"),
            (f" {glyphs.tones[event.tone]} ", _ROLES[event.tone]),
            (text, role),
        ),
        width,
        glyphs.ellipsis,
    )
