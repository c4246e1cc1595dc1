"""The real program in a real pseudo-terminal: keys go in, a screen comes out."""

import contextlib
import fcntl
import os
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Sequence
from typing import Final, Self

import pyte

from shmtui.procfs.process import stopped
from tests.traces import SWEEPING
from tests.waiting import PATIENCE

_BEYOND_PYTE: Final = re.compile(
    rb"\x1b\[[<=>][0-9;]*[a-zA-Z]"  # keyboard protocols
    rb"|\x1b\[\?[0-9;]*\$[a-z]"  # questions about modes
    rb"|\x1b\[[0-9;]* q"  # the cursor's shape
    rb"|\x1bP.*?\x1b\\\\|\x1b_.*?\x1b\\\\",  # device and application strings
    re.DOTALL,
)
_GAP_SECONDS: Final = 0.02
"""Between two frames there is more, between the parts of one less."""
_FRAME_SECONDS: Final = 0.3
"""How long the rest of a frame is waited for, where bytes come all the time."""
_KEPT: Final = 1 << 16
KEYS: Final = {
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "home": "\x1b[H",
    "end": "\x1b[F",
    "pageup": "\x1b[5~",
    "pagedown": "\x1b[6~",
    "enter": "\r",
    "escape": "\x1b",
    "tab": "\t",
    "space": " ",
    "ctrl+c": "\x03",
    "ctrl+l": "\x0c",
    "ctrl+p": "\x10",
    "ctrl+z": "\x1a",
}


