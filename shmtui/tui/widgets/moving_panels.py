"""Panels that keys and the wheel move through: a text that scrolls, rows with a cursor."""

from collections.abc import Callable, Sequence
from typing import ClassVar, Final, Generic, TypeVar

from textual import events
from textual.binding import BindingType

from shmtui.i18n import _
from shmtui.tui.spans import Line
from shmtui.tui.view_model import ViewModel
from shmtui.tui.widgets.bindings import binding
from shmtui.tui.widgets.panel import Content, Panel

Item = TypeVar("Item")

FAR = 10**12
"""More rows than any panel has: to the first row, or to the last."""

LETTERS: Final = (
    binding("rows.down", "move(1)", letters=True),
    binding("rows.up", "move(-1)", letters=True),
    binding("rows.first", "first_row", letters=True),
    binding("rows.last", f"move({FAR})", letters=True),
)
"""The keys of vi, for panels where letters are not typed."""


def scroll_to(first: int, chosen: int, visible: int, total: int) -> int:
    """The first row in view, so that the chosen one is in view and the view is filled.

    >>> scroll_to(0, 7, 5, 20), scroll_to(6, 3, 5, 20), scroll_to(18, 19, 5, 20)
    (3, 3, 15)
    """
    if visible <= 0:
        return 0
    first = max(min(first, chosen), chosen - visible + 1)
    return max(0, min(first, total - visible))


