"""A process that is stopped for a moment is continued, even if the one that stopped it dies."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from msgspec.structs import replace

from shmtui.errors import ShmtuiError
from shmtui.procfs.identity import start_time
from shmtui.procfs.process import stopped
from shmtui.repair.resume_guard import ResumeGuard
from shmtui.repair.resume_helper import Registered
from shmtui.repair.stop_processes import ProcessStopper, interrupt_futex_wait
from shmtui.shm.protocol import Role
from shmtui.snapshot import EMPTY, Process, ProcessState
from tests.compiling import Compiler
from tests.program import letter
from tests.traces import marked_processes
from tests.waiting import poll

SLEEPER = (sys.executable, "-S", "-c", "import time; print(flush=True); time.sleep(600)")

LEAVES_IT = """
import os, signal, sys
from shmtui.errors import ShmtuiError
from shmtui.procfs.identity import start_time
from shmtui.repair.resume_guard import ResumeGuard
from shmtui.repair.stop_processes import ProcessStopper
pid = int(sys.argv[1])
with ResumeGuard() as guard, ProcessStopper(guard) as stopper:
    stopper.stop(pid, start_time(pid))
    assert stopper.wait_until_stopped()
    if len(sys.argv) > 2:
        stopper.__exit__()
        os.kill(pid, signal.SIGSTOP)
    os.kill(os.getpid(), signal.SIGKILL)
"""
"""Stops a process and dies of SIGKILL; or continues it first, and another process stops it."""


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


@pytest.fixture(scope="module")
def guard() -> Iterator[ResumeGuard]:
    """One helper for the tests that do not end it."""
    with ResumeGuard() as running:
        yield running


def born(pid: int) -> int:
    """The start time of a live process."""
    found = start_time(pid)
    assert found is not None
    return found


def test_stopped_for_as_long_as_the_block_lasts(guard: ResumeGuard) -> None:
    """And not a second time within it."""
    with sleeper() as pid:
        with ProcessStopper(guard) as stopper:
            stopper.stop(pid, born(pid))
            stopper.stop(pid, born(pid))
            assert stopper.wait_until_stopped()
            assert stopper.count == 1
            assert stopped(pid)
        poll(lambda: not stopped(pid), "it goes on")


def test_one_that_was_stopped_before_stays_stopped(guard: ResumeGuard) -> None:
    """Another process stopped it for its own reason."""
    with sleeper() as pid:
        os.kill(pid, signal.SIGSTOP)
        poll(lambda: stopped(pid), "it has stopped")
        with ProcessStopper(guard) as stopper:
            stopper.stop(pid, born(pid))
            assert stopper.count == 0
        assert not interrupt_futex_wait(pid, born(pid), guard)
        assert stopped(pid)


def test_one_that_somebody_continues_meanwhile_is_noticed(
    guard: ResumeGuard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not stand still then, whether it was stopped here or before."""
    monkeypatch.setattr("shmtui.repair.stop_processes.STOP_SECONDS", 0.05)
    with sleeper() as pid, sleeper() as other:
        os.kill(other, signal.SIGSTOP)
        poll(lambda: stopped(other), "it has stopped")
        with ProcessStopper(guard) as stopper:
            stopper.stop(pid, born(pid))
            stopper.stop(other, born(other))
            for continued in (pid, other):
                assert stopper.wait_until_stopped()
                os.kill(continued, signal.SIGCONT)
                poll(lambda it=continued: not stopped(it), "it runs")  # type: ignore[misc]
                assert not stopper.wait_until_stopped()
                os.kill(continued, signal.SIGSTOP)
                poll(lambda it=continued: stopped(it), "it has stopped")  # type: ignore[misc]


def test_a_process_that_is_gone_is_not_stopped(guard: ResumeGuard) -> None:
    """Neither it nor another process that has its PID by now; and no descriptor stays open."""
    with sleeper() as gone:
        since = born(gone)
    with sleeper() as pid:
        before = len(os.listdir("/proc/self/fd"))
        with ProcessStopper(guard) as stopper:
            for number, started in ((gone, since), (pid, born(pid) - 1)):
                with pytest.raises(ProcessLookupError):
                    stopper.stop(number, started)
            assert stopper.wait_until_stopped()
            assert stopper.count == 0
        assert not interrupt_futex_wait(gone, since, guard)
        assert not interrupt_futex_wait(pid, born(pid) - 1, guard)
        assert not stopped(pid)
        assert len(os.listdir("/proc/self/fd")) == before


def test_an_interruption_lets_go(guard: ResumeGuard) -> None:
    """Stopped and continued."""
    with sleeper() as pid:
        assert interrupt_futex_wait(pid, born(pid), guard)
        poll(lambda: not stopped(pid), "it goes on")


NO_HELPERS = {
    "it cannot be started": ("/nonexistent",),
    "it ends at once": ("true",),
    "it is silent": ("sleep", "600"),
}


