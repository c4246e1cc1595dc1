"""The slots of a ring as a table that follows it, and one slot's value in full."""

from collections.abc import Callable
from functools import partial
from typing import ClassVar

from textual.binding import BindingType

from shmtui.i18n import N_, _
from shmtui.shm.segment_info import Slot
from shmtui.shm.value import Value
from shmtui.snapshot import Snapshot
from shmtui.tui.draw.ring_strip import index_mark
from shmtui.tui.draw.slot_values import (
    Columns,
    columns_of,
    full_lines,
    header_spans,
    value_spans,
)
from shmtui.tui.formatting import format_clock
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.screens.dialog import ChoicePanel, Dialog
from shmtui.tui.screens.text_screens import DetailScreen
from shmtui.tui.spans import Line, Span, line, wrapped
from shmtui.tui.view_model import ViewModel
from shmtui.tui.widgets.bindings import binding
from shmtui.tui.widgets.moving_panels import LETTERS

ReadSlots = Callable[[int, int], tuple[Slot, ...]]
"""Slots from the first on, so many."""


class SlotsPanel(ChoicePanel[int]):
    """A row for each slot; those in view alone are read."""

    title = N_("Slots")

    BINDINGS: ClassVar[list[BindingType]] = [
        binding("rows.left", "shift(-1)"),
        binding("rows.right", "shift(1)"),
        *LETTERS,
    ]

    def __init__(self, read: ReadSlots, view: ViewModel) -> None:
        super().__init__(view)
        self._read = read
        self._shift = 0
        """Columns that are scrolled away on the left."""
        self._seen: dict[int, Slot] = {}
        self._columns = Columns((), ())
        self.items = range(view.snapshot.layout.slots)
        self.at = view.snapshot.slot_out or 0

    def show(self, view: ViewModel) -> None:
        self.items = range(view.snapshot.layout.slots)
        super().show(view)

    def _depends_on(self) -> object:
        return self.view.snapshot.monotonic_ns, self.items, self.at, self._shift

    def action_shift(self, by: int) -> None:
        longest = len(self._columns.names) + self._shift - 1
        self._shift = max(0, min(self._shift + by, longest))
        self.draw()

    def _read_rows(self, first: int, count: int) -> None:
        """The columns are those of the values in view."""
        self._seen = {slot.index: slot for slot in self._read(first, count)}
        values = [slot.value for slot in self._seen.values()]
        self._columns = columns_of(values, self._shift, self.view.glyphs)

    @property
    def _digits(self) -> int:
        return max(len(_("slot")), len(str(max(0, self._count - 1))))

    def _above(self, width: int) -> list[Line]:
        glyphs = self.view.glyphs
        if not self._count:
            return wrapped(_("no buffer seen yet"), width, "muted")
        head = Span(f"  {_('slot'):>{self._digits}}    ", "muted")
        return [glyphs.clip_line(line(head, *header_spans(self._columns, glyphs)), width)]

    def _choice(self, at: int, width: int) -> Line:
        glyphs, slot = self.view.glyphs, self._seen.get(at)
        full = None if slot is None else slot.full
        pips = {True: glyphs.pip, False: glyphs.no_pip, None: "?"}
        styles = {True: "producer", False: "muted", None: "warn"}
        snapshot = self.view.snapshot
        mark = index_mark(at, snapshot.slot_in, snapshot.slot_out, glyphs) or Span(" ")
        value: Value = None if slot is None else slot.value
        style = "text" if full else styles[full]
        cells = value_spans(value, self._columns, style, glyphs)
        head = ((f"{at:>{self._digits}} ", "faint"), mark, (f" {pips[full]}", styles[full]))
        return glyphs.clip_line(line(*head, *cells), width)

    def _header(self) -> str:
        glyphs = self.view.glyphs
        return f"{glyphs.up} out  {glyphs.down} in"

    def _footer(self, width: int) -> str:
        long = self.view.naming(_("{open}: in full, {left} and {right}: columns, {close} closes"))
        short = self.view.naming(_("{open}: in full, {close} closes"))
        return long if len(long) + 4 <= width else short


class SlotsScreen(Dialog[None]):
    """Drawn again with every frame of the dashboard."""

    BINDINGS: ClassVar[list[BindingType]] = [binding("dialog.leave", "dismiss(None)")]

    def __init__(
        self, read: ReadSlots, read_full: Callable[[int], tuple[Slot, str]], view: ViewModel
    ) -> None:
        """``read_full`` gives a slot with its whole value, and a note on what it leaves out."""
        self._panel = SlotsPanel(read, view)
        super().__init__(self._panel)
        self._panel.choose = self.choose
        self._read_full = read_full

    def show_view(self, view: ViewModel) -> None:
        self._panel.show(view)

    def choose(self) -> None:
        at, view = self._panel.chosen, self._panel.view
        if at is not None:
            slot, note = self._read_full(at)
            text = partial(slot_text, slot, note, view.snapshot, glyphs=view.glyphs)
            title = _("Slot {number}").format(number=at)
            self.app.push_screen(DetailScreen(title, text, view))


def slot_text(slot: Slot, note: str, snapshot: Snapshot, width: int, glyphs: Glyphs) -> list[Line]:
    """A slot's value in full, as it was at a time, in lines of ``width`` cells."""
    states = {True: _("full"), False: _("empty: what was left there"), None: _("not known")}
    facts = [states[slot.full], format_clock(snapshot.time)]
    if slot.index == snapshot.slot_out:
        facts.append(_("out: the next one to be read"))
    if slot.index == snapshot.slot_in:
        facts.append(_("in: the next one to be written"))
    rows = wrapped(f" {glyphs.dot} ".join(facts), width, "muted")
    if slot.value is None:
        return [*rows, (), *wrapped(_("its value is not known"), width, "warn")]
    rows += [(), *full_lines(slot.value, snapshot.monotonic_ns / 1e9, width, glyphs)]
    return [*rows, (), *wrapped(note, width, "muted")] if note else rows
