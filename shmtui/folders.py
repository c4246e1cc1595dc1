"""The folders of this user's own files (XDG Base Directory Specification)."""

import os
from pathlib import Path

from shmtui.errors import ShmtuiError
from shmtui.i18n import _


def state_folder() -> Path:
    """What shmtui keeps: ``~/.local/state/shmtui``. ShmtuiError: this user has no home."""
    return _base("XDG_STATE_HOME", "~/.local/state") / "shmtui"


def configuration_folder() -> Path:
    """What the user writes: ``~/.config/shmtui``. ShmtuiError: this user has no home."""
    return _base("XDG_CONFIG_HOME", "~/.config") / "shmtui"


def keep(name: str, text: str) -> Path:
    """Write a file of the state folder, whole and for this user alone; returns its path.

    ShmtuiError: this user has no home. OSError: it cannot be written.
    """
    folder = state_folder()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path, fresh = folder / name, folder / f"{name}.{os.getpid()}"
    fresh.unlink(missing_ok=True)
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(fd, "w", encoding="utf-8") as file:
        file.write(text)
    fresh.replace(path)
    return path


def _base(variable: str, usual: str) -> Path:
    base = Path(os.environ.get(variable, ""))
    try:
        # A relative path there is to be ignored, says the specification.
        return base if base.is_absolute() else Path(usual).expanduser()
    except RuntimeError:
        raise ShmtuiError(_("this user has no home")) from None
