"""Waiting for something to become true, with a deadline. Nothing here sleeps for luck.

A test that passes never waits for a deadline. It is long, so that a busy machine makes a test
slower and not red.
"""

import asyncio
import contextlib
import os
import subprocess
import time
from collections.abc import Callable
from typing import IO, Final, TypeVar

PATIENCE: Final = 120.0
"""Seconds until a test gives up. Only a failure takes that long."""
_PAUSE: Final = 0.01
_REST: Final = 2
"""Between two looks it waits so many times as long as a look takes: what is waited for needs the
processors as well.
"""

T = TypeVar("T")


def poll(predicate: Callable[[], T | None], what: str, deadline: float = PATIENCE) -> T:
    """What ``predicate`` returns once it is true; AssertionError after ``deadline`` seconds."""
    limit = time.monotonic() + deadline
    while True:
        began = time.monotonic()
        found = predicate()
        if found:
            return found
        now = time.monotonic()
        if now > limit:
            raise AssertionError(f"not within {deadline:g} s: {what} (last: {found!r})")
        time.sleep(max(_PAUSE, _REST * (now - began)))


def written(file: IO[bytes]) -> str:
    """What a program has written so far into a file that it shares: reading as usual would move the place
    at which the program writes on.
    """
    return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode()


def end(process: subprocess.Popen[bytes], patience: float) -> None:
    """Have a program end in good order, and end it where it does not within so many seconds."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
    if process.poll() is None:
        process.kill()
    process.wait()


async def until(predicate: Callable[[], T | None], what: str, deadline: float = PATIENCE) -> T:
    """As :func:`poll`, and the event loop runs meanwhile."""
    limit = time.monotonic() + deadline
    while True:
        began = time.monotonic()
        found = predicate()
        if found:
            return found
        now = time.monotonic()
        if now > limit:
            raise AssertionError(f"not within {deadline:g} s: {what} (last: {found!r})")
        await asyncio.sleep(max(_PAUSE, _REST * (now - began)))
