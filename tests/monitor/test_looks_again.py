"""Looks that keep what they read: nothing that has changed since is shown as it was."""

import mmap
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from shmtui.monitor.discovery import Surveyor
from shmtui.monitor.mapped_memory import MappedMemoryReader
from shmtui.monitor.shared_object import ObjectKind, SharedObject
from tests.compiling import Compiler
from tests.waiting import poll

PAGES: Final = 64
SIZE: Final = PAGES * mmap.PAGESIZE
PROGRAM: Final = """
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <signal.h>
#include <unistd.h>
#define SIZE (64 * 4096)
static char *a;
static char *mapped(void) {
    return mmap(0, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}
static void *waits(void *nothing) { sem_wait((sem_t *)a); return nothing; }
static void *ends(void *nothing) { return nothing; }
int main(void) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pthread_t thread;
    a = mapped();
    for (int command; (command = getchar()) != EOF;) {
        if (command == 't') for (int i = 0; i < 5; i++) a[i * 4096] = 1;
        if (command == 'o') { munmap(a, SIZE); a = mapped(); a[0] = 1; }
        if (command == 'e') { pthread_create(&thread, 0, ends, 0); pthread_join(thread, 0); }
        if (command == 'p') { a[0] = 0; sem_init((sem_t *)a, 1, 0); pthread_create(&thread, 0, waits, 0); }
        if (command == 'w') { sem_init((sem_t *)a, 1, 0); sem_wait((sem_t *)a); }
        puts("done");
        fflush(stdout);
    }
    return 0;
}
"""


@dataclass(frozen=True)
class Program:
    """One that does what a letter says, and sleeps."""

    process: subprocess.Popen[str]
    surveyor: Surveyor

    def send(self, letter: str) -> None:
        """Have it do something."""
        assert self.process.stdin is not None
        self.process.stdin.write(letter)
        self.process.stdin.flush()

    def do(self, letter: str) -> None:
        """The same, and wait until it is done."""
        self.send(letter)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "done\n"

    def rows(self) -> list[SharedObject]:
        """What one more look shows of its anonymous memory."""
        return [
            e
            for e in self.surveyor.look().objects
            if e.kind is ObjectKind.ANONYMOUS and self.process.pid in {pid for pid, _ in e.mappers}
        ]

    @property
    def row(self) -> SharedObject:
        """The only one."""
        (row,) = self.rows()
        return row


@pytest.fixture
def program(gcc: Compiler) -> Iterator[Program]:
    """It is asleep, and was looked at often enough that it is known."""
    binary = gcc.source("asks", PROGRAM)
    with subprocess.Popen(
        [str(binary)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        its = Program(process, Surveyor())
        its.do("e")
        for _look in range(2 * MappedMemoryReader.ROUND):
            its.rows()
        yield its
        process.kill()


def test_pages_that_become_resident(program: Program) -> None:
    """They count in the next look."""
    before = program.row.in_use or 0
    program.do("t")
    assert program.row.in_use == before + 5 * mmap.PAGESIZE


def test_other_memory_of_the_same_size(program: Program) -> None:
    """A mapping that takes the place of another is seen when its turn has come."""
    before = program.row.inode
    program.do("o")
    for _look in range(MappedMemoryReader.ROUND):
        program.rows()
    assert program.row.inode != before


def test_a_process_goes_to_wait(program: Program) -> None:
    """It is among the waiting once it sleeps."""
    assert program.row.waiting == ()
    program.send("w")
    poll(lambda: program.row.waiting == (program.process.pid,), "it is seen to wait")


def test_another_thread_goes_to_wait(program: Program) -> None:
    """Its stack is one that an earlier thread left, so that the process maps as much as before."""
    assert program.row.waiting == ()
    program.do("p")
    poll(lambda: program.row.waiting == (program.process.pid,), "its thread is seen to wait")


def test_a_process_ends(program: Program) -> None:
    """So does its memory."""
    assert program.rows()
    program.process.kill()
    program.process.wait()
    assert not program.rows()


def test_a_file_grows_and_loses_its_name(name: str) -> None:
    """A mapper that sleeps on is not asked, and yet its memory is told to have lost its name."""
    path = Path("/dev/shm") / name.removeprefix("/")
    path.write_bytes(bytes(mmap.PAGESIZE))
    surveyor = Surveyor()

    def row() -> SharedObject:
        return next(e for e in surveyor.look().objects if e.name == name)

    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mine:
        assert mine
        for _look in range(3):
            assert row().size == mmap.PAGESIZE
        os.ftruncate(file.fileno(), 3 * mmap.PAGESIZE)
        assert row().size == 3 * mmap.PAGESIZE
        file.write(bytes(2 * mmap.PAGESIZE))
        file.flush()
        assert row().in_use == 2 * mmap.PAGESIZE
        path.unlink()
        assert row().unlinked


def test_a_look_leaves_the_time_of_last_use(tmp_path: Path) -> None:
    """Of a segment and of a named semaphore that this user owns."""
    paths = [tmp_path / file for file in ("segment", "sem.semaphore")]
    for path in paths:
        path.write_bytes(bytes(32))
        os.utime(path, (1.0, 2.0))
    assert len(Surveyor(str(tmp_path)).look().objects) == 2
    assert [path.stat().st_atime for path in paths] == [1.0, 1.0]


def test_names_are_those_of_now(program: Program) -> None:
    """A process may run another program, which is another process to a look."""
    assert program.row.mappers == ((program.process.pid, "asks"),)
