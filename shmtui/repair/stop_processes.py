"""Stopping processes for a moment.

Whoever was stopped here is continued, whatever happens: at the end of the block, and if this
process is killed by SIGKILL in the middle of it, by a small one that waits for its death.
"""

import contextlib
import os
import signal
import time
from typing import Final

from shmtui.i18n import _
from shmtui.procfs.process import stopped
from shmtui.repair.plan import Refusal
from shmtui.repair.positions import participants
from shmtui.repair.resume_guard import ResumeGuard
from shmtui.snapshot import Snapshot

STOP_SECONDS: Final = 1.0


class ProcessStopper:
    """Processes stopped for as long as the block lasts; those stopped before stay so after."""

    def __init__(self, guard: ResumeGuard | None = None) -> None:
        self._guard = guard
        self._stopped: dict[int, int] = {}
        self._others: set[int] = set()

    @property
    def count(self) -> int:
        """How many were stopped here."""
        return len(self._stopped)

    def __enter__(self) -> "ProcessStopper":
        return self

    def __exit__(self, *_error: object) -> None:
        for pidfd in self._stopped.values():
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(pidfd, signal.SIGCONT)
            os.close(pidfd)
        if self._guard is not None:
            self._guard.forget()

    def stop_participants(self, snapshot: Snapshot) -> Refusal | None:
        """Stop all who take part. A refusal: somebody may not be, or does not stop."""
        for process in participants(snapshot.processes):
            try:
                self.stop(process.pid)
            except ProcessLookupError:
                continue
            except PermissionError:
                return Refusal(
                    _("{name} (PID {pid}) may not be stopped by this user").format(
                        name=process.name, pid=process.pid
                    ),
                    _("run shmtui as {user} or as root").format(user=process.user or _("its user")),
                )
        if not self.wait_until_stopped():
            return Refusal(_("a process does not stop"), _("try again"), transient=True)
        return None

    def stop(self, pid: int) -> None:
        """Stop one process, unless it is stopped already. ProcessLookupError, PermissionError."""
        if pid in self._stopped or pid in self._others or pid == os.getpid():
            return
        if stopped(pid):
            self._others.add(pid)
            return
        pidfd = os.pidfd_open(pid)
        if self._guard is not None:
            self._guard.note(pid)
        try:
            signal.pidfd_send_signal(pidfd, signal.SIGSTOP)
        except BaseException:
            os.close(pidfd)
            raise
        self._stopped[pid] = pidfd

    def wait_until_stopped(self) -> bool:
        """Wait until all stand still; False where one does not within `STOP_SECONDS`."""
        end = time.monotonic() + STOP_SECONDS
        while not all(stopped(pid) for pid in self._stopped):
            if time.monotonic() > end:
                return False
            time.sleep(0.001)
        return True

    def misses_somebody(self, snapshot: Snapshot) -> bool:
        """Whether somebody takes part who is not stopped."""
        known = self._stopped.keys() | self._others
        return any(p.pid not in known for p in participants(snapshot.processes))


def interrupt_futex_wait(pid: int, guard: ResumeGuard | None = None) -> int:
    """Stop and continue a process, so that it looks again at what it waits for; 1 if it could.

    The futex call that a signal interrupts is restarted, and reads the word anew.
    """
    with ProcessStopper(guard) as stopper, contextlib.suppress(ProcessLookupError, PermissionError):
        stopper.stop(pid)
        stopper.wait_until_stopped()
    return stopper.count
