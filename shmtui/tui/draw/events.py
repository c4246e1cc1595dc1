"""Findings and events: a line each in their panel, and each in full. Pure."""

from shmtui.events import Event, Severity
from shmtui.i18n import _
from shmtui.snapshot import Finding, Status, word
from shmtui.tui.formatting import format_clock
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.spans import Line, Span, line, wrap, wrapped

_STYLES = {
    Severity.INFO: "accent",
    Severity.GOOD: "good",
    Severity.WARN: "warn",
    Severity.BAD: "bad",
}
_SEVERITIES = {Status.CRITICAL: Severity.BAD, Status.WARNING: Severity.WARN}


def _mark(severity: Severity, glyphs: Glyphs) -> Span:
    return Span(glyphs.severities[severity], _STYLES[severity])


def finding_line(finding: Finding, width: int, glyphs: Glyphs) -> Line:
    """Severity, code, certainty, claim; a long claim is cut, since enter shows it in full."""
    mark = _mark(_SEVERITIES[finding.severity], glyphs)
    text = line(
        mark,
        (f" {glyphs.inert(finding.code)}", mark.style),
        (f" {word(finding.certainty)}: ", "muted"),
        glyphs.inert(finding.claim),
    )
    return glyphs.clip_line(text, width)


def finding_text(finding: Finding, width: int, glyphs: Glyphs) -> list[Line]:
    """A finding with its evidence and remedy, in lines of ``width`` cells."""
    mark = _mark(_SEVERITIES[finding.severity], glyphs)
    facts = [wrap(glyphs.inert(fact), width - 2) for fact in finding.evidence]
    return [
        line(
            mark,
            (f" {glyphs.inert(finding.code)}", "strong"),
            (f"  {word(finding.severity)}, {word(finding.certainty)}", mark.style),
        ),
        (),
        *wrapped(glyphs.inert(finding.claim), width, "strong"),
        (),
        line((_("Evidence"), "title")),
        *(
            line(("  " if at else f"{glyphs.dot} ", "muted"), text)
            for fact in facts
            for at, text in enumerate(fact)
        ),
        (),
        line((_("What to do"), "title")),
        *wrapped(glyphs.inert(finding.remedy), width, "good"),
    ]


def event_line(event: Event, width: int, glyphs: Glyphs) -> Line:
    """Time of day, severity, text."""
    text = line(
        (f"{format_clock(event.time)} ", "muted"),
        _mark(event.severity, glyphs),
        (f" {glyphs.inert(event.text)}", "bad" if event.severity is Severity.BAD else "text"),
    )
    return glyphs.clip_line(text, width)


def event_text(event: Event, width: int, glyphs: Glyphs) -> list[Line]:
    """An event in full."""
    head = line((format_clock(event.time), "muted"))
    return [head, (), *wrapped(glyphs.inert(event.text), width)]
