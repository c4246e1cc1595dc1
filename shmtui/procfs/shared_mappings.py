"""What each process maps shared, of any file: the mappings of all kinds of shared memory.

The kernel is asked for the next shared mapping (PROCMAP_QUERY, Linux 6.11 and newer), so that a
process with thousands of private ones costs no more than another; elsewhere /proc/PID/maps is read
as text. Both need the same right: this user's own processes (proc_pid_maps(5)).
"""

import ctypes
import errno
import fcntl
import os
import struct
from typing import Final, NamedTuple

from shmtui.procfs.maps import map_lines, split_line

_QUERY: Final = 0xC0686611
"""PROCMAP_QUERY of linux/fs.h: _IOWR(0x66, 17, struct procmap_query)."""
_STRUCT: Final = struct.Struct("=8Q Q2I2I2Q")
"""size, query_flags, query_addr, vma_start, vma_end, vma_flags, vma_page_size, vma_offset, inode,
dev_major, dev_minor, vma_name_size, build_id_size, vma_name_addr, build_id_addr.
"""
_ANSWER: Final = struct.Struct("=3Q8x2Q3I")
"""Of the same, from vma_start on: vma_start, vma_end, vma_flags, vma_offset, inode, dev_major, dev_minor,
vma_name_size.
"""
_ADDRESS, _START, _END, _SIZE = slice(16, 24), 24, slice(32, 40), slice(80, 84)
"""Where in it query_addr, vma_start, vma_end and vma_name_size stand."""
_WRITABLE: Final = 0x02
_SHARED: Final = 0x08
_NEXT: Final = 0x10
"""PROCMAP_QUERY_COVERING_OR_NEXT_VMA."""
_NAME_SIZE: Final = 4096
_UNSUPPORTED: Final = frozenset({errno.ENOTTY, errno.EINVAL, errno.EOPNOTSUPP})


class SharedMapping(NamedTuple):
    """One address range of a process that shows a part of what it shares."""

    start: int
    end: int
    offset: int
    """Byte of the file that the range begins at."""
    writable: bool
    device: int
    inode: int
    path: bytes
    """As the kernel names it: a path, or ``/memfd:NAME (deleted)``, ``/SYSV0000abcd (deleted)``."""

    @property
    def file_end(self) -> int:
        """The byte of the file that the range ends before, in whole pages."""
        return self.offset + self.end - self.start


class SharedMappings:
    """Reads the shared mappings of processes, by the way that this kernel has."""

    def __init__(self) -> None:
        self._name = ctypes.create_string_buffer(_NAME_SIZE)
        flags, name = _SHARED | _NEXT, ctypes.addressof(self._name)
        self._query = _STRUCT.pack(
            _STRUCT.size, flags, 0, 0, 0, 0, 0, 0, 0, 0, 0, _NAME_SIZE, 0, name, 0
        )
        self._queries = True

    def of(self, pid: int) -> tuple[SharedMapping, ...] | None:
        """The shared mappings of ``pid`` by address; none where it is gone, None where this user
        may not know.
        """
        if self._queries:
            try:
                found = self._ask(pid)
            except PermissionError:
                return None
            except OSError as error:
                if error.errno in _UNSUPPORTED:
                    self._queries = False
            else:
                if found is not None:
                    return found
        lines = map_lines(pid)
        return None if lines is None else parse_shared(lines)

    def _ask(self, pid: int) -> tuple[SharedMapping, ...] | None:
        """None where it has no memory of its own: it is gone, or its first thread has ended."""
        fd = os.open(f"/proc/{pid}/maps", os.O_RDONLY | os.O_CLOEXEC)
        try:
            found: list[SharedMapping] = []
            query = bytearray(self._query)
            while True:
                try:
                    fcntl.ioctl(fd, _QUERY, query)
                except FileNotFoundError:
                    return tuple(found)
                except ProcessLookupError:
                    return None
                answer = _ANSWER.unpack_from(query, _START)
                start, end, flags, offset, inode, major, minor, named = answer
                writable, device = bool(flags & _WRITABLE), os.makedev(major, minor)
                name = self._name.value if named else b""
                found.append(SharedMapping(start, end, offset, writable, device, inode, name))
                # The kernel has written its answer over the question.
                query[_ADDRESS] = query[_END]
                query[_SIZE] = self._query[_SIZE]
        finally:
            os.close(fd)


def parse_shared(lines: list[bytes]) -> tuple[SharedMapping, ...]:
    r"""The shared mappings in the lines of a maps file.

    >>> line = b"7f00-7f80 rw-s 00001000 00:01 42 /memfd:x y (deleted)"
    >>> parse_shared([line, line.replace(b"rw-s", b"rw-p")])[0].path
    b'/memfd:x y (deleted)'
    """
    split = (split_line(line) for line in lines if b"s " in line)
    return tuple(
        SharedMapping(
            its.start, its.end, its.offset, b"w" in its.rights, its.device, its.inode, its.path
        )
        for its in split
        if its.rights.endswith(b"s")
    )
