"""The kernel's count of who sleeps on a word: of those who live, by a read-only descriptor."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shmtui.shm.futex_queue import sleepers
from shmtui.shm.layout import SEM_SIZE
from shmtui.shm.segment import segment_path
from tests.compiling import Compiler
from tests.waiting import poll

SLEEPS = """
#include <fcntl.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/mman.h>

/* sleeps PATH OFFSET SHARED: initialises the semaphore there if SHARED is given, else sleeps on it. */
int main(int argc, char **argv) {
    char *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, open(argv[1], O_RDWR), 0);
    sem_t *semaphore = (sem_t *)(m + atoi(argv[2]));
    return argc > 3 ? sem_init(semaphore, atoi(argv[3]), 0) : sem_wait(semaphore);
}
"""
SHARED, PRIVATE = 0, SEM_SIZE


@pytest.fixture
def sleep(gcc: Compiler, name: str) -> Iterator[Callable[[int], int]]:
    """Starts a process that sleeps on the semaphore at an offset; returns its PID."""
    path = Path(segment_path(name))
    path.write_bytes(bytes(4096))
    (gcc.directory / "sleeps.c").write_text(SLEEPS)
    program = str(gcc.program(gcc.directory / "sleeps.c"))
    for offset, shared in ((SHARED, "1"), (PRIVATE, "0")):
        made = os.spawnl(os.P_WAIT, program, "sleeps", str(path), str(offset), shared)
        assert made == 0
    started = []

    def start(offset: int) -> int:
        started.append(os.spawnl(os.P_NOWAIT, program, "sleeps", str(path), str(offset)))
        return started[-1]

    yield start
    for pid in started:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    path.unlink()


def test_those_who_sleep_are_counted(sleep: Callable[[int], int], name: str) -> None:
    """Each, as long as it lives and is not stopped; and no private wait."""
    path = Path(segment_path(name))
    before = path.read_bytes()
    with path.open("rb") as file:

        def count(offset: int) -> int | None:
            return sleepers(file.fileno(), offset)

        assert (count(SHARED), count(PRIVATE)) == (0, 0)
        first, second = sleep(SHARED), sleep(SHARED)
        poll(lambda: count(SHARED) == 2, "both sleep")
        assert sleepers(file.fileno(), SHARED, 2 * SEM_SIZE) == 2
        assert sleepers(file.fileno(), SHARED + 4, SEM_SIZE) == 0
        assert sleepers(file.fileno(), SHARED, 4096 + 4) is None, "past the end"
        os.kill(first, signal.SIGSTOP)
        poll(lambda: count(SHARED) == 1, "one is stopped")
        os.kill(first, signal.SIGCONT)
        poll(lambda: count(SHARED) == 2, "it goes on sleeping")
        os.kill(second, signal.SIGKILL)
        poll(lambda: count(SHARED) == 1, "one has died")
        sleep(PRIVATE)
        poll(lambda: path.read_bytes()[PRIVATE:] != before[PRIVATE:], "it counts itself")
        assert (count(SHARED), count(PRIVATE)) == (1, 0)
        # Their own count keeps those who died.
        assert path.read_bytes()[4:8] == (2).to_bytes(4, "little")


def test_where_nothing_was_written_nothing_is_asked(name: str) -> None:
    """A look would fill a hole, or is past the end."""
    path = Path(segment_path(name))
    with path.open("w+b") as file:
        file.truncate(2 * 4096)
        try:
            assert sleepers(file.fileno(), 4096) is None
            assert os.fstat(file.fileno()).st_blocks == 0
            assert sleepers(file.fileno(), 3 * 4096) is None
        finally:
            path.unlink()
