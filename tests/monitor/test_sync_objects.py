"""Every lock and semaphore of a program is shown by the program's own name, with who sleeps on it."""

import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from shmtui.layouts.options import LayoutOptions
from shmtui.monitor.sampler import Sampler
from shmtui.shm.libc import Libc
from shmtui.shm.sync_object import SYNC_SIZES, SyncKind, decode_sync
from shmtui.snapshot import Certainty, Snapshot
from tests.clock import ManualClock, sample_until
from tests.compiling import Compiler, output
from tests.program import run_shmtui
from tests.waiting import poll

HEADER = """
#include <semaphore.h>
#include <pthread.h>
typedef struct {
    int data[5];
    int in, out;
    sem_t mutex, empty, full;
    pthread_mutex_t log;
    pthread_cond_t flushed;
    sem_t done[2];
    pthread_rwlock_t table;
} Ring;
"""
PROGRAM = r"""
#include "ring.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    int fd = shm_open(argv[1], O_CREAT | O_RDWR, 0600);
    ftruncate(fd, sizeof(Ring));
    Ring *r = mmap(0, sizeof(Ring), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (!strcmp(argv[2], "make")) {
        pthread_mutexattr_t m; pthread_condattr_t c; pthread_rwlockattr_t w;
        pthread_mutexattr_init(&m); pthread_mutexattr_setpshared(&m, 1);
        pthread_condattr_init(&c); pthread_condattr_setpshared(&c, 1);
        pthread_rwlockattr_init(&w); pthread_rwlockattr_setpshared(&w, 1);
        sem_init(&r->mutex, 1, 1); sem_init(&r->empty, 1, 5); sem_init(&r->full, 1, 0);
        pthread_mutex_init(&r->log, &m); pthread_cond_init(&r->flushed, &c);
        sem_init(&r->done[0], 1, 0); sem_init(&r->done[1], 1, 0);
        pthread_rwlock_init(&r->table, &w);
        return 0;
    }
    puts("here"); fflush(stdout);
    if (!strcmp(argv[2], "done")) sem_wait(&r->done[1]);
    if (!strcmp(argv[2], "flushed")) { pthread_mutex_lock(&r->log); pthread_cond_wait(&r->flushed, &r->log); }
    if (!strcmp(argv[2], "log")) pthread_mutex_lock(&r->log);
    if (!strcmp(argv[2], "read")) pthread_rwlock_rdlock(&r->table);
    if (!strcmp(argv[2], "write")) pthread_rwlock_wrlock(&r->table);
    if (!strcmp(argv[2], "named")) sem_wait(sem_open(argv[3], O_CREAT, 0600, 0));
    pause();
}
"""
OFFSETS = r"""
#include "ring.h"
#include <stddef.h>
#include <stdio.h>
int main(void)
{
    printf("%zu %zu %zu %zu %zu\n", sizeof(pthread_mutex_t), sizeof(pthread_cond_t),
           sizeof(pthread_rwlock_t), sizeof(pthread_barrier_t), sizeof(pthread_spinlock_t));
}
"""
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def header(gcc: Compiler) -> Path:
    """The program's header."""
    path = gcc.directory / "ring.h"
    path.write_text(HEADER)
    return path


@pytest.fixture
def start(gcc: Compiler, header: Path, name: str) -> Iterator[Start]:
    """Starts the program in a part, on a ring that is initialised; all are ended afterwards."""
    program = gcc.source("program", PROGRAM)
    subprocess.run([program, name, "make"], check=True)
    running: list[subprocess.Popen[bytes]] = []

    def begin(*part: str) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen([program, name, *part], stdout=subprocess.PIPE)
        running.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        return process

    yield begin
    for process in running:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    assert run_shmtui("rm", name).returncode == 0


def sleeps_on(snapshot: Snapshot) -> dict[int, tuple[str, ...]]:
    """What each process sleeps on beside the three roles."""
    return {p.pid: p.sleeps_on for p in snapshot.processes}


@pytest.mark.parametrize(
    ("part", "lock"),
    [("done", "done[1]"), ("flushed", "flushed"), ("log", "log"), ("write", "table")],
)
def test_who_sleeps_on_what(start: Start, header: Path, name: str, part: str, lock: str) -> None:
    """On a fourth semaphore, a condition variable, a mutex, a read-write lock."""
    if part in {"log", "write"}:
        start({"write": "read"}.get(part, part))
    sampler = Sampler(name, LayoutOptions(header=header))
    process = start(part)
    snapshot = poll(
        lambda: s if sleeps_on(s := sampler.sample()).get(process.pid) else None, "it sleeps"
    )
    sampler.close()
    assert sleeps_on(snapshot)[process.pid] == (lock,)
    names = [each.name for each in snapshot.sync]
    assert names == ["mutex", "empty", "full", "log", "flushed", "done[0]", "done[1]", "table"]


