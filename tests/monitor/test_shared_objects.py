"""What processes share, of every kind: listed once, with its size, its memory and who has it."""

import json
import mmap
import os
import re
import resource
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from shmtui.cli.ls import COLUMNS as COLUMN_WORDS
from shmtui.cli.ls import GROUPS as GROUP_WORDS
from shmtui.cli.ls import KINDS as KIND_WORDS
from shmtui.cli.ls import SORTS as SORT_WORDS
from shmtui.monitor.discovery import survey
from shmtui.monitor.memory_waits import Waits
from shmtui.monitor.shared_memory import MemoryKey, Process, SharedMemory
from shmtui.monitor.shared_object import ObjectKind, SharedObject
from shmtui.procfs.kept_files import KeptFiles
from shmtui.procfs.maps import map_lines
from shmtui.procfs.resident_pages import resident_pages
from shmtui.procfs.shared_mappings import SharedMapping, SharedMappings, parse_shared
from shmtui.procfs.sysvipc import sysv_segments
from shmtui.report.object_groups import GROUPINGS
from shmtui.report.segment_table import COLUMNS, SORTS
from shmtui.tui.draw.object_columns import COLUMNS as DRAWN_COLUMNS
from shmtui.tui.object_rows import USUAL_COLUMNS
from tests.compiling import Compiler
from tests.program import run_shmtui
from tests.waiting import poll

OBJECTS: Final = Path(__file__).with_name("objects.c")
PAGE: Final = resource.getpagesize()


@dataclass(frozen=True)
class Made:
    """What the program says that it made."""

    number: int
    size: int
    touched: int


@dataclass(frozen=True)
class Program:
    """The program of `OBJECTS`, at rest with two children."""

    process: subprocess.Popen[str]
    name: str
    made: dict[str, Made]

    @property
    def pids(self) -> set[int]:
        """It and its children."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return {self.process.pid, *map(int, children.split())}

    def mine(self, objects: tuple[SharedObject, ...]) -> list[SharedObject]:
        """What it has, and the System V objects that it made."""
        ids = {f"{kind}:{self.made[made].number}" for made, kind in SYSTEM_V.items()}
        pids = self.pids
        return [e for e in objects if e.target in ids or pids & {pid for pid, _name in e.mappers}]

    def found(self) -> dict[str, SharedObject]:
        """Its rows, by the words of `OBJECTS`."""
        by_number = {}
        mine = self.mine(survey().objects)
        for word, made in self.made.items():
            kind = KINDS[word]
            (by_number[word],) = (
                e
                for e in mine
                if e.kind is kind
                and (kind in {ObjectKind.ANONYMOUS, ObjectKind.SEMAPHORE} or e.inode == made.number)
            )
        return by_number


KINDS: Final = {
    "posix": ObjectKind.POSIX,
    "unlinked": ObjectKind.POSIX,
    "memfd": ObjectKind.MEMFD,
    "opened": ObjectKind.MEMFD,
    "anon": ObjectKind.ANONYMOUS,
    "sysv": ObjectKind.SYSV,
    "lost": ObjectKind.SYSV,
    "sem": ObjectKind.SEMAPHORE,
    "semset": ObjectKind.SYSV_SET,
    "msgqueue": ObjectKind.SYSV_QUEUE,
    "mqueue": ObjectKind.QUEUE,
}
SYSTEM_V: Final = {"sysv": "sysv", "lost": "sysv", "semset": "semset", "msgqueue": "msgqueue"}
MEMORY: Final = ("posix", "unlinked", "memfd", "opened", "anon", "sysv", "lost")


@pytest.fixture
def program(gcc: Compiler, name: str) -> Iterator[Program]:
    """Its objects are gone with it."""
    binary = gcc.program(OBJECTS)
    with subprocess.Popen(
        [str(binary), name.removeprefix("/"), "2"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        made = {}
        for line in iter(process.stdout.readline, "ready\n"):
            assert line, "it ended"
            word, *numbers = line.split()
            made[word] = Made(*map(int, numbers))
        try:
            yield Program(process, name, made)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait()


def test_every_kind_is_listed_once(program: Program) -> None:
    """By its own number, with its size, its memory, and the three processes that have it."""
    poll(lambda: len(program.pids) == 3, "two children")
    found = program.found()
    assert len(program.mine(survey().objects)) == len(program.made)
    for word in MEMORY:
        made, each = program.made[word], found[word]
        assert each.size == made.size, word
        assert each.in_use == made.touched, word
        assert {pid for pid, _name in each.mappers} == (set() if word == "lost" else program.pids)
    assert found["posix"].target == program.name
    assert found["unlinked"].unlinked
    assert found["unlinked"].name == f"{program.name}-old"
    assert found["lost"].orphan
    assert not found["sysv"].orphan
    assert found["semset"].looks == "3 semaphores: 0 4 0"
    assert found["msgqueue"].looks == "1 message"
    assert found["msgqueue"].size == 10
    assert found["mqueue"].looks.startswith("1 message of ")
    assert {pid for pid, _name in found["mqueue"].mappers} == program.pids


def test_a_look_leaves_everything_as_it_was(program: Program) -> None:
    """No page is allocated, and the kernel's notes of the last use stay."""

    def state() -> object:
        tables = [Path(f"/proc/sysvipc/{kind}").read_text() for kind in ("shm", "sem", "msg")]
        ids = {str(made.number) for made in program.made.values()}
        rows = [line for table in tables for line in table.splitlines() if line.split()[1] in ids]
        pid = program.process.pid
        resident = [resident_pages(pid, mapping) for mapping in SharedMappings().of(pid) or ()]
        times = []
        for fd in Path(f"/proc/{pid}/fd").iterdir():
            status = fd.stat()
            if stat.S_ISREG(status.st_mode):
                at = (status.st_atime_ns, status.st_mtime_ns, status.st_ctime_ns)
                times.append((*at, status.st_blocks))
        return rows, resident, times

    before = state()
    for _look in range(3):
        program.found()
    assert state() == before


