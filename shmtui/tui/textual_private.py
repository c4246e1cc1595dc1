"""All that is used of Textual's private names, and what mends it. Read in Textual 8.2.8.

``tests/tui/test_textual_private.py`` fails when one of these names is gone or does
something else. Where a name is missing, each function does without it.
"""

import asyncio
import codecs
import contextlib
import functools
import os
import queue
import select
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Generic

from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from textual import on
from textual._compositor import ChopsUpdate
from textual._styles_cache import StylesCache
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.await_complete import AwaitComplete
from textual.command import CommandList, CommandPalette
from textual.dom import DOMNode
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Region
from textual.screen import Screen, ScreenResultType
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input
from textual.worker import WorkerError

from shmtui.tui.terminal_text import between, written

READ_IN: Final = "8.2.8"
"""The version of Textual in which these names were read."""
_ESCAPE_MS: Final = 100
_LruCached: Final = type(functools.lru_cache(len))


class SmallUpdate(ChopsUpdate):
    """Writes the cells of its spans alone, by `written`.

    Textual writes each row from the left edge of its widget on, and each style in full with a reset: four
    times the bytes, which a slow line feels.
    """

    def render_segments(self, console: Console) -> str:
        return written(self._parts(), getattr(console, "_color_system", ColorSystem.TRUECOLOR))

    def _parts(self) -> Iterator[tuple[int, int, Iterable[Segment]]]:
        """Column and row of each part of a row that is written, and what."""
        for y, first, last in self.spans:
            for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                if strip is not None and x < last and end > first:
                    start = max(x, first)
                    yield start, y, between(strip, start - x, min(end, last) - x)


class DirectScreen(Screen[None]):
    """A screen whose widgets can be painted at once, without a turn of the event loop.

    Textual sends each changed widget a message, lets each tell the screen when it is idle,
    and waits for a timer. That is five more turns of the event loop a frame, which cost as
    much as sampling and drawing.
    """

    BLANK = True
    _direct: set[Widget] | None = None

    @contextmanager
    def painted_at_once(self) -> Iterator[None]:
        """Paint at the end of the block what :meth:`repaint` names in it.

        Beneath a dialog, or while Textual holds changes back (`App.batch_update`), Textual
        paints instead, when it comes to it.
        """
        held_back = getattr(self.app, "_batch_count", 1)
        if self._direct is not None or not self.is_active or held_back:
            yield
            return
        self._direct = set()
        try:
            yield
        finally:
            changed, self._direct = self._direct, None
        if changed:
            # Painting marks all as done. So what Textual itself has still to paint comes too.
            self._compositor.update_widgets(changed | self._dirty_widgets)
            self._compositor_refresh()

    def _compositor_refresh(self) -> None:
        """Paint what has changed, in few bytes where this screen is the one that is seen."""
        app = self.app
        if app.is_inline or self is not app.screen:
            super()._compositor_refresh()
            return
        update = self._compositor.render_update(screen_stack=app._background_screens)
        if isinstance(update, ChopsUpdate):
            update = SmallUpdate(update.chops, update.spans, update.chop_ends)
        app._display(self, update)
        self._dirty_widgets.clear()

    def repaint(self, widget: Widget, regions: list[Region]) -> None:
        """Paint these regions of a widget: at the end of the block, or by Textual's own way."""
        if self._direct is None:
            widget.refresh(*regions)
        else:
            widget._set_dirty(*regions)
            self._direct.add(widget)


class ClosesOnce(Screen[ScreenResultType], Generic[ScreenResultType]):
    """A dialog that closes itself and no other screen.

    Textual's ``dismiss`` closes whatever is on top. A second key that was typed while a dialog closed
    would close what lies below it, and raise where that is the main screen. It stands last among
    the bases: Textual takes styles from the first.
    """

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        return super().dismiss(result) if self.is_active else AwaitComplete()

    def on_unmount(self) -> None:
        forget_closed_widgets()


def forget_closed_widgets() -> None:
    """Let go of what closed widgets have drawn, and where: half a megabyte for each command palette.

    Textual caches a method of `StylesCache` with its ``self``, and so holds up to 1,024 of them; and
    of `Region` some 25,000 results.
    """
    for kind in (StylesCache, Region):
        for method in vars(kind).values():
            if isinstance(method, _LruCached):
                method.cache_clear()


def bind_on(node: DOMNode, keys: str, action: str) -> None:
    """Bind keys, separated by commas, on one screen or widget. Textual has this for the app alone."""
    node._bindings.bind(keys, action, show=False)


class Palette(CommandPalette, ClosesOnce[None]):
    """Textual's command palette, safe in a terminal that has no room for its list, and for who types fast.

    Textual's list counts its lines once it has room for them, and pages by that count. Without
    room the keys that move in the list do nothing here.
    """

    @on(Input.Submitted)
    async def _search_first(self) -> None:
        """Until the search for a text has ended the list shows what an earlier text found, and Textual carries out
        the first of it.
        """
        group = getattr(self, "_GATHER_COMMANDS_GROUP", "")
        for search in [each for each in self.workers if (each.node, each.group) == (self, group)]:
            with contextlib.suppress(WorkerError):
                await search.wait()

    def _action_command_list(self, action: str) -> None:
        if self.query_one(CommandList).scrollable_content_region:
            super()._action_command_list(action)


class _WakingEvent(threading.Event):
    """An event that also wakes who sleeps in poll(2) for :attr:`fd`."""

    def __init__(self) -> None:
        super().__init__()
        self.fd: Final = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def set(self) -> None:
        super().set()
        os.eventfd_write(self.fd, 1)

    def clear(self) -> None:
        super().clear()
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self.fd)


