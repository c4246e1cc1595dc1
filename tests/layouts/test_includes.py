"""A header reads its own folder and nothing else, and nothing makes it wait or swell."""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shmtui.layouts.header import HeaderError, read_structs
from shmtui.shm.libc import Libc
from tests.layouts.reading import read, refusal_of

STRUCT = "struct found { int x; };\n"


def test_a_folder_below_and_back_up_is_its_own(tmp_path: Path) -> None:
    """An include may go through its own folder's folders."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.h").write_text('#include "../b.h"\n')
    (tmp_path / "b.h").write_text(STRUCT)
    assert read(tmp_path, '#include "sub/a.h"\n')[0].names == ("found",)


@pytest.mark.parametrize("way", ["dots", "absolute", "link", "linked folder", "nested"])
def test_nothing_outside_is_read(tmp_path: Path, way: str) -> None:
    """Neither by dots, nor by an absolute path, nor by links."""
    own, other = tmp_path / "own", tmp_path / "other"
    own.mkdir()
    other.mkdir()
    (other / "a.h").write_text(STRUCT)
    (own / "link.h").symlink_to(other / "a.h")
    (own / "folder").symlink_to(other)
    (own / "inner.h").write_text('#include "../other/a.h"\n')
    wanted = {
        "dots": "../other/a.h", "absolute": str(own / "inner.h"), "link": "link.h",
        "linked folder": "folder/a.h", "nested": "inner.h",
    }[way]  # fmt: skip
    (own / "buffer.h").write_text(f'#include "{wanted}"\n')
    with pytest.raises(HeaderError, match=r"outside the header's folder|absolute path"):
        read_structs(own / "buffer.h", Libc.GLIBC)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('#define WHERE "../other/a.h"\n#include WHERE\n', "outside the header's folder"),
        ("#define Q(x) #x\n#define WHERE Q(../other/a.h)\n#include WHERE\n", "outside|not under"),
        ('#include_next "a.h"\n', "include_next"),
        ('#import "../other/a.h"\n', "import"),
        ('#if __has_include("../other/a.h")\nint x;\n#endif\n', "__has_include"),
        ('#embed "../other/a.h"\n', "embed"),
    ],
)
def test_no_other_way_leads_out(tmp_path: Path, text: str, says: str) -> None:
    """Nor by a macro, nor by a directive of another compiler; nothing is even asked whether it is
    there.
    """
    own, other = tmp_path / "own", tmp_path / "other"
    own.mkdir()
    other.mkdir()
    (other / "a.h").write_text(STRUCT)
    (own / "buffer.h").write_text(text)
    with pytest.raises(HeaderError, match=says) as refused:
        read_structs(own / "buffer.h", Libc.GLIBC)
    assert str(refused.value).startswith(f"{own / 'buffer.h'}:")


def test_a_folder_that_is_given_is_read(tmp_path: Path) -> None:
    """Quoted and angled includes both look there; other angled ones are the system's."""
    own, given = tmp_path / "own", tmp_path / "given"
    own.mkdir()
    given.mkdir()
    (given / "a.h").write_text(STRUCT)
    (given / "b.h").write_text("struct second { long y; };\n")
    (own / "buffer.h").write_text('#include <a.h>\n#include "b.h"\n#include <ncurses.h>\n')
    found = read_structs(own / "buffer.h", Libc.GLIBC, [given])
    assert [struct.names for struct in found] == [("found",), ("second",)]


