"""The keys beside those of the dashboard: of the list, of rows, of dialogs. Pure.

Each is bound by its identifier, such as ``dialog.yes``, so that the configuration can give it others.
"""

from typing import Final

from shmtui.i18n import N_
from shmtui.tui.key import SPOKEN, Key

LIST, ROWS, DIALOG = "list", "rows", "dialog"
SECTIONS: Final = {"": "keys", LIST: "list_keys", ROWS: "row_keys", DIALOG: "dialog_keys"}
"""The tables of the configuration file."""


def _key(where: str, name: str, keys: str, text: str, label: str = "", rank: int = 0) -> Key:
    """A key; Textual calls its action where it is bound."""
    shown = SPOKEN.get(keys.partition(",")[0], "")
    return Key(keys, name, label, text, rank, shown, where=where)


LIST_KEYS: Final = (
    _key(LIST, "sort_next", "right", N_("Sort by the next column"), N_("sorts"), 3),
    _key(LIST, "sort_before", "left", N_("Sort by the column before")),
    _key(LIST, "group_next", "tab", N_("No groups, by kind, by program"), N_("groups"), 1),
    _key(LIST, "group_before", "shift+tab", N_("The same, the other way round")),
    _key(LIST, "columns", "f2,ctrl+o", N_("Which columns to show"), N_("columns"), 3),
    _key(LIST, "end", "f9,ctrl+t", N_("Who has it, to end one of them after a question"),
         N_("ends a holder"), 2),
    _key(LIST, "remove", "delete", N_("Remove an orphan: asks first"), N_("removes orphans"), 2),
    _key(LIST, "reload", "f5,ctrl+r", N_("Look again at once")),
    _key(LIST, "help", "f1", N_("Show these keys"), N_("help"), 1),
    _key(LIST, "close", "escape", N_("Delete the filter, or close the list"), N_("closes")),
)  # fmt: skip
"""Of the list of what processes share, where letters are typed into the filter."""

ROW_KEYS: Final = (
    _key(ROWS, "open", "enter", N_("Open the chosen row; answer with what was typed")),
    _key(ROWS, "up", "up,k", N_("A row up")),
    _key(ROWS, "down", "down,j", N_("A row down")),
    _key(ROWS, "page_up", "pageup", N_("A page up")),
    _key(ROWS, "page_down", "pagedown", N_("A page down")),
    _key(ROWS, "first", "home,g", N_("The first row")),
    _key(ROWS, "last", "end,G", N_("The last row")),
    _key(ROWS, "left", "left", N_("To the left: bytes, columns of slots")),
    _key(ROWS, "right", "right", N_("To the right")),
)  # fmt: skip
"""Of every panel with rows. Letters move where none are typed."""

DIALOG_KEYS: Final = (
    _key(DIALOG, "close", "escape,ctrl+q", N_("Close it, and answer nothing")),
    _key(DIALOG, "leave", "q", N_("The same, where no text is typed")),
    _key(DIALOG, "yes", "y", N_("Yes: do what it asks")),
    _key(DIALOG, "no", "n", N_("No: leave it")),
    _key(DIALOG, "switch", "space", N_("Switch a column on or off; a line or a page further down")),
    _key(DIALOG, "end", "t", N_("End the chosen holder, after a question")),
    _key(DIALOG, "kill", "K", N_("Kill it, after a question")),
    _key(DIALOG, "restart", "R", N_("Start the program anew whose output is shown")),
    _key(DIALOG, "next_program", "tab,right", N_("The output of the next program")),
    _key(DIALOG, "program_before", "shift+tab,left", N_("The output of the previous program")),
)  # fmt: skip
"""Of dialogs."""

OTHER_KEYS: Final = (*LIST_KEYS, *ROW_KEYS, *DIALOG_KEYS)
BY_ID: Final = {key.id: key for key in OTHER_KEYS}
