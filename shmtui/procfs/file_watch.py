"""Tells that a file was opened or closed, even for a moment: by inotify(7), which needs no right.

/proc shows who is there now. A guest that opens a segment, takes an item and ends within
milliseconds is never seen there, but opening it is an event (IN_OPEN), and so is closing what was
open for writing (IN_CLOSE_WRITE): at the latest when the process ends. Python's mmap keeps a
descriptor for as long as it maps.
"""

import ctypes
import os
from typing import Final

OPENED: Final = 0x20
"""IN_OPEN: by anybody, the process that watches among them."""
CLOSED_WRITING: Final = 0x8
"""IN_CLOSE_WRITE."""
_OVERFLOW: Final = 0x4000
_EVENT_SIZE: Final = 16
"""``sizeof(struct inotify_event)`` without a name, which only events in a folder have."""


class FileWatch:
    """Watches the file at ``path`` for one kind of event.

    OSError: the file is gone, or no watch is to be had (/proc/sys/fs/inotify).
    """

    def __init__(self, path: str, event: int) -> None:
        self._event = event
        libc = ctypes.CDLL(None, use_errno=True)
        self._fd = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        if libc.inotify_add_watch(self._fd, os.fsencode(path), event) < 0:
            error = ctypes.get_errno()
            os.close(self._fd)
            raise OSError(error, os.strerror(error))

    def happened(self) -> bool:
        """Whether it was since the last call. The kernel reports equal events that nobody
        has read as one, so that how often is not known.
        """
        seen = 0
        while True:
            try:
                raw = os.read(self._fd, 4096)
            except BlockingIOError:
                return bool(seen & (self._event | _OVERFLOW))
            for at in range(0, len(raw), _EVENT_SIZE):
                seen |= int.from_bytes(raw[at + 4 : at + 8], "little")

    def close(self) -> None:
        """Give the descriptor back."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
