"""The sections of a 64-bit ELF file by name and size (elf(5)): a cheap look before a thorough one.

Reading types takes pyelftools and tens of milliseconds. Most programs are stripped, and this says
so in less than one.
"""

import os
import stat
import struct
from typing import Final

_MAGIC: Final = b"\x7fELF\x02"
_HEADER: Final = struct.Struct("=40xQ10xHHH")
"""Where the section headers are, the size of each, how many there are, and which one has names."""
_SECTION: Final = struct.Struct("=II16xQQ")
"""Name, type, place in the file and size."""
_MOST_SECTIONS: Final = 4096
_MOST_NAMES: Final = 1 << 20
_DEBUG: Final = (b".debug_info", b".debug_types", b".zdebug_info")
_NOBITS: Final = 8


def section_sizes(path: str) -> dict[bytes, int]:
    """Bytes in the file of each section; empty where it is no such file or may not be read."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return {}
    try:
        return _sizes(fd) if stat.S_ISREG(os.fstat(fd).st_mode) else {}
    except (OSError, struct.error, OverflowError):
        return {}
    finally:
        os.close(fd)


def _sizes(fd: int) -> dict[bytes, int]:
    start = os.pread(fd, 64, 0)
    if not start.startswith(_MAGIC):
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
