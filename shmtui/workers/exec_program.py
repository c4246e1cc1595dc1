"""Becomes a program of the user's: ``python -m shmtui.workers.exec_program SUPERVISOR-PID COMMAND…``.

Before the exec it asks the kernel to end it with its supervisor, which holds after the exec too.
"""

import os
import signal
import sys

from shmtui.i18n import _, language_of, use_language
from shmtui.procfs.interpreter import without_package
from shmtui.shm import libc

EXIT_CANNOT_START = 127
"""As a shell has it for a command that is not found."""


def main(supervisor: int, command: list[str]) -> int:
    """Turn into ``command``; returns an exit code only where that fails."""
    libc.die_with_parent(signal.SIGTERM)
    if os.getppid() != supervisor:
        return 0  # The supervisor died before the line above took effect.
    try:
        os.execvpe(command[0], command, without_package(dict(os.environ)))
    except OSError as error:
        use_language(language_of(os.environ))
        text = _("cannot start {program}: {why}").format(program=command[0], why=error.strerror)
        print(text, file=sys.stderr)  # noqa: T201 - stderr is its report
    return EXIT_CANNOT_START


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
