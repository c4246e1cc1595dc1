"""Whoever is stopped for a moment is continued, whatever becomes of the one who stopped him."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from shmtui.procfs.identity import start_time
from shmtui.procfs.process import stopped
from shmtui.repair.resume_guard import ResumeGuard
from shmtui.repair.resume_helper import resume_registered
from shmtui.repair.stop_processes import ProcessStopper, interrupt_futex_wait
from tests.traces import marked_processes
from tests.waiting import poll

SLEEPER = (sys.executable, "-S", "-c", "import time; print(flush=True); time.sleep(600)")

LEAVES_IT = """
import os, signal, sys
from shmtui.repair.resume_guard import ResumeGuard
from shmtui.repair.stop_processes import ProcessStopper
with ResumeGuard() as guard, ProcessStopper(guard) as stopper:
    stopper.stop(int(sys.argv[1]))
    assert stopper.wait_until_stopped()
    if len(sys.argv) > 2:
        stopper.__exit__()
        os.kill(int(sys.argv[1]), signal.SIGSTOP)
    os.kill(os.getpid(), signal.SIGKILL)
"""
"""Stops a process and dies of SIGKILL; or continues it first, and it is stopped by somebody else."""


@contextmanager
def sleeper() -> Iterator[int]:
    """A process that does nothing."""
    with subprocess.Popen(SLEEPER, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        try:
            yield process.pid
        finally:
            process.kill()


def test_stopped_for_as_long_as_the_block_lasts() -> None:
    """And not a second time within it."""
    with sleeper() as pid:
        with ProcessStopper() as stopper:
            stopper.stop(pid)
            stopper.stop(pid)
            assert stopper.wait_until_stopped()
            assert stopper.count == 1
            assert stopped(pid)
        poll(lambda: not stopped(pid), "it goes on")


def test_who_was_stopped_before_stays_so() -> None:
    """Somebody stopped it for a reason of his own."""
    with sleeper() as pid:
        os.kill(pid, signal.SIGSTOP)
        poll(lambda: stopped(pid), "it has stopped")
        with ResumeGuard() as guard, ProcessStopper(guard) as stopper:
            stopper.stop(pid)
            assert stopper.count == 0
        assert interrupt_futex_wait(pid) == 0
        assert stopped(pid)


def test_the_dead_stand_still() -> None:
    """Nobody is stopped, and nothing is left open."""
    with sleeper() as pid:
        pass
    before = len(os.listdir("/proc/self/fd"))
    with ProcessStopper() as stopper:
        stopper.stop(pid)
        assert stopper.wait_until_stopped()
        assert stopper.count == 0
    assert interrupt_futex_wait(pid) == 0
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_nudge_lets_go() -> None:
    """Stopped and continued, with a guard and without."""
    with sleeper() as pid:
        assert interrupt_futex_wait(pid) == 1
        with ResumeGuard() as guard:
            assert interrupt_futex_wait(pid, guard) == 1
        poll(lambda: not stopped(pid), "it goes on")


def test_killed_in_the_middle() -> None:
    """The guard continues whom the dead one had stopped."""
    with sleeper() as pid:
        done = subprocess.run([sys.executable, "-c", LEAVES_IT, str(pid)], check=False)
        assert done.returncode == -signal.SIGKILL
        poll(lambda: not stopped(pid), "it goes on")


def test_killed_after_it_let_go(mark: str) -> None:
    """Whoever stopped it since is not overruled."""
    with sleeper() as pid:
        done = subprocess.run([sys.executable, "-c", LEAVES_IT, str(pid), "let go"], check=False)
        assert done.returncode == -signal.SIGKILL
        poll(lambda: marked_processes(mark) == [pid], "the guard has ended")
        assert stopped(pid)


@pytest.mark.parametrize("whose", ["its own", "another's"])
def test_a_number_that_is_anothers_by_now(whose: str) -> None:
    """Only the process that was noted is continued, not one that has its PID since."""
    with sleeper() as pid:
        os.kill(pid, signal.SIGSTOP)
        poll(lambda: stopped(pid), "it has stopped")
        started = start_time(pid)
        assert started is not None
        resume_registered([f"{pid} {started if whose == 'its own' else started + 1}\n"])
        if whose == "its own":
            poll(lambda: not stopped(pid), "it goes on")
        else:
            assert stopped(pid)


def test_all_have_been_continued() -> None:
    """What was said before that is forgotten."""
    with sleeper() as pid:
        os.kill(pid, signal.SIGSTOP)
        poll(lambda: stopped(pid), "it has stopped")
        resume_registered([f"{pid} {start_time(pid)}\n", "-\n"])
        assert stopped(pid)


def test_the_dead_are_passed_over() -> None:
    """Who has ended meanwhile does not keep the others stopped."""
    with sleeper() as gone:
        since = start_time(gone)
    with sleeper() as pid:
        os.kill(pid, signal.SIGSTOP)
        poll(lambda: stopped(pid), "it has stopped")
        resume_registered([f"{gone} {since}\n", f"{pid} {start_time(pid)}\n"])
        poll(lambda: not stopped(pid), "it goes on")
