"""Headers through the compiler: its words, its limits, and nothing that stays behind."""

import tempfile
from pathlib import Path

import pytest

from shmtui.errors import ShmtuiError
from shmtui.layouts import compiler, compiler_command
from shmtui.layouts.compiler import compile_types
from shmtui.layouts.struct_members import Struct
from shmtui.shm.libc import Libc, running_libc
from tests.compiling import require
from tests.layouts.reading import read_file
from tests.layouts.test_debug_info import SOURCE

STRUCT = "struct found { int x; };\n"


def read(folder: Path, text: str, name: str = "buf.h") -> tuple[Struct, ...]:
    """The structs of a file of that text."""
    (folder / name).write_text(text)
    return read_file(folder / name, Libc.GLIBC)


def refusal(folder: Path, text: str, name: str = "buf.h") -> str:
    """The one line that says why a file of that text is refused."""
    with pytest.raises(ShmtuiError) as caught:
        read(folder, text, name)
    assert str(caught.value).isprintable()
    return str(caught.value)


@pytest.fixture(autouse=True)
def nothing_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """The compiler's folder goes away, whatever happens."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    assert list(folder.iterdir()) == []


def test_the_compilers_first_error_is_said(tmp_path: Path) -> None:
    """File, line, its words, and how many more there are."""
    said = refusal(tmp_path, "struct b {\n  lock_t mutex;\n  other_t full;\n};\n")
    assert said == f"{tmp_path / 'buf.h'}:2: unknown type name 'lock_t' (1 more error)"
    (tmp_path / "in.h").write_text("\n\n#error not here\n")
    assert refusal(tmp_path, '#include "in.h"\n') == f"{tmp_path / 'in.h'}:3: #error not here"
    assert ":1: absent.h: No such file or directory" in refusal(tmp_path, "#include <absent.h>\n")


def test_a_header_without_types_has_none(tmp_path: Path) -> None:
    """Nothing is said of the compiler's files: they are nothing to the user."""
    (tmp_path / "macros.h").write_text("#define N 5\n")
    assert read_file(tmp_path / "macros.h", Libc.GLIBC) == ()


def test_a_header_may_rely_on_what_its_program_includes(tmp_path: Path) -> None:
    """The usual headers of semaphores and threads."""
    (struct,) = read(
        tmp_path, "struct b { int data[4]; sem_t full; pthread_mutex_t m; uint8_t n; };"
    )
    assert [member.type_name for member in struct.members[1:]] == [
        "sem_t", "pthread_mutex_t", "unsigned char",
    ]  # fmt: skip


@pytest.mark.parametrize("include", ['"sub/a.h"', "<sub/a.h>", "<b.h>", '"b.h"'])
def test_included_files_of_the_users_own_count(tmp_path: Path, include: str) -> None:
    """Beside the header and in folders that are given; what the system declares does not."""
    for folder in ("own/sub", "given with space"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "own/sub/a.h").write_text(STRUCT)
    (tmp_path / "given with space/b.h").write_text(STRUCT)
    header = tmp_path / "own/buf.h"
    header.write_text(
        f'#include "stdio.h"\n#include <time.h>\n#include {include}\nstruct last {{ int y; }};\n'
    )
    found = read_file(header, Libc.GLIBC, [tmp_path / "given with space"])
    assert [struct.names for struct in found] == [("found",), ("last",)]


def test_a_file_beside_the_header_shadows_none_of_the_systems(tmp_path: Path) -> None:
    """``<time.h>`` is the system's."""
    (tmp_path / "time.h").write_text("#error wrong\n")
    assert read(tmp_path, "#include <time.h>\nstruct t { struct timespec at; };\n")[0].size == 16


def test_macros_are_defined(tmp_path: Path) -> None:
    """As -D does."""
    header = tmp_path / "buf.h"
    header.write_text("struct b { int data[N]; char c[M]; };\n")
    assert read_file(header, Libc.GLIBC, define=["N=7", "M=sizeof(int)"])[0].size == 32


