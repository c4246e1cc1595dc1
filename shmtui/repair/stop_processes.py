"""Stopping processes for a moment, by SIGSTOP and SIGCONT through pidfds.

A process that was stopped here is continued at the end of the block. If this process is killed
or suspended before that, the helper of :mod:`shmtui.repair.resume_guard` continues it. Ctrl+Z in
the block takes effect at its end.
"""

import contextlib
import os
import signal
import time
from typing import Final, Self

from shmtui.errors import ShmtuiError
from shmtui.i18n import _, ngettext
from shmtui.procfs.identity import alive
from shmtui.procfs.process import read_stat, stopped, wait_channels
from shmtui.procfs.stop_effects import is_pending
from shmtui.repair.plan import Refusal
from shmtui.repair.protocol_positions import participants
from shmtui.repair.resume_guard import ResumeGuard
from shmtui.snapshot import Process, Snapshot

STOP_SECONDS: Final = 1.0
"""How long a process may take to stop."""
_FREEZER: Final = frozenset({"do_freezer_trap", "get_signal"})
"""Where a process sleeps that its control group (cgroup v2) has frozen, by /proc/PID/wchan."""
_SUSPENDING: Final = frozenset({signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU})
"""The signals that suspend this process and can be held back (signal(7))."""


class ProcessStopper:
    """Stops processes for as long as the block lasts. One that was stopped before stays stopped.

    ShmtuiError, from what stops: the guard does not run, so nothing was stopped by that call.
    """

    def __init__(self, guard: ResumeGuard) -> None:
        self._guard = guard
        self._stopped: dict[int, int] = {}
        """The pidfd of each process that was stopped here, by PID."""
        self._stopped_before: set[int] = set()
        self._mask: set[int] | None = None

    @property
    def count(self) -> int:
        return len(self._stopped)

    def __enter__(self) -> Self:
        self._mask = set(signal.pthread_sigmask(signal.SIG_BLOCK, _SUSPENDING))
        return self

    def __exit__(self, *_error: object) -> None:
        for pidfd in self._stopped.values():
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(pidfd, signal.SIGCONT)
            os.close(pidfd)
        with contextlib.suppress(ShmtuiError):
            self._guard.clear()
        if self._mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    def stop_participants(self, snapshot: Snapshot) -> Refusal | None:
        """Stop every process that takes part, and wait until they stand still.

        A refusal: this user may not stop one of them, or one does not stop in time.
        """
        for process in participants(snapshot.processes):
            try:
                self.stop(process.pid, process.start_time)
            except ProcessLookupError:
                continue
            except PermissionError:
                return _not_permitted(process)
        if self.wait_until_stopped():
            return None
        crew = participants(snapshot.processes)
        unreached = [p for p in crew if _unreached(p.pid)]
        if unreached:
            return _out_of_reach(unreached[0])
        going = [p for p in crew if _continued(p.pid)]
        if going:
            return _continued_at_once(going[0])
        return Refusal(_("a process does not stop"), _("try again"), transient=True)

    def stop(self, pid: int, start_time: int) -> None:
        """Send SIGSTOP to the process that started at ``start_time`` (clock ticks after boot).

        Nothing happens to one that is stopped already. ProcessLookupError: that process is gone,
        another process with its PID. PermissionError: this user may not.
        """
        if pid in self._stopped or pid in self._stopped_before or pid == os.getpid():
            return
        pidfd = os.pidfd_open(pid)
        try:
            # From here on the descriptor names one process; it has to be the one that was seen.
            if not alive(pid, start_time):
                raise ProcessLookupError
            if stopped(pid):
                self._stopped_before.add(pid)
                os.close(pidfd)
                return
            self._guard.register(pid, start_time)
            signal.pidfd_send_signal(pidfd, signal.SIGSTOP)
        except BaseException:
            os.close(pidfd)
            raise
        self._stopped[pid] = pidfd

    def wait_until_stopped(self) -> bool:
        """Wait until every thread has stopped; False where one still runs after `STOP_SECONDS`.

        It may be one that was stopped before, and that another process has continued since.
        """
        end = time.monotonic() + STOP_SECONDS
        self._guard.renew()
        while not all(stopped(pid) for pid in (*self._stopped, *self._stopped_before)):
            if time.monotonic() > end:
                return False
            time.sleep(0.001)
        return True

    def all_held(self) -> bool:
        """Renew the helper's lease; whether everybody is stopped at this moment, and has been since they were.

        False where this process was suspended meanwhile, or got no processor for seconds: the
        helper has continued them.
        """
        return self._guard.renew() and all(
            stopped(pid) for pid in (*self._stopped, *self._stopped_before)
        )

    def misses_a_participant(self, snapshot: Snapshot) -> bool:
        """Whether a process takes part that is not stopped."""
        known = self._stopped.keys() | self._stopped_before
        return any(p.pid not in known for p in participants(snapshot.processes))


def _unreached(pid: int) -> bool:
    """Whether a process is where SIGSTOP takes no effect: frozen by its control group, or in a call that such a
    signal does not end, as vfork(2).
    """
    stat = read_stat(pid)
    if stat is None or stopped(pid):
        return False
    return stat.state == "D" or any(channel in _FREEZER for channel in wait_channels(pid))


def _out_of_reach(process: Process) -> Refusal:
    text = _(
        "{name} (PID {pid}) cannot be stopped now: it is frozen by its control group, or in a call that no "
        "SIGSTOP ends, as vfork"
    )
    return Refusal(
        text.format(name=process.name, pid=process.pid),
        _("once it goes on, try again"),
    )


def _continued(pid: int) -> bool:
    """Whether a process that was told to stop goes on, or sleeps where it can be stopped, though the signal has
    reached it: somebody has continued it.
    """
    if is_pending(pid, signal.SIGSTOP):
        return False
    stat = read_stat(pid)
    return stat is not None and stat.state in {"R", "S"} and not stopped(pid)


def _continued_at_once(process: Process) -> Refusal:
    """The refusal where another process undoes each stop, as tmux does with what a pane runs."""
    text = _("{name} (PID {pid}) is continued as soon as it stops")
    if process.parent:
        text = _(
            "{name} (PID {pid}) is continued as soon as it stops, it seems by its parent, {parent}"
        )
    return Refusal(
        text.format(
            name=process.name, pid=process.pid, parent=_("PID {pid}").format(pid=process.parent)
        ),
        _("start it from a shell, and not as what a tmux pane runs"),
    )


def _not_permitted(process: Process) -> Refusal:
    return Refusal(
        _("{name} (PID {pid}) may not be stopped by this user").format(
            name=process.name, pid=process.pid
        ),
        _("run shmtui as {user} or as root").format(user=process.user or _("its user")),
    )


def interrupt_futex_wait(pid: int, start_time: int, guard: ResumeGuard) -> bool:
    """Stop and continue a process, so that its threads read their futex words anew.

    The kernel restarts a futex wait that a signal interrupts. False: it is gone, was stopped
    before, or belongs to another user.
    """
    with ProcessStopper(guard) as stopper, contextlib.suppress(ProcessLookupError, PermissionError):
        stopper.stop(pid, start_time)
        stopper.wait_until_stopped()
    return stopper.count > 0


def stopping(count: int) -> str:
    """The line that says how many processes are about to be stopped."""
    return ngettext(
        "stopping {count} process for a moment, and writing",
        "stopping {count} processes for a moment, and writing",
        count,
    ).format(count=count)
