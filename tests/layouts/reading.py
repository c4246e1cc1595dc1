"""Headers written to a test's folder and read by the compiler."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

from shmtui.layouts.compiler import compile_types
from shmtui.layouts.struct_members import Struct
from shmtui.shm.libc import Libc
from tests.compiling import require

INCLUDES: Final = """\
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
"""


def read_file(
    path: Path,
    libc: Libc,
    include: Sequence[Path] = (),
    define: Sequence[str] = (),
    compiler: str | None = None,
    names: Collection[str] = (),
) -> tuple[Struct, ...]:
    """The structs of a header or a source."""
    return compile_types(path, libc, include, define, compiler, names).structs


def read(folder: Path, text: str, libc: Libc = Libc.GLIBC) -> tuple[Struct, ...]:
    """The structs of a header of that text, behind the usual includes."""
    require("musl-gcc" if libc is Libc.MUSL else "gcc")
    header = folder / "buffer.h"
    header.write_text(INCLUDES + text)
    return read_file(header, libc)


def one(folder: Path, text: str, libc: Libc = Libc.GLIBC) -> Struct:
    """The last struct of a header of that text."""
    return read(folder, text, libc)[-1]
