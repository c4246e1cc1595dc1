"""Where the types of a segment are found when the user says nothing, and what refuses a header."""

import contextlib
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from shmtui.errors import ShmtuiError
from shmtui.layouts import nearby_headers
from shmtui.layouts.options import AmbiguousLayoutError, LayoutOptions, ResolvedLayout
from shmtui.layouts.program_types import QuickTypes, TypeSource
from shmtui.layouts.resolve import resolve
from shmtui.layouts.struct_sources import contradicted
from shmtui.monitor.discovery import Surveyor
from shmtui.monitor.sampler import Sampler
from shmtui.repair.plan import Refusal
from shmtui.repair.planner import make_plan
from shmtui.session.opener import AttachOptions, SegmentOpener
from shmtui.shm.layout_spec import parse_layout_option
from shmtui.shm.libc import Libc
from shmtui.shm.segment import SHM_DIR, segment_path, unlink_segment
from shmtui.shm.segment_info import LayoutSource
from shmtui.shm.segment_reader import SegmentReader
from shmtui.snapshot import Certainty, Finding, Status
from tests.compiling import Compiler, require
from tests.layouts.reading import one
from tests.program import run_shmtui, stat_json
from tests.terminal import Terminal
from tests.waiting import PATIENCE, poll

RING: Final = """\
#include <semaphore.h>
typedef struct { int id, pages; } Job;
typedef struct { Job jobs[6]; int in, out; sem_t mutex, empty, full; } Fila;
"""
PROGRAM: Final = """\
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "%(header)s"
/* makes NAME, puts ITEMS in, and waits for its input to end */
int main(int argc, char **argv) {
    %(type)s *b;
    int fd = shm_open(argv[1], O_CREAT | O_RDWR, 0600), size = %(size)s;
    if (ftruncate(fd, size)) return 1;
    b = (%(type)s *)mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    %(start)s
    write(1, "r", 1);
    char c;
    while (read(0, &c, 1) > 0) {
        %(step)s
        write(1, "d", 1);
    }
    return 0;
}
"""
FILA: Final = {
    "header": "fila.h",
    "type": "Fila",
    "size": "sizeof *b",
    "start": "sem_init(&b->mutex, 1, 1); sem_init(&b->empty, 1, 4); sem_init(&b->full, 1, 2);"
    " b->in = 2; b->jobs[0].id = 7; b->jobs[1].id = 8;",
    "step": "",
}


@dataclass(slots=True)
class Program:
    """A program that maps a segment and waits."""

    name: str
    process: subprocess.Popen[bytes]

    def step(self, letter: bytes = b"s") -> None:
        """Have it do its step, and wait until it has."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(letter)
        self.process.stdin.flush()
        self.process.stdout.read(1)


Start = Callable[..., Program]


@pytest.fixture
def start(tmp_path: Path, new_name: Callable[[], str]) -> Iterator[Start]:
    """Compiles a program of a header and starts it; its folder is not the header's."""
    started: list[Program] = []

    def run(
        header: str = RING, words: dict[str, str] | None = None, *flags: str,
        compiler: str = "gcc", suffix: str = ".c", name: str | None = None,
        program: str = "produtor",
    ) -> Program:  # fmt: skip
        facts = {**FILA, **(words or {})}
        source = tmp_path / f"source{len(started)}"
        source.mkdir()
        (source / facts["header"]).write_text(header)
        (source / f"{program}{suffix}").write_text(PROGRAM % facts)
        folder = tmp_path / f"bin{len(started)}"
        folder.mkdir()
        require(compiler)
        built = Compiler(folder, compiler).program(source / f"{program}{suffix}", *flags)
        segment = name or new_name()
        process = subprocess.Popen(
            [built, segment], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder
        )
        running = Program(segment, process)
        started.append(running)
        assert process.stdout is not None
        assert process.stdout.read(1) == b"r"
        return running

    yield run
    for each in started:
        each.process.kill()
        each.process.communicate()
        unlink_segment(each.name)


def resolved(name: str, **said: Any) -> ResolvedLayout:
    reader = SegmentReader(name)
    try:
        return resolve(reader, LayoutOptions(**said))
    finally:
        reader.close()


def folder_of(program: Program) -> Path:
    return Path(f"/proc/{program.process.pid}/cwd").readlink()


def header_of(program: Program) -> Path:
    number = folder_of(program).name.removeprefix("bin")
    return folder_of(program).parent / f"source{number}" / "fila.h"


# -- debug information --------------------------------------------------------------------------


CONDITIONS: Final = """\
#include <pthread.h>
#include <semaphore.h>
typedef struct {
    pthread_mutex_t %s; pthread_cond_t not_full, not_empty; int count, in, out; long items[6];
} Fila;
"""


def test_a_lock_by_its_type_needs_no_name(start: Start) -> None:
    """The only mutex of a ring with condition variables is its lock, whatever it is called."""
    program = start(CONDITIONS % "xyz", {"start": "b->in = b->count = 2;"}, "-g")
    found = resolved(program.name)
    assert found.source is LayoutSource.DEBUG_INFO
    assert found.layout is not None
    assert found.layout.lock == 0
    assert not found.disputes


@pytest.mark.parametrize("names", [("a", "b", "c"), ("sems[0]", "sems[1]", "sems[2]")], ids=str)
def test_roles_that_no_name_tells(start: Start, names: tuple[str, str, str]) -> None:
    """The values of a ring that is partly full allow one order: it is likely."""
    program = start(*unnamed(names, FILA["start"]), "-g")
    found = resolved(program.name)
    assert found.source is LayoutSource.DEBUG_INFO
    assert found.assumptions[-1] == ("by their values: mutex={}, empty={}, full={}".format(*names))
    assert not found.disputes
    shown = stat_json(program.name)
    values = [shown["semaphores"][role]["value"] for role in ("mutex", "empty", "full")]
    assert values == [1, 4, 2]
    by_file = resolved(program.name, header=header_of(program))
    assert by_file.layout == found.layout


