"""Words of a file are changed by compare-and-swap, and nothing else of it."""

import ctypes
import os
import subprocess
from pathlib import Path

import pytest

from shmtui.errors import ShmtuiError
from shmtui.shm import word_file
from shmtui.shm.libc import Libc
from shmtui.shm.segment import FileIdentity, identity_at, segment_path
from shmtui.shm.semaphore import SemaphoreWords, decode, encode, word_changes
from shmtui.shm.word_change import WordChange
from shmtui.shm.word_file import WordFile
from tests.compiling import Compiler


def identity_of(file: Path) -> FileIdentity:
    """The identity of a file that exists."""
    found = identity_at(str(file))
    assert found is not None
    return found


def opened(file: Path) -> WordFile:
    """The file, for writing."""
    return WordFile(str(file), identity_of(file))


@pytest.mark.parametrize("libc", list(Libc))
def test_a_semaphore_is_set_and_nothing_beside(tmp_path: Path, libc: Libc) -> None:
    """Value, waiters and sharing are written at the offset; the bytes around stay; and back."""
    file = tmp_path / "segment"
    file.write_bytes(b"\xaa" * 128)
    words = SemaphoreWords(3, 2, shared=True)
    with opened(file) as segment:
        changes = word_changes(segment.read(64, 32), words, libc, 64)
        assert all(segment.swap(change) for change in changes)
        raw = file.read_bytes()
        assert decode(raw[64:96], libc) == words
        assert raw[:64] == b"\xaa" * 64
        assert raw[76:] == b"\xaa" * 52
        assert not any(segment.swap(change) for change in changes)
        assert all(segment.holds(change) for change in changes)
        assert all(segment.swap(change.back) for change in reversed(changes))
    assert file.read_bytes() == b"\xaa" * 128


def test_the_word_that_says_who_wakes_comes_first() -> None:
    """A permit is never there before its waiters can be woken."""
    changes = word_changes(bytes(32), SemaphoreWords(5, 1, shared=True), Libc.GLIBC, 0)
    assert [change.offset for change in changes] == [8, 0]


def test_what_is_right_is_not_written() -> None:
    """Nor what musl marks as waited for."""
    words = SemaphoreWords(0, 1, shared=True)
    for libc in Libc:
        assert word_changes(encode(words, libc), words, libc, 0) == ()
    marked = (0xFFFF_FFFF).to_bytes(4, "little") + encode(words, Libc.MUSL)[4:]
    assert word_changes(marked, words, Libc.MUSL, 0) == ()


def test_a_file_that_took_the_name_is_never_written(tmp_path: Path) -> None:
    """It is refused and stays as it was, and so does the old one."""
    file, old = tmp_path / "segment", tmp_path / "old"
    file.write_bytes(bytes(128))
    identity = identity_of(file)
    file.rename(old)
    file.write_bytes(bytes(128))
    with pytest.raises(ShmtuiError, match="another file by now"):
        WordFile(str(file), identity)
    assert file.read_bytes() == old.read_bytes() == bytes(128)


@pytest.mark.parametrize("name", ["link", "fifo"])
def test_nothing_but_the_file_is_opened(tmp_path: Path, name: str) -> None:
    """A link to the very file and a FIFO under the name are refused; neither is opened."""
    file, other = tmp_path / "segment", tmp_path / name
    file.write_bytes(bytes(128))
    if name == "link":
        other.symlink_to(file)
    else:
        os.mkfifo(other)
    with pytest.raises(ShmtuiError, match="another file by now"):
        WordFile(str(other), identity_of(file))


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    """Nothing is appended to a file that ends before the semaphore does."""
    file = tmp_path / "segment"
    file.write_bytes(bytes(65))
    with opened(file) as segment, pytest.raises(ShmtuiError, match="truncated"):
        segment.swap(WordChange(64, 8, 0, 1))
    assert file.read_bytes() == bytes(65)


def test_without_the_operation_it_is_read_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine that offers none: a word that is another one stays so there too."""
    monkeypatch.setattr(word_file, "operations", dict)
    file = tmp_path / "segment"
    file.write_bytes(bytes(16))
    with opened(file) as segment:
        assert segment.swap(WordChange(8, 8, 0, 7))
        assert not segment.swap(WordChange(8, 8, 0, 9))
    assert file.read_bytes() == bytes(8) + (7).to_bytes(8, "little")


@pytest.mark.parametrize("make", [word_file._machine_code, word_file._libatomic])
@pytest.mark.parametrize("size", [4, 8])
def test_each_operation_compares_all_bytes(make: object, size: int) -> None:
    """A word that differs in one byte is not written."""
    assert callable(make)
    swap = make(size)
    if swap is None:
        pytest.skip("this machine has no such operation")
    right = int.from_bytes(bytes(range(1, size + 1)), "little")
    memory = (ctypes.c_uint8 * size)(*right.to_bytes(size, "little"))
    address = ctypes.addressof(memory)
    for byte in range(size):
        assert not swap(address, right ^ 1 << 8 * byte, 0)
        assert bytes(memory) == right.to_bytes(size, "little")
    assert swap(address, right, 2 ** (8 * size) - 1)
    assert bytes(memory) == b"\xff" * size


POSTS = """
#include <fcntl.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
int main(int argc, char **argv) {
    int fd = shm_open(argv[1], O_RDWR, 0);
    sem_t *s = mmap(0, 32, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    for (int n = 0; n < 300000; n++) {
        sem_post(s);
        if (n % 64 == 0) usleep(1);
    }
}
"""


def test_beside_a_process_that_posts(gcc: Compiler, name: str) -> None:
    """No post is lost, and none counts twice: each swap adds one to the value that was there."""
    if 8 not in word_file.operations():
        pytest.skip("this machine offers no compare-and-swap")
    path = Path(segment_path(name))
    path.write_bytes(encode(SemaphoreWords(0, 0, shared=True), Libc.GLIBC).ljust(32, b"\0"))
    program = gcc.source("posts", POSTS)
    added = 0
    try:
        with opened(path) as segment, subprocess.Popen([str(program), name]) as posting:
            while posting.poll() is None:
                value = int.from_bytes(segment.read(0, 8), "little")
                added += segment.swap(WordChange(0, 8, value, value + 1))
        assert decode(path.read_bytes(), Libc.GLIBC).value == 300_000 + added
        assert added
    finally:
        path.unlink()
