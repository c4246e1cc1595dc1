"""Headers as people write them lie where gcc, musl-gcc and g++ say."""

from pathlib import Path

import pytest

from shmtui.layouts.compiler import compile_types
from shmtui.shm.libc import Libc
from tests.compiling import require
from tests.layouts.corpus import SHAPES
from tests.layouts.oracle import Case, judged
from tests.layouts.reading import read_file


@pytest.mark.parametrize(("libc", "command"), [(Libc.GLIBC, "gcc"), (Libc.MUSL, "musl-gcc")])
@pytest.mark.parametrize("shape", SHAPES)
def test_sizes_and_offsets_are_the_compilers(
    tmp_path: Path, shape: str, libc: Libc, command: str
) -> None:
    """Every struct's size and every member's offset is what the compiler says."""
    require(command)
    header = tmp_path / "case.h"
    header.write_bytes(SHAPES[shape].encode())
    compiled = compile_types(header, libc)
    assert compiled.structs
    assert compiled.libc is libc
    (verdict,) = judged([Case(header, compiled.structs)], command)
    assert verdict.compiles, verdict.wrong
    assert not verdict.wrong


def test_musl_aligns_a_semaphore_to_four_bytes(tmp_path: Path) -> None:
    """The exercise's buffer has 124 bytes there, and 128 with glibc (facts of each libc)."""
    require("musl-gcc")
    header = tmp_path / "case.h"
    header.write_text(SHAPES["seed"])
    assert [read_file(header, libc)[0].size for libc in (Libc.GLIBC, Libc.MUSL)] == [128, 124]


def test_names_places_and_types_are_as_the_header_writes_them(tmp_path: Path) -> None:
    """Tag and typedefs, file and line, ``int[5]``; the sync types by name."""
    header = tmp_path / "case.h"
    header.write_text(
        "#include <pthread.h>\n#include <semaphore.h>\n#include <stdint.h>\n"
        "typedef struct item { int32_t id; unsigned long n; char text[8]; } Item;\n"
        "typedef Item item_t;\n"
        "struct ring {\n  item_t data[4][2]; volatile uint32_t in; _Atomic long out; char *p;\n"
        "  sem_t sems[3]; pthread_mutex_t m; pthread_cond_t c; pthread_rwlock_t r;\n"
        "  pthread_barrier_t b; pthread_spinlock_t s; struct item *next; int more[];\n};\n"
    )
    item, ring = read_file(header, Libc.GLIBC)
    assert item.names == ("item", "Item", "item_t")
    assert (item.place, item.c_name, ring.place) == (f"{header}:4", "struct item", f"{header}:6")
    assert {m.name: m.type_name for m in ring.members} == {
        "data": "Item[4][2]", "in": "unsigned int", "out": "long", "p": "char *",
        "sems": "sem_t[3]", "m": "pthread_mutex_t", "c": "pthread_cond_t",
        "r": "pthread_rwlock_t", "b": "pthread_barrier_t", "s": "pthread_spinlock_t",
        "next": "Item *", "more": "int[]",
    }  # fmt: skip
    members = {member.name: member for member in ring.members}
    assert [members[name].integer for name in ("in", "out", "s", "p")] == [True, True, False, False]
    assert [m.system for m in ring.members if m.system] == [
        "pthread_mutex_t", "pthread_cond_t", "pthread_rwlock_t", "pthread_barrier_t",
        "pthread_spinlock_t",
    ]  # fmt: skip
    sems, more, data = members["sems"], members["more"], members["data"]
    assert sems.element is not None
    assert (sems.element.system, sems.length) == ("sem_t", 3)
    assert (more.length, data.length) == (0, 4)
    assert data.element is not None
    assert data.element.type_name == "Item[2]"


def test_a_type_of_the_users_own_is_no_system_type(tmp_path: Path) -> None:
    """Whatever its name."""
    header = tmp_path / "case.h"
    header.write_text("typedef struct { int n; } sem_t;\nstruct b { sem_t mutex; };\n")
    member = read_file(header, Libc.GLIBC)[-1].members[0]
    assert (member.system, member.type_name, len(member.members)) == ("", "sem_t", 1)
