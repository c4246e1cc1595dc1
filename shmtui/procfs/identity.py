"""A process is its PID and its start time: the PID alone may be somebody else's by now."""

import os
import signal

from shmtui.i18n import _


def start_time(pid: int) -> int | None:
    """Clock ticks after boot at which ``pid`` started (field 22 of /proc/PID/stat), or None.

    A zombie counts as gone: it maps nothing and holds nothing.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            raw = file.read(1024)
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command name in parentheses may hold spaces and parentheses of its own.
    fields = raw[raw.rfind(b")") + 2 :].split()
    return None if fields[0] in {b"Z", b"X"} else int(fields[19])


def alive(pid: int, started: int) -> bool:
    """Whether that very process still runs."""
    return start_time(pid) == started


def own_identity() -> tuple[int, int]:
    """PID and start time of this process."""
    pid = os.getpid()
    return pid, start_time(pid) or 0


def describe_exit(status: int) -> str:
    """How a child ended, from its return code (minus the signal, where one ended it).

    >>> describe_exit(0), describe_exit(3), describe_exit(-9)
    ('ended', 'exit code 3', 'killed by SIGKILL')
    """
    if status == 0:
        return _("ended")
    if status > 0:
        return _("exit code {status}").format(status=status)
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = _("signal {number}").format(number=-status)
    return _("killed by {name}").format(name=name)
