"""Files by their first bytes (elf(5)): word size and sections, a cheap look before a thorough one.

Reading types takes pyelftools and tens of milliseconds. Most programs are stripped, and this says
so in less than one.
"""

import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Final

from shmtui.i18n import _

_MAGIC: Final = b"\x7fELF"
_WORD_SIZES: Final = {b"\1": 4, b"\2": 8}
"""By the byte behind the magic number (EI_CLASS)."""
_HEADER: Final = struct.Struct("=40xQ10xHHH")
"""Of a 64-bit file: where the section headers are, the size of each, how many there are, and which
one has names."""
_SECTION: Final = struct.Struct("=II16xQQ")
"""Name, type, place in the file and size."""
_MOST_SECTIONS: Final = 4096
_MOST_NAMES: Final = 1 << 20
_DEBUG: Final = (b".debug_info", b".debug_types", b".zdebug_info")
_NOBITS: Final = 8


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """A regular file, for reading. OSError: it cannot be read, or is none."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, _("it is not a regular file"))
        yield file


def word_size(path: str | os.PathLike[str]) -> int | None:
    """Bytes of a pointer in the program: 4 or 8. None: it is no ELF file, or cannot be read."""
    try:
        with opened(path) as file:
            start = file.read(5)
    except OSError:
        return None
    return _WORD_SIZES.get(start[4:]) if start.startswith(_MAGIC) else None


def section_sizes(path: str) -> dict[bytes, int]:
    """Bytes in a 64-bit file of each section; empty where it is no such file or may not be read."""
    try:
        with opened(path) as file:
            return _sizes(file.fileno())
    except (OSError, struct.error, OverflowError):
        return {}


def _sizes(fd: int) -> dict[bytes, int]:
    start = os.pread(fd, 64, 0)
    if not start.startswith(_MAGIC + b"\2"):
        return {}
    at, each, count, names_at = _HEADER.unpack(start)
    if not _SECTION.size <= each <= 1024 or not names_at < count <= _MOST_SECTIONS:
        return {}
    raw = os.pread(fd, each * count, at)
    headers = [_SECTION.unpack_from(raw, number * each) for number in range(count)]
    _name, _type, offset, size = headers[names_at]
    names = os.pread(fd, min(size, _MOST_NAMES), offset)
    return {
        names[name:].split(b"\0", 1)[0]: 0 if kind == _NOBITS else length
        for name, kind, _offset, length in headers
        if name < len(names)
    }


def debug_size(sizes: dict[bytes, int]) -> int:
    """Bytes of debug information in a file with these sections."""
    return sum(sizes.get(name, 0) for name in _DEBUG)
