"""The panel of findings and events."""

from functools import partial

from textual import events

from shmtui.events import Event
from shmtui.i18n import N_, _, ngettext
from shmtui.snapshot import Finding
from shmtui.tui.draw.events import event_line, event_text, finding_line, finding_text
from shmtui.tui.spans import Line, line
from shmtui.tui.view_model import ViewModel
from shmtui.tui.widgets.moving_panels import CursorPanel


class EventsPanel(CursorPanel):
    """The current findings, and below them the events, newest first."""

    title = N_("Events")
    number = "5"

    @property
    def _count(self) -> int:
        return len(self.view.snapshot.health.findings) + len(self.view.events)

    def item(self, at: int) -> Finding | Event | None:
        """The finding or event of a row."""
        findings, happened = self.view.snapshot.health.findings, self.view.events
        if at < len(findings):
            return findings[at]
        return happened[at - len(findings)] if at < self._count else None

    def show(self, view: ViewModel) -> None:
        """Draw findings and events; the cursor follows its row, or stays at the top."""
        item = self.item(self.at)
        self.view = view
        if self.at and item is not None:
            self.at = self._find(item)
        self.go(self.at)

    def _find(self, item: Finding | Event) -> int:
        """Where the row is now: new rows come in above it."""
        key = _identity(item)
        same = (at for at in range(self._count) if _identity(self.item(at)) == key)
        return next(same, self.at)

    def _depends_on(self) -> object:
        return self.view.snapshot.health.findings, self.view.events, self.at, self._first

    def _above(self, _width: int) -> list[Line]:
        return [] if self._count else [line((_("nothing has happened yet"), "muted"))]

    def _header(self) -> str:
        count = len(self.view.snapshot.health.findings)
        text = ngettext("{count} finding", "{count} findings", count)
        return text.format(count=count) if count else ""

    def _footer(self, _width: int) -> str:
        return _("enter: evidence and remedy") if self.view.snapshot.health.findings else ""

    def _has_cursor(self) -> bool:
        """Only while keys apply to it."""
        return self.has_focus and self._count > 0

    def _row(self, at: int, width: int) -> Line:
        match self.item(at):
            case Finding() as finding:
                return finding_line(finding, width, self.view.glyphs)
            case Event() as event:
                return event_line(event, width, self.view.glyphs)
        return ()

    def action_open(self) -> None:
        """The chosen row in full."""
        glyphs = self.view.glyphs
        match self.item(self.at):
            case Finding() as finding:
                text = partial(finding_text, finding, glyphs=glyphs)
                self.post_message(self.Opened(_("Finding"), text))
            case Event() as event:
                text = partial(event_text, event, glyphs=glyphs)
                self.post_message(self.Opened(_("Event"), text))

    def on_click(self, event: events.Click) -> None:
        """Open a finding; move the cursor to an event, and open it with a second click."""
        at = self.row_under(event)
        if at is None:
            return
        event.prevent_default()
        chosen = at == self.at and event.chain == 2
        self.go(at)
        if chosen or isinstance(self.item(at), Finding):
            self.action_open()


def _identity(item: Finding | Event | None) -> object:
    """What stays the same of a row: each sample has findings of its own."""
    return (item.code, item.subject) if isinstance(item, Finding) else id(item)
