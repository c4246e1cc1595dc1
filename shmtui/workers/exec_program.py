"""Becomes a program of the user's: ``python -m shmtui.workers.exec_program SUPERVISOR-PID PIPE COMMAND…``.

Before the exec it names its process group in the pipe of :mod:`shmtui.workers.group_helper`, and asks
the kernel to end it with its supervisor, which holds after the exec too. No moment is left in which
the death of the supervisor would let it go on. PIPE is a descriptor, or ``-`` where no helper runs.
"""

import contextlib
import os
import signal
import sys

from shmtui.i18n import _, language_of, use_language
from shmtui.procfs.interpreter import restore_signals, without_package
from shmtui.shm import libc

EXIT_CANNOT_START = 127
"""As a shell has it for a command that is not found."""


def main(supervisor: int, pipe: int | None, command: list[str]) -> int:
    """Turn into ``command``; returns an exit code only where that fails."""
    if pipe is not None:
        _register(pipe)
    libc.die_with_parent(signal.SIGTERM)
    if os.getppid() != supervisor:
        return 0  # The supervisor died before the line above took effect.
    restore_signals()
    try:
        os.execvpe(command[0], command, without_package(dict(os.environ)))
    except OSError as error:
        use_language(language_of(os.environ))
        text = _("cannot start {program}: {why}").format(program=command[0], why=error.strerror)
        print(text, file=sys.stderr)  # noqa: T201 - stderr is its report
    return EXIT_CANNOT_START


def _register(pipe: int) -> None:
    """Name the process group; the helper waits for the end of the pipe, so it is closed at once."""
    with contextlib.suppress(OSError):  # Where the helper was ended, nobody reads it.
        os.write(pipe, f"+{os.getpgrp()}\n".encode())
    os.close(pipe)


if __name__ == "__main__":
    _pipe = None if sys.argv[2] == "-" else int(sys.argv[2])
    sys.exit(main(int(sys.argv[1]), _pipe, sys.argv[3:]))
