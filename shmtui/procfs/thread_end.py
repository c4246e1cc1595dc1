"""Whether a thread is about to end with its process: exit_group(2) and fatal signals send SIGKILL to each."""

import signal
from pathlib import Path
from typing import Final

_KILL: Final = 1 << (signal.SIGKILL - 1)
_HELD: Final = "t"
"""It stands still for its tracer."""
_SLEEPS: Final = "S"
_ENDED: Final = frozenset("ZX")


def is_dying(thread: int, *, held: bool) -> bool:
    """Whether it has ended, or the kernel has told it to end; ``held``: it stood still for its tracer, else it slept in
    a call.
    """
    while True:
        try:
            text = Path(f"/proc/{thread}/status").read_text("utf-8", "replace")
        except OSError:
            return True
        lines = dict(line.partition(":\t")[::2] for line in text.splitlines())
        state = lines["State"][0]
        if state == (_HELD if held else _SLEEPS):
            return bool(int(lines["SigPnd"], 16) & _KILL)
        if held or state in _ENDED:
            return True
