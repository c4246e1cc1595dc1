"""Who takes part: every way in which a process can have a part of a segment, by real programs."""

import contextlib
import json
import mmap
import os
import signal
import subprocess
import sys
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
from shmtui.procfs.run_times import sleep_stamp
from shmtui.report.snapshot_json import snapshot_json
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.shm.segment import map_segment, segment_path
from shmtui.snapshot import Access, Process, ProcessState, Snapshot
from tests.clock import ManualClock
from tests.compiling import Compiler, require
from tests.conftest import MakeBuffer, join
from tests.peers import HERE, Peer
from tests.program import run_shmtui
from tests.waiting import PATIENCE, poll

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
        assert found.mapped_from == (0 if mapped else None)
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


@pytest.mark.parametrize("reaped", [False, True])
def test_a_death_is_seen_and_stays_in_sight(
    user: Path, make_buffer: MakeBuffer, reaped: bool
) -> None:
    """When, by which signal, and what it waited on: as a zombie, and once its parent has taken
    its exit status. It takes part no more, and is forgotten after a minute.
    """
    name, clock = make_buffer().name, ManualClock()
    with (
        using(user, "asleep", name) as peer,
        contextlib.closing(Sampler(name, clock=clock)) as sampler,
    ):

        def seen() -> Process | None:
            return process_of(sampler.sample(thorough=True), peer.pid)

        poll(lambda: (found := seen()) and found.blocked_on, "it waits")
        peer.process.kill()
        if reaped:
            peer.process.wait()
            if exit_status_hidden():
                pytest.skip("this kernel does not keep the status of who is gone: Linux < 6.15")
        poll(lambda: (found := seen()) and not found.alive, "its death is seen")
        found = poll(lambda: (p := seen()) and p.ending == "killed by SIGKILL" and p, "and how")
        assert isinstance(found, Process)
        assert (found.blocked_on, found.takes_part) == (SemaphoreRole.FULL, False)
        clock.advance(30)
        snapshot = sampler.sample()
        (shown,) = (p for p in snapshot_json(snapshot)["processes"] if p["pid"] == peer.pid)
        assert 30 <= shown["died_s_ago"] < 60 + PATIENCE
        assert (shown["state"], shown["access"]) == ("ended", "write")
        clock.advance(31)
        assert seen() is None


def exit_status_hidden() -> bool:
    """Whether this kernel is older than PIDFD_INFO_EXIT."""
    major, minor = os.uname().release.split(".")[:2]
    return (int(major), int(minor)) < (6, 15)


def test_who_leaves_and_lives_is_not_called_dead(make_buffer: MakeBuffer) -> None:
    """A process that unmaps the segment goes out of the table."""
    buffer = make_buffer()
    with contextlib.closing(Sampler(buffer.name)) as sampler:
        mapping = map_segment(buffer.name)
        assert process_of(sampler.sample(thorough=True), os.getpid())
        mapping.close()
        assert not sampler.sample(thorough=True).processes


def test_who_has_not_run_since_the_ring_moved(user: Path, make_buffer: MakeBuffer) -> None:
    """A process that sleeps while another moves an index is proved to hold nothing taken since,
    until it runs again. One that runs is proved nothing of.
    """
    buffer = make_buffer()
    with (
        using(user, "write", buffer.name) as peer,
        contextlib.closing(Sampler(buffer.name)) as sampler,
    ):
        ring = join(buffer)

        def proved(pid: int = peer.pid) -> bool:
            found = process_of(sampler.sample(thorough=True), pid)
            assert found is not None
            return found.idle_since_moved

        poll(lambda: sleep_stamp(peer.pid), "it sleeps")
        assert not any(proved() for _ in range(4))
        ring.put(1)
        assert proved()
        assert proved()
        assert not proved(os.getpid())
        os.kill(peer.pid, signal.SIGSTOP)
        os.kill(peer.pid, signal.SIGCONT)
        assert not proved()
        assert not any(proved() for _ in range(4))