@pytest.mark.parametrize("command", NO_HELPERS.values(), ids=NO_HELPERS)
def test_without_a_helper_there_is_no_guard(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so in one line; and the helper that is of no use is ended."""
    monkeypatch.setattr("shmtui.repair.resume_guard.START_SECONDS", 0.05)
    with pytest.raises(ShmtuiError, match=r"no process is stopped.*try again") as refused:
        ResumeGuard(command)
    assert "\n" not in str(refused.value)


def test_no_process_is_stopped_once_the_helper_is_gone(mark: str) -> None:
    """The next one is refused; those that are stopped already are continued."""
    with sleeper() as pid, sleeper() as other, ResumeGuard() as guard:
        with ProcessStopper(guard) as stopper:
            stopper.stop(pid, born(pid))
            (helper,) = set(marked_processes(mark)) - {pid, other}
            os.kill(helper, signal.SIGKILL)
            poll(lambda: start_time(helper) is None, "it is gone")
            with pytest.raises(ShmtuiError, match="no process is stopped"):
                stopper.stop(other, born(other))
            assert not stopped(other)
        poll(lambda: not stopped(pid), "it goes on")


def test_a_lease_that_has_run_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody counts as held any more, though all are stopped: they may have run in between."""
    with sleeper() as pid, ResumeGuard() as guard:
        with ProcessStopper(guard) as stopper:
            stopper.stop(pid, born(pid))
            assert stopper.wait_until_stopped()
            assert stopper.all_held()
            monkeypatch.setattr("shmtui.repair.resume_guard.LEASE_SECONDS", 0.0)
            stopper.all_held()
            monkeypatch.undo()
            assert stopped(pid)
            assert not stopper.all_held()
        with ProcessStopper(guard) as stopper:
            stopper.stop(pid, born(pid))
            assert stopper.wait_until_stopped()
            assert stopper.all_held()


def test_killed_in_the_middle() -> None:
    """The helper continues the process that the dead one had stopped."""
    with sleeper() as pid:
        done = subprocess.run([sys.executable, "-c", LEAVES_IT, str(pid)], check=False)
        assert done.returncode == -signal.SIGKILL
        poll(lambda: not stopped(pid), "it goes on")


def test_killed_after_it_let_go(mark: str) -> None:
    """A process that another one stopped since stays stopped."""
    with sleeper() as pid:
        done = subprocess.run([sys.executable, "-c", LEAVES_IT, str(pid), "let go"], check=False)
        assert done.returncode == -signal.SIGKILL
        poll(lambda: marked_processes(mark) == [pid], "the helper has ended")
        poll(lambda: stopped(pid), "it stays stopped")


def resume_registered(*lines: str) -> None:
    """What the helper does when its parent is gone after these lines."""
    registered = Registered()
    for line in lines:
        registered.take(line)
    registered.resume()


@pytest.mark.parametrize("whose", ["its own", "another's"])
def test_a_number_that_is_anothers_by_now(whose: str) -> None:
    """Only the registered process is continued, not another that has its PID since."""
    with sleeper() as pid:
        os.kill(pid, signal.SIGSTOP)
        poll(lambda: stopped(pid), "it has stopped")
        started = start_time(pid)
        assert started is not None
        resume_registered(f"{pid} {started if whose == 'its own' else started + 1}\n")
        if whose == "its own":
            poll(lambda: not stopped(pid), "it goes on")
        else:
            assert stopped(pid)


def test_all_have_been_continued() -> None:
    """A cleared list is empty."""
    with sleeper() as pid:
        os.kill(pid, signal.SIGSTOP)
        poll(lambda: stopped(pid), "it has stopped")
        resume_registered(f"{pid} {start_time(pid)}\n", "-\n")
        assert stopped(pid)


def test_the_dead_are_passed_over() -> None:
    """A process that has ended does not keep the others stopped."""
    with sleeper() as gone:
        since = start_time(gone)
    with sleeper() as pid:
        os.kill(pid, signal.SIGSTOP)
        poll(lambda: stopped(pid), "it has stopped")
        resume_registered(f"{gone} {since}\n", f"{pid} {start_time(pid)}\n")
        poll(lambda: not stopped(pid), "it goes on")


VFORKS = "#include <unistd.h>\nint main(void) { if (!vfork()) { sleep(600); _exit(0); } return 0; }"


def test_one_that_no_signal_stops_is_named(gcc: Compiler) -> None:
    """The parent of a vfork stops once its child has let it go; it is not called continued by another."""
    process = subprocess.Popen([gcc.source("vforks", VFORKS)], start_new_session=True)
    try:
        poll(lambda: letter(process.pid) == "D", "it waits for its child")
        started = start_time(process.pid)
        assert started is not None
        its = Process(process.pid, "vforks", Role.UNKNOWN, ProcessState.ASLEEP, start_time=started)
        with ResumeGuard() as guard, ProcessStopper(guard) as stopper:
            refusal = stopper.stop_participants(replace(EMPTY, processes=(its,)))
        assert refusal is not None
        assert "cannot be stopped now" in refusal.why
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
