"""Tells that a file was open for writing, even for a moment: by inotify(7), which needs no right.

/proc shows who is there now. A guest that opens a segment, takes an item and ends within
milliseconds is never seen there, but closing what was open for writing is an event
(IN_CLOSE_WRITE): at the latest when the process ends. Python's mmap keeps a descriptor for as long
as it maps.
"""

import ctypes
import os
from typing import Final

_CLOSE_WRITE: Final = 0x8
_OVERFLOW: Final = 0x4000
_EVENT_SIZE: Final = 16
"""``sizeof(struct inotify_event)`` without a name, which only events in a folder have."""


class WriterWatch:
    """Watches the file at ``path`` for being closed after it was open for writing.

    OSError: the file is gone, or no watch is to be had (/proc/sys/fs/inotify).
    """

    def __init__(self, path: str) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._fd = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        if libc.inotify_add_watch(self._fd, os.fsencode(path), _CLOSE_WRITE) < 0:
            error = ctypes.get_errno()
            os.close(self._fd)
            raise OSError(error, os.strerror(error))

    def closed(self) -> bool:
        """Whether it was closed since the last call. The kernel reports equal events that nobody
        has read as one, so that how often is not known.
        """
        seen = 0
        while True:
            try:
                raw = os.read(self._fd, 4096)
            except BlockingIOError:
                return bool(seen & (_CLOSE_WRITE | _OVERFLOW))
            for at in range(0, len(raw), _EVENT_SIZE):
                seen |= int.from_bytes(raw[at + 4 : at + 8], "little")

    def close(self) -> None:
        """Give the descriptor back."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
