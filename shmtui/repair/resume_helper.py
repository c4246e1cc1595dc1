"""Continues processes that were left stopped: ``python -m shmtui.repair.resume_helper``, told of them by a pipe.

A line ``PID START-TIME`` tells of one that is about to be stopped, a line ``-`` that all have
been continued. When the pipe ends, whoever wrote into it is gone: those that are left get
SIGCONT. It loads nothing but Python's own, so that it is there at once.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

READY: Final = b"."
_START_TIME: Final = 19
"""Its place in /proc/PID/stat after the name (proc_pid_stat(5), field 22)."""


def resume_registered(lines: Iterable[str]) -> None:
    """Keep in mind who is stopped until the lines end, and continue those."""
    noted: dict[int, str] = {}
    for line in lines:
        if line.startswith("-"):
            noted.clear()
        else:
            pid, started = line.split()
            noted[int(pid)] = started
    for number, since in noted.items():
        with contextlib.suppress(OSError):
            pidfd = os.pidfd_open(number)
            # The PID may be another's by now; from here on the descriptor is one process's.
            if _started(number) == since:
                signal.pidfd_send_signal(pidfd, signal.SIGCONT)
            os.close(pidfd)


def _started(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[_START_TIME]


if __name__ == "__main__":
    for _number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(_number, signal.SIG_IGN)
    os.write(1, READY)
    resume_registered(sys.stdin)
