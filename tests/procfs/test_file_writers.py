"""The kernel's own word on whether somebody has a file open for writing."""

import contextlib
import mmap
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shmtui.procfs.file_writers import anybody_writes
from shmtui.shm.segment import FileIdentity, create_segment, segment_path, unlink_segment


@pytest.fixture
def file(name: str) -> Iterator[tuple[str, FileIdentity]]:
    """A segment that nobody has open."""
    yield segment_path(name), create_segment(name, 4096)
    unlink_segment(name)


@contextlib.contextmanager
def opened(path: str, rights: int) -> Iterator[int]:
    """A descriptor."""
    fd = os.open(path, rights)
    try:
        yield fd
    finally:
        os.close(fd)


READ_ONLY = {"flags": mmap.MAP_SHARED, "prot": mmap.PROT_READ}
PRIVATE = {"flags": mmap.MAP_PRIVATE, "prot": mmap.PROT_READ}


@pytest.mark.parametrize("how", [READ_ONLY, PRIVATE])
@pytest.mark.parametrize("rights", [os.O_RDONLY, os.O_RDWR])
def test_the_description_behind_a_mapping_counts(
    file: tuple[str, FileIdentity], rights: int, how: dict[str, int]
) -> None:
    """By how it was opened, whatever the mapping allows, and until the mapping is gone."""
    assert anybody_writes(*file) is False
    with opened(file[0], rights) as fd:
        mapping = mmap.mmap(fd, 4096, **how)
    assert anybody_writes(*file) is (rights == os.O_RDWR)
    mapping.close()
    assert anybody_writes(*file) is False


def test_a_descriptor_counts_wherever_it_is(file: tuple[str, FileIdentity]) -> None:
    """Also on its way from one process to another, where /proc shows it nowhere."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with opened(file[0], os.O_RDWR) as fd:
            socket.send_fds(ours, [b"."], [fd])
        assert anybody_writes(*file) is True
    assert anybody_writes(*file) is False


def test_an_opener_is_not_disturbed(file: tuple[str, FileIdentity]) -> None:
    """A process that opens the file again and again while it is asked always gets it."""
    code = "import os, sys\nfor n in range(3000): os.close(os.open(sys.argv[1], os.O_RDWR))\n"
    with subprocess.Popen([sys.executable, "-c", code, file[0]]) as opener:
        answers = set()
        while opener.poll() is None:
            answers.add(anybody_writes(*file))
    assert opener.returncode == 0
    assert None not in answers
    assert anybody_writes(*file) is False


def test_what_cannot_be_told(file: tuple[str, FileIdentity], tmp_path: Path) -> None:
    """Another file has the name, or there is none."""
    path, identity = file
    assert anybody_writes(path, FileIdentity(identity.device, identity.inode + 1)) is None
    assert anybody_writes(str(tmp_path / "none"), identity) is None
