"""What a test leaves behind: entries in /dev/shm, and processes.

A test's processes carry a mark in their environment, which survives the death of their parent.
Where the test run has a /dev/shm of its own, every new entry is the test's. In the common one
only the names that start with PREFIX are: other programs make and remove entries there too.
"""

import contextlib
import fcntl
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from shmtui.shm.segment import FileIdentity, identity_at
from tests.own_shm import has_own_shm
from tests.waiting import poll

MARK: Final = "SHMTUI_TEST_MARK"
SHM: Final = Path("/dev/shm")
PREFIX: Final = f"shmtui-test-{os.getpid()}-"


def all_processes() -> frozenset[int]:
    """The PIDs in use."""
    return frozenset(int(entry) for entry in os.listdir("/proc") if entry.isdecimal())


def marked_processes(mark: str, but: frozenset[int] = frozenset()) -> list[int]:
    """PIDs of the processes that were started under ``mark``; those in ``but`` are not asked."""
    needle = f"{MARK}={mark}\0".encode()
    found = []
    for pid in all_processes() - but - {os.getpid()}:
        with contextlib.suppress(OSError):
            if needle in Path(f"/proc/{pid}/environ").read_bytes() + b"\0":
                found.append(pid)
    return found


def shm_entries() -> dict[str, FileIdentity]:
    """The entries of /dev/shm by name."""
    found = {}
    for name in os.listdir(SHM):
        identity = identity_at(str(SHM / name))
        if identity is not None:
            found[name] = identity
    return found


@dataclass(frozen=True)
class Before:
    """What was there before a test."""

    entries: dict[str, FileIdentity]
    processes: frozenset[int]

    def left_in_shm(self) -> list[str]:
        """Entries of this test run that were not there before."""
        return [
            name
            for name, identity in shm_entries().items()
            if self.entries.get(name) != identity and (has_own_shm() or PREFIX in name)
        ]

    def leftovers(self, mark: str) -> list[str]:
        """Everything that the test under ``mark`` has left, in words."""
        return [
            *(f"/dev/shm/{name}" for name in self.left_in_shm()),
            *(f"PID {pid}: {_command(pid)}" for pid in marked_processes(mark, self.processes)),
        ]

    def clear(self, mark: str) -> None:
        """Take away what a failed test has left, so that the next one starts clean."""
        for pid in marked_processes(mark, self.processes):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for name in self.left_in_shm():
            with contextlib.suppress(OSError):
                (SHM / name).unlink()


def _command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return (
            Path(f"/proc/{pid}/cmdline")
            .read_bytes()
            .replace(b"\0", b" ")
            .decode("utf-8", "replace")
        )
    return "gone"


@contextlib.contextmanager
def nothing_left(mark: str) -> Iterator[None]:
    """AssertionError if the block leaves a process, or an entry in /dev/shm."""
    before = Before(shm_entries(), all_processes())
    yield
    try:
        poll(lambda: not before.leftovers(mark), "nothing is left")
    except AssertionError:
        left = before.leftovers(mark)
        before.clear(mark)
        raise AssertionError(f"the test left behind: {left}") from None


class Sweeping:
    """Which tests of this user may start ``shmtui run``, which removes what dead runs left.

    A test marked ``alone`` needs such a leftover to stay for a while. It waits until every run
    that another test has started has swept, and the others wait until it is over. In a /dev/shm of
    its own no process has to wait.
    """

    def __init__(self) -> None:
        self._held = contextlib.ExitStack()
        self._alone = False
        self._mutex = threading.Lock()
        self._shares = 0

    @contextlib.contextmanager
    def turn(self, *, alone: bool) -> Iterator[None]:
        """Around a test."""
        with contextlib.ExitStack() as self._held:
            self._alone = alone
            if alone:
                self._take(fcntl.LOCK_EX)
            yield

    def may_sweep(self, command: tuple[str, ...]) -> Callable[[], None]:
        """Before a test starts ``shmtui`` with these arguments: wait where it would sweep.

        What is returned is to be called once it has swept; the end of the test will do.
        """
        if self._alone or command[:1] not in [("run",), ("lab",), ()]:
            return lambda: None
        return self._take(fcntl.LOCK_SH)

    def _take(self, how: int) -> Callable[[], None]:
        if has_own_shm():
            return lambda: None
        lock = self._held.enter_context(contextlib.ExitStack())
        # Who wants to be alone holds the gate meanwhile, so that no other test overtakes it. A test
        # that has a share passes it by: who stands at the gate waits for that share.
        with self._mutex, contextlib.ExitStack() as gate:
            if not self._shares:
                gate.enter_context(_locked("gate", fcntl.LOCK_EX))
            lock.enter_context(_locked("sweeping", how))
            if how == fcntl.LOCK_SH:
                lock.enter_context(self._share())
        return lock.close

    @contextlib.contextmanager
    def _share(self) -> Iterator[None]:
        self._shares += 1
        yield
        with self._mutex:
            self._shares -= 1


SWEEPING: Final = Sweeping()


@contextlib.contextmanager
def _locked(name: str, how: int) -> Iterator[None]:
    """A lock that all test runs of this user share."""
    path = Path(tempfile.gettempdir(), f"shmtui-test-{os.getuid()}-{name}")
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, how)
        yield
    finally:
        os.close(file)


@contextlib.contextmanager
def course_name() -> Iterator[None]:
    """Use /shm_buffer, the name in the course's programs: one test of this user at a time.

    Skips the test where somebody has a segment of that name.
    """
    path = SHM / "shm_buffer"
    with _locked("shm_buffer", fcntl.LOCK_EX):
        if path.exists():
            pytest.skip("/shm_buffer is in use on this machine, and this test would take it")
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