def test_who_has_not_run_since_the_lock_was_free(user: Path, make_buffer: MakeBuffer) -> None:
    """A process that slept while mutex had its permit does not hold it, wherever the indices move."""
    buffer = make_buffer()
    with (
        using(user, "write", buffer.name) as peer,
        contextlib.closing(Sampler(buffer.name)) as sampler,
    ):
        mutex = join(buffer).semaphores[SemaphoreRole.MUTEX]

        def proved() -> bool:
            found = process_of(sampler.sample(thorough=True), peer.pid)
            assert found is not None
            return found.idle_since_free

        poll(lambda: sleep_stamp(peer.pid), "it sleeps")
        assert mutex.try_wait()
        assert not any(proved() for _ in range(4))
        mutex.post()
        assert proved()
        assert mutex.try_wait()
        assert proved()
        os.kill(peer.pid, signal.SIGSTOP)
        os.kill(peer.pid, signal.SIGCONT)
        assert not any(proved() for _ in range(4))


def test_children_that_failed_are_told(user: Path, make_buffer: MakeBuffer) -> None:
    """A child of this process that was killed, as long as nobody has waited for it."""
    buffer = make_buffer()
    with (
        contextlib.closing(Sampler(buffer.name)) as sampler,
        using(user, "write", buffer.name) as peer,
    ):
        mapping = map_segment(buffer.name)
        peer.process.kill()

        def told() -> bool:
            found = process_of(sampler.sample(thorough=True), os.getpid())
            assert found is not None
            return f"PID {peer.pid} (killed by SIGKILL)" in found.failed_children

        poll(told, "its child is told")
        peer.process.wait()
        poll(lambda: not told(), "it has been waited for")
        mapping.close()


def test_a_copy_of_its_own_is_not_the_segment(
    user: Path, make_buffer: MakeBuffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asleep on a word of a MAP_PRIVATE mapping it waits on nothing of the segment. It takes part
    only where it has the file open for writing as well.
    """
    buffer = make_buffer()
    for kept in (False, True):
        if kept:
            monkeypatch.setenv("KEEP_OPEN", "1")
        with (
            using(user, "copy", buffer.name) as peer,
            contextlib.closing(Sampler(buffer.name)) as sampler,
        ):

            def asleep(sampler: Sampler = sampler, pid: int = peer.pid) -> Process | None:
                found = process_of(sampler.sample(thorough=True), pid)
                return found if found and found.state is ProcessState.BLOCKED else None

            found = poll(asleep, "it sleeps")
            assert (found.access, found.waits, found.blocked_on) == (Access.PRIVATE, (), None)
            assert (found.takes_part, found.besides) == (kept, (Access.FILE,) if kept else ())


def test_a_struct_that_is_another_ones_tells_no_marks(name: str, tmp_path: Path) -> None:
    """Beside a 32-bit program, whose sem_t has 16 bytes, no word tells what is private to a process."""
    program = tmp_path / "narrow"
    flags = "-m32 -nostdlib -static -fno-pie -no-pie -fno-stack-protector -fomit-frame-pointer -O1"
    build = [require("gcc"), *flags.split(), "-o", str(program), str(HERE / "narrow.c")]
    if subprocess.run(build, capture_output=True, check=False).returncode:
        pytest.skip("this gcc builds no 32-bit programs")
    path = Path(segment_path(name))
    path.write_bytes(bytes(128))
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 128), using(program, str(path)):
        shown = run_shmtui("stat", name, "--slots", "5")
        assert "32-bit program" in shown.stdout
        assert "PROCESS-PRIVATE" not in shown.stdout
        record = json.loads(run_shmtui("stat", name, "--slots", "5", "--json").stdout)
        assert {each["shared"] for each in record["sync"]} == {None}
    path.unlink()


def test_a_ring_behind_the_first_page_is_not_looked_for_in_it(name: str) -> None:
    """All that use the segment map it from its second page on: its zeros are no semaphores that nobody
    initialised.
    """
    path = Path(segment_path(name))
    path.write_bytes(bytes(2 * BYTES))
    text = "import mmap, os, sys; f = os.open(sys.argv[1], os.O_RDWR); m = mmap.mmap(f, 0, offset=mmap.PAGESIZE)"
    command = [
        sys.executable,
        "-c",
        f"{text}; print('ready', flush=True); sys.stdin.read()",
        str(path),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        layout = "data=0:5xint32,in=20:int32,out=24,mutex=32,empty=64,full=96"
        done = run_shmtui("check", name, "--layout", layout, "--for", "2")
        process.communicate(timeout=PATIENCE)
    path.unlink()
    assert done.returncode == 1
    assert f"mapped from byte {BYTES:,} on" in done.stdout
    assert f"PID {process.pid}" in done.stdout
    assert "never-initialised" not in done.stdout
