"""What a process has been sent, and has not been reached by."""

import os
import signal

from shmtui.procfs.stop_effects import is_pending


def test_a_signal_that_has_not_been_taken_is_pending() -> None:
    """It was sent to the process, and no thread takes it."""
    pid = os.getpid()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
    try:
        assert not is_pending(pid, signal.SIGUSR2)
        os.kill(pid, signal.SIGUSR2)
        assert is_pending(pid, signal.SIGUSR2)
        assert not is_pending(pid, signal.SIGUSR1)
        assert signal.sigwait({signal.SIGUSR2}) is signal.SIGUSR2
        assert not is_pending(pid, signal.SIGUSR2)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def test_nothing_is_pending_for_one_that_is_gone() -> None:
    """Its PID is in use no longer."""
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    assert not is_pending(child, signal.SIGSTOP)
