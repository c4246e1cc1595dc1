"""Helper process: sends SIGCONT to every registered process when its parent dies.

``python -m shmtui.repair.resume_helper`` reads lines from a pipe that its parent writes. A line
``PID START-TIME`` registers a process that is about to be stopped; a line ``-`` clears the list,
because all of them run again. The pipe ends when the parent is gone. It imports the standard
library alone, so that it starts at once.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

READY: Final = b"."
"""Written once it listens."""
_START_TIME: Final = 19
"""The field's place in /proc/PID/stat after the name (proc_pid_stat(5), field 22)."""


def resume_registered(lines: Iterable[str]) -> None:
    """Read registrations until the lines end, then continue the processes that are registered."""
    registered: dict[int, str] = {}
    for line in lines:
        if line.startswith("-"):
            registered.clear()
        else:
            number, started = line.split()
            registered[int(number)] = started
    for pid, start_time in registered.items():
        with contextlib.suppress(OSError):
            pidfd = os.pidfd_open(pid)
            # The PID may be another process's by now; what the descriptor names cannot change.
            if _start_time(pid) == start_time:
                signal.pidfd_send_signal(pidfd, signal.SIGCONT)
            os.close(pidfd)


def _start_time(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[_START_TIME]


if __name__ == "__main__":
    for _number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(_number, signal.SIG_IGN)
    os.write(1, READY)
    resume_registered(sys.stdin)
