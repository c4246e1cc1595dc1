"""Which C library a statically linked program carries, by the notes in its ELF file (elf(5)).

glibc's start-up code brings a note of the kernel that it needs, ``.note.ABI-tag``; musl's
brings none. Go's linker leaves a note of its own, and its programs know no ``sem_t``.
"""

import os
import struct
from collections.abc import Iterator
from typing import Final

from shmtui.shm.libc import Libc

_MAGIC: Final = b"\x7fELF\x02"
"""Of a 64-bit file."""
_HEADER: Final = struct.Struct("=32xQ14xHH")
"""Where the program headers are, the size of each, and how many there are."""
_PROGRAM: Final = struct.Struct("=I4xQ16xQ")
"""Kind of segment, its place in the file and its bytes there."""
_INTERPRETER: Final = 3
_NOTE: Final = 4
_ABI_TAG: Final = (b"GNU", 1)
_LARGEST: Final = 1 << 16
_MOST: Final = 64


def static_libc(path: str) -> Libc | None:
    """The C library inside the program at ``path``; None where it is dynamically linked, or of
    another kind, or may not be read.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return _told(fd)
    except (OSError, struct.error):
        return None
    finally:
        os.close(fd)


def _told(fd: int) -> Libc | None:
    start = os.pread(fd, 64, 0)
    if not start.startswith(_MAGIC):
        return None
    at, size, count = _HEADER.unpack_from(start)
    notes: set[tuple[bytes, int]] = set()
    for number in range(min(count, _MOST)):
        kind, offset, length = _PROGRAM.unpack_from(os.pread(fd, _PROGRAM.size, at + number * size))
        if kind == _INTERPRETER:
            return None
        if kind == _NOTE:
            notes.update(_notes(os.pread(fd, min(length, _LARGEST), offset)))
    if any(owner == b"Go" for owner, _ in notes):
        return None
    return Libc.GLIBC if _ABI_TAG in notes else Libc.MUSL


def _notes(raw: bytes) -> Iterator[tuple[bytes, int]]:
    r"""Owner and kind of each note.

    >>> list(_notes(struct.pack("=III4s4x", 4, 4, 1, b"GNU")))
    [(b'GNU', 1)]
    """
    at = 0
    while at + 12 <= len(raw):
        owner, length, kind = struct.unpack_from("=III", raw, at)
        yield raw[at + 12 : at + 12 + owner].rstrip(b"\0"), kind
        at += 12 + -(-owner // 4) * 4 + -(-length // 4) * 4
