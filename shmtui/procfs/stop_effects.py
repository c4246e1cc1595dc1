"""What a process notices when it is stopped and continued (SIGSTOP, SIGCONT).

Most sleeps go on as if nothing had been. Some calls end with EINTR (signal(7), "Interruption of
system calls and library functions by stop signals"), and a handler of SIGCONT runs.
"""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_ENDED_BY_STOP: Final[dict[str, tuple[dict[str, tuple[int, ...]], tuple[str, ...]]]] = {
    "epoll_wait": ({"x86_64": (232, 281, 441), "aarch64": (22, 441)}, ("ep_poll", "epoll")),
    "semop": ({"x86_64": (65, 220), "aarch64": (192, 193)}, ("semtimedop",)),
    "sigwaitinfo": ({"x86_64": (128,), "aarch64": (137,)}, ("sigtimedwait",)),
}
"""Calls that end with EINTR: their numbers by machine, and what their wait channel contains.
Run on x86-64 (Linux 6.18), read for aarch64."""


def catches(pid: int, number: signal.Signals) -> bool:
    """Whether a process has a handler for a signal (proc_pid_status(5), SigCgt); False once it is
    gone.
    """
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines():
            if line.startswith("SigCgt:"):
                return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    return False


def calls_that_end(pid: int) -> tuple[str, ...]:
    """The calls that a thread of ``pid`` sleeps in, and that a stop ends with EINTR; sorted.

    By the number of the call where this user may read it, else by the wait channel.
    """
    found: set[str] = set()
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found.update(_calls(task))
    return tuple(sorted(found))


def _calls(task: Path) -> Iterator[str]:
    number, channel = _number(task), _text(task / "wchan")
    for name, (numbers, channels) in _ENDED_BY_STOP.items():
        if number in numbers.get(os.uname().machine, ()) or any(c in channel for c in channels):
            yield name


def _number(task: Path) -> int | None:
    first = _text(task / "syscall").partition(" ")[0]
    return int(first) if first.isdecimal() else None


def _text(path: Path) -> str:
    """What a file of /proc holds; empty where it is gone, or not for this user."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