class OneReader(LinuxDriver):
    """The driver of a terminal, with one thread that reads keys at a time, and no work in handlers.

    A signal handler runs between any two instructions, as while a frame is put into the queue of the
    terminal. It would wait there for ever for the lock that the frame holds, as after a hang-up, where
    the kernel sends SIGCONT as well. So the event loop does its work.

    Textual starts another at each SIGCONT. After a SIGSTOP, or without any stop, the first one
    still reads: the two take each other's keys, and one that finds none left waits in read(2) and
    keeps the program from ending. So what was not suspended is suspended first.
    """

    _window_title = ""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.exit_event = self._reading_ends = _WakingEvent()
        self.last_input = time.monotonic()

    def run_input_thread(self) -> None:
        """Pass on what is typed until told to end. The thread sleeps while nothing is.

        Textual's own wakes ten times a second, which costs a thousandth of a core, and reads a terminal
        that has gone again and again.
        """
        parser = XTermParser(self._debug)
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        waiting = select.poll()
        waiting.register(self._reading_ends.fd, select.POLLIN)
        waiting.register(self.fileno, select.POLLIN)
        while not self._reading_ends.is_set():
            # An escape that nothing follows is a key.
            incomplete = getattr(parser, "_timeout_time", 0) is not None
            found = waiting.poll(_ESCAPE_MS if incomplete else None)
            messages = parser.tick()
            if any(fd == self.fileno for fd, _events in found):
                typed = self._typed()
                if not typed:
                    waiting.unregister(self.fileno)
                self.last_input = time.monotonic()
                messages = parser.feed(text) if (text := decode(typed)) else ()
            for message in messages:
                self.process_message(message)

    def _typed(self) -> bytes:
        """What the terminal sent; nothing once it has gone."""
        with contextlib.suppress(OSError):
            return os.read(self.fileno, 4096)
        return b""

    def show_title(self, title: str) -> None:
        """Set the terminal's title, unless it is this one. ``title`` has no control characters."""
        if title != self._window_title:
            self._window_title = title
            self.write(f"\x1b]2;{title}\x07")

    def start_application_mode(self) -> None:
        """Have the terminal keep its title (XTWINOPS 22), then set ours, also after a suspension.

        Nor does the event loop ever wait for room among the frames: the thread that makes it ends where the
        terminal is closed, and no signal ends a loop that waits. A hang-up brings SIGCONT, and so a new queue.
        How many frames wait is bounded by `shmtui.tui.tty.behind`.
        """
        super().start_application_mode()  # type: ignore[no-untyped-call]
        frames = getattr(self._writer_thread, "_queue", None)
        if isinstance(frames, queue.Queue):
            frames.maxsize = 0
        title, self._window_title = self._window_title, ""
        self.write("\x1b[22;2t")
        if title:
            self.show_title(title)

    def stop_application_mode(self) -> None:
        """Give the terminal back the title that it had (XTWINOPS 23)."""
        self.write("\x1b[23;2t")
        super().stop_application_mode()

    def _sigtstp_application(self, *_arguments: Any) -> None:
        self._call(super()._sigtstp_application)

    def _sigcont_application(self, *_arguments: Any) -> None:
        self._call(self._continue)

    def _call(self, what: Callable[[], object]) -> None:
        """Have the event loop call it. Once that is closed nothing is: what a handler raised then would end
        the clean-up of the run.
        """
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(what)

    def _continue(self) -> None:
        if not self._app.is_running:
            # A hang-up sends SIGCONT too. While the app ends, nothing would stop the new reader again.
            return
        if self._auto_restart and self._key_thread is not None and self._key_thread.is_alive():
            self.suspend_application_mode()
            self._must_signal_resume = True
        super()._sigcont_application()


class Interval:
    """Calls a function of an app again and again, each time in one turn of the event loop.

    A timer of Textual's takes two turns and a task. What the function raises ends the app as what a timer
    raises does.
    """

    def __init__(self, app: App[Any], call: Callable[[], float]) -> None:
        """``call`` returns the seconds until the next time."""
        self._app = app
        self._call = call
        self._due = 0.0
        self._handle: asyncio.TimerHandle | None = None

    def start(self, seconds: float) -> None:
        """Call it for the first time after ``seconds``, in the running event loop."""
        self.stop()
        self._due = asyncio.get_running_loop().time()
        self._call_in(seconds)

    def _call_in(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._due = max(self._due + seconds, loop.time())
        self._handle = loop.call_at(self._due, self._run)

    def stop(self) -> None:
        """Call it no more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _run(self) -> None:
        try:
            pause = self._call()
        except Exception as error:  # noqa: BLE001 - the app's edge: it ends, and shows the traceback
            self._app._handle_exception(error)
        else:
            if self._handle is not None:
                self._call_in(pause)


def last_input(app: App[Any]) -> float:
    """When the terminal last sent anything, by time.monotonic(): a key, a click. Before that, and where
    there is no terminal, when the app began.
    """
    driver = getattr(app, "_driver", None)
    return driver.last_input if isinstance(driver, OneReader) else 0.0


def show_title(app: App[Any], title: str) -> None:
    """Set the title of the terminal that an app is in, if it is in one."""
    driver = getattr(app, "_driver", None)
    if isinstance(driver, OneReader):
        driver.show_title(title)


def frame_queue(app: App[Any]) -> "queue.Queue[str | None] | None":
    """The frames that wait for the terminal; None where there is no such queue."""
    writer = getattr(getattr(app, "_driver", None), "_writer_thread", None)
    found = getattr(writer, "_queue", None)
    return found if isinstance(found, queue.Queue) else None


def painted_rows(app: App[Any]) -> list[Strip]:
    """All rows of the screen, as it was painted last."""
    return app.screen._compositor.render_strips()
