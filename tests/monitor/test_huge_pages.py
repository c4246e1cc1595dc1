"""Huge pages of every kind: listed, with what they take, and told apart from the rest."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from shmtui.monitor.discovery import survey
from shmtui.monitor.shared_object import ObjectKind
from tests.compiling import Compiler

POOL: Final = Path("/proc/sys/vm/nr_hugepages")
SIZE: Final = 4 << 20
"""Two pages, of which the program touches one."""
PROGRAM: Final = """
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/prctl.h>
#include <signal.h>
#include <unistd.h>
#define SIZE (4 << 20)
#define RIGHTS PROT_READ | PROT_WRITE, MAP_SHARED
int main(void) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    char *anonymous = mmap(0, SIZE, RIGHTS | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
    int fd = memfd_create("huge", MFD_HUGETLB);
    int id = shmget(IPC_PRIVATE, SIZE, 0600 | IPC_CREAT | SHM_HUGETLB);
    if (anonymous == MAP_FAILED || fd < 0 || id < 0 || ftruncate(fd, SIZE)) return 1;
    char *named = mmap(0, SIZE, RIGHTS, fd, 0), *attached = shmat(id, 0, 0);
    shmctl(id, IPC_RMID, 0);
    if (named == MAP_FAILED || attached == (void *)-1) return 1;
    anonymous[0] = named[0] = attached[0] = 1;
    puts("ready");
    fflush(stdout);
    return getchar();
}
"""


@pytest.fixture
def pool() -> Iterator[None]:
    """Huge pages for six, as long as the test takes."""
    before = POOL.read_text() if POOL.exists() else ""
    try:
        POOL.write_text(str(int(before) + 6))
    except (OSError, ValueError):
        pytest.skip("this user may not reserve huge pages")
    try:
        if int(POOL.read_text()) < int(before) + 6:
            pytest.skip("the kernel finds no memory for huge pages")
        yield
    finally:
        POOL.write_text(before)


@pytest.mark.rights
@pytest.mark.usefixtures("pool")
def test_huge_pages_are_told_apart(gcc: Compiler) -> None:
    """The kernel does not count them in Shmem."""
    binary = gcc.source("huge", PROGRAM)
    with subprocess.Popen(
        [str(binary)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            pytest.skip("huge pages of 2 MB are not to be had")
        found = survey()
        mine = [e for e in found.objects if process.pid in {pid for pid, _name in e.mappers}]
        process.kill()
    assert sorted(e.kind for e in mine) == [ObjectKind.HUGETLB, ObjectKind.HUGETLB, ObjectKind.SYSV]
    assert {(e.size, e.in_use, e.huge) for e in mine} == {(SIZE, SIZE // 2, True)}
    assert "huge" in {e.name for e in mine}
    assert found.shared is not None
    shared = sum(e.in_use or 0 for e in found.objects if not e.huge)
    assert found.unlisted in {0, found.shared - shared}


@pytest.mark.rights
def test_a_file_that_nobody_maps_is_listed(tmp_path: Path) -> None:
    """In a mount of its own: a file that was left behind, with its size, and as an orphan; the folder's other
    name does not list it twice.
    """
    script = 'mount -t hugetlbfs none "$1" || exit 77; mkdir "$1/in"; truncate -s 4M "$1/in/left"; shift; exec "$@"'
    shmtui = [sys.executable, "-m", "shmtui", "ls", "--kind", "hugetlb", "--json"]
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", tmp_path, *shmtui],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode in {1, 77} and not done.stdout:
        pytest.skip(f"this user may not mount huge pages: {done.stderr}")
    found = list(map(json.loads, done.stdout.splitlines()))
    (left,) = (each for each in found if each["name"] == f"{tmp_path}/in/left")
    assert (left["size"], left["orphan"], left["mappers"]) == (SIZE, True, [])
