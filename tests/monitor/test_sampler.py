"""A sampler reads a segment, also one that is truncated or unlinked, and changes nothing."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from shmtui.errors import MissingSegmentError
from shmtui.layouts.options import LayoutOptions
from shmtui.monitor.sampler import Sampler
from shmtui.procfs.identity import own_identity
from shmtui.shm.layout import ITEM_TYPES, seed_layout
from shmtui.shm.libc import running_libc
from shmtui.shm.owned_buffer import OwnedBuffer
from shmtui.shm.segment import create_segment, segment_path, unlink_segment
from shmtui.shm.segment_info import LayoutSource
from shmtui.snapshot import Certainty
from tests.compiling import require
from tests.conftest import MakeBuffer, join
from tests.waiting import poll

SEED = LayoutOptions(slots=5)
_OPENED = re.compile(r'(open|openat|creat)\(.*"(/dev/shm/[^"]*)", ([A-Z_|]+)')


def test_nothing_there(name: str) -> None:
    """A segment that does not exist is said to be missing, by its name."""
    with pytest.raises(MissingSegmentError, match=name[1:]):
        Sampler(name)


def test_values_indices_and_slots(make_buffer: MakeBuffer) -> None:
    """Each number of the snapshot is the buffer's."""
    buffer = make_buffer(5)
    ring = join(buffer)
    sampler = Sampler(buffer.name)
    sampler.slots_shown = 3
    for made in range(12):
        assert ring.put(100 + made)
        if made >= 3:
            assert ring.get() == 100 + made - 3
        snapshot = sampler.sample()
        count = min(made + 1, 3)
        assert snapshot.occupancy == count
        assert (snapshot.in_, snapshot.out) == ((made + 1) % 5, max(made - 2, 0) % 5)
        states = [s.value for s in snapshot.semaphores.values()]
        assert states == [1, 5 - count, count]
        assert len(snapshot.slots) == 3
        newest = made % 5
        if newest < 3:
            assert snapshot.slots[newest].value == 100 + made
            assert snapshot.slots[newest].full
    sampler.close()


def test_0_bytes_have_no_layout_until_they_grow(name: str) -> None:
    """Between shm_open and ftruncate what the user says of the layout cannot be held against it."""
    path = Path(segment_path(name))
    path.touch()
    try:
        sampler = Sampler(name, SEED)
        poll(lambda: "no-size" in {f.code for f in sampler.sample().health.findings}, "no-size")
        os.truncate(path, 128)
        poll(lambda: sampler.sample().layout.source is LayoutSource.OPTIONS, "its layout")
        assert sampler.sample().layout.options == "--slots 5"
        sampler.close()
    finally:
        path.unlink()


def test_a_million_slots_cost_no_more(make_buffer: MakeBuffer) -> None:
    """Of a large ring only what is asked for is read."""
    buffer = make_buffer(1_000_000)
    ring = join(buffer)
    assert ring.put(5)
    sampler = Sampler(buffer.name)
    sampler.slots_shown = 2
    snapshot = sampler.sample()
    assert snapshot.occupancy == 1
    assert [slot.value for slot in snapshot.slots] == [5, 0]
    sampler.close()


@pytest.mark.parametrize("size", [0, 1, 19, 24, 27, 40, 127])
def test_a_truncated_segment_is_no_death(make_buffer: MakeBuffer, size: int) -> None:
    """What lies beyond the new end is unknown, and reading it is no SIGBUS."""
    buffer = make_buffer(5)
    assert join(buffer).put(1)
    sampler = Sampler(buffer.name)
    sampler.slots_shown = 64
    os.truncate(segment_path(buffer.name), size)
    snapshot = sampler.sample()
    assert snapshot.segment.size == size
    if size < 24:
        assert snapshot.in_ is None
    if size < 28:
        assert snapshot.occupancy is None
        assert snapshot.out is None
    sampler.close()


