"""Files of /proc that stay open from one look to the next: how many, and until when."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from shmtui.monitor.discovery import Surveyor
from shmtui.procfs import kept_files
from shmtui.procfs.kept_files import KeptFiles


def open_files() -> list[str]:
    """What this process has open of /proc, without the directory that tells it."""
    links = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            links.append(str(Path(f"/proc/self/fd/{fd}").readlink()))
        except FileNotFoundError:
            continue
    return [link for link in links if link.startswith("/proc/") and not link.endswith("/fd")]


@pytest.fixture
def sleepers() -> Iterator[list[int]]:
    """PIDs of eight processes."""
    processes = [subprocess.Popen(["sleep", "100"]) for _process in range(8)]
    yield [process.pid for process in processes]
    for process in processes:
        process.kill()
        process.wait()


def test_a_list_that_rests_keeps_none(sleepers: list[int]) -> None:
    """Two looks keep files open, and none is left once it rests; the next looks go on as before."""
    before, surveyor = len(open_files()), Surveyor()
    for _time in range(2):
        for _look in range(2):
            surveyor.look()
        assert len(open_files()) >= before + len(sleepers)
        surveyor.rest()
        assert len(open_files()) == before


def test_a_few_stay_open_however_many_there_are(
    sleepers: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is above that is opened for each look, and read as well."""
    monkeypatch.setattr(kept_files, "MOST", 5)
    before, files = len(open_files()), KeptFiles()
    for _look in range(3):
        for pid in sleepers:
            assert files.read(pid, "stat").startswith(f"{pid} (sleep)".encode())
        files.end_look()
    assert len(open_files()) == before + 5
    files.close()
    assert len(open_files()) == before
