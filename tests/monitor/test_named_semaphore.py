"""A named semaphore is looked at by its name, as a segment is."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import posix_ipc
import pytest

from shmtui.errors import ShmtuiError
from shmtui.layouts.options import LayoutOptions
from shmtui.monitor.sampler import Sampler
from shmtui.shm.segment import create_segment, segment_path
from shmtui.shm.semaphore import unlink_named
from tests.program import run_shmtui
from tests.waiting import poll

WAIT = "import posix_ipc, sys; posix_ipc.Semaphore(sys.argv[1]).acquire()"


@pytest.fixture
def semaphore(name: str) -> Iterator[str]:
    """One of value 0."""
    posix_ipc.Semaphore(name, posix_ipc.O_CREX, 0o600, 0).close()
    yield name
    unlink_named(name)


def test_its_value_and_who_waits(semaphore: str) -> None:
    """Both are shown; whether that is right only the segment of its programs can tell."""
    waiter = subprocess.Popen([sys.executable, "-c", WAIT, semaphore])
    sampler = Sampler(semaphore)
    try:
        poll(lambda: [s.waiters for s in sampler.sample().sync] == [1], "it waits")
        poll(lambda: sampler.sample().processes, "who waits")
        snapshot = sampler.sample()
        assert snapshot.alone is not None
        assert (snapshot.alone.name, snapshot.alone.value) == (semaphore, 0)
        (process,) = snapshot.processes
        assert (process.pid, process.sleeps_on) == (waiter.pid, (semaphore,))
        assert not process.unexplained_words
        shown = run_shmtui("stat", semaphore).stdout
        assert re.search(rf"{semaphore}  sem_t · 0 · 1 ", shown)
        checked = run_shmtui("check", semaphore, "--for", "0.5")
        assert checked.returncode == 2
        assert "semaphore alone" in checked.stdout
        assert run_shmtui("rm", semaphore).returncode == 2
    finally:
        sampler.close()
        os.kill(waiter.pid, signal.SIGKILL)
        waiter.wait()
    assert run_shmtui("rm", semaphore).returncode == 0
    assert run_shmtui("rm", semaphore).returncode == 2


def test_several_are_removed_and_one_that_is_missing_is_told(
    semaphore: str, new_name: Callable[[], str]
) -> None:
    """As rm of files does it. A semaphore may be called as its file is."""
    segment, missing = new_name(), new_name()
    create_segment(segment, 64)
    done = run_shmtui("rm", missing, f"sem.{semaphore[1:]}", segment, segment)
    assert done.returncode == 2
    assert missing in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout.count("removed") == 2
    assert not Path(segment_path(segment)).exists()
    assert run_shmtui("rm", semaphore).returncode == 2


def test_it_has_no_layout(semaphore: str) -> None:
    """An option that says one is refused, not left out."""
    with pytest.raises(ShmtuiError, match="named semaphore"):
        Sampler(semaphore, LayoutOptions(slots=5))
