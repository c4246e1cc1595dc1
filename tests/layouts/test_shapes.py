"""Headers as people write them, against gcc and musl-gcc."""

from pathlib import Path

import pytest

from shmtui.layouts.header import read_structs
from shmtui.shm.libc import Libc
from tests.compiling import require
from tests.layouts.corpus import SHAPES
from tests.layouts.oracle import Case, judged


@pytest.mark.parametrize(("libc", "command"), [(Libc.GLIBC, "gcc"), (Libc.MUSL, "musl-gcc")])
@pytest.mark.parametrize("shape", SHAPES)
def test_sizes_and_offsets_are_the_compilers(
    tmp_path: Path, shape: str, libc: Libc, command: str
) -> None:
    """Every struct's size and every member's offset is what the compiler says."""
    require(command)
    header = tmp_path / "case.h"
    header.write_bytes(SHAPES[shape].encode())
    structs = read_structs(header, libc)
    assert structs
    (verdict,) = judged([Case(header, structs)], command)
    assert verdict.compiles, verdict.wrong
    assert not verdict.wrong


def test_what_other_software_declares_is_passed_over(tmp_path: Path) -> None:
    """No layout depends on a prototype or a variable of a type that we do not know."""
    header = tmp_path / "buffer.h"
    header.write_text(
        "#include <gtk/gtk.h>\nextern GtkWidget *window;\nGtkWidget *shown(const GList *of, int n);\n"
        "static inline gboolean idle(gpointer data) { return (data != 0) && { 1 }; }\n"
        "extern const GType made(void) __attribute__((const));\nchar *text, plain = {1}, more[] = {2};\n"
        '__asm__(".text");\nstruct b { int x; };\n'
    )
    assert [struct.names for struct in read_structs(header, Libc.GLIBC)] == [("b",)]
