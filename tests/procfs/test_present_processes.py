"""Which processes there are is told without listing them, where few have come."""

import subprocess
import sys
import threading

import pytest

from shmtui.procfs import present_processes
from shmtui.procfs.present_processes import LISTED, PresentProcesses
from tests.waiting import poll


def test_who_comes_is_new_once() -> None:
    """Whether /proc is listed at that question or not; a thread is no process."""
    present = PresentProcesses()
    assert present.update() == present.pids
    for _question in range(LISTED):
        ended = threading.Event()
        thread = threading.Thread(target=ended.wait)
        thread.start()
        with subprocess.Popen(["sleep", "100"]) as child:
            # Its number is given a moment before its folder is there: it is not missed for good.
            new = set(poll(present.update, "it is seen"))
            while child.pid not in new:
                new |= present.update()
            assert thread.native_id not in new
            assert child.pid not in present.update()
            assert child.pid in present.pids
            child.kill()
        ended.set()
        thread.join()


def test_who_has_ended_is_gone_soon() -> None:
    """At the next question that lists /proc, or that asks for all."""
    present = PresentProcesses()
    child = subprocess.Popen(["sleep", "100"])
    assert child.pid in present.update()
    child.kill()
    child.wait()
    present.update(anew=True)
    assert child.pid not in present.pids


def test_where_the_kernel_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    """/proc is listed at each question."""
    monkeypatch.setattr(present_processes, "last_given", lambda: 0)
    present = PresentProcesses()
    present.update()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert child.pid in present.update()
        child.kill()
