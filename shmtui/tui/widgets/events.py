"""The panel of findings and events."""

from collections.abc import Callable

from textual import events
from textual.message import Message

from shmtui.events import Event
from shmtui.i18n import N_, _
from shmtui.snapshot import Finding
from shmtui.tui.draw.events import (
    event_line,
    event_text,
    finding_line,
    finding_text,
    findings_count,
)
from shmtui.tui.process_rows import scroll_to
from shmtui.tui.spans import Line, line
from shmtui.tui.view_model import ViewModel
from shmtui.tui.widgets.cursor_panel import CursorPanel

_Row = Finding | Event


class EventsPanel(CursorPanel):
    """The current findings, and below them the events, newest first."""

    title = N_("Events")
    number = "5"

    class Opened(Message):
        """The user wants to see a row in full."""

        def __init__(self, title: str, text: Callable[[int], list[Line]]) -> None:
            super().__init__()
            self.title = title
            self.text = text
            """Its lines for a width."""

    @property
    def count(self) -> int:
        """Findings and events together."""
        return len(self.view.snapshot.health.findings) + len(self.view.events)

    def _row(self, at: int) -> _Row | None:
        findings, happened = self.view.snapshot.health.findings, self.view.events
        if at < len(findings):
            return findings[at]
        return happened[at - len(findings)] if at < self.count else None

    def show(self, view: ViewModel) -> None:
        """Draw findings and events; the cursor follows its row, or stays at the top."""
        row = self._row(self.at)
        self.view = view
        if self.at and row is not None:
            self.at = self._find(row, self.at)
        self.at = max(0, min(self.at, self.count - 1))
        self.draw()

    def _find(self, row: _Row, at: int) -> int:
        """Where the row is now: new rows come in above it."""
        findings, happened = self.view.snapshot.health.findings, self.view.events
        if isinstance(row, Finding):
            key = (row.code, row.subject)
            keys = [(f.code, f.subject) for f in findings]
            return keys.index(key) if key in keys else at
        found = next((n for n, event in enumerate(happened) if event is row), None)
        return at if found is None else len(findings) + found

    def depends_on(self) -> object:
        """The findings, the events, and the positions of cursor and view."""
        return self.view.snapshot.health.findings, self.view.events, self.at, self._first

    def lines(self, width: int, height: int) -> list[Line]:
        """The rows in view."""
        if not self.count:
            return [line((_("nothing has happened yet"), "muted"))]
        self._first = scroll_to(self._first, self.at, height, self.count)
        shown = range(self._first, min(self.count, self._first + max(0, height)))
        return [self._line(row, width) for at in shown if (row := self._row(at)) is not None]

    def _line(self, row: _Row, width: int) -> Line:
        if isinstance(row, Finding):
            return finding_line(row, width, self.view.glyphs)
        return event_line(row, width, self.view.glyphs)

    def cursor_line(self) -> int | None:
        """The chosen row, while keys apply to it."""
        return self.at - self._first if self.has_focus and self.count else None

    def scroll_position(self) -> tuple[int, int]:
        """The first row in view and how many there are."""
        return self._first, self.count

    def header(self) -> str:
        """How many findings there are."""
        return findings_count(self.view.snapshot.health)

    def footer(self, width: int, height: int) -> str:
        """How to see more of a finding."""
        del width, height
        return _("enter: evidence and remedy") if self.view.snapshot.health.findings else ""

    def action_open(self) -> None:
        """The chosen row in full."""
        row, glyphs = self._row(self.at), self.view.glyphs
        if isinstance(row, Finding):
            finding = row
            self.post_message(
                self.Opened(_("Finding"), lambda width: finding_text(finding, width, glyphs))
            )
        elif row is not None:
            event = row
            self.post_message(
                self.Opened(_("Event"), lambda width: event_text(event, width, glyphs))
            )

    def on_click(self, event: events.Click) -> None:
        """Open a finding; move the cursor to an event, and open it with a second click."""
        top = 1 if self._has_frame else 0
        at = self._first + event.y - top
        if not (top <= event.y < self.size.height - top and at < self.count):
            return
        event.prevent_default()
        chosen = at == self.at and event.chain == 2
        self.go(at)
        if chosen or isinstance(self._row(at), Finding):
            self.action_open()
