"""What a process notices when it is stopped and continued (SIGSTOP, SIGCONT).

Most sleeps go on as if nothing had been. Some calls end with EINTR (signal(7), "Interruption of
system calls and library functions by stop signals"), and a handler of SIGCONT runs.
"""

import contextlib
import os
import signal
from typing import Final

from shmtui.procfs.futex import system_calls
from shmtui.procfs.process import read_file, read_stat, wait_channels

_ENDED_BY_STOP: Final[dict[str, tuple[dict[str, tuple[int, ...]], tuple[str, ...]]]] = {
    "epoll_wait": ({"x86_64": (232, 281, 441), "aarch64": (22, 441)}, ("ep_poll", "epoll")),
    "semop": ({"x86_64": (65, 220), "aarch64": (192, 193)}, ("semtimedop",)),
    "sigwaitinfo": ({"x86_64": (128,), "aarch64": (137,)}, ("sigtimedwait",)),
}
"""Calls that end with EINTR: their numbers by machine, and what their wait channel contains.
Run on x86-64 (Linux 6.18), read for aarch64."""


def catches(pid: int, number: signal.Signals) -> bool:
    """Whether a process has a handler for a standard signal; False once it is gone."""
    with contextlib.suppress(OSError):
        stat = read_stat(pid)
        return stat is not None and bool(stat.caught >> (number - 1) & 1)
    return False


def ignores(pid: int, number: signal.Signals) -> bool:
    """Whether a process ignores a standard signal; False once it is gone."""
    with contextlib.suppress(OSError):
        stat = read_stat(pid)
        return stat is not None and bool(stat.ignored >> (number - 1) & 1)
    return False


def is_pending(pid: int, number: signal.Signals) -> bool:
    """Whether a signal that was sent to a process has not reached it yet, as where no processor is free for it
    (ShdPnd of proc_pid_status(5)); False once it is gone.
    """
    with contextlib.suppress(OSError):
        for line in read_file(f"/proc/{pid}/status", 4096).splitlines():
            if line.startswith(b"ShdPnd:"):
                return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    return False


def calls_that_end(pid: int) -> tuple[str, ...]:
    """The calls that a thread of ``pid`` sleeps in, and that a stop ends with EINTR; sorted.

    By the number of the call where this user may read it, else by the wait channel.
    """
    calls = (system_calls(pid) or {}).values()
    numbers = {call.number for call in calls if call is not None}
    channels = list(wait_channels(pid))
    return tuple(
        name
        for name, (own, waits) in sorted(_ENDED_BY_STOP.items())
        if not numbers.isdisjoint(own.get(os.uname().machine, ()))
        or any(wait in channel for wait in waits for channel in channels)
    )
