"""The panel of bytes, for a segment that is shown raw."""

from collections.abc import Callable
from typing import ClassVar

from textual.binding import BindingType
from textual.message import Message

from shmtui.i18n import N_, _, ngettext
from shmtui.tui.draw.bytes import BYTE_FORMATS, gutter_for, last_first, raw_lines, row_shape_for
from shmtui.tui.formatting import format_count
from shmtui.tui.view_model import ViewModel
from shmtui.tui.widgets.bindings import binding
from shmtui.tui.widgets.moving_panels import FAR, MovingPanel
from shmtui.tui.widgets.panel import Content


class BytesPanel(MovingPanel):
    """A window on the segment. Only the bytes in view are read."""

    title = N_("Bytes")
    number = "1"

    BINDINGS: ClassVar[list[BindingType]] = [
        binding("rows.left", "shift(-1)"),
        binding("rows.right", "shift(1)"),
        binding("rows.open", "choose_layout"),
    ]

    class Moved(Message):
        """Other bytes are in view than those which were read."""

    _first = 0
    """The offset of the first byte in view."""
    _format = 0

    def __init__(self, choose_layout: Callable[[], None], *, id: str) -> None:  # noqa: A002 - Textual's name for it
        """``choose_layout`` shows the layouts that fit."""
        super().__init__(id=id)
        self._choose_layout = choose_layout

    def show(self, view: ViewModel) -> None:
        """Draw; for another segment begin at its start."""
        if view.snapshot.segment.name != self.view.snapshot.segment.name:
            self._first = 0
        super().show(view)

    def _depends_on(self) -> object:
        segment, layout = self.view.snapshot.segment, self.view.snapshot.layout
        return self.view.window, segment.size, layout.candidates, self._first, self._format

    @property
    def _length(self) -> int:
        return self.view.snapshot.segment.size

    @property
    def _per_row(self) -> int:
        reading = BYTE_FORMATS[self._format]
        return row_shape_for(self.inner_size[0], gutter_for(self._length), reading).per_row

    def wanted(self, size: int) -> tuple[int, int]:
        """Offset and length of the bytes in view, for a segment of ``size``."""
        height = self.inner_size[1]
        if self._first >= size:
            self._first = last_first(size, self._per_row, height, 0)
        return self._first, max(0, min(self._per_row * height, size - self._first))

    def _content(self, width: int, height: int) -> Content:
        view, reading, per_row = self.view, BYTE_FORMATS[self._format], self._per_row
        box = (width, height, view.glyphs)
        return Content(
            raw_lines(view.window, self._first, self._length, reading, *box),
            self._footer(width, height),
            reading.name,
            first=self._first // per_row,
            total=-(-self._length // per_row),
        )

    def _footer(self, width: int, height: int) -> str:
        last = max(0, min(self._length, self._first + self._per_row * height) - 1)
        text = _("{first:#x} to {last:#x} of {length} bytes").format(
            first=self._first, last=last, length=format_count(self._length)
        )
        fitting = len(self.view.snapshot.layout.candidates)
        if not fitting:
            return text
        layouts = ngettext("{count} layout fits", "{count} layouts fit", fitting)
        layouts = layouts.format(count=fitting)
        key = self.view.key("rows.open")
        hint = _("{layouts}: {key} chooses, or --layout").format(layouts=layouts, key=key)
        if len(text) + len(hint) + 9 > width:
            return f"{layouts}: {key}"
        return f"{hint} {self.view.glyphs.dot} {text}"

    def go_to(self, offset: int) -> None:
        self._first = offset
        self._moved()

    def interpret(self) -> None:
        self._format = (self._format + 1) % len(BYTE_FORMATS)
        self._moved()

    def _moved(self) -> None:
        self.draw()
        self.post_message(self.Moved())

    def action_move(self, by: int) -> None:
        """Scroll ``by`` rows down; ``FAR``: to the end, in rows that begin at multiples of their length."""
        height, per_row = self.inner_size[1], self._per_row
        phase = 0 if by == FAR else self._first % per_row
        lowest = last_first(self._length, per_row, height, phase)
        if by != FAR:
            # A view that `go_to` put near the end stays there; scrolling never passes the end.
            lowest = max(self._first, lowest)
        first = max(0, min(self._first + by * per_row, lowest))
        if first != self._first:
            self.go_to(first)

    def action_shift(self, by: int) -> None:
        """Begin the rows a byte earlier or later, for values that are not aligned."""
        first = self._first + by
        if 0 <= first < self._length:
            self.go_to(first)

    def action_choose_layout(self) -> None:
        if self.view.snapshot.layout.candidates:
            self._choose_layout()