def test_the_kernel_and_the_text_agree(program: Program) -> None:
    """Asked for shared mappings one by one, or all mappings read as text."""
    asked = SharedMappings()
    for pid in (*program.pids, os.getpid()):
        lines = map_lines(pid)
        assert lines is not None
        assert asked.of(pid) == parse_shared(lines)


def test_a_process_waits_on_what_it_shares(gcc: Compiler, name: str) -> None:
    """A thread asleep on a semaphore of anonymous memory."""
    binary = gcc.source("asleep", ASLEEP)
    with subprocess.Popen([str(binary)], stdin=subprocess.PIPE) as process:

        def waiting() -> bool:
            return any(
                process.pid in (e.waiting or ())
                for e in survey().objects
                if e.kind is ObjectKind.ANONYMOUS
            )

        try:
            poll(waiting, "it is seen to wait")
        finally:
            process.kill()


ASLEEP = """
#define _GNU_SOURCE
#include <semaphore.h>
#include <sys/mman.h>
int main(void) {
    sem_t *s = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    sem_init(s, 1, 0);
    return sem_wait(s);
}
"""


# -- ls --------------------------------------------------------------------------------------------


def rows(*words: str) -> list[dict[str, object]]:
    """What ``ls --json`` lists."""
    done = run_shmtui("ls", "--json", *words)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_ls_by_kind_and_order(program: Program) -> None:
    """Only of the kinds that were asked for; the largest first."""
    kinds = ("anon", "memfd", "sysv")
    shown = rows(*(word for kind in kinds for word in ("--kind", kind)), "--sort", "in-use")
    assert {row["kind"] for row in shown} == set(kinds)
    in_use = [row["in_use"] or 0 for row in shown]
    assert in_use == sorted(in_use, reverse=True)  # type: ignore[type-var]
    lost = f"sysv:{program.made['lost'].number}"
    assert lost in {row["target"] for row in rows("--orphans")}
    assert all(row["orphan"] for row in rows("--orphans"))


