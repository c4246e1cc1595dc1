"""Which columns the list of what processes share has."""

from typing import ClassVar

from textual.binding import Binding, BindingType

from shmtui.i18n import N_, _
from shmtui.tui.draw.object_columns import COLUMNS
from shmtui.tui.object_rows import ListChoices
from shmtui.tui.screens.dialog import ChoicePanel, Dialog
from shmtui.tui.screens.object_list import PickerPanel
from shmtui.tui.spans import Line, line


class ColumnsPanel(ChoicePanel[str]):
    """A row for each column, to switch it on and off."""

    title = N_("Columns")
    items = tuple(name for name in COLUMNS if name != "name")

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "open", show=False)]

    def __init__(self, listed: PickerPanel, choices: ListChoices) -> None:
        super().__init__(listed.view)
        self._listed = listed
        self._choices = choices

    def _depends_on(self) -> object:
        return self.at, self._choices.columns

    def _choice(self, at: int, width: int) -> Line:
        name = self.items[at]
        column, on = COLUMNS[name], name in self._choices.columns
        fitting = self._listed.columns(self._listed.inner_size[0] - 2)
        fits = name in {each.key for each in fitting}
        return self.view.glyphs.clip_line(
            line(
                ("[x] " if on else "[ ] ", "accent" if on else "muted"),
                (_(column.title), "strong" if on else "text"),
                (f"  {_('no room for it now')}" if on and not fits else "", "muted"),
            ),
            width,
        )

    def _footer(self, _width: int) -> str:
        return _("space switches, esc closes")


class ColumnsScreen(Dialog[None]):
    """Switches columns on and off, at once."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("q,f2", "dismiss(None)", show=False)]

    def __init__(self, listed: PickerPanel, choices: ListChoices) -> None:
        self._panel = ColumnsPanel(listed, choices)
        super().__init__(self._panel)
        self._listed = listed

    def on_choice_panel_chosen(self) -> None:
        if self._panel.chosen is not None:
            self._listed.switch_column(self._panel.chosen)
            self._panel.draw()
