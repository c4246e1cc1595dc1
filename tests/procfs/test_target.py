"""Memory without a name: named by a number, read without a trace, judged as a segment is."""

import contextlib
import mmap
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shmtui.errors import MissingSegmentError, ShmtuiError
from shmtui.layouts.options import LayoutOptions
from shmtui.monitor.discovery import Surveyor
from shmtui.monitor.sampler import Sampler
from shmtui.monitor.shared_object import SharedObject
from shmtui.procfs.process_memory import ProcessMemory
from shmtui.procfs.resident_pages import resident_pages
from shmtui.procfs.shared_mappings import SharedMappings
from shmtui.procfs.target import open_target, target
from tests.compiling import Compiler
from tests.program import run_shmtui
from tests.waiting import poll

RING = Path(__file__).with_name("unnamed_ring.c")
KINDS = ("anon", "memfd", "sysv")
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(gcc: Compiler) -> Iterator[Start]:
    """Starts the ring's program; all of it is gone afterwards."""
    binary = gcc.program(RING, "-g")
    with contextlib.ExitStack() as stack:

        def started(*words: str) -> subprocess.Popen[bytes]:
            process = stack.enter_context(
                subprocess.Popen([str(binary), *words], start_new_session=True)
            )
            stack.callback(_end, process)
            return process

        yield started


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


def shared_by(
    process: subprocess.Popen[bytes], kind: str, surveyor: Surveyor | None = None
) -> SharedObject:
    """What the program has of a kind."""
    looks = surveyor or Surveyor()

    def found() -> SharedObject | None:
        mine = (
            each
            for each in looks.look().objects
            if each.kind == kind and process.pid in {pid for pid, _name in each.mappers}
        )
        return next(mine, None)

    return poll(found, f"its {kind} is listed")


@pytest.mark.parametrize("kind", KINDS)
def test_a_healthy_ring(start: Start, kind: str) -> None:
    """By the layout of the program's debug information; items move, and nothing is found."""
    process, surveyor = start(kind), Surveyor()
    each = shared_by(process, kind)
    # One look has no time for all programs of a busy machine.
    poll(lambda: "5 × int32" in shared_by(process, kind, surveyor).looks, "its layout is told")
    with contextlib.closing(Sampler(each.target, LayoutOptions())) as sampler:
        poll(lambda: len(sampler.sample().processes) == 3, "its three processes")
        begun = sampler.sample().in_
        poll(lambda: sampler.sample().in_ != begun, "items move")
        now = sampler.sample()
        assert now.layout.slots == 5
        assert now.health.findings == ()
        assert not now.segment.unlinked


@pytest.mark.parametrize("kind", KINDS)
def test_a_dead_holder(start: Start, kind: str) -> None:
    """It is found, and a repair says why it cannot write."""
    name = shared_by(start(kind, "8"), kind).target
    with contextlib.closing(Sampler(name, LayoutOptions())) as sampler:
        found = poll(lambda: sampler.sample().health.findings, "it is found")
    assert [finding.code for finding in found] == ["dead-holder"]
    refused = run_shmtui("repair", name, "--yes")
    assert refused.returncode == 2
    assert "a repair writes through that alone" in refused.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_reading_allocates_no_page(start: Start, kind: str) -> None:
    """Also where a page was never touched: it reads as zeros."""
    process = start(kind)
    each = shared_by(process, kind)

    def resident() -> list[dict[int, int]]:
        return [resident_pages(process.pid, m) for m in SharedMappings().of(process.pid) or ()]

    before = resident()
    with contextlib.closing(open_target(each.target)) as reader:
        size = reader.status().size
        assert len(reader.read(0, size)) == size
        assert reader.read(size, 8) == b""
    assert resident() == before


def test_a_hole_reads_as_zeros() -> None:
    """Of memory that this process maps and never wrote to."""
    with mmap.mmap(-1, 64 * mmap.PAGESIZE) as memory:
        memory[3 * mmap.PAGESIZE] = 7
        (mine,) = (
            m
            for m in SharedMappings().of(os.getpid()) or ()
            if m.end - m.start == 64 * mmap.PAGESIZE
        )
        with contextlib.closing(ProcessMemory(os.getpid(), mine.inode)) as source:
            raw = source.read(0, 64 * mmap.PAGESIZE)
        assert raw == bytes(3 * mmap.PAGESIZE) + b"\x07" + bytes(61 * mmap.PAGESIZE - 1)
        assert resident_pages(os.getpid(), mine) == {0: 1 << 8 * 3}


def test_it_ends_with_its_processes(start: Start) -> None:
    """What is read of memory that nobody has any more is nothing, and no other's."""
    process = start("sysv")
    name = shared_by(process, "sysv").target
    with contextlib.closing(open_target(name)) as reader:
        assert any(reader.read(0, 128))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        poll(lambda: not any(reader.read(0, 128)), "nothing is left to read")
        poll(lambda: reader.status().unlinked, "it is gone")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("semset:3", "set of semaphores"),
        ("msgqueue:0", "message queue"),
        ("mqueue:/x", "message queue"),
        ("tmpfs:/run", "file system in memory"),
        ("semset:\x1b[31m", "set of semaphores"),
    ],
)
def test_what_is_no_memory(text: str, words: str) -> None:
    """It is said what it is, and where it is shown."""
    with pytest.raises(ShmtuiError, match=words) as raised:
        target(text)
    assert str(raised.value).isprintable()


def test_what_is_not_there() -> None:
    """One line, and the way to what there is."""
    for name in ("sysv:2147483647", f"pid:{os.getpid()}:1"):
        with pytest.raises(MissingSegmentError, match="shmtui ls"):
            open_target(name)
        done = run_shmtui("stat", name)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
