"""Findings and events: a line each in their panel, and each in full."""

from functools import partial

from textual import events

from shmtui.events import Event, Severity
from shmtui.i18n import N_, _, ngettext
from shmtui.snapshot import Finding, Status, word
from shmtui.tui.formatting import format_clock
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.spans import Line, Span, line, plain_text, wrap, wrapped
from shmtui.tui.view_model import ViewModel
from shmtui.tui.widgets.moving_panels import NarrowedPanel

_STYLES = {
    Severity.INFO: "accent",
    Severity.GOOD: "good",
    Severity.WARN: "warn",
    Severity.BAD: "bad",
}
_SEVERITIES = {Status.CRITICAL: Severity.BAD, Status.WARNING: Severity.WARN}


_COPIED = 4096
"""Cells of a line that is copied: no sentence is cut or broken."""


class EventsPanel(NarrowedPanel[Finding | Event]):
    """The current findings, and below them the events, newest first."""

    title = N_("Events")
    number = "5"

    @property
    def orders(self) -> tuple[str, ...]:
        return "", N_("oldest first"), N_("worst first")

    def show(self, view: ViewModel) -> None:
        """Draw findings and events; the cursor follows its row, or stays at the top."""
        before, self.view = self.chosen, view
        self.items = self._narrowed((*view.snapshot.health.findings, *view.events))
        if self.at and before is not None:
            key = _identity(before)
            self.follow(lambda item: _identity(item) == key)
        else:
            self.go(self.at)

    def _narrowed(self, items: tuple[Finding | Event, ...]) -> tuple[Finding | Event, ...]:
        words = self.words.casefold().split()
        if words:
            items = tuple(i for i in items if all(w in _words_of(i).casefold() for w in words))
        if self.order == "oldest first":
            items = items[::-1]
        elif self.order == "worst first":
            items = tuple(sorted(items, key=lambda item: -_WORST.index(_severity(item))))
        return items[::-1] if self.backwards else items

    def _depends_on(self) -> object:
        health = self.view.snapshot.health
        return health.findings, health.undecided, self.view.events, self.at, self._first

    def _above(self, width: int) -> list[Line]:
        health, glyphs = self.view.snapshot.health, self.view.glyphs
        if health.undecided and not health.early:
            text = _("undecided: {reason}").format(reason=health.undecided[0])
            return [glyphs.fit_line(line((glyphs.inert(text), "muted")), width)]
        return [] if self._count else [line((_("nothing has happened yet"), "muted"))]

    def _header(self) -> str:
        count = len(self.view.snapshot.health.findings)
        text = ngettext("{count} finding", "{count} findings", count)
        chosen = self._chosen_rows()
        return chosen or (text.format(count=count) if count else "")

    def _footer(self, _width: int) -> str:
        text = self.view.naming(_("{open}: evidence and remedy"))
        return text if self.view.snapshot.health.findings else ""

    def _has_cursor(self) -> bool:
        """Only while keys apply to it."""
        return self.has_focus and self._count > 0

    def _row(self, at: int, width: int) -> Line:
        item = self.items[at]
        if isinstance(item, Finding):
            return finding_line(item, width, self.view.glyphs)
        return event_line(item, width, self.view.glyphs)

    def chosen_text(self) -> str:
        match self.chosen:
            case Finding() as finding:
                return plain_text(finding_text(finding, _COPIED, self.view.glyphs))
            case Event() as event:
                return plain_text([event_line(event, _COPIED, self.view.glyphs)])
        return ""

    def action_open(self) -> None:
        glyphs = self.view.glyphs
        match self.chosen:
            case Finding() as finding:
                text = partial(finding_text, finding, glyphs=glyphs)
                self.open_text(_("Finding"), text)
            case Event() as event:
                text = partial(event_text, event, glyphs=glyphs)
                self.open_text(_("Event"), text)

    def on_click(self, event: events.Click) -> None:
        """Open a finding; move the cursor to an event, and open it with a second click."""
        at = self.row_under(event)
        if at is None:
            return
        event.prevent_default()
        chosen = at == self.at and event.chain == 2
        self.go(at)
        if chosen or isinstance(self.items[at], Finding):
            self.action_open()


def _identity(item: Finding | Event) -> object:
    """What stays the same of a row: each sample has findings of its own."""
    return (item.code, item.subject) if isinstance(item, Finding) else id(item)


_WORST = (Severity.INFO, Severity.GOOD, Severity.WARN, Severity.BAD)


def _severity(item: Finding | Event) -> Severity:
    return _SEVERITIES[item.severity] if isinstance(item, Finding) else item.severity


def _words_of(item: Finding | Event) -> str:
    return f"{item.code} {item.claim}" if isinstance(item, Finding) else item.text


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
