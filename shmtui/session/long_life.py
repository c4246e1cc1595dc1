"""What a process does about its memory before it lives for hours."""

import contextlib
import ctypes
import gc
from typing import Final

_ARENA_MAX: Final = -8
"""M_ARENA_MAX of glibc (malloc.h)."""


def settle_memory() -> None:
    """Call it once all is imported: the garbage collector passes over what is there, and all threads take
    their memory from one heap.

    glibc gives each thread a heap of its own, so that none waits for another; Python's threads run one at a
    time. The free memory of one heap is of no use to the others: 3 MB of it after a minute of a list.
    """
    gc.freeze()
    gc.enable()
    with contextlib.suppress(AttributeError):  # musl has one heap.
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)