def test_a_struct_that_almost_fits_is_named(start: Start) -> None:
    """An empty ring may as well be a full one: what settles it is said, and can be pasted."""
    begin = "sem_init(&b->mutex, 1, 1); sem_init(&b->empty, 1, 6); sem_init(&b->full, 1, 0);"
    program = start(*unnamed(("a", "b", "c"), begin), "-g")
    with pytest.raises(AmbiguousLayoutError) as error:
        resolved(program.name)
    path = Path(f"/proc/{program.process.pid}/exe").readlink()
    assert "--map mutex=…,empty=…,full=…" in str(error.value)
    assert f"--header {path}:Fila" in str(error.value)
    said = run_shmtui(
        "stat", program.name, "--header", f"{path}:Fila", "--map", "mutex=a,empty=b,full=c"
    )
    assert "0 of 6 full" in said.stdout


def unnamed(names: tuple[str, str, str], begin: str) -> tuple[str, dict[str, str]]:
    """The ring with semaphores of these names, and what its program does with them at the start."""
    roles = ("mutex", "empty", "full")
    declared = "sems[3]" if "[" in names[0] else ", ".join(names)
    for role, name in zip(roles, names, strict=True):
        begin = begin.replace(f"b->{role}", f"b->{name}")
    return RING.replace(", ".join(roles), declared), {"start": begin}


def test_a_struct_that_almost_fits_is_named_beside_bytes(start: Start) -> None:
    """Beside its locks, too: there are two, and none is the ring's by its name."""
    two = CONDITIONS % "left; pthread_mutex_t right"
    program = start(two, {"start": "b->in = b->count = 2;"}, "-g")
    said = run_shmtui("stat", program.name)
    assert "--map mutex=" in said.stdout
    assert f"--header {Path(f'/proc/{program.process.pid}/exe').readlink()}:Fila" in said.stdout
    assert "lock        right" in said.stdout


HEAP: Final = """\
#include <semaphore.h>
#include <sys/prctl.h>
typedef struct { int level, id; } Job;
typedef struct { sem_t guard, room, jobs; int size; Job heap[6]; } Fila;
"""


def test_locks_beside_what_is_no_ring(start: Start) -> None:
    """A heap under a ring's semaphores: who waits for which is told, and nothing is repaired by it."""
    begin = """
    sem_init(&b->guard, 1, 1); sem_init(&b->room, 1, 6); sem_init(&b->jobs, 1, 0);
    if (!fork()) { prctl(PR_SET_PDEATHSIG, 9); sem_wait(&b->jobs); pause(); }
    """
    program = start(HEAP, {"start": begin}, "-g")

    def shown() -> str:
        return run_shmtui("stat", program.name).stdout

    poll(lambda: re.search("blocked +jobs ", shown()), "it waits")
    found = resolved(program.name)
    assert found.source is LayoutSource.DEBUG_INFO
    assert "no member that is in by its name" in found.disputes[0]
    said = run_shmtui("check", program.name, "--for", "2")
    assert said.returncode == 2
    assert "its locks are known, and no ring" in said.stdout
    assert "jobs was 0 or held in all" in said.stdout
    refused = run_shmtui("repair", program.name, "--lock", "--yes")
    assert (refused.returncode, "--map" in refused.stdout) == (2, True)


def test_a_program_with_debug_information_needs_no_option(start: Start) -> None:
    """The struct, its items by name, and where that is known from."""
    program = start(RING, None, "-g")
    record = stat_json(program.name)
    assert record["layout"]["source"] == "debug-info"
    assert record["layout"]["origin"] == "produtor"
    assert record["layout"]["item_type"] == "Job"
    assert record["layout"]["offsets"]["in"] == 48
    assert record["slots"][1]["value"] == {"id": 8, "pages": 0}
    assert not record["layout"]["assumed"]
    text = run_shmtui("stat", program.name).stdout
    assert "layout: from the debug information of produtor" in text


