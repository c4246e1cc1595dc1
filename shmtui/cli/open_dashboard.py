"""Opens the dashboard for the commands that have one. The one place that loads Textual."""

import contextlib
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from shmtui.errors import ExitCode, ShmtuiError
from shmtui.i18n import _
from shmtui.session.heap_tuning import settle_memory
from shmtui.session.terminal import ENDED_WELL, note
from shmtui.session.terminal_guard import guarded_terminal

if TYPE_CHECKING:
    from shmtui.lessons.lesson import Lesson
    from shmtui.recording.recorder import Recorder
    from shmtui.session.opener import Attachment, SegmentOpener
    from shmtui.session.web_server import WebOptions
    from shmtui.tui.configuration import Configuration
    from shmtui.tui.object_rows import ListChoices

_THREADS: Final = 3


def configured(refresh_hz: float | None = None) -> "Configuration":
    """The user's configuration, over which the command line's frame rate wins. A command reads it before
    it makes anything. ShmtuiError: there is something wrong in it.
    """
    from shmtui.tui.configuration import read_configuration

    found = read_configuration()
    return found if refresh_hz is None else replace(found, rate=refresh_hz)


def show_dashboard(
    attachment: "Attachment | None",
    opener: "SegmentOpener | None",
    *,
    configuration: "Configuration",
    ascii_only: bool = False,
    choice: tuple[str, tuple[str, ...]] | None = None,
    lesson: "Lesson | None" = None,
    listing: "ListChoices | None" = None,
    record: Path | None = None,
) -> int:
    """Show ``attachment`` until the user ends it; returns the exit code.

    Without one, the dashboard opens with the list of segments, or with the layouts of
    ``choice``: a segment's name and the ``--layout`` options that fit it. The terminal is
    restored however the dashboard ends. ``record``: the file that all samples are written to.
    RecordingError: it cannot be.
    """
    from shmtui.tui.app import DashboardApp

    recorder = None if record is None else _recorder(record)
    app = DashboardApp(
        attachment,
        refresh_hz=configuration.rate,
        configuration=configuration,
        ascii_only=ascii_only,
        opener=opener,
        choice=choice,
        lesson=lesson,
        listing=listing,
        recorder=recorder,
    )
    settle_memory()
    _require_threads()
    with guarded_terminal():
        code = app.run() or app.return_code or 0
    if recorder is not None:
        note(_("recorded: {what}").format(what=recorder))
        if recorder.wrong:
            note(recorder.wrong)
    # Textual returns 1 after an error in its own code or ours, and 1 means findings here.
    return int(ExitCode.CANNOT) if code == 1 else code


def _recorder(path: Path) -> "Recorder":
    from shmtui.recording.recorder import Recorder
    from shmtui.recording.writer import RecordingWriter

    return Recorder(RecordingWriter(path))


def serve_dashboard(
    attachment: "Attachment | None",
    opener: "SegmentOpener | None",
    options: "WebOptions",
    *,
    size: tuple[int, int],
    configuration: "Configuration",
    ascii_only: bool,
) -> int:
    """Show ``attachment`` in browsers, on one screen of this size, until a signal ends it; returns the
    exit code. Without one, the list of segments. ShmtuiError: it cannot listen there.
    """
    import asyncio

    from shmtui.session.broadcast import Broadcast
    from shmtui.session.web_server import WebServer
    from shmtui.tui.served_dashboard import ServedDashboard

    broadcast = Broadcast()
    app = ServedDashboard(
        attachment,
        show=broadcast.show,
        refresh_hz=configuration.rate,
        configuration=configuration,
        ascii_only=ascii_only,
        opener=opener,
    )

    async def serve(server: WebServer) -> None:
        async with server.serving():
            note(_("for the presenter: {url}").format(url=server.presenter_url))
            note(_("for viewers: {url}").format(url=server.viewer_url))
            await app.run_async(headless=True, size=size)

    with contextlib.closing(WebServer(options, broadcast, app.press)) as server:
        app.viewers = lambda: server.viewers
        asyncio.run(serve(server))
    code = app.return_code or 0
    if code - 128 in ENDED_WELL:
        return ExitCode.OK
    return int(ExitCode.CANNOT) if code == 1 else code


def _require_threads() -> None:
    """Refuse to draw where Textual's two threads and the guard's cannot be had: without the
    first of them there is no screen to say so on.
    """
    over = threading.Event()
    tried = [threading.Thread(target=over.wait) for _thread in range(_THREADS)]
    started = []
    try:
        for thread in tried:
            thread.start()
            started.append(thread)
    except RuntimeError:
        wrong = _(
            "no thread may be started, and the dashboard needs {count}: raise the limit (ulimit -u)"
        )
        raise ShmtuiError(wrong.format(count=_THREADS)) from None
    finally:
        over.set()
        for thread in started:
            thread.join()
