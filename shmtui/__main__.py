"""``python -m shmtui``."""

import gc
import os
import signal
import sys
from types import FrameType


def _leave(number: int, _frame: FrameType | None) -> None:
    os._exit(128 + number)


def main() -> None:
    """Run the command line."""
    # Until a command has handlers of its own, nothing has been made that needs undoing. An
    # exception would not do: Python drops one that lands in a callback, of an import for
    # one, and the signal would be lost with it.
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _leave)
    # Nothing here speaks TLS. Where the module is not to be had asyncio does without OpenSSL, which takes
    # 3 MB of memory, and a while to load.
    sys.modules.setdefault("ssl", None)  # type: ignore[arg-type]
    # Importing makes objects that live for ever: collecting among them costs a twentieth of the start.
    gc.disable()
    from shmtui.cli.main import run_cli  # noqa: PLC0415 - workers import this package too

    code = run_cli(sys.argv[1:])
    # Python would collect among them at its end too, which takes as long as a short command.
    gc.freeze()
    sys.exit(code)


if __name__ == "__main__":
    main()
