"""How long a process has slept, by the scheduler's clock."""

import os
import subprocess
import time

import pytest

from shmtui.procfs.run_times import asleep_for
from tests.waiting import poll


def test_how_long_one_has_slept() -> None:
    """It grows while it sleeps, and begins anew once it has run; who runs has not slept."""
    own = asleep_for(os.getpid())
    if own is None:
        pytest.skip("this kernel does not tell when a process ran last")
    assert own < 1.0
    command = ["sh", "-c", "while read word; do echo $word; done"]
    began = time.monotonic()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        poll(lambda: (asleep_for(reader.pid) or 0.0) > 1.0, "it has slept for a second")
        assert time.monotonic() - began > 0.9
        written = time.monotonic()
        os.write(reader.stdin.fileno(), b"word\n")
        assert reader.stdout.readline() == b"word\n"
        assert (asleep_for(reader.pid) or 0.0) < time.monotonic() - written + 0.5
        reader.stdin.close()
    assert asleep_for(reader.pid) is None


def test_it_is_the_same_from_each_processor() -> None:
    """Their clocks part, in a virtual machine by seconds; and the asking thread is where it was afterwards."""
    allowed = os.sched_getaffinity(0)
    with subprocess.Popen(["sh", "-c", "read word"], stdin=subprocess.PIPE) as reader:
        poll(lambda: (asleep_for(reader.pid) or 0.0) > 0.2, "it sleeps")
        began, found = time.monotonic(), []
        try:
            for processor in allowed:
                os.sched_setaffinity(0, {processor})
                found.append(asleep_for(reader.pid) or 0.0)
                assert os.sched_getaffinity(0) == {processor}
        finally:
            os.sched_setaffinity(0, allowed)
        assert max(found) - min(found) < time.monotonic() - began + 0.1
        reader.communicate(b"word\n")
