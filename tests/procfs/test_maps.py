"""What /proc tells: its lines are read as proc(5) says, and as this kernel writes them."""

import ctypes
import mmap
import os
import signal
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from shmtui.procfs.file_users import FileUsers
from shmtui.procfs.futex import FutexWait, futex_waits, parse_syscall, waits_in
from shmtui.procfs.identity import alive, own_identity, start_time
from shmtui.procfs.maps import (
    Mapping,
    mapped_by,
    mapped_inodes,
    mapping_flags,
    mappings,
    parse_maps,
)
from shmtui.procfs.process import StatFile, command, parse_stat
from shmtui.shm.segment import FileIdentity, create_segment, map_segment, unlink_segment
from tests.conftest import MakeBuffer
from tests.waiting import poll

SLEEPER = """
import sys, time
from shmtui.shm.control_file import read_header
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.ring import Ring
from shmtui.shm.segment import map_segment
name = sys.argv[1]
ring = Ring.open(name, map_segment(name), read_header(name).layout)
print("joined", flush=True)
ring.semaphores[SemaphoreRole.FULL].wait_until(time.monotonic_ns() + 600 * 10**9)
"""


@given(st.text(st.characters(exclude_characters="\n\0", exclude_categories=["Cs"]), max_size=15))
def test_a_process_may_be_called_anything(name: str) -> None:
    """Spaces and parentheses in a name do not shift the fields after it."""
    line = f"7 ({name}) S 1 7 7 0 -1 0 0 0 0 0 30 10 0 0 20 0 2 0 99 {'0 ' * 11}8192 0".encode()
    stat = parse_stat(line)
    ticks = os.sysconf("SC_CLK_TCK")
    assert (stat.name, stat.state, stat.threads, stat.start_time) == (name, "S", 2, 99)
    assert stat.caught == 1 << (signal.SIGALRM - 1)
    assert stat.cpu_seconds == 40 / ticks


def test_only_the_very_file_counts() -> None:
    """A mapping is the segment's by device and inode, whatever its name looks like."""
    lines = (
        b"1000-2000 rw-s 00000000 00:1b 42 /dev/shm/x\n"
        b"2000-3000 r--s 00001000 00:1b 42 /dev/shm/x (deleted)\n"
        b"3000-4000 rw-s 00000000 00:1b 421 /dev/shm/x\n"
        b"4000-5000 rw-s 00000000 00:1c 42 /dev/shm/x\n"
        b"5000-6000 rw-p 00000000 00:00 0 [heap]\n"
    )
    found = parse_maps(lines.splitlines(), FileIdentity(os.makedev(0, 0x1B), 42))
    assert found == (
        Mapping(0x1000, 0x2000, 0),
        Mapping(0x2000, 0x3000, 0x1000, writable=False),
    )
    assert found[1].offset_of(0x2010) == 0x1010
    assert found[1].offset_of(0x3000) is None


@given(st.binary(max_size=80) | st.sampled_from([b"running", b"-1 0x0 0x0", b""]))
def test_other_syscalls_are_no_waits(raw: bytes) -> None:
    """A process that runs, or sleeps elsewhere, waits on no semaphore."""
    line = b"999999 " + raw.replace(b"202", b"").replace(b"98", b"")
    everywhere = (Mapping(0, 2**47, 0),)
    assert not waits_in({1: parse_syscall(line)}, everywhere)
    assert parse_syscall(b"running\n") is None


def test_this_process_is_read_right() -> None:
    """This very process, as the kernel describes it."""
    pid, started = own_identity()
    assert alive(pid, started)
    assert not alive(pid, started + 1)
    stat = StatFile(pid)
    first = stat.read()
    assert first is not None
    assert first.start_time == started == start_time(pid)
    assert first.state == "R"
    stat.close()
    line = command(pid)
    assert line is not None
    assert line.split()[0] == sys.orig_argv[0]


def test_a_mapping_is_found_even_unlinked(name: str) -> None:
    """Who maps the segment shows, also after its name has gone."""
    identity = create_segment(name, 8192)
    assert mapped_by(identity) == []
    mapping = map_segment(name, identity)
    users = FileUsers(identity)
    users.scan()
    assert list(users.uses) == mapped_by(identity) == [os.getpid()]
    unlink_segment(name)
    found = mappings(os.getpid(), identity)
    assert found is not None
    assert [m.end - m.start for m in found] == [8192]
    mapping.close()
    users.scan()
    assert not users.uses
    assert mapped_by(identity) == []


def test_of_who_is_not_likely_nothing_is_kept(name: str) -> None:
    """Who watches many segments would keep it for each; a process that maps the segment is found by the
    first scan, and later where it is likely.
    """
    identity = create_segment(name, 8192)
    likely: set[int] = set()
    users = FileUsers(identity, lambda: likely)
    users.scan()
    assert not users.uses
    mapping = map_segment(name, identity)
    users.scan()
    assert not users._young
    assert not users._stamps
    likely.add(os.getpid())
    users.scan()
    assert list(users.uses) == [os.getpid()]
    assert {*users._stamps} == likely
    mapping.close()
    unlink_segment(name)


def test_a_blocked_process_shows_its_semaphore(make_buffer: MakeBuffer) -> None:
    """The word that a real process sleeps on is the semaphore's, and wakeable from outside."""
    buffer = make_buffer()
    with subprocess.Popen(
        [sys.executable, "-c", SLEEPER, buffer.name], stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"joined\n"
        maps = mappings(child.pid, buffer.identity)
        assert maps
        waits = poll(lambda: futex_waits(child.pid, maps), "it sleeps in the segment")
        assert waits is not None
        (wait,) = waits
        assert isinstance(wait, FutexWait)
        assert buffer.layout.full is not None
        assert buffer.layout.full <= wait.offset < buffer.layout.full + 32
        assert not wait.private
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert not futex_waits(child.pid, maps)
        assert mappings(child.pid, buffer.identity) == ()


def test_a_path_that_looks_like_another_file() -> None:
    """Only the device and inode of a line count, whatever its path says."""
    line = b"1000-2000 rw-s 00000000 00:1c 7 /dev/shm/x 00:1b 42 y\n"
    assert parse_maps([line], FileIdentity(os.makedev(0, 0x1B), 42)) == ()
    assert mapped_inodes([line], os.makedev(0, 0x1B)) == set()
    assert mapped_inodes([line], os.makedev(0, 0x1C)) == {7}


def test_the_flags_of_a_mapping() -> None:
    """A shared one that may be written is told from a private one."""
    flags = []
    for kind in (mmap.MAP_SHARED, mmap.MAP_PRIVATE):
        with mmap.mmap(-1, mmap.PAGESIZE, flags=kind | mmap.MAP_ANONYMOUS) as memory:
            view = ctypes.c_char.from_buffer(memory)
            flags.append(mapping_flags(os.getpid())[ctypes.addressof(view)])
            del view
    assert {b"rd", b"wr", b"sh"} <= flags[0]
    assert b"sh" not in flags[1]
    assert mapping_flags(2**22 - 1) == {}
