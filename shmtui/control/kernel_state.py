"""What the kernel keeps of a process that it may go by: its signals, how far it is in files, what lies in pipes."""

import array
import contextlib
import errno
import fcntl
import os
import signal
import stat
import termios
from pathlib import Path
from typing import Final

_SIGNALS: Final = ("SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt")
"""Lines of proc_pid_status(5): pending for the thread, for its process; blocked, ignored, caught."""
_OF_CHILDREN: Final = 1 << (signal.SIGCHLD - 1)
_OFFSETS: Final = frozenset({"pos", "flags", "eventfd-count", "ticks"})
"""Lines of proc_pid_fdinfo(5) that are the same in two executions that went alike."""
_MOST_BYTES: Final = 1 << 20
"""Of a file; others are not read."""
_TERMINAL: Final = "/dev/"
_SHARED: Final = ("/dev/shm/", "/memfd:")


def signals(thread: int) -> tuple[int, ...]:
    """The signals of a thread. One that its child's end sends, and it neither catches nor blocks, does nothing.

    OSError: it has ended.
    """
    own, shared, blocked, ignored, handled = _signals(thread)
    told = ~_OF_CHILDREN | blocked | handled
    return own & told, shared & told, blocked, ignored, handled


def caught(thread: int) -> int:
    """The signals that have a handler, a bit each. OSError: it has ended."""
    return _signals(thread)[-1]


def _signals(thread: int) -> list[int]:
    found: dict[str, int] = {}
    for line in Path(f"/proc/{thread}/status").read_text("utf-8", "replace").splitlines():
        name, _colon, value = line.partition(":")
        if name in _SIGNALS:
            found[name] = int(value, 16)
    return [found.get(name, 0) for name in _SIGNALS]


def descriptors(pid: int) -> tuple[object, ...] | None:
    """What a process has open, how far it is there, and what it could read; None where that cannot be told: of a
    socket, of a pipe that is not empty, of a large file. Shared memory is told elsewhere.

    OSError: it has ended.
    """
    found: list[object] = []
    try:
        names = sorted(os.listdir(f"/proc/{pid}/fd"))
    except PermissionError:  # Its first thread has ended, so that the folder is root's (proc(5)).
        return None
    for name in names:
        link = os.readlink(f"/proc/{pid}/fd/{name}")  # noqa: PTH115 - a pipe's is no path
        if link.startswith(_TERMINAL) and not link.startswith(_SHARED):
            found.append((name, link))
            continue
        kind = link.partition(":")[0] if link[:1] != "/" else link
        known = _Open(pid, name, link).state()
        if known is None:
            return None
        found.append((name, kind, known))
    return tuple(found)


def file_offsets(pid: int) -> dict[int, int]:
    """Where a process stands in the files that it has open, by descriptor (proc_pid_fdinfo(5))."""
    found: dict[int, int] = {}
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            if stat.S_ISREG(Path(f"/proc/{pid}/fd/{name}").stat().st_mode):
                with open(f"/proc/{pid}/fdinfo/{name}") as file:
                    found[int(name)] = int(file.readline().removeprefix("pos:"))
    return found


class _Open:
    """One descriptor of a process."""

    def __init__(self, pid: int, name: str, link: str) -> None:
        self._path, self._link = f"/proc/{pid}/fd/{name}", link
        raw = Path(f"/proc/{pid}/fdinfo/{name}").read_text("ascii", "replace")
        lines = (line.partition(":") for line in raw.splitlines())
        self._lines = {key: value.strip() for key, _colon, value in lines if key in _OFFSETS}

    def state(self) -> object:
        """What counts of it; None where that cannot be told."""
        if self._link.startswith("pipe:"):
            return None if self._unread() else ("empty", self._lines.get("flags"))
        if self._link.startswith("socket:"):
            return None
        if self._link.startswith("/") and not self._link.startswith(_SHARED):
            return self._of_file()
        return tuple(sorted(self._lines.items()))

    def _unread(self) -> int:
        file = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            count = array.array("i", [0])
            fcntl.ioctl(file, termios.FIONREAD, count)
            return count[0]
        finally:
            os.close(file)

    def _of_file(self) -> object:
        status = Path(self._path).stat()
        flags = int(self._lines.get("flags", "0"), 8)
        if not stat.S_ISREG(status.st_mode):
            return tuple(sorted(self._lines.items()))
        if flags & os.O_APPEND and flags & os.O_ACCMODE == os.O_WRONLY:
            return flags  # A log that grows from one execution to the next.
        if status.st_size > _MOST_BYTES:
            return None
        try:
            raw = Path(self._path).read_bytes()
        except OSError as error:
            if error.errno not in {errno.EACCES, errno.EPERM}:
                raise
            return None
        return tuple(sorted(self._lines.items())), hash(raw)
