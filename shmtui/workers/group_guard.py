"""The guard of the user's programs: ends them, and what they started, if the supervisor is killed.

The kernel ends a program with its supervisor (PR_SET_PDEATHSIG), but not what the program has
started, nor one that ignores SIGTERM. A supervisor that ends in good order ends all of them itself.
"""

import contextlib
import subprocess

from shmtui.procfs.interpreter import module_command, module_environment


class GroupGuard:
    """Runs :mod:`shmtui.workers.group_helper` from the first program on."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def register(self, group: int) -> None:
        """Name the process group of a program that has been started. OSError: no helper runs."""
        if self._process is None:
            self._process = subprocess.Popen(
                module_command("shmtui.workers.group_helper", site=False),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                # In a session of its own: a signal to the terminal's or the shell's job misses it.
                start_new_session=True,
                env=module_environment(),
            )
        self._write(f"+{group}\n")

    def forget(self, group: int) -> None:
        """Tell it that the group is gone: its number may be another's by now."""
        with contextlib.suppress(BrokenPipeError):
            self._write(f"-{group}\n")

    def _write(self, text: str) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(text.encode())

    def close(self) -> None:
        """End the helper, once all programs have ended."""
        if self._process is not None and self._process.stdin is not None:
            self._process.kill()
            self._process.wait()
            self._process.stdin.close()
            self._process = None
