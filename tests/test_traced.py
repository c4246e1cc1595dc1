"""The observer as the kernel sees it: it opens to read, maps nothing that it could write to, makes nothing."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from shmtui.shm.segment import segment_path
from tests.compiling import require
from tests.conftest import MakeBuffer
from tests.terminal import Terminal
from tests.waiting import PATIENCE

TRACED: Final = "trace=%file,%desc,mmap"
SHMTUI: Final = (sys.executable, "-m", "shmtui")
LONG: Final = 3 * PATIENCE
"""Seconds: a traced program is several times slower."""
_OPENED: Final = re.compile(r'(?:open|openat|creat)\(.*"(/dev/shm/[^"]*)", ([A-Z_|]+)')
_CALL: Final = re.compile(r"\d+ +(?:<\.\.\. )?(\w+)(?:\(| resumed>)")
"""The call of a line, in one piece or in two."""
_COUNTING: Final = re.compile(r"mmap\(\w+, \d+, PROT_READ, MAP_SHARED, ")
"""How many sleep on a semaphore is counted through a mapping that can only be read (`shmtui.shm.futex_queue`), where
neither its bytes nor the processes show it: the list does so for whatever segment is there.
"""
_WRITING: Final = {"O_RDWR", "O_WRONLY", "O_CREAT", "O_TRUNC", "O_APPEND"}
_READING: Final = {
    "open", "openat", "close", "fstat", "newfstatat", "lstat", "stat", "statx", "read", "pread64",
    "fcntl",
    "execve", "readlink", "readlinkat", "lseek", "getdents64", "access", "faccessat2",
    "inotify_add_watch",  # For being told who opens it.
}  # fmt: skip


def opened(trace: str) -> dict[str, set[str]]:
    """The paths under /dev/shm that were opened, with every flag that one was opened with."""
    found: dict[str, set[str]] = {}
    for match in _OPENED.finditer(trace):
        found.setdefault(match[1], set()).update(match[2].split("|"))
    return found


def wrong(trace: str) -> list[str]:
    """What an observer has no business with: a call that is no reading, an opening to write."""
    about = [
        line for line in trace.splitlines() if "/dev/shm/" in line and not _COUNTING.search(line)
    ]
    calls = {match[1] for line in about if (match := _CALL.match(line))}
    found = sorted(calls - _READING)
    for path, flags in opened(trace).items():
        if flags & _WRITING or "O_RDONLY" not in flags:
            found.append(f"{path} {'|'.join(sorted(flags))}")
    return found


@pytest.fixture
def strace(tmp_path: Path) -> tuple[tuple[str, ...], Path]:
    """A command that traces another, and the file that it writes."""
    log = tmp_path / "trace"
    command = (require("strace"), "-f", "-yy", "-o", str(log), "-e", TRACED)
    tried = subprocess.run([*command, "true"], check=False, capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"this machine lets nobody trace: {tried.stderr.strip()}")
    return command, log


def test_attach(strace: tuple[tuple[str, ...], Path], make_buffer: MakeBuffer) -> None:
    """A whole session on a screen: keys that would change something, the list, another segment."""
    command, log = strace
    first, second = make_buffer(5), make_buffer(7, named=True)
    with Terminal("attach", first.name, command=(*command, *SHMTUI)) as terminal:
        terminal.wait_for("read-only", deadline=LONG)
        terminal.press("p", "4", "space", "r", "x", "v", "K", "o")
        terminal.wait_for("Shared memory of this machine", deadline=LONG)
        terminal.wait_for(second.name, deadline=LONG)
        terminal.press(*second.name, "enter")
        terminal.wait_for(f"attached to {second.name}", deadline=LONG)
        terminal.press("q")
        assert terminal.wait(LONG) == 0
    trace = log.read_text()
    assert {segment_path(first.name), segment_path(second.name)} <= opened(trace).keys()
    assert any("/sem." in path for path in opened(trace))
    assert not wrong(trace)


def test_a_writer_would_be_noticed() -> None:
    """What has to be absent from a trace is found where it is there."""
    trace = (
        '1 openat(AT_FDCWD, "/dev/shm/x", O_RDWR|O_CREAT, 0600) = 3</dev/shm/x>\n'
        "1 mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED, 3</dev/shm/x>, 0) = 0x7f\n"
        '1 unlink("/dev/shm/x") = 0\n'
        "1 <... close resumed>) = 0</dev/shm/y-303(deleted)>\n"
    )
    assert wrong(trace) == ["mmap", "unlink", "/dev/shm/x O_CREAT|O_RDWR"]
    assert not wrong("1 mmap(NULL, 4096, PROT_READ, MAP_SHARED, 3</dev/shm/x>, 0) = 0x7f\n")
