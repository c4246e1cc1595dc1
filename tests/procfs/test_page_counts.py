"""The kernel's count of who has a page tells whether somebody has it who is not known."""

import mmap
import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from shmtui.procfs.page_counts import nobody_else_has
from shmtui.shm.segment import FileIdentity, segment_path
from tests.conftest import MakeBuffer

MAPS = """
import mmap, os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
private = mmap.mmap(fd, 0, flags=mmap.MAP_PRIVATE)
rights = mmap.PROT_READ if sys.argv[2] == "reads" else mmap.PROT_READ | mmap.PROT_WRITE
mapping = mmap.mmap(fd, 0, prot=rights)
for what in sys.stdin:
    if what == "touch\\n":
        mapping[8:12]
    elif what == "copy\\n":
        private[8:12] = b"copy"
    elif what == "fork\\n":
        reading, writing = os.pipe()
        if os.fork():
            continue
        os.close(writing)
        mapping[8:12]
        print("done", flush=True)
        os.read(reading, 1)  # Until its parent ends.
        os._exit(0)
    print("done", flush=True)
"""


class Peer:
    """A process that maps a file, and touches its page when it is told."""

    def __init__(self, path: str, rights: str = "writes") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", MAPS, path, rights],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.pid = self.process.pid

    def do(self, what: str) -> "Peer":
        """Have it done."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(what.encode() + b"\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == b"done\n"
        return self

    def end(self) -> None:
        """Kill it."""
        self.process.kill()
        self.process.communicate()


Start = Callable[..., Peer]


@pytest.fixture
def file(make_buffer: MakeBuffer) -> tuple[str, FileIdentity]:
    """A segment's path and identity; this process does not map it."""
    path = segment_path(make_buffer().name)
    with open(path, "rb") as opened:
        return path, FileIdentity.of(os.fstat(opened.fileno()))


@pytest.fixture
def start(file: tuple[str, FileIdentity]) -> Iterator[Start]:
    """Starts peers; they end with the test."""
    started = []

    def start(rights: str = "writes") -> Peer:
        started.append(Peer(file[0], rights))
        return started[-1]

    yield start
    for peer in started:
        peer.end()


def own_mappings(path: str) -> int:
    """How often this process maps the file."""
    with open("/proc/self/maps", encoding="utf-8") as lines:
        return sum(path in line for line in lines)


@pytest.fixture
def only(file: tuple[str, FileIdentity]) -> Callable[..., bool]:
    """Whether nobody but these peers, and this process, has the first page."""
    known = {os.getpid()} if own_mappings(file[0]) else set()
    return lambda *peers: nobody_else_has({file[1]: {0}}, known | {peer.pid for peer in peers})


def test_who_is_not_known_is_counted(start: Start, only: Callable[..., bool]) -> None:
    """As soon as he has touched the page, by whatever right, and no longer."""
    first, second, reader = start().do("touch"), start().do("touch"), start("reads")
    assert only(first, second, reader)
    assert only(first, second)
    reader.do("touch")
    assert not only(first, second)
    assert not only(first, reader)
    assert only(first, second, reader)
    reader.end()
    assert only(first, second)


def test_who_may_write_and_has_not_touched_it_leaves_it_open(
    start: Start, only: Callable[..., bool]
) -> None:
    """The kernel may have taken the page away, from others too."""
    first, second = start().do("touch"), start().do("fork")
    assert not only(first, second)
    second.do("touch")
    assert not only(first, second), "its child has it too"


def test_a_copy_of_its_own_is_no_mapping_of_the_page(
    start: Start, only: Callable[..., bool]
) -> None:
    """MAP_PRIVATE: once it is written to, the page is another one."""
    first = start().do("touch")
    assert only(first)
    first.do("copy")
    assert only(first)


def test_pages_are_told_apart(file: tuple[str, FileIdentity]) -> None:
    """The count of one page says nothing of another; a file that nobody maps is not accounted for."""
    path, identity = file
    os.truncate(path, 2 * mmap.PAGESIZE)
    fd = os.open(path, os.O_RDWR)
    peer = Peer(path).do("touch")
    try:
        known = {peer.pid, os.getpid()}
        with mmap.mmap(fd, 2 * mmap.PAGESIZE) as both:
            both[0] = both[mmap.PAGESIZE] = 1
            assert nobody_else_has({identity: {0}}, known)
            assert not nobody_else_has({identity: {0}}, {os.getpid()})
            # The highest count is that of the first page.
            assert not nobody_else_has({identity: {mmap.PAGESIZE}}, known)
        assert not nobody_else_has({identity: {0}, FileIdentity(identity.device, 0): {0}}, known)
    finally:
        os.close(fd)
        peer.end()


def test_who_shares_all_of_his_memory_is_counted_once(
    file: tuple[str, FileIdentity], start: Start, only: Callable[..., bool]
) -> None:
    """vfork(2): two processes with one page table. Taken for two, they would hide a third one."""
    code = """
import ctypes, mmap, os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
mapping = mmap.mmap(fd, 0)
mapping[0]
libc = ctypes.CDLL(None)
CLONE_VM, SIGCHLD = 0x100, 17
stack = ctypes.create_string_buffer(1 << 16)
top = ctypes.addressof(stack) + (1 << 16) - 64
print(libc.clone(libc.pause, ctypes.c_void_p(top), CLONE_VM | SIGCHLD, None), flush=True)
sys.stdin.read()
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", code, file[0]], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    try:
        own = {os.getpid()} if own_mappings(file[0]) else set()
        pages = {file[1]: {0}}
        assert nobody_else_has(pages, {parent.pid, child, *own})
        stranger = start().do("touch")
        assert not nobody_else_has(pages, {parent.pid, child, *own})
        assert nobody_else_has(pages, {parent.pid, child, stranger.pid, *own})
    finally:
        os.kill(child, 9)
        parent.kill()
        parent.communicate()