def test_an_unlinked_segment_is_still_read(make_buffer: MakeBuffer) -> None:
    """The snapshot says that the name is gone; the bytes stay readable."""
    buffer = make_buffer(5)
    assert join(buffer).put(1)
    sampler = Sampler(buffer.name)
    assert not sampler.sample().segment.unlinked
    unlink_segment(buffer.name)
    snapshot = sampler.sample()
    assert snapshot.segment.unlinked
    assert snapshot.occupancy == 1
    sampler.close()


def test_options_say_the_layout_of_a_strangers_segment(name: str) -> None:
    """Without a control block the layout is the user's word, and the source says so."""
    create_segment(name, 128)
    sampler = Sampler(name, SEED)
    snapshot = sampler.sample()
    sampler.close()
    assert snapshot.layout.source is LayoutSource.OPTIONS
    assert snapshot.totals is None
    assert [s.shared for s in snapshot.semaphores.values()] == [False] * 3
    unlink_segment(name)


def test_a_sampler_gives_its_descriptors_back(make_buffer: MakeBuffer) -> None:
    """No descriptor stays open, however many samplers there were. What earlier tests left may be closed meanwhile."""
    buffer = make_buffer(5, named=True)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        sampler = Sampler(buffer.name)
        sampler.sample()
        sampler.close()
    assert len(os.listdir("/proc/self/fd")) <= before


@pytest.mark.parametrize("named", [False, True], ids=["embedded", "named"])
def test_stat_writes_nothing(make_buffer: MakeBuffer, tmp_path: Path, named: bool) -> None:
    """Seen from the kernel: what is opened under /dev/shm is opened to read, and none is mapped."""
    buffer = make_buffer(5, named=named)
    log = tmp_path / "strace"
    done = subprocess.run(
        [require("strace"), "-f", "-yy", "-o", str(log), "-e", "trace=%file,%desc,mmap",
         sys.executable, "-m", "shmtui", "stat", buffer.name, "--json"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "ptrace" in done.stderr and not log.read_text():
        pytest.skip(f"this machine lets nobody trace: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    lines = [line for line in log.read_text().splitlines() if re.search(r'[<"]/dev/shm/', line)]
    opened = [match for line in lines if (match := _OPENED.search(line))]
    assert any(match[2] == segment_path(buffer.name) for match in opened)
    for match in opened:
        flags = set(match[3].split("|"))
        assert "O_RDONLY" in flags
        assert not flags & {"O_RDWR", "O_WRONLY", "O_CREAT", "O_TRUNC"}
    calls = {match[1] for line in lines if (match := re.search(r"(\w+)\(", line))}
    allowed = {"open", "openat", "close", "fstat", "newfstatat", "lstat", "stat", "statx"}
    allowed |= {"inotify_add_watch"}  # For being told who opens it.
    assert calls <= allowed | {"pread64", "fcntl", "execve", "readlink", "readlinkat", "lseek"}


@pytest.mark.parametrize("assumed", [False, True])
def test_a_likely_layout_stays_likely(name: str, assumed: bool) -> None:
    """Workers may join a segment whose layout is only likely; its findings stay likely then."""
    layout = seed_layout(5, ITEM_TYPES["int32"], running_libc())
    identity = create_segment(name, layout.size, 0o600)
    buffer = OwnedBuffer.adopt(name, layout, identity, own_identity(), assumed=assumed)
    sampler = Sampler(name)
    try:
        poll(lambda: sampler.sample().health.findings, "its zeroed semaphores are found")
        snapshot = sampler.sample()
        assert snapshot.layout.source is LayoutSource.CONTROL
        assert snapshot.layout.assumed is assumed
        certainties = {finding.certainty for finding in snapshot.health.findings}
        # Nobody waits yet: whoever made it may be about to call sem_init.
        assert certainties == {Certainty.LIKELY}
        assert snapshot.uptime is None
    finally:
        sampler.close()
        buffer.remove()
        unlink_segment(name)
