"""What was last copied, as a file: a terminal need not take it, and does not say whether it does."""

import os

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.repair.record import repairs_folder


def keep(text: str) -> str:
    """Write it to ``~/.local/state/shmtui/copied.txt``, for this user alone; returns what was done, or
    why there is no file.
    """
    try:
        folder = repairs_folder().parent
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path, fresh = folder / "copied.txt", folder / f"copied.txt.{os.getpid()}"
        fresh.unlink(missing_ok=True)
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(fd, "w", encoding="utf-8") as file:
            file.write(text + "\n")
        fresh.replace(path)
    except (ShmtuiError, OSError) as error:
        why = getattr(error, "strerror", None) or str(error)
        return _("copied to the clipboard, if the terminal takes it; no file: {why}").format(
            why=why
        )
    return _("copied to the clipboard, if the terminal takes it, and to {path}").format(path=path)
