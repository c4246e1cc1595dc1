"""The terminal of a dashboard, the signals that end a run, and lines to the user on stderr."""

import contextlib
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Final, Protocol

from shmtui.errors import ExitCode, ShmtuiError
from shmtui.i18n import _
from shmtui.sanitize import inert
from shmtui.session.terminal_guard import guarded_terminal

ENDING_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)


_THREADS: Final = 3
_noted: list[int] = []


def _note_signal(number: int, _frame: FrameType | None) -> None:
    _noted.append(number)


def note_signals() -> None:
    """Record the signals that end a run, until an event loop handles them.

    An exception raised by a handler can land where Python drops it, in a callback of the
    collector for one. Whoever waits meanwhile asks :func:`noted_signal`; the start is short.
    """
    for number in ENDING_SIGNALS:
        signal.signal(number, _note_signal)


def noted_signal() -> int | None:
    """The first ending signal that was recorded; None where none came."""
    return _noted[0] if _noted else None


class Dashboard(Protocol):
    """The part of a Textual app that is used here, without loading Textual."""

    @property
    def return_code(self) -> int | None:
        """The exit code it ended with."""

    early_signal: Callable[[], int | None] | None
    """Called when the app handles signals itself: a signal that came before, to end by."""

    def run(self) -> int | None:
        """Draw, and handle input, until it ends."""


def run_dashboard(app: Dashboard) -> int:
    """Run a dashboard, and restore the terminal however it ends; returns the exit code.

    Textual returns 1 after an error in its own code or ours; 1 is taken here, so it is 2.
    """
    gc.freeze()
    gc.enable()
    app.early_signal = noted_signal
    _require_threads()
    with guarded_terminal():
        code = app.run() or app.return_code or 0
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
        raise ShmtuiError(
            _(
                "no thread may be started, and the dashboard needs {count}: raise the limit "
                "(ulimit -u)"
            ).format(count=_THREADS)
        ) from None
    finally:
        over.set()
        for thread in started:
            thread.join()


def require_terminal(way_out: str) -> None:
    """ShmtuiError: a standard stream is no terminal; ``way_out`` is the command that needs none."""
    for stream, name in (
        (sys.stdin, _("standard input")),
        (sys.stdout, _("standard output")),
        (sys.stderr, _("standard error")),
    ):
        if not stream.isatty():
            raise ShmtuiError(
                _(
                    "{stream} is not a terminal, and the dashboard needs one: run it in a terminal, "
                    "or {way_out}"
                ).format(stream=name, way_out=way_out)
            )
    if os.environ.get("TERM", "dumb") in {"dumb", "unknown", ""}:
        raise ShmtuiError(
            _(
                "this terminal cannot place text (TERM is unset or dumb): set TERM, for example to "
                "xterm-256color, or {way_out}"
            ).format(way_out=way_out)
        )


def note(text: str) -> None:
    """Print a line on stderr. A vanished terminal is no error."""
    with contextlib.suppress(OSError):
        print(f"shmtui: {inert(text)}", file=sys.stderr)  # noqa: T201 - beside the output


def ignore_signals() -> None:
    """Ignore ending signals during the clean-up, which is bounded in time."""
    for number in ENDING_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