class Terminal:
    """A pseudo-terminal with a program in it, which leads a session as a shell's job does."""

    def __init__(
        self,
        *arguments: str,
        columns: int = 120,
        rows: int = 40,
        env: dict[str, str] | None = None,
        command: Sequence[str] = (sys.executable, "-m", "shmtui"),
    ) -> None:
        self._has_swept = SWEEPING.may_sweep(arguments)
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._rest = b""
        self._drawn: list[bytes] = []
        self._master, slave = os.openpty()
        termios.tcsetwinsize(slave, (rows, columns))
        self.modes_before = termios.tcgetattr(slave)
        self._slave = slave
        self.process = subprocess.Popen(
            [*command, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - no threads
            env=os.environ | {"TERM": "xterm-256color", "TEXTUAL_ANIMATIONS": "none"} | (env or {}),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            if stopped(self.process.pid):
                self.signal(signal.SIGCONT)
            with contextlib.suppress(AssertionError):
                self.wait()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.hang_up()
        if self._slave >= 0:
            os.close(self._slave)
            self._slave = -1

    # -- in ---------------------------------------------------------------------------------

    def press(self, *keys: str) -> None:
        """Press keys, by name or as the character they are."""
        for key in keys:
            os.write(self._master, KEYS.get(key, key).encode())

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size; the program gets SIGWINCH."""
        self.read()
        self._screen.resize(rows, columns)
        termios.tcsetwinsize(self._slave, (rows, columns))

    def click(self, column: int, row: int) -> None:
        """Press and release the left button on a cell, counted from 0."""
        self.press(f"\x1b[<0;{column + 1};{row + 1}M", f"\x1b[<0;{column + 1};{row + 1}m")

    def hang_up(self) -> None:
        """Close the terminal under the program."""
        if self._master >= 0:
            if self._slave >= 0:
                os.close(self._slave)
                self._slave = -1
            os.close(self._master)
            self._master = -1

    @property
    def has_room(self) -> bool:
        """Whether the program can write to it without waiting for what it has written to be read."""
        waiting = select.poll()
        waiting.register(self._slave, select.POLLOUT)
        return bool(waiting.poll(0))

    # -- out --------------------------------------------------------------------------------

    def _take(self, seconds: float) -> bytes:
        """The bytes that the program has written; empty where there are none in that time."""
        if self._master < 0 or not select.select([self._master], [], [], seconds)[0]:
            return b""
        try:
            return os.read(self._master, 1 << 16)
        except OSError:
            return b""

    def clear(self) -> None:
        """Blank the screen, as another program does that writes to the terminal meanwhile."""
        self._screen.erase_in_display(2)

    def skip(self) -> bool:
        """Take in what the program has drawn without looking at it, which is a hundred times as
        fast. The screen is right again once it has been drawn anew, after a change of size.
        """
        skipped = self._take(0.0)
        self._drawn.append(skipped)
        return bool(skipped)

    def forget(self) -> None:
        """Keep the end of what was drawn only: of hours it is much."""
        self._drawn = [self.raw[-_KEPT:]]

    def read(self, seconds: float = 0.0) -> bool:
        """Take in what the program has drawn, waiting so long for it at the most."""
        drawn = self._take(seconds)
        if not drawn:
            return False
        self._drawn.append(drawn)
        whole = self._rest + drawn
        # A sequence cut in two by the read is kept until its rest has come.
        cut = whole.rfind(b"\x1b", max(len(whole) - 64, 0))
        if cut >= 0 and not re.match(rb"\x1b(\[[0-?]*[ -/]*[@-~]|[^\[P_\]])", whole[cut:]):
            whole, self._rest = whole[:cut], whole[cut:]
        else:
            self._rest = b""
        self._stream.feed(_BEYOND_PYTE.sub(b"", whole))
        return True

    @property
    def raw(self) -> bytes:
        """Every byte that the program wrote."""
        return b"".join(self._drawn)

    @property
    def screen(self) -> pyte.Screen:
        """The screen with its colours."""
        return self._screen

    @property
    def lines(self) -> list[str]:
        """The screen as it stands, a string a row: as pyte's ``display``, in a fifth of its time."""
        columns, blank = range(self._screen.columns), self._screen.default_char
        rows = (self._screen.buffer[y] for y in range(self._screen.lines))
        return ["".join([row.get(x, blank).data for x in columns]) for row in rows]

    @property
    def text(self) -> str:
        """The screen as it stands."""
        return "\n".join(line.rstrip() for line in self.lines)

    def wait_for(
        self,
        condition: str | Callable[[str], object],
        what: str = "",
        deadline: float = PATIENCE,
    ) -> str:
        """The screen once it shows a text, or once ``condition`` of it is true; with the rest of the frame."""

        def met(text: str) -> object:
            return condition in text if isinstance(condition, str) else condition(text)

        limit = time.monotonic() + deadline
        while True:
            while self.read():
                pass
            text = self.text
            if met(text):
                if text.strip():
                    self._has_swept()
                return self._whole(text, met)
            assert time.monotonic() < limit, f"never shown: {what or condition}\n{text}"
            if not self.read(0.05) and self.process.poll() is not None:
                self.read()
                raise AssertionError(
                    f"ended with {self.process.returncode} before {what or condition}\n{self.text}"
                )

    def _whole(self, text: str, met: Callable[[str], object]) -> str:
        """The screen once the rest of its frame has come; ``text`` where it is no longer as wanted then."""
        limit = time.monotonic() + _FRAME_SECONDS
        while self.read(_GAP_SECONDS) and time.monotonic() < limit:
            pass
        now = self.text
        return now if met(now) else text

    def wait(self, deadline: float = PATIENCE) -> int:
        """Wait for the program to end, reading all it draws; returns its exit code."""
        limit = time.monotonic() + deadline
        while self.process.poll() is None:
            self.read(0.05)
            assert time.monotonic() < limit, f"still running\n{self.text}"
        while self.read(0.05):
            pass
        return self.process.returncode

    def wait_until_stopped(self, deadline: float = PATIENCE) -> None:
        """Wait until the program is suspended, reading what it draws before: it waits for its last frame."""
        limit = time.monotonic() + deadline
        while not stopped(self.process.pid):
            self.read(0.05)
            assert time.monotonic() < limit, f"not suspended\n{self.text}"

    def signal(self, number: signal.Signals) -> None:
        """Send the program a signal."""
        self.process.send_signal(number)

    @property
    def modes(self) -> list[object]:
        """The terminal's modes now (termios): a sane program leaves them as it found them."""
        return list(termios.tcgetattr(self._slave))
