"""Helper process: continues the registered processes when its parent dies or falls silent.

``python -m shmtui.repair.resume_helper`` reads lines from a pipe that its parent writes:

``PID START-TIME``
    registers a process that is about to be stopped;
``=``
    renews the lease: the parent is at work;
``-``
    clears the list, because all of them run again.

The pipe ends when the parent is gone. A parent that is suspended writes nothing: once
`LEASE_SECONDS` have passed without a line, the processes are continued too. It imports the
standard library alone, so that it starts at once.
"""

import contextlib
import os
import select
import signal
from pathlib import Path
from typing import Final

READY: Final = b"."
"""Written once it listens."""
LEASE_SECONDS: Final = 3.0
"""How long the parent may be silent while processes are registered."""
_START_TIME: Final = 19
"""The field's place in /proc/PID/stat after the name (proc_pid_stat(5), field 22)."""


class Registered:
    """The processes that the parent has stopped, or is about to stop."""

    def __init__(self) -> None:
        self._started: dict[int, str] = {}

    def __bool__(self) -> bool:
        return bool(self._started)

    def take(self, line: str) -> None:
        if line.startswith("-"):
            self._started.clear()
        elif not line.startswith("="):
            number, started = line.split()
            self._started[int(number)] = started

    def resume(self) -> None:
        """Continue all of them, and forget them."""
        for pid, start_time in self._started.items():
            with contextlib.suppress(OSError):
                pidfd = os.pidfd_open(pid)
                # The PID may be another process's by now; what the descriptor names cannot change.
                if _start_time(pid) == start_time:
                    signal.pidfd_send_signal(pidfd, signal.SIGCONT)
                os.close(pidfd)
        self._started.clear()


def serve(pipe: int, lease: float = LEASE_SECONDS) -> None:
    """Follow the lines of a pipe to its end; continue the processes then, or as the lease ends."""
    registered, rest = Registered(), b""
    while True:
        if registered and not select.select([pipe], [], [], lease)[0]:
            registered.resume()
        received = os.read(pipe, 4096)
        if not received:
            break
        *lines, rest = (rest + received).split(b"\n")
        for line in lines:
            registered.take(line.decode())
    registered.resume()


def _start_time(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[_START_TIME]


if __name__ == "__main__":
    for _number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(_number, signal.SIG_IGN)
    os.write(1, READY)
    serve(0)