def test_a_named_semaphore_that_no_layout_names(start: Start, header: Path, name: str) -> None:
    """It is called by its name, whose creator maps a file that seems to be deleted; and listed with what it
    counts, as long as a process has it.
    """
    other = name + "-other"
    process = start("named", other)
    with closing(Sampler(name, LayoutOptions(header=header))) as sampler:

        def listed() -> list[tuple[int | None, int | None, bool | None]]:
            named = (x for x in sampler.sample(thorough=True).sync if x.name == other)
            return [(x.value, x.waiters, x.shared) for x in named]

        poll(lambda: sleeps_on(sampler.sample()).get(process.pid) == (other,), "it sleeps on it")
        poll(lambda: listed() == [(0, 1, True)], "it is listed")
        told = run_shmtui("check", name, "--header", str(header), "--graph", "--for", "1").stdout
        assert told.count(f"waits for {other}") == 1, told
        process.kill()
        process.wait()
        poll(lambda: not listed(), "nobody has it")
    Path(f"/dev/shm/sem.{other[1:]}").unlink()


def test_who_owns_a_lock_and_that_it_is_dead(start: Start, header: Path, name: str) -> None:
    """The owner's TID is in the mutex: while the owner lives there is no finding, then it is certain."""
    owner = start("log")
    clock = ManualClock()
    sampler = Sampler(name, LayoutOptions(header=header), clock=clock)

    def lock(snapshot: Snapshot) -> tuple[int | None, bool | None]:
        return next((x.owner, x.owner_dead) for x in snapshot.sync if x.name == "log")

    poll(lambda: lock(sampler.sample()) == (owner.pid, False), "it holds the lock")
    waiter = start("log")
    sample_until(
        clock, sampler.sample, lambda s: sleeps_on(s).get(waiter.pid) == ("log",), "one waits"
    )
    owner.send_signal(signal.SIGKILL)  # Nobody waits for it yet: its zombie holds nothing.
    snapshot = sample_until(
        clock,
        sampler.sample,
        lambda s: "dead-owner" in {f.code for f in s.health.findings},
        "found",
    )
    sampler.close()
    (finding,) = (f for f in snapshot.health.findings if f.code == "dead-owner")
    assert finding.certainty is Certainty.CERTAIN
    assert str(owner.pid) in finding.claim
    assert any(f"(PID {waiter.pid})" in fact for fact in finding.evidence)


def test_a_word_that_the_layout_does_not_explain(start: Start, name: str) -> None:
    """By the exercise's layout nothing lies there: it is said, and nothing else is concluded."""
    process = start("done")
    done = run_shmtui("check", name, "--slots", "5", "--for", "1")
    assert done.returncode == 1
    assert "other-struct (likely)" in done.stdout
    assert f"PID {process.pid}" in done.stdout
    assert "certain)" not in done.stdout


def test_sizes_are_the_compilers(gcc: Compiler, header: Path) -> None:
    """As the C library at hand has them."""
    kinds = [
        SyncKind.MUTEX, SyncKind.CONDITION, SyncKind.RWLOCK, SyncKind.BARRIER, SyncKind.SPINLOCK,
    ]  # fmt: skip
    told = [int(size) for size in output(gcc.source("offsets", OFFSETS)).split()]
    assert told == [SYNC_SIZES[kind] for kind in kinds]


@pytest.mark.parametrize("kind", list(SyncKind))
@pytest.mark.parametrize("libc", list(Libc))
def test_any_bytes_are_read(kind: SyncKind, libc: Libc) -> None:
    """Too few bytes say nothing, and no bytes break it."""
    assert decode_sync(kind, b"", libc).value is None
    decode_sync(kind, b"\xff" * SYNC_SIZES[kind], libc)


@pytest.mark.parametrize(
    ("raw", "waiters", "shared"),
    [
        # glibc 2.36: never used; 4 wait; one that timed out; all gone on.
        (72 * "0" + "01" + 22 * "0", 0, True),
        ("3c00000000000000 3200000000000000 00000000 08000000 00000000 00000000 04000000 21000000", 4, True),
        ("3c00000000000000 3200000000000000 00000000 08000000 00000000 00000000 04000000 20000000", 4, False),
        ("7400000000000000 6c00000000000000 00000000 00000000 00000000 ffffffff 0c000000 01000000", 0, True),
        ("b700000000000000 b300000000000000 00000000 00000000 00000000 00000000 08000000 00000000", 0, False),
        # glibc 2.41: the same.
        (56 * "0" + "01" + 38 * "0", 0, True),
        ("3c00000000000000 1900000000000000 00000000 04000000 14000000 21000000 15000000 19000000", 4, True),
        ("3c00000000000000 1900000000000000 00000000 04000000 14000000 20000000 15000000 19000000", 4, False),
        ("7400000000000000 3600000000000000 ffffffff 00000000 0c000000 01000000 34000000 36000000", 0, True),
        ("b700000000000000 5900000000000000 00000000 00000000 08000000 00000000 59000000 58000000", 0, False),
        # Neither: as between two stores of one that signals.
        ("3c00000000000000 1900000000000000 00000000 04000000 14000000 21000000 16000000 1a000000", None, None),
    ],
)  # fmt: skip
def test_a_condition_of_either_glibc(raw: str, waiters: int | None, shared: bool | None) -> None:
    """Words as these two versions wrote them. The library that is here writes one of the two."""
    words = decode_sync(SyncKind.CONDITION, bytes.fromhex(raw).ljust(48, b"\0"), Libc.GLIBC)
    assert (words.waiters, words.shared) == (waiters, shared)
