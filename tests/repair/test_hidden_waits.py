"""What a repair does for a user who may not read /proc/PID/syscall, as under Yama's scope 1.

Root may read it always, so these tests are an ordinary user's.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from shmtui.procfs.futex import sleeps_on_futex
from shmtui.procfs.process import stopped
from shmtui.shm.segment import segment_path
from tests.compiling import Compiler
from tests.peers import Peer, build
from tests.program import run_shmtui
from tests.waiting import poll

pytestmark = pytest.mark.skipif(os.geteuid() == 0, reason="root may read what a process waits on")

SHIM = Path(__file__).parent.parent / "limits" / "yama.c"
MAPS_IT = """
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
int main(int argc, char **argv) {
    mmap(NULL, 128, PROT_READ | PROT_WRITE, MAP_SHARED, shm_open(argv[1], O_RDWR, 0), 0);
    for (;;) pause();
}
"""


@pytest.fixture(scope="module")
def limits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a program that may not read what others wait on."""
    library = tmp_path_factory.mktemp("limits") / "yama.so"
    compiler = Compiler(library.parent)
    command = [compiler.command, "-shared", "-fPIC", "-o", str(library), str(SHIM), "-ldl"]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return {"LD_PRELOAD": str(library)}


@pytest.fixture
def pair(gcc: Compiler, name: str) -> Iterator[tuple[Peer, Peer]]:
    """The course's two programs, each asleep on a semaphore that nobody initialised."""
    producer, consumer = (build(gcc, program, name) for program in ("produtor", "consumidor"))
    path = Path(segment_path(name))
    with Peer(producer) as made:
        poll(lambda: path.exists() and path.stat().st_size and sleeps_on_futex(made.pid), "hangs")
        with Peer(consumer) as taken:
            poll(lambda: sleeps_on_futex(taken.pid), "hangs")
            yield made, taken
    path.unlink()


def test_ones_own_hanging_pair(pair: tuple[Peer, Peer], name: str, limits: dict[str, str]) -> None:
    """It is only likely, and it is repaired: both wake, and items pass."""
    planned = run_shmtui("repair", name, "--slots", "5", env=limits)
    assert (planned.returncode, planned.stderr) == (1, "")
    assert "never-initialised (likely)" in planned.stdout
    assert "What it rests on (likely)" in planned.stdout
    assert "follows from the waiter counts alone: " in planned.stdout
    done = run_shmtui("repair", name, "--slots", "5", "--yes", env=limits)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "items move again" in done.stdout
    assert "certain)" not in planned.stdout + done.stdout
    assert pair[0].line() == "Produzindo: 0"
    assert pair[1].line() == "Consumindo: 0"


def test_one_more_that_sleeps_elsewhere(
    pair: tuple[Peer, Peer], name: str, gcc: Compiler, limits: dict[str, str]
) -> None:
    """Where it stands is not known: refused with what shows it, and no byte has changed."""
    with Peer(gcc.source("mapper", MAPS_IT), name) as third:
        poll(lambda: name in Path(f"/proc/{third.pid}/maps").read_text(), "it maps it")
        before = Path(segment_path(name)).read_bytes()
        done = run_shmtui("repair", name, "--slots", "5", "--yes", env=limits)
        assert (done.returncode, done.stderr) == (2, "")
        assert f"(PID {third.pid})" in done.stdout.splitlines()[0]
        assert f"to settle it: sudo shmtui repair {name}" in done.stdout
        assert Path(segment_path(name)).read_bytes() == before
        assert not any(stopped(pid) for pid in (third.pid, *(p.pid for p in pair)))


HOLDS_IT = """
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>
#include "buffer.h"
int main(int argc, char **argv) {
    int fd = shm_open(SHM_NAME, O_CREAT | O_RDWR, 0600);
    ftruncate(fd, sizeof(Buffer));
    Buffer *b = mmap(NULL, sizeof(Buffer), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    sem_init(&b->mutex, 1, 1);
    sem_init(&b->empty, 1, BUFFER_SIZE);
    sem_init(&b->full, 1, 0);
    sem_wait(&b->empty);
    sem_wait(&b->mutex);
    kill(getpid(), SIGKILL);
}
"""


def test_a_dead_holder_is_not_named_for_certain(
    gcc: Compiler, name: str, limits: dict[str, str]
) -> None:
    """What the one that lives waits on follows from the waiter counts: it does not hold mutex. That the
    one that did is dead was not seen: the user's word repairs it; the permits stay.
    """
    producer = build(gcc, "produtor", name)
    with Peer(gcc.source("holder", HOLDS_IT)) as dead:
        poll(lambda: dead.process.poll() is not None, "it has died")
    with Peer(producer) as alive:
        poll(lambda: sleeps_on_futex(alive.pid), "it waits for mutex")
        path = Path(segment_path(name))
        before = path.read_bytes()
        empty = before[64]
        refused = run_shmtui("repair", name, "--slots", "5", "--yes", env=limits)
        assert refused.returncode == 2
        assert f"shmtui repair {name} --slots 5 --lock" in refused.stdout
        assert path.read_bytes() == before
        done = run_shmtui("repair", name, "--slots", "5", "--lock", "--yes", env=limits)
        assert done.returncode == 1, done.stdout
        assert "certain)" not in done.stdout
        assert f"what PID {alive.pid} waits on follows from the waiter counts alone" in done.stdout
        assert not stopped(alive.pid)
        assert alive.line() == "Produzindo: 0"
        assert path.read_bytes()[64] <= empty
    path.unlink()


def test_a_healthy_pair_is_not_touched(gcc: Compiler, name: str, limits: dict[str, str]) -> None:
    """A consumer that waits for an item is no reason to repair anything."""
    held = HOLDS_IT.replace("sem_wait(&b->empty);", "").replace("sem_wait(&b->mutex);", "")
    consumer = build(gcc, "consumidor", name)
    with Peer(gcc.source("maker", held)) as maker:
        poll(lambda: maker.process.poll() is not None, "it has made the buffer")
    path = Path(segment_path(name))
    with Peer(consumer) as waiting:
        poll(lambda: sleeps_on_futex(waiting.pid), "it waits")
        before = path.read_bytes()
        done = run_shmtui("repair", name, "--slots", "5", "--yes", env=limits)
        assert re.match("nothing to repair|refused", done.stdout), done.stdout
        assert path.read_bytes() == before
    path.unlink()
