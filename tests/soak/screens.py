"""Dashboards in pseudo-terminals, used as a person uses them."""

import time
from collections.abc import Sequence
from typing import Final

from tests.soak.journal import Stage
from tests.terminal import Terminal
from tests.waiting import poll

LOOKING: Final = (
    ("up",), ("down",), ("down", "down"), ("home",), ("end",), ("tab",), ("1",), ("2",), ("3",), ("4",),
    ("5",), ("f", "f"), ("z", "z"), ("?", "escape"), ("w", "escape"), ("o", "escape"), ("enter", "escape"),
    ("ctrl+p", "escape"), ("r", "escape"), ("\x1b[17~",), ("ctrl+l",),
)  # fmt: skip
"""Keys that look at a segment, and change nothing."""
LISTING: Final = (
    ("up",), ("down",), ("pagedown",), ("home",), ("end",), ("left",), ("right",), ("tab",),
    ("\x1b[15~",), ("s", "h", "m", "escape"), ("enter", "tab", "2", "escape", "o", "z", "escape"),
    ("\x1bOP", "escape"),
)  # fmt: skip
"""Keys of the list: among them those that open a row, and come back. Before an escape there is always
something that it closes: of the bare list it is the end.
"""
_GAPS_S: Final = (0.1, 0.2, 0.5)
_PAUSE_S: Final = (0.1, 2.5)
_SIZES: Final = ((120, 40), (80, 24), (160, 50))


def quiet(terminal: Terminal) -> None:
    """Take in what was drawn, and forget it; no traceback is in it."""
    drew = False
    while terminal.skip():
        drew = True
    if not drew:
        return
    assert b"Traceback" not in terminal.raw, terminal.raw[-3000:]
    terminal.forget()


def drained(terminal: Terminal, seconds: float) -> None:
    """Let it draw for so long."""
    until = time.monotonic() + seconds
    while True:
        quiet(terminal)
        if time.monotonic() >= until:
            return
        time.sleep(0.05)


def used(
    stage: Stage, terminal: Terminal, keys: Sequence[tuple[str, ...]], seconds: float = float("inf")
) -> None:
    """Press some of the keys, with a person's pauses. AssertionError: it has ended."""
    until = min(time.monotonic() + seconds, stage.until)
    random, count = stage.random, 0
    while time.monotonic() < until:
        for key in random.choice(keys):
            terminal.press(key)
            count += 1
            drained(terminal, random.choice(_GAPS_S))
        if random.random() < 0.03:
            terminal.resize(*random.choice(_SIZES))
        drained(terminal, min(random.uniform(*_PAUSE_S), max(until - time.monotonic(), 0)))
        code = terminal.process.poll()
        assert code is None, f"it ended with {code}: {terminal.raw[-1500:]!r}"
    stage.did("keys typed", count)


def quit_by_key(terminal: Terminal) -> None:
    """It ends by its key, with 0; a dialogue takes one ``q`` more."""
    for _dialogue in range(3):
        terminal.press("q")
        drained(terminal, 0.3)
        limit = time.monotonic() + 3
        while terminal.process.poll() is None and time.monotonic() < limit:
            drained(terminal, 0.05)
        if terminal.process.poll() is not None:
            break
    end(terminal, 0)


def end(terminal: Terminal, code: int | None = None) -> None:
    """It ends by SIGTERM where it has not by itself; the terminal is as it was before."""
    expected = 128 + 15 if code is None else code
    if code is None:
        terminal.process.terminate()

    def over() -> bool:
        quiet(terminal)
        return terminal.process.poll() is not None

    poll(over, "it ends")
    quiet(terminal)
    found = terminal.process.returncode
    assert found == expected, f"it ended with {found}: {terminal.raw[-1500:]!r}"
    assert terminal.modes == terminal.modes_before
