"""A ring that goes round between two looks of a check has its indices and permits where they stood: its slots tell."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from shmtui.shm.control_format import control_name
from shmtui.shm.segment import segment_path, unlink_segment
from tests.conftest import MakeBuffer
from tests.program import run_shmtui

_ROUNDS = """
import mmap, struct, sys, time
with open(sys.argv[1], "r+b") as file, mmap.mmap(file.fileno(), 0) as ring:
    for number in range(1 << 30):
        ring[:4] = struct.pack("=i", number * int(sys.argv[2]))
        time.sleep(0.005)
"""
"""At each look it has gone round: in and out, empty and full are as they were. By 0: the same items lie there."""


@pytest.fixture
def ring(make_buffer: MakeBuffer, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a ring that a process of nobody's goes round in."""
    buffer = make_buffer()
    unlink_segment(control_name(buffer.name))
    command = [sys.executable, "-c", _ROUNDS, segment_path(buffer.name), str(request.param)]
    with subprocess.Popen(command) as process:
        yield buffer.name
        process.kill()


@pytest.mark.parametrize(("ring", "rest"), [(1, False), (0, True)], indirect=["ring"])
@pytest.mark.parametrize("command", [("check", "--for", "3"), ("repair",)])
def test_what_its_slots_tell(ring: str, rest: bool, command: tuple[str, ...]) -> None:
    """Neither a check nor a repair says that no item moves where other items lie in the slots."""
    word, *options = command
    done = run_shmtui(word, ring, "--slots", "5", *options)
    assert ("no item was seen to move" in done.stdout + done.stderr) is rest, done
