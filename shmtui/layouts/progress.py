"""Saying what is waited for, where it takes long."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

SLOW_SECONDS: Final = 1.0


@contextmanager
def said_when_slow(progress: Callable[[str], None] | None, text: str) -> Iterator[None]:
    """Call ``progress`` with ``text``, once the block has taken a second."""
    if progress is None:
        yield
        return
    timer = threading.Timer(SLOW_SECONDS, progress, (text,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