def test_the_command_line_names_what_there_is() -> None:
    """Its help loads nothing, so that it has the words once more."""
    assert set(KIND_WORDS) == set(ObjectKind)
    assert set(SORT_WORDS) == set(SORTS)
    assert list(COLUMN_WORDS) == list(COLUMNS) == list(DRAWN_COLUMNS)
    assert set(USUAL_COLUMNS) < set(COLUMNS)
    assert set(GROUP_WORDS) == set(GROUPINGS)


@pytest.mark.parametrize("sort", SORTS)
def test_ls_sorts_by_every_column(program: Program, sort: str) -> None:
    """Whatever is unknown of a row."""
    assert {row["target"] for row in rows("--sort", sort)} >= {program.name}


def test_ls_as_a_table(program: Program) -> None:
    """A name that is gone stands beside what can be given to other commands."""
    shown = run_shmtui("ls").stdout
    (old,) = (line for line in shown.splitlines() if f"({program.name}-old)" in line)
    assert f":{program.made['unlinked'].number} " in old
    assert "unlinked" in old
    assert "shared (Shmem)" in shown.splitlines()[-1]


def test_ls_has_the_columns_that_are_asked_for(program: Program) -> None:
    """In their order; a word that is none is refused in one line that names those there are."""
    done = run_shmtui("ls", "--columns", "in-use, name,looks")
    assert done.stdout.splitlines()[0].split() == [
        "IN",
        "USE",
        "NAME",
        "WHAT",
        "IT",
        "LOOKS",
        "LIKE",
    ]
    assert any(f"  {program.name}  " in row for row in done.stdout.splitlines())
    done = run_shmtui("ls", "--columns", "name,colour")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "'colour' is not a column: give some of name,kind" in done.stderr


def test_ls_in_groups(program: Program) -> None:
    """By kind each object once; by program under its own, with the processes, and JSON has none."""
    shown = run_shmtui("ls", "--group", "kind").stdout.splitlines()
    (memfd,) = (at for at, row in enumerate(shown) if row.startswith("memfd: "))
    assert "in use" in shown[memfd]
    assert not shown[memfd - 1]
    assert f":{program.made['memfd'].number} " in "".join(shown[memfd + 1 :])
    assert sum(row.startswith(f"{program.name} ") and " posix " in row for row in shown) == 1
    shown = run_shmtui("ls", "--group", "program", "--columns", "name,in-use").stdout.splitlines()
    # The same program of other tests may run beside it.
    (own,) = (row for row in shown if row.startswith(f"{OBJECTS.stem}: "))
    assert re.search(rf"PID .*\b{program.process.pid}\b", own), own
    done = run_shmtui("ls", "--group", "kind", "--json")
    assert done.returncode == 2
    assert "leave out --group" in done.stderr


def test_each_object_is_known_by_what_it_is(program: Program) -> None:
    """At two looks, whatever it is named after; and two are never one."""
    poll(lambda: len(program.pids) == 3, "two children")
    first, second = ({w: e.identity for w, e in program.found().items()} for _look in range(2))
    assert first == second
    assert len(set(first.values())) == len(first)
    queues = program.found()
    assert queues["msgqueue"].messages == queues["mqueue"].messages == 1


def test_nothing_of_a_kind_is_said(program: Program) -> None:
    """And how to see all."""
    assert program.found()
    assert "leave out --kind" in run_shmtui("ls", "--kind", "hugetlb", "--orphans").stdout
    done = run_shmtui("ls", "--kind", "posics")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


# -- against other counts --------------------------------------------------------------------------


def test_system_v_as_lsipc_counts(program: Program) -> None:
    """The same identifiers, sizes and attachments as another program reads."""
    if shutil.which("lsipc") is None:
        pytest.skip("lsipc is not installed, and this compares with what it prints")
    out = subprocess.run(
        ["lsipc", "--shmems", "--json", "--bytes"], capture_output=True, text=True, check=True
    ).stdout
    theirs = {int(row["id"]): int(row["size"]) for row in json.loads(out)["sharedmemory"]}
    ours = {each.number: each.size for each in sysv_segments()}
    for word in ("sysv", "lost"):
        number = program.made[word].number
        assert ours[number] == theirs[number] == program.made[word].size


