"""What was last copied, as a file: a terminal need not take it, and does not say whether it does."""

from shmtui import folders
from shmtui.errors import ShmtuiError
from shmtui.i18n import _


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
