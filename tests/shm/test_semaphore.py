"""A semaphore's bytes are read as its C library writes them."""

import mmap
import signal
import subprocess
import time
from pathlib import Path

import pytest

from shmtui.errors import MissingSegmentError, NameInUseError
from shmtui.shm.layout import SEM_SIZE
from shmtui.shm.libc import SEM_VALUE_MAX, Libc, running_libc
from shmtui.shm.semaphore import (
    EmbeddedSemaphore,
    NamedSemaphore,
    SemaphoreWords,
    create_named,
    decode,
    named_semaphore_path,
    unlink_named,
)
from tests.compiling import Compiler, output
from tests.waiting import poll

DUMP = r"""
#include <semaphore.h>
#include <stdio.h>
int main(void) {
    unsigned values[] = {0, 1, 5, 1000000, 0x7fffffff};
    for (int pshared = 0; pshared < 2; pshared++)
        for (int i = 0; i < 5; i++) {
            sem_t s;
            sem_init(&s, pshared, values[i]);
            printf("%d %u ", pshared, values[i]);
            for (unsigned k = 0; k < sizeof s; k++) printf("%02x", ((unsigned char *)&s)[k]);
            printf("\n");
        }
    return 0;
}
"""
WAITERS = r"""
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
static sem_t *s;
static void *sleeper(void *unused) { sem_wait(s); return 0; }
int main(int argc, char **argv) {
    int fd = open(argv[1], O_RDWR | O_CREAT, 0600);
    ftruncate(fd, 4096);
    s = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    sem_init(s, 1, 0);
    pthread_t threads[8];
    int n = atoi(argv[2]);
    for (int i = 0; i < n; i++) pthread_create(&threads[i], 0, sleeper, 0);
    for (int i = 0; i < n; i++) pthread_join(threads[i], 0);
    return 0;
}
"""
LIBCS = pytest.mark.parametrize(
    ("command", "libc"), [("gcc", Libc.GLIBC), ("musl-gcc", Libc.MUSL)], ids=["glibc", "musl"]
)


@LIBCS
def test_decode_reads_what_sem_init_writes(tmp_path: Path, command: str, libc: Libc) -> None:
    """Value and sharing come back, for either libc and either kind of sharing."""
    program = Compiler(tmp_path, command).source("dump", DUMP)
    lines = [line.split() for line in output(program).splitlines()]
    assert len(lines) == 10
    for shared, value, raw in lines:
        words = decode(bytes.fromhex(raw), libc)
        assert words == SemaphoreWords(int(value), 0, shared == "1")


@LIBCS
@pytest.mark.parametrize("count", [1, 3])
def test_waiters_are_counted(tmp_path: Path, command: str, libc: Libc, count: int) -> None:
    """As many threads as sleep in sem_wait, that many waiters; the value is then 0."""
    program = Compiler(tmp_path, command).source("waiters", WAITERS)
    file = tmp_path / "semaphore"

    def read() -> SemaphoreWords | None:
        raw = file.read_bytes() if file.exists() else b""
        words = decode(raw, libc) if len(raw) >= SEM_SIZE else None
        return words if words is not None and words.waiters == count else None

    with subprocess.Popen([str(program), str(file), str(count)]) as child:
        try:
            assert poll(read, f"{count} waiters") == SemaphoreWords(0, count, shared=True)
        finally:
            child.kill()


def test_a_zeroed_glibc_semaphore_is_process_private() -> None:
    """Memory that nobody initialised is not "value 0": no other process could wake its waiters."""
    assert decode(bytes(SEM_SIZE), Libc.GLIBC) == SemaphoreWords(0, 0, shared=False)


@pytest.mark.parametrize("value", [0xFFFF_FFFF, 0x8000_0000])
def test_musl_marks_a_wait_in_the_value(value: int) -> None:
    """Older and newer musl mark a semaphore that is waited for; either way its value is 0."""
    raw = value.to_bytes(4, "little") + (2).to_bytes(4, "little") + bytes(24)
    assert decode(raw, Libc.MUSL) == SemaphoreWords(0, 2, shared=True)


def embedded(value: int) -> EmbeddedSemaphore:
    """A semaphore in anonymous memory."""
    semaphore = EmbeddedSemaphore(memoryview(mmap.mmap(-1, 4096)), 64, running_libc())
    semaphore.init(value)
    return semaphore


def test_embedded_takes_and_gives() -> None:
    """Permits are taken down to none and given back, and the bytes say so."""
    semaphore = embedded(2)
    assert semaphore.words() == SemaphoreWords(2, 0, shared=True)
    assert semaphore.try_wait()
    assert semaphore.wait_until(time.monotonic_ns())
    assert not semaphore.try_wait()
    semaphore.post()
    assert semaphore.words().value == 1


def test_embedded_overflow_is_an_error() -> None:
    """Posting past SEM_VALUE_MAX is told, not swallowed."""
    with pytest.raises(OverflowError):
        embedded(SEM_VALUE_MAX).post()


def test_a_wait_ends_at_its_deadline() -> None:
    """A wait for nothing returns False, and not before its time."""
    deadline = time.monotonic_ns() + 30_000_000
    assert not embedded(0).wait_until(deadline)
    assert time.monotonic_ns() >= deadline


def test_a_wait_ends_at_a_signal() -> None:
    """A signal cuts a wait short, so that its handler's flag is seen long before the deadline."""
    semaphore = embedded(0)
    came: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, _frame: came.append(number))
    try:
        # Again and again: the first may come before the wait has begun.
        signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
        deadline = time.monotonic_ns() + 60_000_000_000
        assert not semaphore.wait_until(deadline)
        assert time.monotonic_ns() < deadline
        assert came
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_named_is_exclusive_and_exact(name: str) -> None:
    """A named semaphore is made once, with the mode asked for, and its bytes are read."""
    create_named(name, 3, 0o666)
    try:
        semaphore = NamedSemaphore(name)
        path = Path(named_semaphore_path(name))
        assert path.stat().st_mode & 0o777 == 0o666
        with pytest.raises(NameInUseError):
            create_named(name, 1, 0o600)
        assert semaphore.words() == SemaphoreWords(3, 0, shared=True)
        assert semaphore.try_wait()
        semaphore.post()
        semaphore.post()
        assert NamedSemaphore(name).words().value == 4
    finally:
        assert unlink_named(name)
    assert not unlink_named(name)
    with pytest.raises(MissingSegmentError):
        NamedSemaphore(name)
