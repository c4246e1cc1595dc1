"""What each process maps shared, of any file: the mappings of all kinds of shared memory.

The kernel is asked for them alone where it can be (`shmtui.procfs.map_query`); elsewhere
/proc/PID/maps is read as text. Both need the same right: this user's own processes
(proc_pid_maps(5)).
"""

from typing import NamedTuple

from shmtui.procfs.map_query import SHARED, MapQuery
from shmtui.procfs.maps import map_lines, split_line


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
        self._query = MapQuery(SHARED)

    def of(self, pid: int) -> tuple[SharedMapping, ...] | None:
        """The shared mappings of ``pid`` by address; none where it is gone, None where this user
        may not know.
        """
        if self._query.works:
            try:
                found = self._query.mappings(pid)
            except PermissionError:
                return None
            if found is not None:
                return tuple(
                    SharedMapping(a.start, a.end, a.offset, a.writable, a.device, a.inode, a.path)
                    for a in found
                )
        lines = map_lines(pid)
        return None if lines is None else parse_shared(lines)


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
