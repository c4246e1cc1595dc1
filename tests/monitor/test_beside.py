"""Rings whose semaphores are not where the course puts them: beside the segment, or musl's."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from shmtui.layouts.options import LayoutOptions
from shmtui.monitor.sampler import Sampler
from shmtui.shm.libc import Libc
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.segment import segment_path, unlink_segment
from shmtui.shm.semaphore import unlink_named
from tests.compiling import Compiler
from tests.peers import build
from tests.waiting import poll

PEERS = Path(__file__).parent.parent / "peers"


@pytest.fixture
def fila(gcc: Compiler, name: str) -> Iterator[int]:
    """A producer over named semaphores, which blocks on a full ring; its PID."""
    process = subprocess.Popen([str(gcc.program(PEERS / "fila.c")), name])
    poll(lambda: os.path.lexists(f"/dev/shm/sem.{name[1:]}_cheio"), "it has made its semaphores")
    yield process.pid
    process.kill()
    process.wait()
    unlink_segment(name)
    for role in ("mutex", "vazio", "cheio"):
        unlink_named(f"{name}_{role}")


def test_named_semaphores_are_found(fila: int, name: str) -> None:
    """They are found by the files that the program maps, in their roles by their names."""
    sampler = Sampler(name, LayoutOptions(header=PEERS / "fila.h"))
    sampler.slots_shown = 9
    snapshot = poll(lambda: s if (s := sampler.sample()).occupancy == 9 else None, "a full ring")
    sampler.close()
    assert snapshot.layout.semaphores == "named"
    assert [s.value for s in snapshot.slots] == [n + 0.5 for n in range(9)]
    values = {role: state.value for role, state in snapshot.semaphores.items()}
    assert values == {SemaphoreRole.MUTEX: 1, SemaphoreRole.EMPTY: 0, SemaphoreRole.FULL: 9}


def test_who_waits_on_a_named_semaphore(fila: int, name: str) -> None:
    """The futex lies in the semaphore's own file, and still says which of the three it is."""
    sampler = Sampler(name, LayoutOptions(slots=9, item="double"))

    def blocked() -> bool:
        return any(
            (p.pid, p.blocked_on, p.role) == (fila, "empty", "producer")
            for p in sampler.sample().processes
        )

    poll(blocked, "the producer is seen blocked on the free slots")
    sampler.close()


def test_a_program_built_with_musl(tmp_path: Path, name: str) -> None:
    """Musl aligns sem_t to 4 and marks waiting otherwise: its programs are read as what they are."""
    compiler = Compiler(tmp_path, "musl-gcc")
    program = build(compiler, "produtor", name)
    process = subprocess.Popen([str(program)], stdout=subprocess.DEVNULL)
    path = Path(segment_path(name))
    try:
        poll(lambda: path.exists() and path.stat().st_size, "it has made its segment")
        sampler = Sampler(name, LayoutOptions(slots=5))
        layout = sampler.layout
        seen = poll(lambda: sampler.sample().processes, "it maps it")
        sampler.close()
    finally:
        process.kill()
        process.wait()
    unlink_segment(name)
    assert layout is not None
    assert layout.libc is Libc.MUSL
    assert (layout.mutex, layout.empty, layout.full, layout.size) == (28, 60, 92, 124)
    assert seen[0].libc is Libc.MUSL
