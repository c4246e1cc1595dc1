"""Who comes to use a segment is seen soon, however many processes there are, and read for it alone."""

import array
import mmap
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from shmtui.procfs import file_use, file_users
from shmtui.procfs.file_use import FileUse
from shmtui.procfs.file_users import FileUsers
from shmtui.shm.segment import (
    FileIdentity,
    create_segment,
    map_segment,
    open_readonly,
    segment_path,
    unlink_segment,
)
from tests.waiting import poll

TAKES = """
import array, mmap, socket, sys
with socket.socket(fileno=0) as given:
    print("ready", flush=True)
    _data, sent, _flags, _from = given.recvmsg(1, socket.CMSG_SPACE(4))
memory = mmap.mmap(array.array("i", sent[0][2][:4])[0], 4096)
print("mapped", flush=True)
sys.stdin = None
while True:
    memory.find(b"x")
    import time; time.sleep(100)
"""
"""Maps what the descriptor shows that is sent to it."""


@pytest.fixture
def segment(name: str) -> Iterator[tuple[str, FileIdentity]]:
    """A segment that nobody uses."""
    identity = create_segment(name, mmap.PAGESIZE)
    yield name, identity
    unlink_segment(name)


@pytest.fixture
def sleepers() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Forty processes that use nothing."""
    found = [subprocess.Popen(["sleep", "100"]) for _process in range(40)]
    yield found
    for sleeper in found:
        sleeper.kill()
        sleeper.wait()


def watched(segment: tuple[str, FileIdentity]) -> FileUsers:
    """Its users, after some looks: none."""
    users = FileUsers(segment[1], path=segment_path(segment[0]))
    for _scan in range(FileUsers.YOUNG + 1):
        users.scan()
    assert not users.uses
    return users


class Reads:
    """Counts the processes that are read in full, and those that are looked at."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full: list[int] = []
        self.looks = 0
        read, look = file_use.file_use, file_use.maps_one_of

        def counted_read(pid: int, *args: Any) -> FileUse | None:
            self.full.append(pid)
            return read(pid, *args)

        def counted_look(*args: Any) -> bool | None:
            self.looks += 1
            return look(*args)

        monkeypatch.setattr(file_users, "file_use", counted_read)
        monkeypatch.setattr(file_users, "maps_one_of", counted_look)


def test_who_was_there_and_opens_it_is_seen_at_once(segment: tuple[str, FileIdentity]) -> None:
    """This process is none of the new ones, and a thousandth of a second after it maps it, it is a user."""
    users = watched(segment)
    mapping = map_segment(segment[0])
    users.scan()
    assert list(users.uses) == [os.getpid()]
    mapping.close()
    users.scan()
    assert not users.uses
    users.close()


def test_a_scan_reads_few_of_many(
    segment: tuple[str, FileIdentity],
    sleepers: list[subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody in full, and of the others a part; who opens it and closes it again is no reason to read all."""
    users = watched(segment)
    reads = Reads(monkeypatch)
    for _scan in range(4):
        os.close(open_readonly(segment_path(segment[0])))
        reads.looks = 0
        users.scan()
        assert reads.looks <= -(-len(users._present.pids) // FileUsers.ROUND)
    # Those that this user may not read are tried in their turn, and others come meanwhile.
    assert not {sleeper.pid for sleeper in sleepers} & {*reads.full}
    users.close()


def test_who_is_sent_a_descriptor_is_seen_in_its_turn(segment: tuple[str, FileIdentity]) -> None:
    """It opens nothing, and it is nobody's child that had it: no event tells of it."""
    ours, theirs = socket.socketpair()
    fd = os.open(segment_path(segment[0]), os.O_RDWR)
    with subprocess.Popen(
        [sys.executable, "-c", TAKES], stdin=theirs.fileno(), stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        users = watched(segment)
        ours.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])
        assert child.stdout.readline() == "mapped\n"

        def seen() -> bool:
            users.scan()
            return child.pid in users.uses

        poll(seen, "it is in turn")
        users.close()
        child.kill()
    os.close(fd)
    ours.close()
    theirs.close()


def test_a_child_has_what_its_parent_has(segment: tuple[str, FileIdentity]) -> None:
    """It opens nothing; it is new."""
    mapping = map_segment(segment[0])
    users = FileUsers(segment[1], path=segment_path(segment[0]))
    users.scan()
    child = os.fork()
    if not child:
        while True:
            os.read(os.open("/dev/null", os.O_RDONLY), 1)
            os.kill(os.getpid(), 19)

    def seen() -> bool:
        users.scan()
        return {os.getpid(), child} <= users.uses.keys()

    poll(seen, "both are seen")
    os.kill(child, 9)
    os.waitpid(child, 0)
    users.close()
    mapping.close()
