"""What a process has been sent, and has not been reached by."""

import os
import signal
import subprocess
import sys

from shmtui.procfs.stop_effects import is_pending
from tests.waiting import poll

BLOCKING = """
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
print("ready", flush=True)
input()
signal.sigwait({signal.SIGUSR2})
print("taken", flush=True)
input()
"""


def test_a_signal_that_has_not_been_taken_is_pending() -> None:
    """It was sent to the process, and no thread takes it."""
    with subprocess.Popen(
        [sys.executable, "-c", BLOCKING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            assert not is_pending(process.pid, signal.SIGUSR2)
            process.send_signal(signal.SIGUSR2)
            poll(lambda: is_pending(process.pid, signal.SIGUSR2), "it is pending")
            assert not is_pending(process.pid, signal.SIGUSR1)
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "taken\n"
            assert not is_pending(process.pid, signal.SIGUSR2)
        finally:
            process.kill()


def test_nothing_is_pending_for_one_that_is_gone() -> None:
    """Its PID is in use no longer."""
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    assert not is_pending(child, signal.SIGSTOP)
