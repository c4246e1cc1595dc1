"""The identity of a process: PID and start time, since a PID is given to others later."""

import os
import signal

from shmtui.i18n import _
from shmtui.procfs.namespaces import require_proc
from shmtui.procfs.process import read_stat


def start_time(pid: int) -> int | None:
    """Clock ticks after boot at which ``pid`` started; None once it is gone.

    A zombie counts as gone: it maps nothing and holds nothing.
    """
    stat = read_stat(pid)
    return None if stat is None or stat.ended else stat.start_time


def alive(pid: int, started: int) -> bool:
    """Whether the process of that PID and start time still runs."""
    return start_time(pid) == started


def own_identity() -> tuple[int, int]:
    """PID and start time of this process. ShmtuiError: /proc does not show it."""
    require_proc()
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


def pid_namespace(pid: int) -> str | None:
    """The PID namespace in which a process counts its own PIDs; None where this user may not know."""
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")  # noqa: PTH115 - the text is wanted
    except OSError:
        return None
