"""A program that its control group has frozen, as `docker pause` does it: named, and not told sick."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from shmtui.grading.cgroup import ControlGroup
from shmtui.procfs.freezer import frozen
from shmtui.shm.segment import segment_path, unlink_segment
from tests.compiling import Compiler
from tests.program import run_shmtui
from tests.waiting import poll

pytestmark = pytest.mark.rights

_RING = r"""
#include <fcntl.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <unistd.h>
#define N 5
typedef struct { int data[N], in, out; sem_t mutex, empty, full; } Buffer;
int main(int count, char **args) {
    int produces = args[2][0] == 'p', fd = shm_open(args[1], O_CREAT | O_RDWR, 0600);
    if (produces) ftruncate(fd, sizeof(Buffer));
    Buffer *b = mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (produces) { sem_init(&b->empty, 1, N); sem_init(&b->full, 1, 0); sem_init(&b->mutex, 1, 1); }
    for (int item = 1;; item++) {
        if (produces) usleep(20000);
        sem_wait(produces ? &b->empty : &b->full);
        sem_wait(&b->mutex);
        if (produces) { b->data[b->in] = item; b->in = (b->in + 1) % N; }
        else b->out = (b->out + 1) % N;
        sem_post(&b->mutex);
        sem_post(produces ? &b->full : &b->empty);
    }
}
"""


@pytest.fixture
def group() -> Iterator[ControlGroup]:
    """A group that can be frozen; a skipped test where this user may make none."""
    made = ControlGroup.made(1 << 30, 64, 0)
    if made is None:
        pytest.skip("this user may make no control group here: none is delegated")
    try:
        if not (made.folder / "cgroup.freeze").exists():
            pytest.skip("this kernel freezes no group of version 2")
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("who", ["producer", "consumer"])
def test_a_frozen_program(gcc: Compiler, name: str, group: ControlGroup, who: str) -> None:
    """The other one waits for it, and neither is said to be sick. Thawed, it goes on."""
    ring = str(gcc.source("frozen_ring", _RING))
    started = {}
    try:
        started["producer"] = subprocess.Popen([ring, name, "produce"])
        poll(lambda: _size(name), "its segment")
        started["consumer"] = subprocess.Popen([ring, name, "consume"])
        pid = started[who].pid
        (group.folder / "cgroup.procs").write_text(str(pid))
        (group.folder / "cgroup.freeze").write_text("1")
        poll(lambda: frozen(pid), "the kernel says that it is frozen")
        done = run_shmtui("check", name, "--slots", "5", "--for", "3")
        assert done.returncode == 2, done.stdout
        assert "undecided: frozen by a control group" in done.stdout
        assert f"/proc/{pid}/cgroup" in done.stdout
        assert "stalled" not in done.stdout
        (group.folder / "cgroup.freeze").write_text("0")
        poll(lambda: not frozen(pid), "it is thawed")
        assert "frozen" not in run_shmtui("check", name, "--slots", "5").stdout
    finally:
        (group.folder / "cgroup.freeze").write_text("0")
        for process in started.values():
            process.kill()
            process.wait()
        unlink_segment(name)


def _size(name: str) -> int:
    path = Path(segment_path(name))
    return path.stat().st_size if path.exists() else 0
