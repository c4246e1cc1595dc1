"""The file of what was last copied: a terminal may refuse a copy, and does not say so."""

from typing import TYPE_CHECKING

from shmtui import folders
from shmtui.errors import ShmtuiError
from shmtui.i18n import _

if TYPE_CHECKING:
    from shmtui.tui.app import DashboardApp


def copy(app: "DashboardApp") -> None:
    """Copy the chosen row to the clipboard and to the file, and say so."""
    text = app.main.narrowed.chosen_text()
    if not text:
        key = app.dashboard.view.key("copy")
        app.tell(_("{key}: no row is chosen that could be copied").format(key=key))
        return
    app.copy_to_clipboard(text)
    app.tell(keep(text))


def keep(text: str) -> str:
    """Write it to ``~/.local/state/shmtui/copied.txt``, for this user alone; returns what was done, or
    why there is no file.
    """
    try:
        path = folders.keep("copied.txt", text + "\n")
    except (ShmtuiError, OSError) as error:
        why = getattr(error, "strerror", None) or str(error)
        return _("copied to the clipboard, if the terminal takes it; no file: {why}").format(
            why=why
        )
    return _("copied to the clipboard, if the terminal takes it, and to {path}").format(path=path)
