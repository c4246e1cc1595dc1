"""A descriptor that can be handed on leaves open who may have come to have a segment; so does one in a socket."""

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shmtui.monitor.sampler import Sampler
from shmtui.procfs.lent_files import may_be_sent, may_lend
from shmtui.shm.segment import FileIdentity, segment_path
from tests.conftest import MakeBuffer
from tests.waiting import poll

LENDER = """
import os, socket, sys
here, there = socket.socketpair()
for line in sys.stdin:
    order, _, path = line.strip().partition(" ")
    if order == "open":
        file = os.open(path, os.O_RDWR)
    elif order == "send":
        socket.send_fds(here, [b"x"], [file])
    elif order == "receive":
        os.close(socket.recv_fds(there, 1, 1)[1][0])
    else:
        os.close(file)
    print("done", flush=True)
"""


@pytest.fixture
def order() -> Iterator[Callable[[str], None]]:
    """Give an order to a program that opens, sends, receives and closes a file; it has been carried out."""
    with subprocess.Popen(
        [sys.executable, "-c", LENDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as lender:

        def give(text: str) -> None:
            assert lender.stdin is not None
            assert lender.stdout is not None
            lender.stdin.write(f"{text} \n")
            lender.stdin.flush()
            assert lender.stdout.readline() == "done\n"

        give.pid = lender.pid  # type: ignore[attr-defined]
        yield give
        lender.kill()


def test_a_descriptor_is_seen_open_and_in_a_socket(
    make_buffer: MakeBuffer, order: Callable[[str], None]
) -> None:
    """Open, it may be taken; in a socket it is in no process."""
    if may_be_sent():
        pytest.skip("descriptors lie in sockets of this machine, or its kernel does not tell")
    path = segment_path(make_buffer().name)
    file, pid = FileIdentity.of(Path(path).stat()), order.pid  # type: ignore[attr-defined]
    assert not may_lend([pid], {file})
    order(f"open {path}")
    assert may_lend([pid], {file})
    order("send")
    order("close")
    assert not may_lend([pid], {file})
    assert may_be_sent()
    order("receive")
    poll(lambda: not may_be_sent(), "no descriptor lies in a socket")


def test_a_sample_tells_when_one_was_there_last(
    make_buffer: MakeBuffer, order: Callable[[str], None]
) -> None:
    """As long as one is open, it is now; once all are closed it is the past, until the file is opened again."""
    name = make_buffer().name
    with contextlib.closing(Sampler(name)) as sampler:

        def lent() -> bool:
            now = sampler.sample()
            return now.lent_ns is None or now.lent_ns == now.monotonic_ns

        order(f"open {segment_path(name)}")
        assert all(lent() for _sample in range(3))
        order("close")
        poll(lambda: not lent(), "there is none left")
        order(f"open {segment_path(name)}")
        assert lent()


def test_a_descriptor_of_another_file_is_no_sign_that_somebody_came(
    make_buffer: MakeBuffer, order: Callable[[str], None], tmp_path: Path
) -> None:
    """On a desktop some always lie in a socket: a dead holder of mutex would never be told."""
    other = tmp_path / "other"
    other.touch()
    name = make_buffer().name
    order(f"open {other}")
    order("send")
    order("close")
    assert may_be_sent()
    with contextlib.closing(Sampler(name)) as sampler:

        def lent_alone() -> bool:
            now = sampler.sample()
            assert now.came_ns == 0
            return now.lent_ns == now.monotonic_ns

        poll(lambda: sampler.sample().joined_ns is not None, "arrivals are watched")
        assert all(lent_alone() for _sample in range(5))