def test_sources_are_read(tmp_path: Path) -> None:
    """A ``.c`` file is never run or linked."""
    (tmp_path / "prog.c").write_text(SOURCE)
    names = [struct.names[0] for struct in read_file(tmp_path / "prog.c", Libc.GLIBC)]
    assert names == ["Item", "ring", "plain", "outer"]


BOMBS = {
    "a device": '#include "/dev/zero"\n',
    "standard input": '#include "/dev/stdin"\n@',
    "itself": '#include "buf.h"\n',
    "macros that double": "\n".join(f"#define A{i + 1} A{i} A{i}" for i in range(60))
    + "\n#define A0 int x;\nstruct s { A60 };",
    "brackets": "struct s { int a[" + "(" * 2_000_000 + "1" + ")" * 2_000_000 + "]; };",
    "members": "struct s {" + "".join(f"int m{i};" for i in range(20_000)) + "};",
    "structs that double": "struct s0 { int a; };\n"
    + "\n".join(f"struct s{i + 1} {{ struct s{i} a, b; }};" for i in range(50)),
    "pointers to pointers": "typedef int *p0;\n"
    + "\n".join(f"typedef p{i} *p{i + 1};" for i in range(7000)) + "\nstruct s { p7000 x; };",
}  # fmt: skip


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_refused(tmp_path: Path, bomb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line, and in bounded time and memory."""
    monkeypatch.setattr(compiler, "SECONDS", 1)
    monkeypatch.setattr(compiler, "MEMORY_KB", 300_000)
    assert refusal(tmp_path, BOMBS[bomb])


def test_a_compiler_that_never_ends_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the processes that it started."""
    monkeypatch.setattr(compiler, "_WAIT_SECONDS", 0.3)
    tool = tmp_path / "slow"
    tool.write_text("#!/bin/sh\nsleep 1000 & sleep 1000\n")
    tool.chmod(0o755)
    (tmp_path / "buf.h").write_text(STRUCT)
    with pytest.raises(ShmtuiError, match="took more than"):
        read_file(tmp_path / "buf.h", Libc.GLIBC, compiler=str(tool))


def test_no_compiler_is_said_with_the_other_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one that is named and does not exist."""
    (tmp_path / "buf.h").write_text(STRUCT)
    with pytest.raises(ShmtuiError, match=r"nosuchcc -m64 does not exist.*--layout"):
        read_file(tmp_path / "buf.h", Libc.GLIBC, compiler="nosuchcc -m64")
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ShmtuiError, match=r"no C compiler is here.*--cc.*object file.*--layout"):
        read_file(tmp_path / "buf.h", Libc.GLIBC)


def test_cc_of_the_environment_and_of_the_option_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With their words; the option goes first."""
    (tmp_path / "buf.h").write_text("struct b { int data[N]; };\n")
    monkeypatch.setenv("CC", f"{require('gcc')} -DN=3")
    assert read_file(tmp_path / "buf.h", Libc.GLIBC)[0].size == 12
    found = compile_types(tmp_path / "buf.h", Libc.GLIBC, compiler="gcc -DN=5")
    assert found.structs[0].size == 20


def test_a_layout_of_the_other_libc_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no compiler of the one that was asked for is at hand."""
    monkeypatch.setattr(compiler_command, "_CROSS", {libc: {"c": (), "c++": ()} for libc in Libc})
    (tmp_path / "buf.h").write_text("#include <semaphore.h>\nstruct b { sem_t s; };\n")
    for libc in Libc:
        assert compile_types(tmp_path / "buf.h", libc).libc is running_libc()


@pytest.mark.parametrize("name", ["notes.txt", "buf", 'a"b.h'])
def test_what_is_no_source_by_its_name_is_refused(tmp_path: Path, name: str) -> None:
    """With the names that are."""
    assert refusal(tmp_path, STRUCT, name)


def test_a_precompiled_header_is_not_used(tmp_path: Path) -> None:
    """What is read is what the file says now."""
    (tmp_path / "buf.h.gch").write_bytes(b"gpch")
    assert read(tmp_path, STRUCT)[0].names == ("found",)
