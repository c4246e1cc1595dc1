"""Stopping processes for a moment.

Whoever was stopped here is continued, whatever happens: at the end of the block, and if this
process is killed by SIGKILL in the middle of it, by a small one that waits for its death.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import shmtui
from shmtui.i18n import _
from shmtui.procfs.identity import start_time
from shmtui.procfs.maps import stopped
from shmtui.repair.plan import Refusal
from shmtui.repair.positions import participants
from shmtui.snapshot import Snapshot

STOP_SECONDS: Final = 1.0


class Guard:
    """A process that continues whom it was told of, once whoever told it is gone."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-S", "-m", "shmtui.repair.resume_guard"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            # In a session of its own: what kills a terminal's or a shell's job misses it.
            start_new_session=True,
            env=os.environ | {"PYTHONPATH": str(Path(shmtui.__file__).parent.parent)},
        )
        assert self._process.stdout is not None
        self._process.stdout.read(1)

    def note(self, pid: int) -> None:
        """Tell it of a process that is about to be stopped."""
        self._say(f"{pid} {start_time(pid) or 0}\n")

    def forget(self) -> None:
        """All that it was told of have been continued."""
        self._say("-\n")

    def _say(self, text: str) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(text.encode())

    def __enter__(self) -> "Guard":
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


class Freeze:
    """Processes stopped for as long as the block lasts; those stopped before stay so after."""

    def __init__(self, guard: "Guard | None" = None) -> None:
        self._guard = guard
        self._stopped: dict[int, int] = {}
        self._others: set[int] = set()

    @property
    def count(self) -> int:
        """How many were stopped here."""
        return len(self._stopped)

    def __enter__(self) -> "Freeze":
        return self

    def __exit__(self, *_error: object) -> None:
        for pidfd in self._stopped.values():
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(pidfd, signal.SIGCONT)
            os.close(pidfd)
        if self._guard is not None:
            self._guard.forget()

    def stop(self, snapshot: Snapshot) -> Refusal | None:
        """Stop all who take part. A refusal: somebody may not be, or does not stop."""
        for process in participants(snapshot.processes):
            try:
                self.halt(process.pid)
            except ProcessLookupError:
                continue
            except PermissionError:
                return Refusal(
                    _("{name} (PID {pid}) may not be stopped by this user").format(
                        name=process.name, pid=process.pid
                    ),
                    _("run shmtui as {user} or as root").format(user=process.user or _("its user")),
                )
        if not self.settle():
            return Refusal(_("a process does not stop"), _("try again"), passing=True)
        return None

    def halt(self, pid: int) -> None:
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

    def settle(self) -> bool:
        """Wait until all stand still; False where one does not within `STOP_SECONDS`."""
        end = time.monotonic() + STOP_SECONDS
        while not all(stopped(pid) for pid in self._stopped):
            if time.monotonic() > end:
                return False
            time.sleep(0.001)
        return True

    def lacks(self, snapshot: Snapshot) -> bool:
        """Whether somebody takes part who is not stopped."""
        known = self._stopped.keys() | self._others
        return any(p.pid not in known for p in participants(snapshot.processes))


def nudge(pid: int, guard: Guard | None = None) -> int:
    """Stop and continue a process, so that it looks again at what it waits for; 1 if it could.

    The futex call that a signal interrupts is restarted, and reads the word anew.
    """
    with Freeze(guard) as freeze, contextlib.suppress(ProcessLookupError, PermissionError):
        freeze.halt(pid)
        freeze.settle()
    return freeze.count
