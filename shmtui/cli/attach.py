"""``shmtui attach``: a dashboard on a segment that exists, read-only unless told otherwise."""

import contextlib
import time
from pathlib import Path
from typing import Final

from shmtui.errors import MissingSegmentError
from shmtui.i18n import _
from shmtui.layouts.options import AmbiguousLayoutError
from shmtui.session.opener import Attached, AttachOptions, SegmentOpener
from shmtui.session.terminal import (
    ignore_signals,
    note,
    note_signals,
    noted_signal,
    require_terminal,
    run_dashboard,
)
from shmtui.shm.segment import segment_path

WAIT_SECONDS: Final = 0.1


def attach(options: AttachOptions) -> int:
    """Carry out ``shmtui attach``; returns the exit code. ShmtuiError: it cannot be attached to."""
    require_terminal(_("look with shmtui stat NAME"))
    note_signals()
    if options.name is not None and options.wait and not wait_for(options.name, options.folder):
        return 128 + (noted_signal() or 0)
    with contextlib.ExitStack() as cleaning:
        opener = SegmentOpener(options)
        cleaning.callback(opener.close)
        cleaning.callback(ignore_signals)
        return _dashboard(options, opener)


def _dashboard(options: AttachOptions, opener: SegmentOpener) -> int:
    opened: Attached | None = None
    choice: tuple[str, tuple[str, ...]] | None = None
    if options.name is not None:
        try:
            opened = opener.open(options.name)
        except AmbiguousLayoutError as error:
            choice = (options.name, error.options)
        except MissingSegmentError as error:
            raise MissingSegmentError(
                _("{error}; --wait waits for it").format(error=error)
            ) from None
    from shmtui.tui.app import DashboardApp

    app = DashboardApp(
        opened,
        refresh_hz=options.refresh_hz,
        ascii_only=options.ascii_only,
        opener=opener,
        choice=choice,
    )
    return run_dashboard(app)


def wait_for(name: str, folder: str) -> bool:
    """Wait until the segment exists and has been given a size; False where a signal came first."""
    path = segment_path(name, folder)
    told = False
    while noted_signal() is None:
        with contextlib.suppress(OSError):
            if Path(path).lstat().st_size:
                return True
        if not told:
            note(_("waiting for {name}; Ctrl+C gives up").format(name=name))
            told = True
        time.sleep(WAIT_SECONDS)
    return False