def test_memory_adds_up() -> None:
    """What is listed grows as the kernel's own count does, within a fiftieth."""
    big = 64 << 20

    def beside() -> int:
        """Shared memory that no row accounts for; other programs' is there all the time."""
        found = survey()
        assert found.shared is not None
        return found.shared - sum(each.in_use or 0 for each in found.objects)

    before = beside()
    with mmap.mmap(-1, big) as memory:
        for page in range(0, big, PAGE):
            memory[page] = 1
        (mine,) = (e for e in survey().objects if e.kind is ObjectKind.ANONYMOUS and e.size == big)
        assert mine.in_use == big
        poll(lambda: abs(beside() - before) < big // 50, "the rows grow as the kernel's count")


PYTHON_LOCKS: Final = """
import multiprocessing, sys
def wait(lock):
    lock.acquire()
fork = multiprocessing.get_context("fork")
lock = fork.Lock()
lock.acquire()
waiter = fork.Process(target=wait, args=(lock,), daemon=True)
waiter.start()
print(waiter.pid, flush=True)
sys.stdin.read()
waiter.kill()
"""


def test_nobody_is_said_to_wait_only_where_all_may_be_asked() -> None:
    """A sleeper that was seen is told; none that was seen, beside one that may not be asked, is unknown."""
    mapping, key = (
        SharedMapping(4096, 8192, 0, True, 1, 2, b"/x"),
        MemoryKey(ObjectKind.POSIX, 1, 2),
    )

    def among(waits: dict[int, tuple[int, ...] | None]) -> tuple[int, ...] | None:
        its = {key: [mapping]}
        known = {
            pid: Process(1, None, None, (mapping,), "", its, waits=at, waits_known=True)
            for pid, at in waits.items()
        }
        memory = SharedMemory(key, mappings={pid: [mapping] for pid in waits})
        return Waits(KeptFiles(), known).among(memory)

    assert among({7: (), 8: (9000,)}) == ()
    assert among({7: (), 8: None}) is None
    assert among({7: (4100,), 8: None}) == (7,)
    assert among({7: None, 8: None}) is None


def test_semaphores_that_lost_their_name(tmp_path: Path) -> None:
    """Python's locks: each is a row with who has it and who waits, and is no file that nobody shares."""
    with subprocess.Popen(
        [sys.executable, "-c", PYTHON_LOCKS],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tmp_path,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            waiter = int(process.stdout.readline())

            def found() -> list[SharedObject]:
                return [
                    e
                    for e in survey().objects
                    if waiter in {pid for pid, _name in e.mappers} and e.waiting == (waiter,)
                ]

            poll(found, "the lock that it waits for")
            (lock,) = found()
            assert lock.kind is ObjectKind.SEMAPHORE
            assert lock.unlinked
            assert not lock.orphan
            assert {pid for pid, _name in lock.mappers} == {process.pid, waiter}
            assert lock.target == f"pid:{min(process.pid, waiter)}:{lock.inode}"
            shown = run_shmtui("ls", "--kind", "sem").stdout
            assert any(row.startswith(lock.target) for row in shown.splitlines())
        finally:
            process.stdin.close()
            process.wait()


def test_hard_links_are_one_object(name: str) -> None:
    """One row with both names, its memory counted once; and the names of nothing else."""
    first, second = Path("/dev/shm" + name), Path(f"/dev/shm{name}-link")
    first.write_bytes(b"x" * PAGE)
    try:
        second.hardlink_to(first)
        found = [each for each in survey().objects if each.inode == first.stat().st_ino]
        (each,) = (each for each in found if each.name.startswith(name))
        assert (each.name, each.links) == (name, (f"{name}-link",))
        assert each.looks.endswith(f"also named {name}-link")
        second.unlink()
        (each,) = (each for each in survey().objects if each.name.startswith(name))
        assert each.links == ()
        assert "also named" not in each.looks
    finally:
        first.unlink()
        second.unlink(missing_ok=True)
