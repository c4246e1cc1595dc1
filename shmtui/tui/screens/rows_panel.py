"""A list to choose from: lines above, rows with a cursor, lines below."""

from textual import events
from textual.message import Message

from shmtui.tui.cell_text import fit
from shmtui.tui.process_rows import scroll_to
from shmtui.tui.spans import Line, Span
from shmtui.tui.view_model import ViewModel
from shmtui.tui.widgets.cursor_panel import CursorPanel


class RowsPanel(CursorPanel):
    """A subclass makes the rows, and handles `Chosen`."""

    class Chosen(Message):
        """Enter was pressed on a row, or the row was clicked twice."""

    def __init__(self, view: ViewModel) -> None:
        super().__init__()
        self.view = view
        self._above = 0

    # For the subclass.

    def row(self, at: int, width: int) -> Line:
        """A row, without its cursor."""
        raise NotImplementedError

    def above(self, width: int) -> list[Line]:
        """Fixed lines above the rows."""
        del width
        return []

    def below(self, width: int) -> list[Line]:
        """Fixed lines below the rows."""
        del width
        return []

    # Drawing.

    def lines(self, width: int, height: int) -> list[Line]:
        """As many rows as the fixed lines leave room for, at least one."""
        above = self.above(width)[: max(0, height - 1)]
        below = self.below(width)[: max(0, height - len(above) - 1)]
        room = max(0, height - len(above) - len(below))
        self.at = max(0, min(self.at, self.count - 1))
        self._above = len(above)
        self._first = scroll_to(self._first, self.at, room, self.count)
        shown = range(self._first, min(self.count, self._first + room))
        rows = [(self._mark(at), *self.row(at, width - 2)) for at in shown]
        return [*above, *rows, *[()] * (room - len(rows)), *below]

    def _mark(self, at: int) -> Span:
        return Span(fit(self.view.glyphs.cursor if at == self.at else "", 2), "accent")

    def cursor_line(self) -> int | None:
        """The chosen row."""
        return self._above + self.at - self._first if self.count else None

    def scroll_position(self) -> tuple[int, int]:
        """The fixed lines count as rows in view, so that the thumb fits the frame."""
        width, height = self.inner_size
        fixed = len(self.above(width)) + len(self.below(width))
        return self._first, self.count + min(fixed, height)

    # Choosing.

    def go(self, at: int) -> None:
        """Put the cursor on a row."""
        self.at = max(0, min(at, self.count - 1))
        self.draw_anew()

    @property
    def page_rows(self) -> int:
        """Half a screenful: other lines share the panel."""
        return max(1, self.inner_size[1] // 2)

    def action_open(self) -> None:
        """Choose the row."""
        if self.count:
            self.post_message(self.Chosen())

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to a row; choose the row that has the cursor already."""
        event.prevent_default()
        event.stop()
        top = 1 if self._has_frame else 0
        line = event.y - top - self._above
        width, height = self.inner_size
        at = self._first + line
        if not (0 <= line < height - self._above - len(self.below(width)) and at < self.count):
            return
        if at == self.at:
            self.action_open()
        else:
            self.go(at)
