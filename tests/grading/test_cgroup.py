"""The control group of a box, where this user may make one: it ends all that is in it, and keeps to its limits."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from shmtui.grading.cgroup import ControlGroup
from tests.program import running
from tests.waiting import PATIENCE, poll

_LIMIT = 16 << 20
_DAEMON = """
import os, sys, time
open(sys.argv[1] + "/cgroup.procs", "w").write("0")
for _child in range(3):
    if not os.fork():
        os.setsid()
        if os.fork():
            os._exit(0)
        break
time.sleep(1000)
"""
_EATER = """
import sys
open(sys.argv[1] + "/cgroup.procs", "w").write("0")
kept = []
while True:
    kept.append(bytearray(1 << 20))
"""
_BOMB = """
import os, sys, time
open(sys.argv[1] + "/cgroup.procs", "w").write("0")
try:
    while os.fork():
        pass
    time.sleep(1000)
except BlockingIOError:
    print("refused", flush=True)
    time.sleep(1000)
"""


@pytest.fixture
def group() -> Iterator[ControlGroup]:
    """A group; a skipped test where there can be none."""
    made = ControlGroup.made(_LIMIT, 8, 0)
    if made is None:
        pytest.skip("this user may make no control group here: none is delegated")
    yield made
    made.close()
    assert not made.folder.exists()


def members(group: ControlGroup) -> list[int]:
    """The processes in it."""
    return [int(line) for line in (group.folder / "cgroup.procs").read_text().split()]


def test_what_is_in_it_ends_with_it(group: ControlGroup) -> None:
    """Daemons, too, which no process group reaches."""
    with subprocess.Popen([sys.executable, "-c", _DAEMON, str(group.folder)]) as process:
        poll(lambda: len(members(group)) == 4, "it has left its daemons")
        pids = members(group)
        group.close()
        assert process.wait(PATIENCE) < 0
    poll(lambda: not running(pids), "all have ended")
    assert not group.folder.exists()


def test_the_kernel_keeps_to_its_limits(group: ControlGroup) -> None:
    """Of memory and threads; it says which was too much."""
    if not group.limits_all:
        pytest.skip("no controllers of memory and threads are delegated here")
    with subprocess.Popen([sys.executable, "-c", _EATER, str(group.folder)]) as process:
        assert process.wait(PATIENCE) < 0
    assert group.over() == "memory"
    with subprocess.Popen(
        [sys.executable, "-c", _BOMB, str(group.folder)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"refused\n"
        group.close()
        process.wait(PATIENCE)
