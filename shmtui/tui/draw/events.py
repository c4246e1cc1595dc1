"""Findings and events: a line each in their panel, and each in full. Pure."""

from shmtui.events import Event, Severity
from shmtui.i18n import _, ngettext
from shmtui.sanitize import inert
from shmtui.snapshot import Finding, Health, Status, word
from shmtui.tui.cell_text import wrap
from shmtui.tui.formatting import format_clock
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.spans import Line, Span, clip_line, line

_EVENT_STYLES = {
    Severity.INFO: "accent",
    Severity.GOOD: "good",
    Severity.WARN: "warn",
    Severity.BAD: "bad",
}
_FINDING_STYLES = {Status.CRITICAL: "bad", Status.WARNING: "warn"}
_TONES = {Status.CRITICAL: Severity.BAD, Status.WARNING: Severity.WARN}


def severity_mark(finding: Finding, glyphs: Glyphs) -> Span:
    """Glyph and colour of its severity."""
    return Span(glyphs.severities[_TONES[finding.severity]], _FINDING_STYLES[finding.severity])


def finding_line(finding: Finding, width: int, glyphs: Glyphs) -> Line:
    """Severity, code, certainty, claim; a long claim is cut, since enter shows it in full."""
    mark = severity_mark(finding, glyphs)
    return clip_line(
        line(
            mark,
            (f" {inert(finding.code, glyphs.ascii_only)}", f"{mark.style}"),
            (f" {word(finding.certainty)}: ", "muted"),
            inert(finding.claim, glyphs.ascii_only),
        ),
        width,
        glyphs.ellipsis,
    )


def findings_count(health: Health) -> str:
    """How many there are, for the edge of a panel.

    >>> findings_count(Health())
    ''
    """
    count = len(health.findings)
    text = ngettext("{count} finding", "{count} findings", count)
    return text.format(count=count) if count else ""


def finding_text(finding: Finding, width: int, glyphs: Glyphs) -> list[Line]:
    """A finding with its evidence and remedy, in lines of ``width`` cells."""
    mark = severity_mark(finding, glyphs)
    ascii_only = glyphs.ascii_only
    rows: list[Line] = [
        line(
            mark,
            (f" {inert(finding.code, ascii_only)}", "strong"),
            (f"  {word(finding.severity)}, {word(finding.certainty)}", mark.style),
        ),
        (),
        *(line((text, "strong")) for text in wrap(inert(finding.claim, ascii_only), width)),
        (),
        line((_("Evidence"), "title")),
    ]
    for fact in finding.evidence:
        for at, text in enumerate(wrap(inert(fact, ascii_only), width - 2)):
            rows.append(line((f"{glyphs.dot} " if at == 0 else "  ", "muted"), text))
    rows += [(), line((_("What to do"), "title"))]
    rows += [line((text, "good")) for text in wrap(inert(finding.remedy, ascii_only), width)]
    return rows


def event_line(event: Event, width: int, glyphs: Glyphs) -> Line:
    """Time of day, severity, text."""
    text = inert(event.text, glyphs.ascii_only)
    style = "bad" if event.severity is Severity.BAD else "text"
    return clip_line(
        line(
            (format_clock(event.time), "muted"),
            (f" {glyphs.severities[event.severity]} ", _EVENT_STYLES[event.severity]),
            (text, style),
        ),
        width,
        glyphs.ellipsis,
    )


def event_text(event: Event, width: int, glyphs: Glyphs) -> list[Line]:
    """An event in full."""
    head = line((format_clock(event.time), "muted"))
    return [head, (), *(line(text) for text in wrap(inert(event.text, glyphs.ascii_only), width))]
