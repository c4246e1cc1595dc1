"""The guard of a repair: continues stopped processes if the repair is killed or suspended."""

import math
import select
import subprocess
import time
from typing import Final

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.procfs.interpreter import module_command, module_environment
from shmtui.repair.resume_helper import LEASE_SECONDS, READY

START_SECONDS: Final = 20.0
"""How long the helper may take to start, on a busy machine too."""


class ResumeGuard:
    """Runs the helper process of :mod:`shmtui.repair.resume_helper` for as long as the block lasts.

    ShmtuiError, here and at each registration: the helper does not run, so nothing may be
    stopped.
    """

    def __init__(self, command: tuple[str, ...] | None = None) -> None:
        self._due = math.inf
        """When the helper's patience ends; never while nobody is registered."""
        self._lapsed = False
        helper = module_command("shmtui.repair.resume_helper", site=False)
        try:
            self._process = subprocess.Popen(
                command or helper,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                # In a session of its own: a signal to the terminal's or the shell's job misses it.
                start_new_session=True,
                env=module_environment(),
            )
        except OSError as error:
            raise _absent(str(error.strerror)) from None
        if self._first_byte() != READY:
            self.__exit__()
            raise _absent(_("it ended at once, or did not start in time"))

    def _first_byte(self) -> bytes:
        """What the helper writes first; empty if it ends, or writes nothing in time."""
        assert self._process.stdout is not None
        poller = select.poll()
        poller.register(self._process.stdout, select.POLLIN)
        if not poller.poll(START_SECONDS * 1000):
            return b""
        return self._process.stdout.read(1)

    def register(self, pid: int, start_time: int) -> None:
        """Name a process that is about to be stopped, with its start time in clock ticks."""
        self._due = min(self._due, time.monotonic() + LEASE_SECONDS)
        self._write(f"{pid} {start_time}\n")

    def renew(self) -> bool:
        """Tell the helper that this process is at work.

        False, until the list is cleared: it came too late once, so the helper may have taken this
        process for suspended, and continued the others.
        """
        self._write("=\n")
        return not self._lapsed

    def clear(self) -> None:
        """Tell the helper that every registered process runs again."""
        self._write("-\n")
        self._due, self._lapsed = math.inf, False

    def _write(self, text: str) -> None:
        assert self._process.stdin is not None
        try:
            if self._process.poll() is not None:
                raise BrokenPipeError
            # Before the line is on its way: the helper's time begins later than this one's.
            now = time.monotonic()
            self._process.stdin.write(text.encode())
            self._lapsed |= time.monotonic() >= self._due
            if self._due < math.inf:
                self._due = now + LEASE_SECONDS
        except BrokenPipeError:
            raise _absent(_("it was ended")) from None

    def __enter__(self) -> "ResumeGuard":
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


def _absent(why: str) -> ShmtuiError:
    """The error that says why nothing is stopped."""
    return ShmtuiError(
        _(
            "no process is stopped, because the helper that would continue it if this repair were "
            "killed does not run ({why}): try again"
        ).format(why=why)
    )
