"""A guard for the terminal: ``python -m shmtui.session.terminal_guard DASHBOARD-PID MODES``.

A dashboard that is killed by SIGKILL cannot give its terminal back: raw mode, the
alternate screen and mouse reports stay on. This small process waits for its death and
then does what it could not. One that ends in good order ends its guard first.
"""

import ast
import contextlib
import os
import select
import signal
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from typing import Final

from shmtui.procfs.interpreter import module_command, module_environment

DELAY_SECONDS: Final = 0.5
"""The first frame comes first: starting the guard beside it would make it late."""
RESET: Final = (
    b"\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1015l\x1b[?1016l"  # mouse reports
    b"\x1b[?1004l\x1b[?2004l\x1b[?2026l\x1b[<u"  # focus, paste, synchronised output, key protocol
    b"\x1b[0m\x1b[?1049l\x1b[?25h\x1b[23;2t\r\n"  # colours, the normal screen, cursor, title
)
"""Undoes what a full-screen program switches on."""


@contextlib.contextmanager
def guarded_terminal() -> Iterator[None]:
    """Have the terminal on standard input given back, however this process ends meanwhile."""
    modes = repr(termios.tcgetattr(0))
    guards: list[subprocess.Popen[bytes]] = []

    def post() -> None:
        # Where no process may be started, the terminal goes unguarded: no reason to say so on it.
        with contextlib.suppress(OSError):
            guards.append(
                subprocess.Popen(
                    module_command(
                        "shmtui.session.terminal_guard", str(os.getpid()), modes, site=False
                    ),
                    process_group=0,
                    env=module_environment(),
                )
            )

    timer = threading.Timer(DELAY_SECONDS, post)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        for guard in guards:
            guard.kill()
            guard.wait()


def main(parent: int, modes: str) -> None:
    """Wait for the dashboard's death, then set the terminal right."""
    # A background process may set modes only if it ignores the signal that forbids it.
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    signal.signal(signal.SIGTTIN, signal.SIG_IGN)
    with contextlib.suppress(ProcessLookupError):
        death = os.pidfd_open(parent)
        if os.getppid() == parent:
            select.select([death], [], [])
    with contextlib.suppress(OSError, termios.error):
        os.write(2, RESET)
        termios.tcsetattr(0, termios.TCSANOW, ast.literal_eval(modes))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
