"""Headers written to a test's folder and read."""

from pathlib import Path

import pytest

from shmtui.layouts.header import HeaderError, Struct, read_structs
from shmtui.shm.libc import Libc


def read(folder: Path, text: str, libc: Libc = Libc.GLIBC) -> tuple[Struct, ...]:
    """The structs of a header of that text."""
    header = folder / "buffer.h"
    header.write_bytes(text.encode())
    return read_structs(header, libc)


def one(folder: Path, text: str, libc: Libc = Libc.GLIBC) -> Struct:
    """The last struct of a header of that text."""
    return read(folder, text, libc)[-1]


def refusal_of(folder: Path, text: str) -> str:
    """``line: reason`` of a refused header."""
    with pytest.raises(HeaderError) as caught:
        read(folder, text)
    line = str(caught.value)
    assert line.startswith(f"{folder / 'buffer.h'}:")
    assert line.isprintable()
    return line.removeprefix(f"{folder / 'buffer.h'}:")
