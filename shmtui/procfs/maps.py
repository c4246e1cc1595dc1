"""Who maps a file: the lines of /proc/PID/maps that show it, found by device and inode.

A name can be used again and a deleted file keeps its inode, so a segment is known by device and
inode here. The kernel lets a user read the maps of his own processes (proc_pid_maps(5)); where
that is refused the answer is None: unknown, not empty.
"""

import os
from collections.abc import Set
from pathlib import Path
from typing import NamedTuple

import msgspec

from shmtui.procfs.process import live_thread, processes
from shmtui.shm.segment import FileIdentity
from shmtui.shm.system_v_attachment import attached_here


class Mapping(msgspec.Struct, frozen=True):
    """One address range of a process that shows part of the segment."""

    start: int
    end: int
    offset: int
    """Byte of the segment that the range begins at."""
    writable: bool = True
    """Whether the process may write through it now; mprotect(2) can change that (`may_write`)."""
    shared: bool = True
    """False (MAP_PRIVATE): what it writes, and the futexes that it waits on, are its own."""

    def offset_of(self, address: int) -> int | None:
        """The segment offset behind an address of that process, or None if it lies elsewhere."""
        if self.start <= address < self.end:
            return address - self.start + self.offset
        return None


class MapsLine(NamedTuple):
    """The fields of a line of a maps file (proc_pid_maps(5))."""

    start: int
    end: int
    rights: bytes
    offset: int
    device: int
    inode: int
    path: bytes
    """As the kernel names it; empty where there is none."""


def split_line(line: bytes) -> MapsLine:
    """The fields of a line; the path may hold blanks.

    >>> split_line(b"7f00-7f80 rw-s 00001000 00:1b 42 /dev/shm/a b").path
    b'/dev/shm/a b'
    """
    addresses, rights, offset, device, inode, *path = line.split(maxsplit=5)
    start, end = (int(address, 16) for address in addresses.split(b"-"))
    major, minor = (int(part, 16) for part in device.split(b":"))
    return MapsLine(
        start, end, rights, int(offset, 16), os.makedev(major, minor), int(inode),
        path[0] if path else b"",
    )  # fmt: skip


def mappings(pid: int, identity: FileIdentity) -> tuple[Mapping, ...] | None:
    """Where ``pid`` maps the file; empty if it does not, None if this user may not know."""
    lines = map_lines(pid)
    return None if lines is None else parse_maps(lines, identity)


def parse_maps(lines: list[bytes], identity: FileIdentity) -> tuple[Mapping, ...]:
    r"""The lines of a maps file that show the file of ``identity``.

    >>> line = b"7f00-7f80 rw-s 00001000 00:1b 42 /dev/shm/x (deleted)\n"
    >>> parse_maps([line], FileIdentity(0x1b, 42))
    (Mapping(start=32512, end=32640, offset=4096, writable=True, shared=True),)
    """
    key = b" %s %d " % (_device(identity.device), identity.inode)
    found = []
    for line in lines:
        if key in line:
            its = split_line(line)
            # The path may hold the key too: a file can have any name.
            if identity == FileIdentity(its.device, its.inode, its.path.startswith(b"/SYSV")):
                writable, shared = b"w" in its.rights, its.rights.endswith(b"s")
                found.append(Mapping(its.start, its.end, its.offset, writable, shared))
    return tuple(found)


def on_device(lines: list[bytes], devices: Set[int]) -> list[bytes]:
    """The lines of a maps file that show files of these devices, and seldom another."""
    keys = [b" %s " % _device(device) for device in devices]
    return [line for line in lines if any(key in line for key in keys)]


def mapped_inodes(lines: list[bytes], device: int) -> set[int]:
    r"""The inodes of a device's files that the lines of a maps file show.

    >>> sorted(mapped_inodes([b"1-2 rw-s 0 00:1b 42 /a", b"2-3 rw-s 0 00:1c 7 /b 00:1b 8 "], 0x1b))
    [42]
    """
    key = b" %s " % _device(device)
    fields = (split_line(line) for line in lines if key in line)
    return {found.inode for found in fields if found.device == device}


def _device(device: int) -> bytes:
    """A device as maps files write it."""
    return b"%02x:%02x" % (os.major(device), os.minor(device))


def map_lines(pid: int, file: str = "maps") -> list[bytes] | None:
    """The lines of /proc/PID/maps or smaps; none where it is gone, None where this user may not know.

    Where the first thread has ended its file is empty, and another thread's is read.
    """
    lines = _lines(f"/proc/{pid}/{file}")
    if lines != []:
        return lines
    tid = live_thread(pid)
    return lines if tid is None else _lines(f"/proc/{pid}/task/{tid}/{file}")


def _lines(path: str) -> list[bytes] | None:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.readall().splitlines()
    except PermissionError:
        return None
    except (FileNotFoundError, ProcessLookupError):
        return []


def may_write(pid: int, mapping: Mapping) -> bool:
    """Whether ``pid`` could write through a mapping that is read-only now, after an mprotect(2).

    It could where it mapped a descriptor that was open for writing: its flags in smaps then have
    ``mw`` (proc_pid_smaps(5)). True where that cannot be read.
    """
    return b"mw" in mapping_flags(pid).get(mapping.start, {b"mw"})


def mapping_flags(pid: int) -> dict[int, set[bytes]]:
    """The kernel's flags of each mapping (VmFlags of proc_pid_smaps(5)), by its first address; none where this user may
    not know.
    """
    found: dict[int, set[bytes]] = {}
    start = 0
    for line in map_lines(pid, "smaps") or ():
        first = line.split(b" ", 1)[0]
        if first == b"VmFlags:":
            found[start] = set(line.split()[1:])
        elif b"-" in first:
            start = int(first.partition(b"-")[0], 16)
    return found


def named_semaphores_of(pid: int, folder: str) -> tuple[str, ...]:
    """The named semaphores in ``folder`` that ``pid`` maps, by the names that they have now.

    The inode tells, and not the path in the maps file: the C library makes a semaphore under a
    name of its own and links it to the final one, so its creator seems to map a deleted file.
    """
    mapped = mapped_inodes(map_lines(pid) or [], Path(folder).stat().st_dev)
    names = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("sem.") and entry.inode() in mapped:
                names.append("/" + entry.name.removeprefix("sem."))
    return tuple(sorted(names))


def mapped_by(identity: FileIdentity) -> list[int]:
    """PIDs that map the file, sorted, as far as this user may see."""
    others = set(processes()) - reading(identity)
    return sorted(pid for pid in others if mappings(pid, identity))


def reading(identity: FileIdentity) -> set[int]:
    """This process, where it maps the segment only to read it; see `shmtui.shm.system_v_attachment`."""
    own = identity.system_v and identity.inode in attached_here
    return {os.getpid()} if own else set()