class MovingPanel(Panel, can_focus=True):
    """A subclass has its `action_move`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        binding("rows.up", "move(-1)", letters=False),
        binding("rows.down", "move(1)", letters=False),
        binding("rows.page_up", "page(-1)"),
        binding("rows.page_down", "page(1)"),
        binding("rows.first", f"move({-FAR})", letters=False),
        binding("rows.last", f"move({FAR})", letters=False),
    ]
    wheel = 3
    """Rows that the wheel moves by."""

    @property
    def _page_rows(self) -> int:
        """How far a page key goes: a screenful less one row."""
        return max(1, self.inner_size[1] - 1)

    def action_move(self, by: int) -> None:
        """Go ``by`` rows down; up where it is negative."""
        raise NotImplementedError

    def action_page(self, by: int) -> None:
        """Go ``by`` screenfuls down."""
        self.action_move(by * self._page_rows)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.action_move(self.wheel)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.action_move(-self.wheel)


class TextPanel(MovingPanel):
    """A text, made for the width of the panel, that scrolls."""

    BINDINGS: ClassVar[list[BindingType]] = [
        binding("dialog.switch", "move(1)"),
        *LETTERS,
    ]
    first = 0
    """The first line in view."""

    def __init__(
        self, title: str, text: Callable[[int], list[Line]], footer: str, view: ViewModel
    ) -> None:
        super().__init__(view)
        self.title = title
        self.text = text
        self.below = footer
        """The footer."""

    def _depends_on(self) -> object:
        return self.first

    def _content(self, width: int, height: int) -> Content:
        text = self.text(width)
        self.first = max(0, min(self.first, len(text) - height))
        shown = text[self.first : self.first + height]
        footer = self._footer(scrolls=len(text) > height)
        return Content(shown, footer, first=self.first, total=len(text))

    def _footer(self, *, scrolls: bool) -> str:  # noqa: ARG002 - for the subclass
        return self.below

    def get_content_height(self, _container: object, _viewport: object, width: int) -> int:
        """As high as its lines and its frame, where the style leaves it open."""
        return len(self.text(max(0, width - 4))) + 2

    def action_first_row(self) -> None:
        self.action_move(-FAR)

    def action_move(self, by: int) -> None:
        self.first += by
        self.draw()


class CursorPanel(MovingPanel, Generic[Item]):
    """A row for each item, with a cursor, between lines that do not scroll."""

    BINDINGS: ClassVar[list[BindingType]] = [binding("rows.open", "open")]
    wheel = 1  # It moves the cursor, so that the cursor stays in view.

    items: Sequence[Item] = ()
    at = 0
    """The row that the cursor is on."""
    _first = 0
    """The first row in view."""
    _lines_above = 0
    _rows_shown = 0

    @property
    def chosen(self) -> Item | None:
        return self.items[self.at] if self.at < len(self.items) else None

    @property
    def _count(self) -> int:
        return len(self.items)

    # For the subclass.

    def _row(self, at: int, width: int) -> Line:
        raise NotImplementedError

    def _read_rows(self, first: int, count: int) -> None:
        """Called before these rows, of which the last may find no room, are asked for."""

    def _above(self, _width: int) -> list[Line]:
        return []

    def _below(self, _width: int) -> list[Line]:
        return []

    def _header(self) -> str:
        return ""

    def _footer(self, _width: int) -> str:
        return ""

    def _has_cursor(self) -> bool:
        return self._count > 0

    def action_open(self) -> None:
        raise NotImplementedError

    def _content(self, width: int, height: int) -> Content:
        """As many rows as the fixed lines leave room for; at least one, if there is any."""
        first = scroll_to(self._first, self._nearest(self.at), max(1, height - 1), self._count)
        self._read_rows(first, max(1, height))
        height = max(0, height - min(1, self._count))
        above = self._above(width)[:height]
        below = self._below(width)[: height - len(above)]
        room = height - len(above) - len(below) + min(1, self._count)
        self.at = self._nearest(self.at)
        self._first = scroll_to(self._first, self.at, room, self._count)
        shown = range(self._first, min(self._count, self._first + room))
        self._lines_above, self._rows_shown = len(above), len(shown)
        rows = [self._row(at, width) for at in shown]
        return Content(
            [*above, *rows, *[()] * (room - len(rows)), *below],
            self._footer(width),
            self._header(),
            cursor=len(above) + self.at - self._first if self._has_cursor() else None,
            first=self._first,
            # The fixed lines count as rows, so that the thumb fits the frame.
            total=self._count + len(above) + len(below),
        )

    @property
    def _page_rows(self) -> int:
        return max(1, self._rows_shown - 1)

    def _nearest(self, at: int) -> int:
        return max(0, min(at, self._count - 1))

    def go(self, at: int) -> None:
        """Put the cursor on this row, or on the nearest."""
        self.at = self._nearest(at)
        self.draw()

    def follow(self, is_it: Callable[[Item], bool]) -> None:
        """Put the cursor where its item is now; where that is gone, it stays at its place."""
        self.go(next((at for at, item in enumerate(self.items) if is_it(item)), self.at))

    def action_move(self, by: int) -> None:
        self.go(self.at + by)

    def action_first_row(self) -> None:
        self.go(0)

    def row_under(self, event: events.Click) -> int | None:
        y = self.inside(event)[1] - self._lines_above
        return self._first + y if 0 <= y < self._rows_shown else None


class NarrowedPanel(CursorPanel[Item], Generic[Item]):
    """A panel of the main screen whose rows can be filtered and sorted."""

    BINDINGS: ClassVar[list[BindingType]] = [*LETTERS]
    words = ""
    """The filter: what a row has to have, in any column."""
    order = ""
    backwards = False
    """Whether the order is the other way round."""

    @property
    def orders(self) -> tuple[str, ...]:
        """The names of the orders; the first is the usual one."""
        raise NotImplementedError

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - Textual's
        """The key g: in a replay the app asks for a time, beside bytes for an offset."""
        by_app = self.view.replay is not None or self.view.raw
        return not (by_app and action == "first_row")

    def narrow(self, words: str) -> None:
        """Show the rows that have all these words."""
        self.words = words
        self.show(self.view)
        self.draw_anew()

    def chosen_text(self) -> str:
        """The chosen row as plain text, in full; empty where there is none."""
        raise NotImplementedError

    def next_order(self) -> None:
        orders = self.orders
        after = orders.index(self.order) + 1 if self.order in orders else 0
        self._sort(orders[after % len(orders)])

    def reverse_order(self) -> None:
        self._sort(self.order, backwards=not self.backwards)

    def sort_by(self, order: str) -> None:
        """Sort the rows in this order; the other way round where they are."""
        self._sort(order, backwards=order == self.order and not self.backwards)

    def _sort(self, order: str, *, backwards: bool = False) -> None:
        self.order, self.backwards = order, backwards
        self.show(self.view)
        self.draw_anew()

    def _chosen_rows(self) -> str:
        """How the rows are filtered and sorted, for an edge of the frame; empty where they are not."""
        inert = self.view.glyphs.inert
        parts = []
        if self.words:
            parts.append(_("only: {words}").format(words=inert(self.words)))
        if self.order:
            parts.append(_("sorted: {column}").format(column=_(self.order)))
        if self.backwards:
            parts.append(_("reversed"))
        return f" {self.view.glyphs.dot} ".join(parts)
