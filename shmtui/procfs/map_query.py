"""Asks the kernel for the mappings of a process one by one, of a kind alone (PROCMAP_QUERY, Linux 6.11 and newer).

A process with thousands of other mappings costs little more than another one: the kernel passes over
them, and writes no text. It needs the right that /proc/PID/maps needs.
"""

import ctypes
import errno
import fcntl
import os
import struct
from typing import Final, NamedTuple

from shmtui.shm.segment import FileIdentity

SHARED: Final = 0x08
FILES: Final = 0x20
"""PROCMAP_QUERY_FILE_BACKED_VMA: of files, in memory or on a disk, shared or private."""
_QUERY: Final = 0xC0686611
"""PROCMAP_QUERY of linux/fs.h: _IOWR(0x66, 17, struct procmap_query)."""
_NEXT: Final = 0x10
"""PROCMAP_QUERY_COVERING_OR_NEXT_VMA."""
_WRITABLE: Final = 0x02
_STRUCT: Final = struct.Struct("=8Q Q2I2I2Q")
"""size, query_flags, query_addr, vma_start, vma_end, vma_flags, vma_page_size, vma_offset, inode,
dev_major, dev_minor, vma_name_size, build_id_size, vma_name_addr, build_id_addr.
"""
_ANSWER: Final = struct.Struct("=3Q8x2Q3I")
"""Of the same, from vma_start on: vma_start, vma_end, vma_flags, vma_offset, inode, dev_major, dev_minor,
vma_name_size.
"""
_FILE: Final = struct.Struct("=Q2I")
"""Of the same: inode, dev_major, dev_minor."""
_ADDRESS, _START, _END = slice(16, 24), slice(24, 32), slice(32, 40)
_FILE_AT, _SIZE = slice(64, 80), slice(80, 84)
"""Where in it query_addr, vma_start, vma_end, the file and vma_name_size stand."""
_NAME_SIZE: Final = 4096
_UNSUPPORTED: Final = frozenset({errno.ENOTTY, errno.EINVAL, errno.EOPNOTSUPP})


class QueriedMapping(NamedTuple):
    """One address range of a process, as the kernel answers."""

    start: int
    end: int
    offset: int
    """Byte of the file that the range begins at."""
    device: int
    inode: int
    path: bytes
    writable: bool
    shared: bool


class MapQuery:
    """Asks for the mappings that are all of ``kind``: `SHARED`, `FILES`, or both."""

    def __init__(self, kind: int) -> None:
        self._name = ctypes.create_string_buffer(_NAME_SIZE)
        self._named = _question(kind, _NAME_SIZE, ctypes.addressof(self._name))
        self._plain = _question(kind, 0, 0)
        self.works = True
        """False once this kernel is known to have no such query."""

    def mappings(
        self, pid: int, files: frozenset[bytes] | None = None
    ) -> list[QueriedMapping] | None:
        """Those of ``pid``, by address; None where it has no memory of its own (it is gone, or its first
        thread has ended), or ``works`` is False. PermissionError: this user may not know.

        ``files``: only mappings of these files, by `file_key`.
        """
        try:
            fd = os.open(f"/proc/{pid}/maps", os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, ProcessLookupError):
            return None
        found: list[QueriedMapping] = []
        question = self._named if files is None else self._plain
        query = bytearray(question)
        try:
            while True:
                fcntl.ioctl(fd, _QUERY, query)
                # The kernel has written its answer over the question.
                if files is None:
                    found.append(self._answer(query))
                    query[_SIZE] = question[_SIZE]
                elif bytes(query[_FILE_AT]) in files:
                    again = bytearray(self._named)
                    again[_ADDRESS] = query[_START]
                    fcntl.ioctl(fd, _QUERY, again)
                    found.append(self._answer(again))
                query[_ADDRESS] = query[_END]
        except FileNotFoundError:
            return found
        except ProcessLookupError:
            return None
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
            self.works = False
            return None
        finally:
            os.close(fd)

    def _answer(self, query: bytearray) -> QueriedMapping:
        start, end, flags, offset, inode, major, minor, named = _ANSWER.unpack_from(
            query, _START.start
        )
        return QueriedMapping(
            start, end, offset, os.makedev(major, minor), inode,
            self._name.value if named else b"", bool(flags & _WRITABLE), bool(flags & SHARED),
        )  # fmt: skip


def file_key(file: FileIdentity) -> bytes:
    """A file's numbers as the kernel answers them."""
    return _FILE.pack(file.inode, os.major(file.device), os.minor(file.device))


def _question(kind: int, name_size: int, name: int) -> bytes:
    return _STRUCT.pack(
        _STRUCT.size, kind | _NEXT, 0, 0, 0, 0, 0, 0, 0, 0, 0, name_size, 0, name, 0
    )
