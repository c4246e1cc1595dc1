"""What a test leaves behind: entries in /dev/shm, and processes.

A test's processes are known by a mark in their environment, which survives the death
of their parent. Entries in /dev/shm are compared before and after; those of other
programs on this machine, and of other runs of these tests, are not ours to judge.
"""

import contextlib
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from shmtui.procfs.maps import mapped_by
from shmtui.shm.segment import FileIdentity, identity_at
from tests.waiting import poll

MARK: Final = "SHMTUI_TEST_MARK"
SHM: Final = Path("/dev/shm")
PREFIX: Final = f"shmtui-test-{os.getpid()}-"
_ANY_TEST: Final = re.compile(r"shmtui-test-(\d+)-")


def marked_processes(mark: str) -> list[int]:
    """PIDs of the processes that were started under ``mark``."""
    needle = f"{MARK}={mark}\0".encode()
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if needle in Path(entry.path, "environ").read_bytes() + b"\0":
                    found.append(int(entry.name))
    return found


def shm_entries() -> dict[str, FileIdentity]:
    """The entries of /dev/shm by name."""
    found = {}
    for name in os.listdir(SHM):
        identity = identity_at(str(SHM / name))
        if identity is not None:
            found[name] = identity
    return found


def left_in_shm(before: dict[str, FileIdentity], mark: str) -> list[str]:
    """Entries that were not there before and belong to nobody else."""
    return [
        name
        for name, identity in shm_entries().items()
        if before.get(name) != identity and not _of_others(name, identity, mark)
    ]


def _of_others(name: str, identity: FileIdentity, mark: str) -> bool:
    """Whether another run of the tests, or a live process that is none of ours, has it."""
    test = _ANY_TEST.search(name)
    if test is not None:
        return int(test[1]) != os.getpid()
    ours = {os.getpid(), *marked_processes(mark)}
    return any(pid not in ours for pid in mapped_by(identity))


def leftovers(before: dict[str, FileIdentity], mark: str) -> list[str]:
    """Everything that the test under ``mark`` has left, in words."""
    return [
        *(f"/dev/shm/{name}" for name in left_in_shm(before, mark)),
        *(f"PID {pid}: {_command(pid)}" for pid in marked_processes(mark)),
    ]


def _command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return (
            Path(f"/proc/{pid}/cmdline")
            .read_bytes()
            .replace(b"\0", b" ")
            .decode("utf-8", "replace")
        )
    return "gone"


def clear(before: dict[str, FileIdentity], mark: str) -> None:
    """Take away what a failed test has left, so that the next one starts clean."""
    for pid in marked_processes(mark):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for name in left_in_shm(before, mark):
        with contextlib.suppress(OSError):
            (SHM / name).unlink()


@contextlib.contextmanager
def nothing_left(mark: str) -> Iterator[None]:
    """AssertionError if the block leaves a process, or an entry in /dev/shm, for long."""
    before = shm_entries()
    yield
    try:
        poll(lambda: not leftovers(before, mark), "nothing is left", 5)
    except AssertionError:
        left = leftovers(before, mark)
        clear(before, mark)
        raise AssertionError(f"the test left behind: {left}") from None
