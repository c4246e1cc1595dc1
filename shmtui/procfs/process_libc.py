"""Which C library a process runs on: by what it maps, or by the sections of its ELF file (elf(5)).

glibc's start-up code has a note that names the kernel it needs, ``.note.ABI-tag``; musl's has
none. Go's linker writes a note of its own, and Go's programs use no ``sem_t``.
"""

import os
from collections.abc import Iterable

from shmtui.procfs.elf import section_sizes, word_size
from shmtui.procfs.maps import map_lines
from shmtui.procfs.process import live_thread
from shmtui.shm.libc import Libc


def libc_of(pid: int, lines: Iterable[bytes] | None = None) -> Libc | None:
    """The C library that ``pid`` runs on: by the libraries that it maps or, where it maps none,
    by the sections of its own file. None: it cannot be told.

    ``lines``: of its maps file, where they were read already.
    musl's loader is its libc: one file, ``ld-musl-*.so.1`` or ``libc.musl-*``.
    """
    for line in (map_lines(pid) or ()) if lines is None else lines:
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
    """The C library inside the program at ``path``; None where the program is dynamically linked, of
    another kind, not readable, or has lost its section headers (sstrip).
    """
    sections = section_sizes(path)
    if not sections or b".interp" in sections or b".note.go.buildid" in sections:
        return None
    return Libc.GLIBC if b".note.ABI-tag" in sections else Libc.MUSL
