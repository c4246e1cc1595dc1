"""Which columns a table has: that of the processes, or the list of what processes share."""

from collections.abc import Callable, Mapping
from typing import ClassVar

import msgspec
from textual.binding import BindingType

from shmtui.i18n import N_, _
from shmtui.tui.screens.dialog import ChoicePanel, Dialog
from shmtui.tui.spans import Line, line
from shmtui.tui.view_model import ViewModel
from shmtui.tui.widgets.bindings import binding
from shmtui.tui.widgets.moving_panels import LETTERS


class TableColumns(msgspec.Struct, frozen=True):
    """The columns of one table, to be switched on and off."""

    titles: Mapping[str, str]
    """By their names, all that there are."""
    chosen: Callable[[], tuple[str, ...]]
    shown: Callable[[], tuple[str, ...]]
    """Those that there is room for."""
    switch: Callable[[str], None]


class ColumnsPanel(ChoicePanel[str]):
    """A row for each column, to switch it on and off."""

    title = N_("Columns")

    BINDINGS: ClassVar[list[BindingType]] = [binding("dialog.switch", "open"), *LETTERS]

    def __init__(self, columns: TableColumns, view: ViewModel) -> None:
        super().__init__(view)
        self._columns = columns
        self.items = tuple(columns.titles)

    def _depends_on(self) -> object:
        return self.at, self._columns.chosen(), self._columns.shown()

    def _choice(self, at: int, width: int) -> Line:
        name, columns = self.items[at], self._columns
        on = name in columns.chosen()
        return self.view.glyphs.clip_line(
            line(
                ("[x] " if on else "[ ] ", "accent" if on else "muted"),
                (_(columns.titles[name]), "strong" if on else "text"),
                (
                    f"  {_('no room for it now')}" if on and name not in columns.shown() else "",
                    "muted",
                ),
            ),
            width,
        )

    def _footer(self, _width: int) -> str:
        return self.view.naming(_("{switch} switches, {close} closes"))


class ColumnsScreen(Dialog[None]):
    """Switches columns on and off, at once."""

    BINDINGS: ClassVar[list[BindingType]] = [binding("dialog.leave", "dismiss(None)")]
    opened_by = ("columns", "list.columns")

    def __init__(self, columns: TableColumns, view: ViewModel) -> None:
        self._panel = ColumnsPanel(columns, view)
        super().__init__(self._panel)
        self._panel.choose = self.choose
        self._switch = columns.switch

    def choose(self) -> None:
        if self._panel.chosen is not None:
            self._switch(self._panel.chosen)
            self._panel.draw()
