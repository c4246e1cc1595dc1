"""The panel of bytes, for a segment that is shown raw."""

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from shmtui.i18n import N_, _, ngettext
from shmtui.tui.draw.bytes import BYTE_FORMATS, gutter_for, last_first, raw_lines, row_shape_for
from shmtui.tui.formatting import format_count
from shmtui.tui.spans import Line
from shmtui.tui.view_model import ViewModel
from shmtui.tui.widgets.panel import Panel


class BytesPanel(Panel, can_focus=True):
    """A window on the segment. Only the bytes in view are read."""

    title = N_("Bytes")
    number = "1"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "rows(-1)", show=False),
        Binding("down", "rows(1)", show=False),
        Binding("left", "shift(-1)", show=False),
        Binding("right", "shift(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "edge(0)", show=False),
        Binding("end", "edge(1)", show=False),
        Binding("enter", "choose_layout", show=False),
    ]

    class Moved(Message):
        """Other bytes are in view than those which were read."""

    class LayoutsWanted(Message):
        """The user wants to choose from the layouts that fit."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._first = 0
        self._format = 0

    def show(self, view: ViewModel) -> None:
        """Draw; for another segment begin at its start."""
        if view.snapshot.segment.name != self.view.snapshot.segment.name:
            self._first = 0
        super().show(view)

    def depends_on(self) -> object:
        """The bytes, the position of the view, the format."""
        segment, layout = self.view.snapshot.segment, self.view.snapshot.layout
        return self.view.window, segment.size, layout.candidates, self._first, self._format

    @property
    def _length(self) -> int:
        return self.view.snapshot.segment.size

    @property
    def _per_row(self) -> int:
        return row_shape_for(
            self.inner_size[0], gutter_for(self._length), BYTE_FORMATS[self._format]
        ).per_row

    def wanted(self, size: int) -> tuple[int, int]:
        """Offset and length of the bytes in view, for a segment of ``size``."""
        height = self.inner_size[1]
        if self._first >= size:
            self._first = last_first(size, self._per_row, height, 0)
        return self._first, max(0, min(self._per_row * height, size - self._first))

    def lines(self, width: int, height: int) -> list[Line]:
        """Rows of offset, values and characters."""
        view, reading = self.view, BYTE_FORMATS[self._format]
        return raw_lines(
            view.window, self._first, self._length, reading, width, height, view.glyphs
        )

    def scroll_position(self) -> tuple[int, int]:
        """In rows."""
        per_row = self._per_row
        return self._first // per_row, -(-self._length // per_row)

    def header(self) -> str:
        """The format."""
        return BYTE_FORMATS[self._format].name

    def footer(self, width: int, height: int) -> str:
        """The position of the view, and how many layouts fit."""
        glyphs = self.view.glyphs
        last = max(0, min(self._length, self._first + self._per_row * height) - 1)
        text = _("{first:#x} to {last:#x} of {length} bytes").format(
            first=self._first, last=last, length=format_count(self._length)
        )
        fitting = len(self.view.snapshot.layout.candidates)
        if fitting:
            layouts = ngettext("{count} layout fits", "{count} layouts fit", fitting)
            layouts = layouts.format(count=fitting)
            hint = _("{layouts}: enter chooses, or --layout").format(layouts=layouts)
            if len(text) + len(hint) + 9 > width:
                return f"{layouts}: enter"
            text = f"{hint} {glyphs.dot} {text}"
        return text

    def go_to(self, offset: int) -> None:
        """Begin the view at this byte."""
        self._first = offset
        self._moved()

    def interpret(self) -> None:
        """Read the bytes as the next type."""
        self._format = (self._format + 1) % len(BYTE_FORMATS)
        self._moved()

    def _moved(self) -> None:
        self.draw()
        self.post_message(self.Moved())

    def _scroll_by(self, distance: int) -> None:
        height = self.inner_size[1]
        per_row = self._per_row
        # A view that `go_to` put near the end stays there; scrolling never passes the end.
        lowest = max(self._first, last_first(self._length, per_row, height, self._first % per_row))
        first = max(0, min(self._first + distance, lowest))
        if first != self._first:
            self.go_to(first)

    def action_rows(self, by: int) -> None:
        """So many rows up or down."""
        self._scroll_by(by * self._per_row)

    def action_shift(self, by: int) -> None:
        """Begin the rows a byte earlier or later, for values that are not aligned."""
        first = self._first + by
        if 0 <= first < self._length:
            self.go_to(first)

    def action_page(self, by: int) -> None:
        """A screenful up or down."""
        self.action_rows(by * max(1, self.inner_size[1] - 1))

    def action_edge(self, at: int) -> None:
        """The first byte, or the last."""
        end = last_first(self._length, self._per_row, self.inner_size[1], 0)
        self.go_to(end if at else 0)

    def action_choose_layout(self) -> None:
        """Choose from the layouts that fit, if there are any."""
        if self.view.snapshot.layout.candidates:
            self.post_message(self.LayoutsWanted())

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Three rows down."""
        event.stop()
        self.action_rows(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Three rows up."""
        event.stop()
        self.action_rows(-3)
