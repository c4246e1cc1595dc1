"""A ring of C programs that is stuck: one of them died inside its critical section."""

import shutil
import struct
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from shmtui.procfs.futex import sleeps_on_futex
from shmtui.procfs.process import stopped
from shmtui.shm.protocol import Role
from shmtui.shm.segment import segment_path
from tests.compiling import Compiler
from tests.waiting import poll

SLOTS: Final = ("--slots", "5")
DEAD: Final = (*SLOTS, "--lock")
"""With the word that the holder is dead, which nobody saw die."""
PROGRAM: Final = """
#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#define N 5
typedef struct { int data[N]; int in, out; sem_t mutex, empty, full; } Buffer;
static volatile sig_atomic_t over;
static void end(int number) { over = 1; }
int main(int argc, char **argv) {
    int fd = shm_open(argv[1], O_CREAT | O_RDWR, 0600);
    ftruncate(fd, sizeof(Buffer));
    Buffer *b = mmap(0, sizeof(Buffer), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    char what = argv[2][0];
    if (what == 'm') {
        sem_init(&b->mutex, 1, 1); sem_init(&b->empty, 1, N); sem_init(&b->full, 1, 0);
        return 0;
    }
    if (what == 'i') for (;;) pause();                                      /* idles */
    sem_t *take = what == 'c' ? &b->full : &b->empty, *give = what == 'c' ? &b->empty : &b->full;
    if (what == 'd') { sem_wait(take); sem_wait(&b->mutex); return 1; }     /* dies inside */
    if (what == 'l') { sem_wait(&b->mutex); return 1; }                     /* leaves with the lock alone */
    if (what == 'p' && argv[2][1] == 'e') { sem_wait(&b->empty); return 0; } /* takes a permit along */
    if (what == 'v') {                                                      /* views the ring once */
        sem_wait(&b->mutex); sem_post(&b->mutex);
        for (;;) pause();
    }
    if (what == 'u') {                                        /* unordered: the lock first, and an item second */
        sem_wait(&b->mutex); sem_wait(&b->full);
        b->out = (b->out + 1) % N;
        sem_post(&b->mutex); sem_post(&b->empty);
        for (;;) pause();
    }
    if (what == 's') {                                                      /* sits inside */
        sem_wait(take); sem_wait(&b->mutex);
        puts("inside"); fflush(stdout);
        getchar();
        b->in = (b->in + 1) % N;
        sem_post(&b->mutex); sem_post(give);
        puts("outside"); fflush(stdout);
        for (;;) pause();
    }
    if (what == 'f') {                                         /* finishes what the one that left began */
        b->in = (b->in + 1) % N;
        sem_post(&b->mutex); sem_post(give);
        return 0;
    }
    struct sigaction action = {.sa_handler = end};
    sigaction(SIGTERM, &action, 0);
    for (int i = 0; !over; i++) {
        if (sem_wait(take)) continue;
        while (sem_wait(&b->mutex));
        if (what == 'c') b->out = (b->out + 1) % N;
        else { b->data[b->in] = i; b->in = (b->in + 1) % N; }
        sem_post(&b->mutex);
        sem_post(give);
        while (what == 'o') pause();                                        /* one item alone */
        usleep(atoi(argv[3]));
    }
}
"""


@dataclass(frozen=True, slots=True)
class Words:
    """The ring's words."""

    in_: int
    out: int
    mutex: int
    empty: int
    full: int

    @property
    def consistent(self) -> bool:
        """Whether the lock is free and no permit is missing or too many, as at rest."""
        agree = (self.in_ - self.out) % 5 == self.full % 5
        return self.mutex == 1 and self.empty + self.full == 5 and agree


class StuckRing:
    """The ring, with the programs that work on it; they are gone at the end of the block."""

    def __init__(
        self, compiler: Compiler, name: str, pace_us: int = 2000, *, unlink: bool = True
    ) -> None:
        self.name = name
        self._program = compiler.source("ring", PROGRAM)
        self.path = Path(segment_path(name))
        self._pace = str(pace_us)
        self._unlink = unlink
        self.programs: list[subprocess.Popen[str]] = []
        self._sides: dict[int, Role] = {}
        self.run("maker")

    def run(self, what: str) -> None:
        """Have a program run to its end."""
        subprocess.run([str(self._program), self.name, what], check=False)

    def start(self, what: str, name: str | None = None) -> subprocess.Popen[str]:
        """Have one work: ``producer``, ``consumer`` or ``sitter``."""
        program = self._program.with_name(name or what)
        if not program.exists():
            shutil.copy(self._program, program)
        self.programs.append(
            subprocess.Popen(
                [str(program), self.name, what, self._pace],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
            )
        )  # fmt: skip
        if what in set(Role):
            self._sides[self.programs[-1].pid] = Role(what)
        return self.programs[-1]

    def get_stuck(self) -> None:
        """A consumer waits for an item, and one dies inside; then a producer waits for mutex, for ever.

        The consumer waits for a permit, where one may have mutex: that nobody has it is not to be seen.
        """
        consumer = self.start("consumer")
        poll(lambda: sleeps_on_futex(consumer.pid), "it waits for full")
        self.run("dier")
        producer = self.start("producer")
        poll(lambda: sleeps_on_futex(producer.pid), "it waits for mutex")

    def lose_the_lock(self) -> None:
        """One takes the lock alone and ends; two producers wait for it: another may be about to post
        it.
        """
        self.run("locker")
        workers = [self.start("producer"), self.start("producer")]
        poll(lambda: all(sleeps_on_futex(w.pid) for w in workers * 2), "both wait")

    @property
    def pids(self) -> list[int]:
        """The programs that live."""
        return [program.pid for program in self.programs if program.poll() is None]

    @property
    def roles(self) -> tuple[tuple[int, Role], ...]:
        """The side of each that works; none while it waits for mutex shows its own."""
        return tuple(self._sides.items())

    @property
    def word(self) -> list[str]:
        """The same as options of ``repair``, with the consent to the lock and to the permits."""
        return ["--lock", "--permits", *self.sides]

    @property
    def sides(self) -> list[str]:
        """The side of each that works, as options of ``repair``."""
        return [f"--role={pid}={role}" for pid, role in self.roles]

    @property
    def any_stopped(self) -> bool:
        """Whether one of them is stopped."""
        return any(stopped(pid) for pid in self.pids)

    def words(self) -> Words:
        """The words now."""
        raw = self.path.read_bytes()
        return Words(*struct.unpack_from("=2i", raw, 20), *(raw[at] for at in (32, 64, 96)))

    def end(self) -> None:
        """End the programs, wherever they are."""
        for program in self.programs:
            program.kill()
            program.communicate()

    def maps(self, pid: int) -> bool:
        """Whether a process maps the ring."""
        return str(self.path) in Path(f"/proc/{pid}/maps").read_text()

    def beside(self, *arguments: str) -> subprocess.Popen[str]:
        """A command of shmtui that runs beside the test."""
        return subprocess.Popen(
            [sys.executable, "-m", "shmtui", *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def rest(self) -> Words:
        """End the workers between two items, and return the words."""
        return self.rest_of(self.programs)

    def rest_of(self, programs: Sequence[subprocess.Popen[str]]) -> Words:
        """The same, of some of them."""
        for program in programs:
            poll(lambda p=program: _told_to_end(p), "it ends after its item")  # type: ignore[misc]
        return self.words()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.end()
        if self._unlink:
            self.path.unlink()


def _told_to_end(program: subprocess.Popen[str]) -> bool:
    """Tell it again, in case it was about to fall asleep; whether it has ended."""
    program.terminate()
    return program.poll() is not None