def test_stripped_with_its_debug_file_in_place(start: Start, tmp_path: Path) -> None:
    """A link to a file beside the program is followed, while the program runs."""
    require("objcopy")
    program = start(RING, None, "-g")
    binary = folder_of(program) / "produtor"
    debug = binary.with_name("produtor.debug")
    running = binary.with_name("stripped")
    subprocess.run(["objcopy", "--only-keep-debug", binary, debug], check=True)
    subprocess.run(["objcopy", "--strip-all", f"--add-gnu-debuglink={debug}", binary, running], check=True)  # fmt: skip
    program.process.kill()
    program.process.wait()
    binary.unlink()
    process = subprocess.Popen(
        [running, program.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/"
    )
    try:
        assert process.stdout is not None
        process.stdout.read(1)
        found = resolved(program.name)
        assert found.source is LayoutSource.DEBUG_INFO
        assert found.origin == "stripped"
    finally:
        process.kill()
        process.communicate()


def test_a_template_of_cpp(start: Start) -> None:
    """Its name is the one of the program."""
    header = """\
#include <atomic>
#include <semaphore.h>
namespace ipc {
template <class T, int N> struct Ring { T data[N]; std::atomic<int> in, out; sem_t mutex, empty, full; };
}
typedef ipc::Ring<double, 12> Channel;
"""
    words = {
        "type": "Channel",
        "start": "sem_init(&b->mutex, 1, 1); sem_init(&b->empty, 1, 12); sem_init(&b->full, 1, 0);",
    }
    program = start(header, words, "-g", compiler="g++", suffix=".cpp")
    found = resolved(program.name)
    assert found.source is LayoutSource.DEBUG_INFO
    assert found.layout is not None
    assert (found.layout.slots, found.layout.item.name) == (12, "double")
    header_path = header_of(program)
    by_header = resolved(program.name, header=header_path, struct="ipc::Ring<double, 12>")
    assert by_header.layout == found.layout


def test_several_structs_that_fit_are_a_short_list(start: Start) -> None:
    """With the option that picks each; one of them given settles it."""
    header = (
        RING + "typedef struct { long data[6]; int in, out; sem_t full, empty, mutex; } Outra;\n"
    )
    words = {"start": FILA["start"] + "volatile Outra outra; outra.in = 1;"}
    program = start(header, words, "-g")
    with pytest.raises(AmbiguousLayoutError, match="several structs fit") as refusal:
        resolved(program.name)
    binary = folder_of(program) / "produtor"
    assert f"--header {binary}:Fila, --header {binary}:Outra" in str(refusal.value)
    assert resolved(program.name, header=binary, struct="Fila").layout is not None


def test_programs_that_disagree_are_a_short_list(start: Start) -> None:
    """Two programs of one segment whose structs differ: neither is taken."""
    first = start(RING, None, "-g")
    other = RING.replace("mutex, empty, full", "full, empty, mutex")
    start(other, None, "-g", name=first.name, program="consumidor")
    with pytest.raises(AmbiguousLayoutError, match=r"produtor:Fila.*consumidor:Fila"):
        resolved(first.name)
    with Terminal("attach", first.name) as terminal:
        assert terminal.wait() == 2
        assert "say which, as --header" in terminal.text


def test_the_users_word_goes_before_debug_information(start: Start) -> None:
    """A layout that the user says is taken; where a program says another, that is said."""
    program = start(RING, None, "-g")
    spec = "data=0:12xint32,in=48:int32,out=52,mutex=56,empty=88,full=120"
    found = resolved(program.name, layout=spec)
    assert not found.assumptions
    swapped = resolved(program.name, layout=spec.replace("mutex=56", "mutex=88").replace("empty=88", "empty=56"))  # fmt: skip
    assert "the debug information of produtor says otherwise: 6 × Job" in swapped.assumptions[0]
    assert found.source is LayoutSource.OPTIONS
    assert found.layout is not None
    assert found.layout.slots == 12


# -- headers nearby -----------------------------------------------------------------------------


def test_a_header_beside_the_program_is_likely(start: Start) -> None:
    """Taken where the program has no debug information, and named."""
    program = start(RING)
    header = folder_of(program) / "fila.h"
    header.write_text(RING)
    found = resolved(program.name)
    assert found.source is LayoutSource.NEARBY
    assert found.origin == str(header)
    assert found.assumed
    assert any(str(header) in words for words in found.assumptions)
    text = run_shmtui("stat", program.name).stdout
    assert f"layout: from {header}" in text


def test_a_source_beside_the_program_does_too(start: Start) -> None:
    """One file may hold everything."""
    program = start(RING)
    (folder_of(program) / "produtor.c").write_text(
        RING + "int main(void) { sem_open(0, 0); return 0; }\n"
    )
    found = resolved(program.name)
    assert found.source is LayoutSource.NEARBY


def test_files_for_which_no_time_is_left_are_told(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may hold its struct: how many they are is said, and what reads one."""
    program = start(RING)
    for name in ("a.h", "b.h"):
        (folder_of(program) / name).write_text(RING)
    monkeypatch.setattr(nearby_headers, "_HEADER_SECONDS", 0.0)
    told: list[str] = []
    with contextlib.suppress(AmbiguousLayoutError):
        resolved(program.name, progress=told.append)
    assert [text for text in told if "2 files beside produtor were left out" in text]


def test_what_is_waited_for_is_told_without_what_its_name_holds(
    start: Start, tmp_path: Path
) -> None:
    """A program's name may hold a terminal's commands."""
    program = start(RING, program="pro\x1b[2Jdutor")
    (folder_of(program) / "fila.h").write_text(RING)
    slow = tmp_path / "slow-cc"
    slow.write_text('#!/bin/sh\nsleep 1.2\nexec cc "$@"\n')
    slow.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-m", "shmtui", "stat", program.name, "--cc", str(slow)],
        capture_output=True, check=False, timeout=PATIENCE,
    )  # fmt: skip
    assert b"compiling the headers beside pro" in done.stderr
    assert b"\x1b" not in done.stderr + done.stdout


ANOTHERS: Final = RING.replace("in, out", "rear, front").replace("Fila", "Outra")
"""A ring of the same size and another meaning, as in a folder of many programs."""


def test_the_source_that_has_the_programs_name_goes_first(start: Start) -> None:
    """Of the files beside it the others are perhaps of other programs, headers too."""
    program = start(RING)
    for name, text in (("a.h", ANOTHERS), ("b.c", ANOTHERS), ("produtor.c", RING)):
        (folder_of(program) / name).write_text(text)
    found = resolved(program.name)
    assert found.origin.endswith("/produtor.c")


def test_a_programs_own_struct_goes_before_other_files(start: Start) -> None:
    """Its debug information has a struct of the segment's size, whose roles no name tells."""
    two = CONDITIONS % "left; pthread_mutex_t right"
    program = start(two, {"start": "b->in = b->count = 2;"}, "-g")
    (folder_of(program) / "a.h").write_text(CONDITIONS % "mutex; pthread_mutex_t other")
    found = resolved(program.name)
    assert found.source is LayoutSource.DEBUG_INFO
    assert "--map mutex=" in found.disputes[0]


@pytest.mark.parametrize("what", ["another size", "no C", "a FIFO", "a link to nowhere", "huge"])
def test_files_that_tell_nothing_are_passed_over(start: Start, what: str) -> None:
    """Whatever lies beside the program: it is neither waited for nor believed."""
    import os

    program = start(RING)
    header = folder_of(program) / "a.h"
    match what:
        case "another size":
            header.write_text(RING.replace("[6]", "[60]"))
        case "no C":
            header.write_bytes(bytes(range(256)))
        case "a FIFO":
            os.mkfifo(header)
        case "a link to nowhere":
            header.symlink_to("/nowhere")
        case "huge":
            header.write_bytes(b"/" * 3_000_000)
    with contextlib.suppress(AmbiguousLayoutError):
        assert resolved(program.name).source is not LayoutSource.NEARBY


# -- sizes --------------------------------------------------------------------------------------


def test_data_behind_the_struct_refuses_the_header(start: Start) -> None:
    """Both numbers are said; zeros behind it are a page's rest; naming the struct insists."""
    program = start(RING, {"size": "4096"})
    header = header_of(program)
    assert resolved(program.name, header=header).layout is not None
    with open(segment_path(program.name), "r+b") as file:
        file.seek(600)
        file.write(b"more")
    with pytest.raises(ShmtuiError, match=r"is 4096 bytes, and holds data behind the 152 of Fila"):
        resolved(program.name, header=header)
    assert resolved(program.name, header=header, struct="Fila").layout is not None


def test_semaphores_elsewhere_refuse_the_header(start: Start) -> None:
    """The struct has them at places where the segment has none, and it has some elsewhere."""
    program = start(RING)
    header = folder_of(program) / "other.h"
    header.write_text(RING.replace("jobs[6]", "jobs[7]").replace("in, out", "in, out; char c[8]"))
    other = RING.replace("Job jobs[6]; int in, out; sem_t mutex, empty, full;",
                         "sem_t mutex, empty, full; int in, out; int jobs[12];")  # fmt: skip
    header.write_text(other)
    with pytest.raises(ShmtuiError, match="has semaphores at 0, 32, 64"):
        resolved(program.name, header=header)


SHIFTED: Final = RING.replace("Job jobs[6]; int in, out; sem_t mutex, empty, full;",
                              "sem_t mutex, empty, full; int in, out; int jobs[4];")  # fmt: skip
"""Two of its three semaphores lie where the exercise's ring of five or six has some."""
FIVE: Final = RING.replace("Job jobs[6]", "int jobs[5]")
STARTED: Final = FILA["start"].replace("[0].id", "[0]").replace("[1].id", "[1]").replace("4", "3")


def test_a_semaphore_elsewhere_refuses_the_header(start: Start) -> None:
    """One is enough, where the struct has one that is none."""
    program = start(FIVE, {"start": STARTED})
    header = folder_of(program) / "other.h"
    header.write_text(SHIFTED)
    with pytest.raises(ShmtuiError, match=r"has semaphores at 0, 32, 64, and .* at 32, 64, 96"):
        resolved(program.name, header=header)


def test_the_header_with_all_semaphores_goes_first(start: Start) -> None:
    """A struct whose bytes hold a semaphore that it does not declare goes behind one that has them all."""
    program = start(FIVE, {"start": STARTED})
    (folder_of(program) / "a.h").write_text(
        FIVE.replace("mutex, empty, full;", "mutex, empty; int more[8];")
    )
    (folder_of(program) / "b.h").write_text(FIVE)
    assert resolved(program.name).origin.endswith("/b.h")


def test_fewer_slots_than_the_permits_say(start: Start) -> None:
    """Taken, for the user says it, and disputed, for a number is soon mistyped."""
    program = start(RING)
    found = resolved(program.name, header=header_of(program), slots=5)
    assert found.layout is not None
    assert found.layout.slots == 5
    assert found.disputes == ("--slots 5: by its values, the ring uses 6 slots of jobs",)
    assert not resolved(program.name, header=header_of(program), slots=6).disputes


def test_slots_refine_the_struct_of_the_program(start: Start) -> None:
    """Where the segment is not the exercise's struct, its own has so many of its slots in use."""
    used = {"start": FILA["start"].replace("4", "3")}
    program = start(RING.replace("jobs[6]", "jobs[50]"), used, "-g")
    found = resolved(program.name, slots=5)
    assert found.source is LayoutSource.DEBUG_INFO
    assert found.layout is not None
    assert (found.layout.slots, found.layout.item.size, found.disputes) == (5, 8, ())
    with pytest.raises(ShmtuiError, match="51 slots of int32 need"):
        resolved(program.name, slots=51)


@pytest.mark.parametrize("room", [2, 4])
def test_a_wrong_permit_is_no_other_number_of_slots(start: Start, room: int) -> None:
    """Two items in a ring of five, and a permit is lost, or is one too many: what the user says stands, and the
    findings tell it.
    """
    text = (
        f"sem_init(&b->mutex, 1, 1); sem_init(&b->empty, 1, {room}); sem_init(&b->full, 1, 2); "
        "b->in = 2;"
    )
    program = start(FIVE, {"start": text})
    found = resolved(program.name, slots=5)
    assert found.layout is not None
    assert found.layout.slots == 5
    assert not found.disputes


def test_slots_that_the_bytes_contradict_are_refused(start: Start) -> None:
    """Semaphores in another order, or elsewhere: said, with the layout that fits."""
    header = RING.replace("Job jobs[6]", "int jobs[6]").replace(
        "mutex, empty, full;", "full, empty, mutex;"
    )
    program = start(header, {"start": FILA["start"].replace("jobs[0].id", "jobs[0]").replace("jobs[1].id", "jobs[1]")})  # fmt: skip
    with pytest.raises(ShmtuiError, match="contradict the exercise's order of semaphores") as told:
        resolved(program.name, slots=6)
    option = str(told.value).split("--layout ")[1].split()[0]
    layout = resolved(program.name, layout=option).layout
    assert layout is not None
    assert layout.mutex == 96
    with pytest.raises(ShmtuiError, match="has shared semaphores at"):
        resolved(program.name, slots=2)


def test_a_capacity_below_the_array(start: Start) -> None:
    """The member that says how many slots are used is believed where the permits agree."""
    header = RING.replace("int in, out;", "int size, in, out;").replace("jobs[6]", "jobs[10]")
    words = {"start": FILA["start"] + "b->size = 6;"}
    program = start(header, words)
    found = resolved(program.name, header=header_of(program))
    assert found.layout is not None
    assert found.layout.slots == 6
    said = resolved(program.name, header=header_of(program), slots=10)
    assert said.layout is not None
    assert said.layout.slots == 10


def test_a_count_is_no_capacity(start: Start) -> None:
    """A member of that name that counts the items changes nothing."""
    header = RING.replace("int in, out;", "int size, in, out;")
    program = start(header, {"start": FILA["start"] + "b->size = 2;"})
    found = resolved(program.name, header=header_of(program))
    assert found.layout is not None
    assert found.layout.slots == 6


def test_the_count_of_a_ring_with_one_lock(start: Start) -> None:
    """Where no semaphore counts its items, what it counts itself tells whether it is full."""
    header = """\
#include <semaphore.h>
typedef struct { sem_t lock; int count, in, out; long items[6]; } Fila;
"""
    program = start(header, {"start": "sem_init(&b->lock, 1, 1); b->in = b->count = 2;"}, "-g")
    layout = resolved(program.name).layout
    assert layout is not None
    assert layout.count == (32, "i")


def test_a_pool_of_bytes_is_cut_into_items(start: Start) -> None:
    """Its length and its items are said beside the header, or by a member."""
    header = """\
#include <stdint.h>
typedef struct { uint64_t capacity; int64_t writer_idx, reader_idx; uint8_t data[]; } Fila;
"""
    words = {"size": "sizeof *b + 80", "start": "b->capacity = 4; b->writer_idx = 3;"}
    program = start(header, words)
    for slots in (None, 4):
        found = resolved(program.name, header=header_of(program), item="char[20]", slots=slots)
        assert found.layout is not None
        assert (found.layout.slots, found.layout.item.name) == (4, "char[20]")


def test_a_ring_that_grows_while_it_is_watched(start: Start) -> None:
    """Its slots are as many as the program's own member says at any time: more permits are then none too many."""
    header = """\
#include <semaphore.h>
typedef struct { int capacity, in, out; sem_t mutex, empty, full; long items[]; } Fila;
"""
    begin = "b->capacity = 4; sem_init(&b->mutex, 1, 1); sem_init(&b->empty, 1, 4);"
    grow = (
        "if (ftruncate(fd, size += 64)) return 1;"
        " for (b->capacity += 8; c && c < 's' + 8; c++) sem_post(&b->empty);"
    )
    words = {
        "size": "sizeof *b + 32",
        "start": f"{begin} sem_init(&b->full, 1, 0);",
        "step": grow,
    }
    program = start(header, words, "-g")
    with contextlib.closing(Sampler(program.name)) as sampler:
        assert sampler.sample().layout.slots == 4
        program.step()
        poll(lambda: sampler.sample().health.judged, "it is judged")
        shown = sampler.sample()
    assert shown.layout.slots == 12
    assert not shown.health.findings


# -- roles --------------------------------------------------------------------------------------

BOTH_WAYS: Final = [
    ("head", "tail"), ("tail", "head"), ("front", "rear"), ("rear", "front"), ("inicio", "fim"),
    ("fim", "inicio"), ("rp", "wp"), ("wp", "rp"), ("start", "end"), ("end", "start"),
    ("first", "last"), ("back", "front"), ("begin", "end"), ("final", "comeco"),
]  # fmt: skip


@pytest.mark.parametrize(("in_", "out"), BOTH_WAYS)
def test_names_that_are_used_both_ways(start: Start, in_: str, out: str) -> None:
    """The values tell which way it is; while the ring is empty nothing may be built on it."""
    header = RING.replace("int in, out;", f"int {in_}, {out};")
    begin = "sem_init(&b->mutex, 1, 1); sem_init(&b->empty, 1, 6); sem_init(&b->full, 1, 0);"
    step = f"sem_wait(&b->empty); b->{in_} = (b->{in_} + 1) % 6; sem_post(&b->full);"
    program = start(header, {"start": begin, "step": step})
    options: dict[str, Any] = {"header": header_of(program)}
    open_ = resolved(program.name, **options)
    assert open_.disputes
    assert set(open_.by_convention) in ({f"in={in_}", f"out={out}"}, {f"in={out}", f"out={in_}"})
    with pytest.raises(ShmtuiError, match="no worker can join"):
        join(program.name, LayoutOptions(**options))
    given = resolved(program.name, **options, mapping=(("in", in_), ("out", out)))
    assert not given.disputes
    program.step()
    found = resolved(program.name, **options)
    assert not found.assumed
    assert found.layout == given.layout


def join(name: str, options: LayoutOptions) -> None:
    """Attach to a segment so that workers may join."""
    opener = SegmentOpener(AttachOptions(name=name, layout=options, write=True))
    try:
        opener.open(name)
    finally:
        opener.close()


def test_the_direction_is_settled_while_it_is_watched(start: Start) -> None:
    """Attached to an empty ring, the first item decides."""
    header = RING.replace("int in, out;", "int head, tail;")
    begin = "sem_init(&b->mutex, 1, 1); sem_init(&b->empty, 1, 6); sem_init(&b->full, 1, 0);"
    step = "sem_wait(&b->empty); b->tail = (b->tail + 1) % 6; sem_post(&b->full);"
    program = start(header, {"start": begin, "step": step})
    sampler = Sampler(program.name, LayoutOptions(header=header_of(program)))
    try:
        snapshot = sampler.sample()
        assert snapshot.layout.disputed
        assert snapshot.layout.by_convention
        program.step()
        snapshot = sampler.sample()
        assert not snapshot.layout.disputed
        assert (snapshot.in_, snapshot.out) == (1, 0)
        assert snapshot.layout.offsets.in_ == 52
        assert snapshot.occupancy == 1
    finally:
        sampler.close()


def test_the_last_slot_used(start: Start) -> None:
    """A program whose indices begin at -1 is understood, and that is said."""
    header = RING.replace("int in, out;", "int in; int out;")
    begin = (
        "sem_init(&b->mutex, 1, 1); sem_init(&b->empty, 1, 6); sem_init(&b->full, 1, 0);"
        " b->in = -1;"
    )
    step = "sem_wait(&b->empty); b->in = (b->in + 1) % 6; sem_post(&b->full);"
    program = start(header, {"start": begin, "step": step})
    sampler = Sampler(program.name, LayoutOptions(header=header_of(program)))
    try:
        assert sampler.layout is not None
        assert sampler.layout.last == ("in",)
        program.step()
        snapshot = sampler.sample()
        assert (snapshot.in_, snapshot.out, snapshot.occupancy) == (1, 0, 1)
        assert "last" in " ".join(snapshot.layout.assumptions)
    finally:
        sampler.close()


def test_indices_that_the_programs_keep_to_themselves(start: Start) -> None:
    """Slots and semaphores are a layout; what waits on what is told, and no repair is offered."""
    header = RING.replace("int in, out;", "")
    begin = "sem_init(&b->mutex, 1, 1); sem_init(&b->empty, 1, 6); sem_init(&b->full, 1, 0);"
    program = start(header, {"start": begin})
    record = stat_json(program.name, "--header", str(header_of(program)))
    assert record["layout"]["slots"] == 6
    assert record["layout"]["offsets"]["in"] is None
    assert record["in"] is None
    assert record["semaphores"]["empty"]["value"] == 6
    assert record["health"]["status"] == "unknown"
    text = run_shmtui("stat", program.name, "--header", str(header_of(program)))
    assert text.returncode == 0, text.stderr
    options = LayoutOptions(header=header_of(program))
    opener = SegmentOpener(AttachOptions(name=program.name, layout=options, write=True))
    with contextlib.closing(opener):
        attached = opener.open(program.name)
        assert attached.live is None
        assert "a worker needs in and out in the segment" in attached.no_workers


def test_indices_in_another_segment(start: Start, new_name: Callable[[], str]) -> None:
    """A header tells both structs; a layout is written with the segment's name."""
    import struct

    header = "struct pointers { int in, out; };\nstruct operation { int id; char status; };\n"
    words = {
        "type": "struct operation", "size": "40",
        "start": "b[0].id = 7; b[0].status = 'C'; b[1].id = 8; b[1].status = 'C';",
    }  # fmt: skip
    program = start(header, words)
    indices = new_name()
    Path(segment_path(indices)).write_bytes(struct.pack("<2i", 2, 0))
    try:
        record = stat_json(
            program.name, "--header", str(header_of(program)), "--index-segment", indices
        )
        assert (record["in"], record["out"], record["layout"]["slots"]) == (2, 0, 5)
        assert record["layout"]["index_segment"] == indices
        assert record["slots"][1]["value"] == {"id": 8, "status": 67}
        spec = f"data=0:5xbyte[8],in={indices}:0,out={indices}:4"
        record = stat_json(program.name, "--layout", spec)
        assert (record["in"], record["out"], record["occupancy"]) == (2, 0, 2)
    finally:
        unlink_segment(indices)


OTHER_INDICES: Final = {
    "type": "Fila",
    "start": "struct pointers *unused = (void *)b; (void)unused; sem_init(&b->mutex, 1, 1);"
    " sem_init(&b->empty, 1, 4); sem_init(&b->full, 1, 2);",
}


def test_indices_in_another_segment_without_a_header(
    start: Start, new_name: Callable[[], str]
) -> None:
    """The program's own debug information tells both structs, and contradicts nothing."""
    header = RING.replace("int in, out; ", "") + "struct pointers { long wr, rd; };\n"
    program = start(header, OTHER_INDICES, "-O0", "-g")
    indices = new_name()
    option = ("--index-segment", indices)
    missing = run_shmtui("stat", program.name, *option)
    assert missing.returncode == 2
    assert f"there is no {indices}" in missing.stderr
    Path(segment_path(indices)).write_bytes((2).to_bytes(8, "little") + bytes(8))
    try:
        for more in ((), ("--header", str(header_of(program))), ("--map", "in=wr,out=rd")):
            record = stat_json(program.name, *option, *more)
            assert (record["in"], record["out"], record["occupancy"]) == (2, 0, 2), more
            assert record["layout"]["assumptions"] == [], more
    finally:
        unlink_segment(indices)


def test_an_index_segment_that_no_struct_is_known_for(
    start: Start, new_name: Callable[[], str]
) -> None:
    """The option is refused, and not dropped."""
    program = start(RING, None, "-g")
    indices = new_name()
    Path(segment_path(indices)).write_bytes(bytes(16))
    try:
        found = run_shmtui("stat", program.name, "--index-segment", indices)
        assert found.returncode == 2
        assert "Traceback" not in found.stderr
        assert "--index-segment" in found.stderr
    finally:
        unlink_segment(indices)


def test_an_open_array_whose_indices_have_no_usual_names(start: Start) -> None:
    """The program's struct is said, with the option that takes it; nothing is read beside it."""
    header = """\
#include <semaphore.h>
struct item { unsigned long id; char text[24]; };
typedef struct {
    sem_t empty, full, mutex; unsigned long pushed_total, popped_total; int capacity;
    struct item items[];
} Fila;
"""
    words = {
        "size": "sizeof(Fila) + 12 * sizeof(struct item)",
        "start": "sem_init(&b->mutex, 1, 1); sem_init(&b->empty, 1, 12); sem_init(&b->full, 1, 0);"
        " b->capacity = 12; b->pushed_total = b->popped_total = 16;"
        " for (int i = 0; i < 12; i++) b->items[i].id = i + 5;",
    }
    program = start(header, words, "-g")
    with contextlib.suppress(AmbiguousLayoutError):
        assert resolved(program.name).layout is None
    said = run_shmtui("stat", program.name)
    assert "pushed_total, popped_total" in said.stdout + said.stderr
    record = stat_json(program.name, "--map", "in=pushed_total,out=popped_total")
    assert (record["layout"]["slots"], record["occupancy"]) == (12, 0)
    assert record["layout"]["offsets"]["data"] == 120


@pytest.mark.parametrize("before", [64, 72])
def test_a_struct_that_begins_later_in_the_segment(start: Start, before: int) -> None:
    """It is refused with the layout that is true, and that one is taken; though two of its semaphores fall
    on one another: 64 bytes before it are two of them.
    """
    header = RING + f"typedef struct {{ char magic[{before}]; Fila fila; }} Arquivo;\n"
    words = {
        "type": "Arquivo",
        "start": "b->magic[0] = 'R'; Fila *f = &b->fila; sem_init(&f->mutex, 1, 1);"
        " sem_init(&f->empty, 1, 4); sem_init(&f->full, 1, 2); f->in = 2;",
    }
    program = start(header, words)
    found = run_shmtui("stat", program.name, "--header", f"{header_of(program)}:Fila")
    assert found.returncode == 2
    said = re.search(r"say --layout (\S+)", found.stderr)
    assert said is not None, found.stderr
    record = stat_json(program.name, "--layout", said[1])
    assert (record["in"], record["out"], record["occupancy"]) == (2, 0, 2)
    assert record["layout"]["offsets"]["data"] == before
    assert record["semaphores"]["empty"]["value"] == 4


# -- 32-bit programs ----------------------------------------------------------------------------


@pytest.fixture
def narrow(tmp_path: Path) -> str:
    """The flag that builds 32-bit programs; skips where there is no such library."""
    (tmp_path / "try.c").write_text("#include <semaphore.h>\nint main(void) { return 0; }\n")
    done = subprocess.run(
        [require("gcc"), "-m32", "-o", tmp_path / "try", tmp_path / "try.c"],
        capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.skip("gcc-multilib is not installed")
    return "-m32"


def test_a_32_bit_program_is_named(start: Start, narrow: str) -> None:
    """No layout of 64-bit programs is shown for its segment; its bytes are."""
    program = start(RING, {"size": "4096"}, narrow)
    for options in ({"header": header_of(program)}, {"slots": 5}, {}):
        with pytest.raises(ShmtuiError, match=r"\(produtor\) is a 32-bit program: its sem_t is 16"):
            resolved(program.name, **options)
    assert resolved(program.name, raw=True).layout is None


def test_a_32_bit_program_beside_another(start: Start, narrow: str) -> None:
    """The layout is the 64-bit program's, the other is named, and nothing is built on it."""
    program = start(RING, {"size": "4096"})
    start(RING, {"size": "4096", "start": ""}, narrow, name=program.name, program="velho")
    found = resolved(program.name, header=header_of(program))
    assert found.layout is not None
    assert "(velho) is a 32-bit program" in found.disputes[0]


def test_what_is_waited_for_is_said(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiler that takes its time is named on the way."""
    from shmtui.layouts import options

    monkeypatch.setattr(options, "SLOW_SECONDS", 0.0)
    program = start(RING)
    said: list[str] = []
    resolved(program.name, header=header_of(program), progress=said.append)
    poll(lambda: any("fila.h" in line for line in said), "the header is named")


# -- lists --------------------------------------------------------------------------------------


def test_ls_knows_small_programs_with_debug_information(start: Start) -> None:
    """The layout in words, and where it is from; a stripped program's segment is as before."""
    program, other = start(RING, None, "-g"), start(RING, None, "-s")
    surveyor = Surveyor()
    looks: dict[str, str] = {}

    def told() -> bool:
        """One look has no time for all programs of a busy machine."""
        looks.update({e.name: e.looks for e in surveyor.look().objects})
        return "debug information" in looks[program.name]

    poll(told, "its program is asked")
    assert "6 × Job, from the debug information of produtor" in looks[program.name]
    assert "layout not sure" in looks[other.name]


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_no_time_is_no_answer(start: Start, seconds: float) -> None:
    """Lists wait for nobody."""
    program = start(RING, None, "-g")
    pids, size = [program.process.pid], Path(SHM_DIR, program.name[1:]).stat().st_size
    assert QuickTypes(SHM_DIR, seconds).layout(program.name, pids, size) is None
    assert QuickTypes(SHM_DIR, 100.0).layout(program.name, pids, size) is not None
    assert QuickTypes(SHM_DIR, 100.0).layout(program.name, [1], size) is None


def test_a_role_is_a_member_of_what_the_program_tells(start: Start) -> None:
    """Without a header, too: a word without a slash is a member where no named semaphore is called that; and
    what else is to be said is told.
    """
    header = RING.replace("sem_t mutex,", "sem_t acesso, over,")
    begin = "sem_init(&b->acesso, 1, 1); sem_init(&b->empty, 1, 6); sem_init(&b->full, 1, 0);"
    program = start(header, {"start": begin}, "-g")
    told = run_shmtui("stat", program.name, "--map", "in=in,out=out")
    assert told.returncode == 2
    assert "--map mutex=… with acesso, over" in told.stderr, told.stderr
    record = stat_json(program.name, "--mutex", "acesso")
    assert record["layout"]["source"] == "debug-info"
    assert [each["name"] for each in record["sync"] if each["role"] == "mutex"] == ["acesso"]


# -- what goes on -------------------------------------------------------------------------------


def test_counters_that_move_outside_of_the_posts_are_healthy(start: Start) -> None:
    """Three cells a message, each posted singly, and the index moves afterwards: nothing is wrong
    with that, whoever is ahead when it is read.
    """
    header = """\
#include <semaphore.h>
typedef struct { int data[8]; unsigned head, tail; sem_t mutex, free_slots, used_slots; } Fila;
"""
    words = {
        "start": """
    sem_init(&b->mutex, 1, 1); sem_init(&b->free_slots, 1, 8); sem_init(&b->used_slots, 1, 0);
    if (!fork()) {
        prctl(PR_SET_PDEATHSIG, 9);
        for (;;) { sem_wait(&b->used_slots); (void)b->data[b->tail++ % 8]; sem_post(&b->free_slots); }
    }
    if (!fork()) {
        prctl(PR_SET_PDEATHSIG, 9);
        for (;;) {
            for (int k = 0; k < 3; k++) {
                sem_wait(&b->free_slots); b->data[(b->head + k) % 8] = k; sem_post(&b->used_slots);
            }
            b->head += 3;
        }
    }
    while (b->head < 100) usleep(100);
""",
    }
    program = start("#include <sys/prctl.h>\n" + header, words)
    sampler = Sampler(program.name, LayoutOptions(header=header_of(program)))
    try:
        assert sampler.layout is not None
        assert sampler.layout.in_ == 32
        begin = sampler.sample().monotonic_ns
        found = set()
        while (snapshot := sampler.sample()).monotonic_ns - begin < 1_500_000_000:
            found |= {finding.code for finding in snapshot.health.findings}
            assert snapshot.slot_in is not None
        assert "bad-index" not in found
    finally:
        sampler.close()


def test_a_repair_of_a_disputed_ring_is_refused(start: Start) -> None:
    """Enqueue at tail, dequeue at head, a holder that died, two that wait: both directions stand,
    so that no number of permits is known.
    """
    header = RING.replace("int in, out;", "int head, tail;").replace("Job jobs[6]", "int items[8]")
    words = {
        "start": """
    sem_init(&b->mutex, 1, 0); sem_init(&b->empty, 1, 3); sem_init(&b->full, 1, 2);
    b->tail = 3; b->items[0] = 1; b->items[1] = 2; b->items[2] = 3;
    for (int n = 0; n < 2; n++)
        if (!fork()) { prctl(PR_SET_PDEATHSIG, 9); sem_wait(&b->mutex); pause(); }
    int waiting;
    while (waiting = ((int *)&b->mutex)[1], waiting < 2) usleep(100);
""",
    }
    program = start("#include <sys/prctl.h>\n" + header, words)
    options = ["--header", str(header_of(program))]
    record = stat_json(program.name, *options)
    assert (record["in"], record["out"]) == (3, 0)  # The slots that were written come first.
    assert record["layout"]["by_convention"] == ["in=tail", "out=head"]
    sampler = Sampler(program.name, LayoutOptions(header=header_of(program)))
    snapshot = sampler.sample()
    sampler.close()
    dead = Finding("dead-holder", Status.CRITICAL, "", (), Certainty.LIKELY, "")
    refused = make_plan(snapshot, [dead], ())
    assert isinstance(refused, Refusal)
    assert "--map in=head,out=tail fits the values, too" in str(refused)
    said = stat_json(program.name, *options, "--map", "in=tail,out=head")
    assert not said["layout"]["assumed"]


def test_several_rings_of_a_segment_are_a_short_list(start: Start) -> None:
    """A program's struct that holds three of them: each is named, and can be picked."""
    header = """\
#include <semaphore.h>
typedef struct { int id; double arg; } Call;
typedef struct { Call calls[8]; int in, out; sem_t mutex, empty, full; } Channel;
typedef struct { int count; Channel channels[3]; } Fila;
"""
    begin = "".join(
        f"sem_init(&b->channels[{n}].mutex, 1, 1); sem_init(&b->channels[{n}].empty, 1, {8 - n});"
        f"sem_init(&b->channels[{n}].full, 1, {n}); b->channels[{n}].in = {n};"
        for n in range(3)
    )
    program = start(header, {"start": begin + " b->count = 3;"}, "-g")
    binary = folder_of(program) / "produtor"
    with pytest.raises(AmbiguousLayoutError, match="holds several rings") as refusal:
        resolved(program.name)
    for index in range(3):
        path = f"Fila.channels[{index}]"
        assert f"--header {binary}:{path}" in str(refusal.value)
        record = stat_json(program.name, "--header", f"{binary}:{path}")
        assert (record["in"], record["semaphores"]["full"]["value"]) == (index, index)
    with pytest.raises(ShmtuiError, match=r"channels has 3, from \[0\] to \[2\]"):
        resolved(program.name, header=binary, struct="Fila.channels[3]")
    with pytest.raises(ShmtuiError, match=r"no member rings\[0\]: it has count, channels"):
        resolved(program.name, header=binary, struct="Fila.rings[0]")


def test_a_reading_with_more_slots_than_the_struct(tmp_path: Path) -> None:
    """Bytes that fit by chance are no layout where the program's own array is shorter."""
    text = (
        "typedef struct { sem_t mutex, empty, full; int count, head; short pilha[8];"
        " int written_total; } Fila;"
    )
    source = TypeSource((one(tmp_path, text),), LayoutSource.DEBUG_INFO, "", "")
    rest = "in=96:int32,out=100,mutex=0,empty=64,full=32"
    for slots, wrong in ((8, False), (10, True)):
        layout = parse_layout_option(f"data=104:{slots}xint16,{rest}", Libc.GLIBC)
        assert contradicted(layout, [source], 128) is wrong


def test_an_item_type_that_cannot_be_is_refused(start: Start) -> None:
    """With the program's struct, and with the bytes alone: it is never dropped."""
    program = start(RING, None, "-g")
    for item, said in (("nonsense", "unknown item type"), ("double[3]", "--item|item type")):
        found = run_shmtui("stat", program.name, "--item", item)
        assert found.returncode == 2, found.stdout
        assert re.search(said, found.stderr)
    program = start(RING, None, "-s", program="outro")
    found = run_shmtui("stat", program.name, "--item", "float")
    assert found.returncode == 2, found.stdout
    assert "--item float" in found.stderr


def test_fewer_slots_than_a_member_says(start: Start) -> None:
    """What is said is the member's number, not the array's length."""
    header = """\
#include <semaphore.h>
typedef struct { int capacity, in, out; sem_t mutex, empty, full; long items[16]; } Fila;
"""
    begin = (
        "b->capacity = 7; sem_init(&b->mutex, 1, 1); sem_init(&b->empty, 1, 7);"
        " sem_init(&b->full, 1, 0);"
    )
    program = start(header, {"start": begin}, "-g")
    said = run_shmtui("stat", program.name, "--slots", "3").stdout
    assert "the ring uses 7 slots of items" in said
