"""Who still maps a segment that lost its name."""

import mmap
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest

from shmtui.monitor import older_segments
from shmtui.monitor.older_segments import KEPT_SECONDS, UnlinkedMappings
from shmtui.shm.segment import SHM_DIR, FileIdentity, identity_at, segment_path, unlink_segment
from tests.program import run_shmtui

HOLDS = """
import mmap, os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
memory = mmap.mmap(fd, 4096)
os.close(fd)
print("r", flush=True)
sys.stdin.read()
"""


def make(path: str) -> None:
    fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    os.ftruncate(fd, mmap.PAGESIZE)
    os.close(fd)


@pytest.fixture
def holder(name: str) -> Iterator[Callable[[], int]]:
    """Starts a process that maps the segment of that name; gives its PID."""
    started: list[subprocess.Popen[str]] = []

    def start() -> int:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDS, segment_path(name)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "r\n"
        return process.pid

    yield start
    for process in started:
        process.kill()
        process.communicate()
    unlink_segment(name)


def test_who_is_still_in_the_old_one(name: str, holder: Callable[[], int]) -> None:
    """After its name was taken by another; not who maps that one."""
    make(segment_path(name))
    old = holder()
    unlink_segment(name)
    make(segment_path(name))
    new = holder()
    identity = identity_at(segment_path(name))
    assert identity is not None
    (who,) = UnlinkedMappings().users(name, identity, SHM_DIR)
    assert f"(PID {old})" in who
    said = run_shmtui("check", name, "--slots", "5")
    assert said.returncode == 1
    (line,) = (line for line in said.stdout.splitlines() if "older-segment (likely)" in line)
    assert f"(PID {old})" in line
    assert f"(PID {new})" not in line


def test_nobody_is(name: str, holder: Callable[[], int]) -> None:
    """Where the name is the file's that they map."""
    make(segment_path(name))
    holder()
    identity = identity_at(segment_path(name))
    assert identity is not None
    assert UnlinkedMappings().users(name, identity, SHM_DIR) == ()


def test_what_is_gone_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of segments that come and go those are known that were asked for lately; who maps unlinked files
    is not read for them again.
    """
    now = 1000.0
    passes: list[float] = []

    def read() -> dict[bytes, dict[int, set[int]]]:
        passes.append(now)
        return {}

    monkeypatch.setattr(older_segments, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(older_segments, "_unlinked", read)
    mappings = UnlinkedMappings()
    for number in range(500):
        now += 1
        for name, inode in (("/stays", 7), (f"/comes-{number}", number)):
            assert mappings.users(name, FileIdentity(1, inode), SHM_DIR) == ()
        assert len(mappings._asked) < 4 * KEPT_SECONDS
    passed = len(passes)
    now += 1
    mappings.users("/stays", FileIdentity(1, 7), SHM_DIR)
    assert len(passes) == passed
