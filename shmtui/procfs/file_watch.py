"""Tells that a file was opened or closed, even for a moment: by inotify(7), which needs no right.

/proc shows who is there now. A guest that opens a segment, takes an item and ends within
milliseconds is never seen there, but opening it is an event (IN_OPEN), and so is closing what was
open for writing (IN_CLOSE_WRITE): at the latest when the process ends. Python's mmap keeps a
descriptor for as long as it maps.

A user may have 128 inotify instances (fs.inotify.max_user_instances), which his editors want as
well, but many thousand watches: all files of a process are watched by one instance.
"""

import contextlib
import ctypes
import os
import threading
from typing import Final

OPENED: Final = 0x20
"""IN_OPEN: by anybody, the process that watches among them."""
CLOSED_WRITING: Final = 0x8
"""IN_CLOSE_WRITE."""
CLOSED_READING: Final = 0x10
"""IN_CLOSE_NOWRITE."""
_OVERFLOW: Final = 0x4000
_MASK_ADD: Final = 0x20000000
_EVENT_SIZE: Final = 16
"""``sizeof(struct inotify_event)`` without a name, which only events in a folder have."""


class FileWatch:
    """Watches the file at ``path`` for events of some kinds.

    OSError: the file is gone, or no watch is to be had (/proc/sys/fs/inotify).
    """

    def __init__(self, path: str, event: int) -> None:
        self._event = event
        self.seen = 0
        """The events of the file that were read from the kernel since the last question."""
        self.last = 0
        """The last of them."""
        self._number = _INSTANCE.add(self, path, event)

    def happened(self) -> bool:
        """Whether it was since the last call. The kernel reports equal events that nobody
        has read as one, so that how often is not known.
        """
        _INSTANCE.read()
        seen, self.seen = self.seen, 0
        return bool(seen & (self._event | _OVERFLOW))

    def left_open(self) -> bool:
        """Whether it was opened since the last call and closed by nobody after that. A mapping keeps
        what it was made from open. Equal events that follow each other are reported as one, so that
        who opens it just before another closes it is not told.
        """
        _INSTANCE.read()
        last, self.last = self.last, 0
        return bool(last & (OPENED | _OVERFLOW))

    def close(self) -> None:
        _INSTANCE.remove(self, self._number)


class _Instance:
    """The inotify instance of this process, open while a file is watched."""

    def __init__(self) -> None:
        self._libc: Final = ctypes.CDLL(None, use_errno=True)
        self._lock = threading.Lock()
        self._fd = -1
        self._watches: dict[int, list[FileWatch]] = {}
        """Those of a file by the number that the kernel gave its watch."""

    def add(self, watch: FileWatch, path: str, event: int) -> int:
        """Watch a file for one more; returns the kernel's number. OSError: as `FileWatch`."""
        with self._lock:
            if self._fd < 0:
                self._fd = self._checked(self._libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK))
            self._drain()  # What came before is none of its business.
            mask = event | _MASK_ADD
            try:
                number = self._checked(
                    self._libc.inotify_add_watch(self._fd, os.fsencode(path), mask)
                )
            except OSError:
                self._close_if_unused()
                raise
            self._watches.setdefault(number, []).append(watch)
            return number

    def read(self) -> None:
        """Pass the events on to those who watch their files."""
        with self._lock:
            self._drain()

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._fd >= 0:
                raw = os.read(self._fd, 4096)
                for at in range(0, len(raw), _EVENT_SIZE):
                    number = int.from_bytes(raw[at : at + 4], "little", signed=True)
                    mask = int.from_bytes(raw[at + 4 : at + 8], "little")
                    lost = [*self._watches] if mask & _OVERFLOW else [number]
                    for watch in (each for n in lost for each in self._watches.get(n, ())):
                        watch.seen |= mask
                        watch.last = mask

    def remove(self, watch: FileWatch, number: int) -> None:
        """Watch a file for one less."""
        with self._lock:
            left = self._watches.get(number, [])
            if watch in left:
                left.remove(watch)
            if not left and self._watches.pop(number, None) is not None:
                self._libc.inotify_rm_watch(self._fd, number)  # Refused: the file is gone.
            self._close_if_unused()

    def forget(self) -> None:
        """In the child of a fork: the events are its parent's."""
        self._lock = threading.Lock()
        self._watches.clear()
        self._close_if_unused()

    def _close_if_unused(self) -> None:
        if self._fd >= 0 and not self._watches:
            os.close(self._fd)
            self._fd = -1

    @staticmethod
    def _checked(result: int) -> int:
        if result < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return result


_INSTANCE: Final = _Instance()
os.register_at_fork(after_in_child=_INSTANCE.forget)
