"""The panel of the process table: rows, a cursor that follows a process, scrolling.

Textual's DataTable is not used: it costs several times as much for each frame, and its cursor
stays on a row number while processes come and go.
"""

from textual import events
from textual.message import Message

from shmtui.i18n import N_, _, ngettext
from shmtui.snapshot import Process
from shmtui.tui.draw.processes import header_line, protocol_lines, row_line
from shmtui.tui.process_rows import (
    PRODUCERS,
    Member,
    Row,
    RowKey,
    follow,
    scroll_to,
    table_rows,
    without_workers,
)
from shmtui.tui.spans import Line
from shmtui.tui.view_model import ViewModel
from shmtui.tui.widgets.cursor_panel import CursorPanel


class ProcessesPanel(CursorPanel):
    """The processes that map the segment, and the row that keys apply to."""

    title = N_("Processes")
    number = "4"

    class Opened(Message):
        """The user wants to see a process in full."""

        def __init__(self, process: Process) -> None:
            super().__init__()
            self.process = process

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._table: tuple[Row, ...] = table_rows(self.view.snapshot)
        # The first key a newcomer tries is ``+``; on the producers it shows at once.
        self._key: RowKey = PRODUCERS

    @property
    def chosen(self) -> Row | None:
        """The row that keys apply to."""
        return self._table[self.at] if self.at < len(self._table) else None

    @property
    def count(self) -> int:
        """Groups and processes."""
        return len(self._table)

    def show(self, view: ViewModel) -> None:
        """Draw the processes; the cursor follows its process."""
        self._table = table_rows(view.snapshot)
        self._choose(follow(self._table, self._key, self.at))
        super().show(view)

    def depends_on(self) -> object:
        """The processes, and the positions of cursor and view."""
        return self._table, self.at, self._first

    def lines(self, width: int, height: int) -> list[Line]:
        """The titles, then the rows in view."""
        if height <= 0:
            return []
        places = protocol_lines(self.view.snapshot.processes, width, self.view.glyphs)
        places = places if height > len(places) + 3 else []
        visible = height - 1 - len(places)
        self._first = scroll_to(self._first, self.at, visible, len(self._table))
        glyphs = self.view.glyphs
        foreign = self.view.raw or without_workers(self._table)
        shown = self._table[self._first : self._first + visible]
        rows = [
            row_line(row, width, self._first + at == self.at, glyphs, foreign)
            for at, row in enumerate(shown)
        ]
        gap: list[Line] = [()] * (visible - len(rows)) if places else []
        return [header_line(width, glyphs, foreign), *rows, *gap, *places]

    def cursor_line(self) -> int | None:
        """The chosen row, under the line of titles."""
        return self.at - self._first + 1 if self._table else None

    def scroll_position(self) -> tuple[int, int]:
        """The titles do not scroll, and count as a row in view."""
        return self._first, len(self._table) + 1

    def footer(self, width: int, height: int) -> str:
        """How many processes map the segment."""
        del width, height
        count = sum(1 for p in self.view.snapshot.processes if p.ending is None)
        more = _(", and others may") if self.view.snapshot.unseen else ""
        return ngettext("{count} maps it", "{count} map it", count).format(count=count) + more

    @property
    def page_rows(self) -> int:
        """A screenful less the titles and one row."""
        return max(1, self.inner_size[1] - 2)

    def _choose(self, at: int) -> None:
        self.at = max(0, min(at, self.count - 1))
        if self._table:
            self._key = self._table[self.at].key

    def go(self, at: int) -> None:
        """Put the cursor on a row; from then on it follows the process."""
        self._choose(at)
        self.draw()

    def action_open(self) -> None:
        """Show the chosen process in full; nothing for a group."""
        if isinstance(self.chosen, Member):
            self.post_message(self.Opened(self.chosen.process))

    def on_click(self, event: events.Click) -> None:
        """Choose the row under the pointer; elsewhere as in any panel."""
        # Without prevent_default Textual calls the base class's handler too.
        top = 2 if self._has_frame else 1
        at = self._first + event.y - top
        inside = event.y >= top and event.y < self.size.height - (top - 1)
        if inside and 0 <= at < len(self._table):
            event.prevent_default()
            self.go(at)
