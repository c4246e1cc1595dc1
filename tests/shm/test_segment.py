"""Segments are made exclusively, wholly, and with the mode asked for, or not at all."""

import os
import socket
from pathlib import Path

import pytest

from shmtui.errors import MissingSegmentError, NameInUseError, ShmtuiError
from shmtui.shm import segment
from shmtui.shm.segment import (
    NAME_MAX,
    FileIdentity,
    create_segment,
    derived_name,
    identity_at,
    map_segment,
    open_readonly,
    segment_name,
    segment_path,
    unlink_segment,
)


def test_creation_is_exclusive(name: str) -> None:
    """A name in use is refused with the way out, and what has it is untouched."""
    create_segment(name, 128)
    before = Path(segment_path(name)).stat()
    with pytest.raises(NameInUseError, match=f"attach {name}"):
        create_segment(name, 4096)
    assert Path(segment_path(name)).stat() == before
    assert unlink_segment(name)
    assert not unlink_segment(name)


@pytest.mark.parametrize("mode", [0o600, 0o660, 0o666, 0o400])
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_mode_is_exact(name: str, mode: int, umask: int) -> None:
    """The umask takes nothing away."""
    before = os.umask(umask)
    try:
        create_segment(name, 64, mode)
        assert Path(segment_path(name)).stat().st_mode & 0o7777 == mode
    finally:
        os.umask(before)
        unlink_segment(name)


def test_pages_are_reserved_and_zero(name: str) -> None:
    """Every page is there before the first write, so that no write can be SIGBUS."""
    size = 1_000_001
    create_segment(name, size)
    status = Path(segment_path(name)).stat()
    assert status.st_size == size
    assert status.st_blocks * 512 >= size
    mapping = map_segment(name)
    assert mapping[:] == bytes(size)
    mapping.close()
    unlink_segment(name)


@pytest.mark.parametrize(
    "text",
    ["", "/", ".", "..", "/.", "/..", "a/b", "//a", "/a/", "a\0b", "x" * 256, "/" + "é" * 128],
)
def test_no_name_at_all(text: str) -> None:
    """What cannot be a segment's name is refused before anything is touched."""
    with pytest.raises(ShmtuiError):
        segment_name(text)


@pytest.mark.parametrize("bare", ["x" * NAME_MAX, "é" * 127 + "x", "a b", "...", "-"])
def test_a_strange_name_is_a_name(bare: str) -> None:
    """Up to 255 bytes, with or without its slash."""
    assert segment_name(bare) == segment_name("/" + bare) == "/" + bare


def test_companions_of_long_names_differ() -> None:
    """Two names that differ only at their end have companions that differ, and both are legal."""
    one, two = (derived_name("/" + "x" * 254 + last, ".shmtui") for last in "ab")
    assert one != two
    assert len(one) == len(two) == 1 + NAME_MAX


def test_more_than_there_is_leaves_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than /dev/shm has is one clear error, whether seen before or by the kernel."""
    space = os.statvfs("/dev/shm")
    size = (space.f_blocks + 1) * space.f_frsize
    with pytest.raises(ShmtuiError, match="free"):
        create_segment(name, size)
    assert identity_at(segment_path(name)) is None
    monkeypatch.setattr(segment, "require_free_space", lambda _name, _size: None)
    with pytest.raises(ShmtuiError, match="no room"):
        create_segment(name, size)
    assert identity_at(segment_path(name)) is None


def test_a_replaced_segment_is_not_mapped(name: str) -> None:
    """Who expects one file is not given another that took the name."""
    identity = create_segment(name, 64)
    # Held open, so that the inode's number is not used again.
    fd = open_readonly(segment_path(name))
    unlink_segment(name)
    create_segment(name, 64)
    with pytest.raises(ShmtuiError, match="replaced"):
        map_segment(name, identity)
    os.close(fd)
    unlink_segment(name)


def test_nothing_to_map(name: str) -> None:
    """A missing or an empty segment is an error in words."""
    with pytest.raises(MissingSegmentError):
        map_segment(name)
    Path(segment_path(name)).touch()
    with pytest.raises(ShmtuiError, match="empty"):
        map_segment(name)
    Path(segment_path(name)).unlink()


def test_near_names_are_looked_for_where_the_text_is_asked_for(tmp_path: Path) -> None:
    """Of thousands of segments each has no control block, which nobody is told."""
    with pytest.raises(MissingSegmentError) as caught:
        open_readonly(os.fspath(tmp_path / "jops"))
    (tmp_path / "jobs").touch()
    assert str(caught.value).endswith("jops does not exist: did you mean /jobs?")


def test_where_no_name_is_near_the_list_is_named() -> None:
    """The way out is a command that can be pasted; of another /dev/shm it would list the wrong one."""
    with pytest.raises(MissingSegmentError, match="does not exist: shmtui ls shows what there is"):
        open_readonly(segment_path("/0-no-name-is-like-this-one-0"))
    with pytest.raises(MissingSegmentError, match="is the name right"):
        open_readonly("/proc/self/0-no-name-is-like-this-one-0")


def test_open_readonly_takes_files_only(tmp_path: Path) -> None:
    """Links, FIFOs, devices, directories and sockets are refused, and none of them hangs."""
    file = tmp_path / "file"
    file.write_bytes(b"x")
    link, fifo, place = tmp_path / "link", tmp_path / "fifo", tmp_path / "socket"
    link.symlink_to(file)
    os.mkfifo(fifo)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.fspath(place))
        for path in (link, fifo, place, tmp_path, Path("/dev/zero"), Path("/dev/tty")):
            with pytest.raises(ShmtuiError):
                open_readonly(os.fspath(path))
    with pytest.raises(MissingSegmentError):
        open_readonly(os.fspath(tmp_path / "missing"))
    fd = open_readonly(os.fspath(file))
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.write(fd, b"y")
    assert FileIdentity.of(os.fstat(fd)) == identity_at(os.fspath(file))
    os.close(fd)
