"""What is not understood is refused with the user's own file, the right line and a reason."""

from pathlib import Path

import pytest

from shmtui.layouts.header import HeaderError, read_structs
from shmtui.shm.libc import Libc
from tests.layouts.reading import one, read, refusal_of
from tests.layouts.refused import REFUSED


@pytest.mark.parametrize("text", REFUSED)
def test_with_line_and_reason(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line each, and nothing is printed on the way."""
    assert refusal_of(tmp_path, text) == REFUSED[text]
    assert capsys.readouterr() == ("", "")


def test_an_error_in_an_include_names_that_file_as_the_user_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The path is relative where the user's was, and the line is the included file's."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "item.h").write_text("\n\nstruct item { nothing x; };\n")
    (tmp_path / "buffer.h").write_text('#include "parts/item.h"\n')
    with pytest.raises(HeaderError, match=r"^parts/item\.h:3: the type 'nothing' is not known$"):
        read_structs(Path("buffer.h"), Libc.GLIBC)


def test_after_an_include_lines_are_the_headers_again(tmp_path: Path) -> None:
    """What an included file adds does not shift the lines of the one that includes it."""
    (tmp_path / "item.h").write_text("#pragma once\n" + "struct item { int x; };\n" * 1 + "\n" * 40)
    text = '#include "item.h"\n#include "item.h"\nstruct s { struct item a;\n  wrong b; };\n'
    assert refusal_of(tmp_path, text) == "4: the type 'wrong' is not known"


def test_a_struct_says_where_it_was_declared(tmp_path: Path) -> None:
    """The place is the line of its keyword."""
    structs = read(tmp_path, "\nstruct a { int x; };\ntypedef struct\n{ int y; } B;\n")
    assert [(s.names, s.place) for s in structs] == [
        (("a",), f"{tmp_path / 'buffer.h'}:2"),
        (("B",), f"{tmp_path / 'buffer.h'}:3"),
    ]


def test_names_are_the_tag_and_every_typedef(tmp_path: Path) -> None:
    """A typedef of a typedef too; and C's own name for it."""
    struct = one(tmp_path, "typedef struct tag { int x; } A; typedef A B; typedef struct tag C;")
    assert struct.names == ("tag", "A", "B", "C")
    assert struct.c_name == "struct tag"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("int x[5];", "int[5]"),
        ("char x[2][32];", "char[2][32]"),
        ("typedef_t x;", "int"),
        ("Item x[3];", "Item[3]"),
        ("struct plain *x;", "struct plain *"),
        ("void (*x)(int);", "function *"),
        ("enum colour x;", "enum colour"),
        ("unsigned x;", "unsigned int"),
        ("sem_t x;", "sem_t"),
    ],
)
def test_types_are_named_as_c_writes_them(tmp_path: Path, text: str, name: str) -> None:
    """A typedef's name stands for a struct; for a number, its C type."""
    before = "typedef int typedef_t; typedef struct { int a; } Item; struct plain { int a; };\n"
    before += "enum colour { RED };\n"
    (member,) = one(tmp_path, f"{before}struct s {{ {text} }};").members
    assert member.type_name == name


def test_own_definitions_stand_before_the_systems(tmp_path: Path) -> None:
    """A header that declares its own sem_t-like names is read with these."""
    struct = one(tmp_path, "typedef short uint8_t; struct s { uint8_t a; int b; };")
    assert [member.offset for member in struct.members] == [0, 4]
    assert not struct.members[0].system
