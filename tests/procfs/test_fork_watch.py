"""Who forks is told by the kernel, though parent and child have ended, and though others fork all the time."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from shmtui.procfs.fork_watch import ForkWatch, ForkWatches
from tests.waiting import poll

PROGRAM = """
import os, sys, threading
for line in sys.stdin:
    if line == "fork\\n":
        pid = os.fork()
        if not pid:
            os._exit(0)
        os.waitpid(pid, 0)
    elif line == "thread\\n":
        waiting = threading.Event()
        threading.Thread(target=waiting.wait, daemon=True).start()
    print("done", flush=True)
"""


@pytest.fixture
def program() -> Iterator["subprocess.Popen[str]"]:
    """A program that forks when it is told to."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    told(process, "nothing")
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def told(process: "subprocess.Popen[str]", order: str) -> None:
    """It has done that."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{order}\n")
    process.stdin.flush()
    assert process.stdout.readline() == "done\n"


def watch(pid: int) -> ForkWatch:
    """Watch it; the test is skipped where the system refuses that."""
    try:
        return ForkWatch(pid)
    except OSError as error:
        pytest.skip(f"perf_event_open is refused here: {error}")


@pytest.fixture
def watches(program: "subprocess.Popen[str]") -> Iterator[ForkWatches]:
    """None watched yet."""
    watch(program.pid).close()
    watches = ForkWatches()
    yield watches
    watches.close()


def test_a_fork_and_a_thread_are_seen_and_nothing_else(program: "subprocess.Popen[str]") -> None:
    """Not what others fork, and each only once."""
    its = watch(program.pid)
    try:
        subprocess.run(["true"], check=True)
        told(program, "nothing")
        assert not its.forked()
        told(program, "fork")
        assert its.forked()
        assert not its.forked()
        told(program, "thread")
        assert its.forked()
    finally:
        its.close()


def test_what_it_did_before_it_ended_is_seen(
    program: "subprocess.Popen[str]", watches: ForkWatches
) -> None:
    """It is gone, and so is its child."""
    assert watches.forked([program.pid])  # It is new: it may have.
    assert watches.forked([program.pid]) is False
    told(program, "fork")
    program.kill()
    program.wait()
    assert watches.forked([])
    assert watches.forked([]) is False


def test_the_forks_of_a_new_thread_are_seen(
    program: "subprocess.Popen[str]", watches: ForkWatches
) -> None:
    """Once a thread has begun, it is watched, too; and many forks do not go unseen."""
    watches.forked([program.pid])
    told(program, "thread")
    assert watches.forked([program.pid])
    assert watches.forked([program.pid]) is False
    for _each in range(200):
        told(program, "fork")
    assert watches.forked([program.pid])
    assert watches.forked([program.pid]) is False
    told(program, "fork")
    assert watches.forked([program.pid])


def test_one_that_may_not_be_watched_is_unknown() -> None:
    """It has ended: nothing is said of the others either."""
    ended = subprocess.Popen(["true"])
    ended.wait()
    before = len(os.listdir("/proc/self/fd"))
    watches = ForkWatches()
    assert watches.forked([ended.pid, os.getpid()]) is None
    watches.close()
    poll(lambda: len(os.listdir("/proc/self/fd")) == before, "nothing is left open")
