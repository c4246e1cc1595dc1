"""The terminal of a dashboard, the signals that end a run, and lines to the user on stderr."""

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.sanitize import inert

if TYPE_CHECKING:
    import asyncio

ENDING_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)
ENDED_WELL: Final = (signal.SIGTERM, signal.SIGINT)
"""How a command that serves others until it is told to end is told so."""

_noted: list[int] = []


def note_signals(*, but_ignored: bool = False) -> None:
    """Record the signals that end a run, until an event loop handles them. ``but_ignored``: not those
    that are ignored, as SIGHUP is under nohup.

    An exception raised by a handler can land where Python drops it, in a callback of the
    collector for one. Whoever waits meanwhile asks :func:`noted_signal`; the start is short.
    """
    for number in ENDING_SIGNALS:
        if not but_ignored or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda number, _frame: _noted.append(number))


def noted_signal() -> int | None:
    """The first ending signal that was recorded; None where none came."""
    return _noted[0] if _noted else None


@contextlib.contextmanager
def rests() -> Iterator[Callable[[float], int | None]]:
    """A function that sleeps for some seconds, less where a signal that ends a run is recorded, and
    returns that signal. For a program without an event loop, in its main thread.
    """
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def rest(seconds: float) -> int | None:
        end = time.monotonic() + seconds
        while noted_signal() is None and (left := end - time.monotonic()) > 0:
            if select.select([reader], [], [], left)[0]:
                os.read(reader, 64)
        return noted_signal()

    try:
        yield rest
    finally:
        signal.set_wakeup_fd(before)
        os.close(reader)
        os.close(writer)


@contextlib.contextmanager
def ending_signals(
    loop: "asyncio.AbstractEventLoop", call: Callable[[int], object]
) -> Iterator[None]:
    """Have ``loop`` call ``call`` with the number of each signal that ends a run, also with one that
    was recorded before, and with none that is ignored. After the block the signals have the handlers
    that they had.
    """
    before = {number: signal.getsignal(number) for number in ENDING_SIGNALS}
    before = {number: how for number, how in before.items() if how is not signal.SIG_IGN}
    for number in before:
        loop.add_signal_handler(number, call, number)
    try:
        if _noted:
            call(_noted[0])
        yield
    finally:
        # Between the two there is none, and a signal would end the process before it has cleaned up.
        signal.pthread_sigmask(signal.SIG_BLOCK, before)
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, before)


@contextlib.contextmanager
def ending_code(loop: "asyncio.AbstractEventLoop") -> "Iterator[asyncio.Future[int]]":
    """A future that the first signal which ends a run sets to its exit code, as in `ending_signals`."""
    ended: asyncio.Future[int] = loop.create_future()

    def end(number: int) -> None:
        if not ended.done():
            ended.set_result(128 + number)

    with ending_signals(loop, end):
        yield ended


def require_terminal(way_out: str) -> None:
    """ShmtuiError: a standard stream is no terminal; ``way_out`` is the command that needs none."""
    for stream, name in (
        (sys.stdin, _("standard input")),
        (sys.stdout, _("standard output")),
        (sys.stderr, _("standard error")),
    ):
        if not stream.isatty():
            wrong = _(
                "{stream} is not a terminal, and the dashboard needs one: run it in a terminal, "
                "or {way_out}"
            )
            raise ShmtuiError(wrong.format(stream=name, way_out=way_out))
    if os.environ.get("TERM", "dumb") in {"dumb", "unknown", ""}:
        wrong = _(
            "this terminal cannot place text (TERM is unset or dumb): set TERM, for example to "
            "xterm-256color, or {way_out}"
        )
        raise ShmtuiError(wrong.format(way_out=way_out))


def note(text: str) -> None:
    """Print a line on stderr. A vanished terminal is no error."""
    with contextlib.suppress(OSError):
        print(f"shmtui: {inert(text)}", file=sys.stderr)  # noqa: T201 - beside the output


def ignore_signals() -> None:
    """Ignore ending signals during the clean-up, which is bounded in time."""
    for number in ENDING_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
