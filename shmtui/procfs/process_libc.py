"""Which C library a process runs on: by what it maps, or by the notes in its ELF file (elf(5)).

glibc's start-up code has a note that names the kernel it needs, ``.note.ABI-tag``; musl's has
none. Go's linker writes a note of its own, and Go's programs use no ``sem_t``.
"""

import os
import struct
from collections.abc import Iterator
from typing import Final

from shmtui.procfs.elf import MAGIC_64, opened, word_size
from shmtui.procfs.maps import map_lines
from shmtui.procfs.process import live_thread
from shmtui.shm.libc import Libc

_HEADER: Final = struct.Struct("=32xQ14xHH")
"""Offset of the program headers, size of each, and their number."""
_PROGRAM: Final = struct.Struct("=I4xQ16xQ")
"""A program header: kind, offset in the file, bytes in the file."""
_INTERPRETER: Final = 3
_NOTE: Final = 4
_ABI_TAG: Final = (b"GNU", 1)
_LARGEST_NOTES: Final = 1 << 16
"""Bytes of notes that are read of one program header."""
_MOST_HEADERS: Final = 64


def libc_of(pid: int) -> Libc | None:
    """The C library that ``pid`` runs on: by the libraries that it maps or, where it maps none,
    by the notes in its own file. None: it cannot be told.

    musl's loader is its libc: one file, ``ld-musl-*.so.1`` or ``libc.musl-*``.
    """
    for line in map_lines(pid) or ():
        name = line.rsplit(b"/", 1)[-1]
        if name.startswith((b"ld-musl-", b"libc.musl-")) or b"musl/" in line:
            return Libc.MUSL
        if name.startswith((b"libc.so.6", b"libc-2.", b"ld-linux")):
            return Libc.GLIBC
    return static_libc(program_of(pid))


def bits_of(pid: int) -> int | None:
    """32 or 64, by the class of the ELF file that ``pid`` runs; None where it cannot be read.

    In a 32-bit program a glibc ``sem_t`` has 16 bytes, and pointers and ``long`` have 4.
    """
    size = word_size(program_of(pid))
    return None if size is None else 8 * size


def program_of(pid: int) -> str:
    """The file that ``pid`` runs. The first thread has none once it has ended before the others."""
    path = f"/proc/{pid}/exe"
    try:
        os.readlink(path)  # noqa: PTH115 - only whether it can be read
    except FileNotFoundError:
        tid = live_thread(pid)
        return path if tid is None else f"/proc/{pid}/task/{tid}/exe"
    except OSError:
        pass
    return path


def static_libc(path: str) -> Libc | None:
    """The C library inside the program at ``path``; None where the program is dynamically
    linked, of another kind, or not readable.
    """
    try:
        with opened(path) as file:
            return _libc_by_notes(file.fileno())
    except (OSError, struct.error):
        return None


def _libc_by_notes(fd: int) -> Libc | None:
    start = os.pread(fd, 64, 0)
    if not start.startswith(MAGIC_64):
        return None
    at, size, count = _HEADER.unpack_from(start)
    notes: set[tuple[bytes, int]] = set()
    for number in range(min(count, _MOST_HEADERS)):
        kind, offset, length = _PROGRAM.unpack_from(os.pread(fd, _PROGRAM.size, at + number * size))
        if kind == _INTERPRETER:
            return None
        if kind == _NOTE:
            notes.update(_notes(os.pread(fd, min(length, _LARGEST_NOTES), offset)))
    if any(owner == b"Go" for owner, _kind in notes):
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
