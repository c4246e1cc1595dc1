"""Becomes a program of the user's: ``python -m shmtui.workers.exec_program SUPERVISOR-PID COMMAND…``.

Between fork and exec it asks the kernel to end it with its supervisor; the order
survives the exec. A supervisor that died before is noticed here.
"""

import os
import signal
import sys

from shmtui.i18n import _, language_of, use_language
from shmtui.shm import libc

EXIT_CANNOT_START = 127


def main(supervisor: int, command: list[str]) -> int:
    """Turn into ``command``; returns only where that fails."""
    libc.die_with_parent(signal.SIGTERM)
    if os.getppid() != supervisor:
        return 0
    own, _separator, inherited = os.environ.pop("PYTHONPATH", "").partition(os.pathsep)
    del own  # The way to this package; what follows it is the user's.
    if inherited:
        os.environ["PYTHONPATH"] = inherited
    try:
        os.execvp(command[0], command)
    except OSError as error:
        use_language(language_of(os.environ))
        text = _("cannot start {program}: {why}").format(program=command[0], why=error.strerror)
        print(text, file=sys.stderr)  # noqa: T201 - stderr is its report
    return EXIT_CANNOT_START


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
