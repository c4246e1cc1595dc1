"""Who takes part: every way in which a process can have a part of a segment, by real programs."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import posix_ipc
import pytest

from shmtui.layouts.options import LayoutOptions
from shmtui.monitor.sampler import Sampler
from shmtui.procfs.identity import alive, start_time
from shmtui.procfs.maps import mapped_by
from shmtui.procfs.process import stopped, thread_count
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.snapshot import Access, Process, ProcessState, Snapshot
from tests.compiling import Compiler
from tests.conftest import MakeBuffer
from tests.peers import HERE, Peer
from tests.waiting import poll

BYTES: Final = os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def user(gcc: Compiler) -> Path:
    """The program that uses a ring in the way that it is told."""
    return gcc.program(HERE / "user.c")


@contextlib.contextmanager
def using(program: Path, way: str, *names: str) -> Iterator[Peer]:
    """The program, once it has what it was told to take."""
    with Peer(program, way, *names) as peer:
        assert peer.line() == "ready"
        yield peer


def process_of(snapshot: Snapshot, pid: int) -> Process | None:
    """The process of that PID in a snapshot."""
    return next((p for p in snapshot.processes if p.pid == pid), None)


@pytest.mark.parametrize(
    ("way", "access", "role", "mapped"),
    [
        ("write", Access.WRITE, Role.UNKNOWN, BYTES),
        ("guarded", Access.WRITE, Role.UNKNOWN, BYTES),
        ("read", Access.READ, Role.OBSERVER, BYTES),
        ("private", Access.PRIVATE, Role.UNKNOWN, BYTES),
        ("file", Access.FILE, Role.UNKNOWN, None),
    ],
)
def test_each_way_to_have_a_segment(
    user: Path, make_buffer: MakeBuffer, way: str, access: Access, role: Role, mapped: int | None
) -> None:
    """By its mappings and its descriptors. Who maps it read-only after an open for writing may
    yet write: mprotect(2) lets it.
    """
    name = make_buffer().name
    with using(user, way, name) as peer, contextlib.closing(Sampler(name)) as sampler:
        found = process_of(sampler.sample(thorough=True), peer.pid)
        assert found is not None
        assert (found.access, found.role, found.mapped_size) == (access, role, mapped)
        assert found.takes_part is (way in {"write", "guarded", "file"})
        assert found.bits == 64
        assert sampler.counts_exactly is not found.takes_part


def test_who_has_only_a_semaphore_takes_part(user: Path, make_buffer: MakeBuffer) -> None:
    """It may hold the lock. Its creator maps it as deleted, by a name that it had for a moment."""
    buffer = make_buffer(named=True)
    mutex = buffer.layout.semaphore_name(SemaphoreRole.MUTEX)
    assert mutex is not None
    posix_ipc.unlink_semaphore(mutex)
    with (
        using(user, "semaphore", buffer.name, mutex) as maker,
        using(user, "read", buffer.name, mutex) as reader,
        contextlib.closing(Sampler(buffer.name)) as sampler,
    ):
        assert b"(deleted)" in Path(f"/proc/{maker.pid}/maps").read_bytes()
        snapshot = sampler.sample(thorough=True)
        found = [process_of(snapshot, peer.pid) for peer in (maker, reader)]
        assert [p and (p.access, p.role, p.takes_part) for p in found] == [
            (Access.SEMAPHORE, Role.UNKNOWN, True),
            (Access.READ, Role.UNKNOWN, True),
        ]


def test_the_first_thread_may_end_before_the_others(user: Path, make_buffer: MakeBuffer) -> None:
    """/proc shows the process as a zombie without maps; a thread of it lives, maps the segment,
    and waits on a semaphore.
    """
    buffer = make_buffer()
    with using(user, "threads", buffer.name) as peer:
        with contextlib.closing(Sampler(buffer.name)) as sampler:

            def waits() -> Process | None:
                now = process_of(sampler.sample(thorough=True), peer.pid)
                return now if now is not None and now.blocked_on else None

            found = poll(waits, "its thread is seen to wait")
        assert Path(f"/proc/{peer.pid}/maps").read_bytes() == b""
        assert (found.access, found.blocked_on, found.threads, found.bits) == (
            Access.WRITE,
            SemaphoreRole.FULL,
            1,
            64,
        )
        assert (found.letter, found.state) == ("S", ProcessState.BLOCKED)
        assert mapped_by(buffer.identity) == [peer.pid]
        started = start_time(peer.pid)
        assert started is not None
        assert alive(peer.pid, started)
        assert thread_count(peer.pid) == 1
        os.kill(peer.pid, signal.SIGSTOP)
        poll(lambda: stopped(peer.pid), "its thread is stopped")
        os.kill(peer.pid, signal.SIGCONT)


def test_an_observer_is_nobody_that_can_hold_the_lock(user: Path, make_buffer: MakeBuffer) -> None:
    """Nor does it make a segment without other processes one that somebody maps to use it."""
    name = make_buffer().name
    options = LayoutOptions(slots=5)
    with (
        using(user, "read", name),
        contextlib.closing(Sampler(name, options)) as sampler,
    ):
        assert "orphan" not in {f.code for f in sampler.sample(thorough=True).health.findings}