def test_the_header_itself_may_be_reached_by_a_link(tmp_path: Path) -> None:
    """Its folder is the one that the user named."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "x.h").write_text(STRUCT)
    (tmp_path / "buffer.h").symlink_to(tmp_path / "real" / "x.h")
    assert read_structs(tmp_path / "buffer.h", Libc.GLIBC)


@pytest.mark.parametrize(
    "kind", ["fifo", "device", "folder", "absent", "loop", "long", "unreadable"]
)
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    """As the header, and as an include."""
    path = tmp_path / "odd.h"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path = Path("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "long":
        path = tmp_path / ("n" * 300)
    elif kind == "unreadable":
        path.write_bytes(b"struct s { int a; \0 };")
    started = time.monotonic()
    with pytest.raises(HeaderError, match=r":1: "):
        read_structs(path, Libc.GLIBC)
    (tmp_path / "buffer.h").write_text(f'#include "{path.name}"\n')
    with pytest.raises(HeaderError, match=r":1: "):
        read_structs(tmp_path / "buffer.h", Libc.GLIBC)
    assert time.monotonic() - started < 1


BOMBS = {
    "macros that double": "\n".join(f"#define A{i + 1} A{i} A{i}" for i in range(60))
    + "\n#define A0 int x;\nstruct s { A60 };",
    "calls that double": "#define F(x) x x\nstruct s { " + "F(" * 60 + "int a;" + ")" * 60 + " };",
    "strings that double": "#define S(x) #x\n#define T(x) S(x x)\n_Static_assert(1, "
    + "T(" * 60 + "a" + ")" * 60 + ");",
    "names that double": "#define C(x) x##x\n#define D(x) C(x)\nint "
    + "D(" * 60 + "a" + ")" * 60 + ";",
    "brackets": "struct s { int a[" + "(" * 90_000 + "1" + ")" * 90_000 + "]; };",
    "brackets in #if": "#if " + "(" * 90_000 + "1" + ")" * 90_000 + "\n#endif\n",
    "signs in #if": "#if " + "- " * 100_000 + "1\n#endif\n",
    "casts": "struct s { int a[" + "(int)" * 40_000 + "1]; };",
    "conditions": "#if 1\n" * 40_000,
    "an include of itself": '#include "buffer.h"\n',
    "two includes of itself": '#include "buffer.h"\n#include "buffer.h"\n',
    "structs in structs": "struct {" * 20_000 + "int a;" + "} x;" * 20_000,
    "structs that double": "struct s0 { int a; };\n" + "\n".join(
        f"struct s{i + 1} {{ struct s{i} a, b; }};" for i in range(50)
    ),
    "typedefs of typedefs": "typedef int *p0;\n" + "\n".join(
        f"typedef p{i} *p{i + 1};" for i in range(7000)
    ) + "\nstruct s { p7000 x; };",
    "members": "struct s {" + "".join(f"int m{i};" for i in range(20_000)) + "};",
    "stars": "struct s { int " + "*" * 100_000 + "p; };",
    "a number": "struct s { int a[" + "9" * 200_000 + "]; };",
    "quotes": '"\\' * 100_000,
    "continued lines": ("\\" + " " * 1000) * 250,
    "a large file": "int x;\n" * 1_000_000,
}  # fmt: skip


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_refused_soon(tmp_path: Path, bomb: str) -> None:
    """Nothing that a header holds takes long."""
    started = time.monotonic()
    assert refusal_of(tmp_path, BOMBS[bomb])
    assert time.monotonic() - started < 10


def test_a_giant_enum_is_read(tmp_path: Path) -> None:
    """Size alone is no reason to refuse."""
    text = "enum { " + ",".join(f"E{i}" for i in range(20_000)) + " };\nstruct s { int a[E5000]; };"
    assert read(tmp_path, text)[0].size == 20_000


def test_memory_is_bounded(tmp_path: Path) -> None:
    """The worst of the bombs, in a process that may not grow by 400 MB."""
    header = tmp_path / "buffer.h"
    header.write_text(BOMBS["macros that double"])
    program = (
        "import sys; from pathlib import Path; from shmtui.layouts.header import *;"
        "from shmtui.shm.libc import Libc\n"
        "try: read_structs(Path(sys.argv[1]), Libc.GLIBC)\n"
        "except HeaderError as error: sys.exit(0)\n"
        "sys.exit(1)"
    )

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))

    done = subprocess.run(
        [sys.executable, "-c", program, str(header)], preexec_fn=limit, timeout=60, check=False
    )
    assert done.returncode == 0
