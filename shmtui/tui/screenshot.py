"""A picture of the screen, in the folder that the user is in."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

from shmtui.i18n import _

if TYPE_CHECKING:
    from shmtui.tui.app import DashboardApp


def save_screen(app: "DashboardApp") -> None:
    """Write the screen as SVG to a new file, and say where, or why not."""
    path = Path(time.strftime("shmtui-%Y%m%d-%H%M%S.svg")).absolute()
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(app.export_screenshot())
    except OSError as error:
        text = _("cannot write {path}: {why}")
        app.tell(text.format(path=path, why=error.strerror))
    else:
        app.tell(_("the screen is in {path}").format(path=path))
