"""Which processes there are, and which have come since the last question.

To list /proc costs some half a microsecond for each process of the machine. The kernel tells the
PID that it gave last (the last field of /proc/loadavg, proc_loadavg(5)), to a process or to a
thread: where a few were given since the last question, they alone are looked at.
"""

from typing import Final

from shmtui.procfs.process import processes, read_file

FEW: Final = 64
"""So many PIDs are looked at one by one; with more, /proc is listed."""
LISTED: Final = 4
"""One of so many questions lists /proc in any case: who has ended is known by that alone."""


class PresentProcesses:
    """The processes that this user can see, from question to question."""

    def __init__(self) -> None:
        self.pids: frozenset[int] = frozenset()
        """As of the last question. Who has ended since /proc was listed is among them."""
        self._last = 0
        self._questions = 0

    def update(self, *, anew: bool = False) -> frozenset[int]:
        """Look; returns the PIDs that are new, at first all. ``anew``: list all of them.
        ShmtuiError: /proc does not show this namespace's.
        """
        last, before = last_given(), self._last
        self._last = last
        anew = anew or self._questions % LISTED == 0 or not last
        self._questions += 1
        if anew or not 0 <= last - before <= FEW:
            # Numbers begin anew after the highest: who has a low one now is another process.
            known = self.pids if last >= before else frozenset(p for p in self.pids if p > last)
            self.pids = frozenset(processes())
            return self.pids - known
        given = range(before + 1, last + 1)
        new = frozenset(pid for pid in given if pid not in self.pids and _is_process(pid))
        self.pids |= new
        return new


def last_given() -> int:
    """The PID that was given last in this namespace, to a process or a thread; 0 where that is not known."""
    try:
        return int(read_file("/proc/loadavg", 128).split()[4])
    except (OSError, IndexError, ValueError):
        return 0


def _is_process(pid: int) -> bool:
    """Whether there is such a process: /proc has folders of threads, too, and does not list them."""
    try:
        status = read_file(f"/proc/{pid}/status", 256)
    except OSError:
        return False
    return b"\nTgid:\t%d\n" % pid in status
