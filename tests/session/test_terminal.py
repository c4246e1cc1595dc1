"""The signals that end a run: none is lost, and none ends it before it has cleaned up."""

import subprocess
import sys

_PROGRAM = """
import asyncio, os, signal
from shmtui.session.terminal import ending_signals, note_signals, noted_signal

class Loop(asyncio.SelectorEventLoop):
    def remove_signal_handler(self, number):
        done = super().remove_signal_handler(number)
        os.kill(os.getpid(), number)
        return done

note_signals()
with ending_signals(Loop(), print):
    pass
print(noted_signal() is not None)
"""


def test_a_signal_between_two_handlers_is_recorded() -> None:
    """As a second hang-up comes while a dashboard that ends by the first gives its handlers back."""
    command = [sys.executable, "-c", _PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
