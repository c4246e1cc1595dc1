"""The file systems in memory that a process sees: which of a machine's shared files lie in them."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

IN_MEMORY: Final = frozenset({"tmpfs", "devtmpfs", "hugetlbfs", "mqueue"})
"""devtmpfs is a tmpfs that the kernel fills; ramfs keeps no count of its pages."""


class Mount(msgspec.Struct, frozen=True):
    """One mounted file system."""

    device: int
    kind: str
    point: str
    """The folder, as that process names it; undecodable bytes as surrogates."""


def mounts_in_memory(pid: int | str = "self") -> tuple[Mount, ...]:
    """The file systems in memory of a process's mount namespace, in the order of mounting; none
    where this user may not know, or the process is gone.
    """
    try:
        lines = Path(f"/proc/{pid}/mountinfo").read_bytes().splitlines()
    except OSError:
        return ()
    return tuple(parse_mounts(lines))


def cgroup_mount(controllers: bytes = b"") -> bytes | None:
    """Where a hierarchy of control groups is mounted for this process; None: nowhere. ``controllers``: one of version 1's
    as ``freezer``; without them, version 2's (cgroups(7)).
    """
    try:
        lines = Path("/proc/self/mounts").read_bytes().splitlines()
    except OSError:
        return None
    for _device, point, kind, options, *_rest in map(bytes.split, lines):
        if kind == b"cgroup2" if not controllers else controllers in options.split(b","):
            return point
    return None


def visible(mounts: Iterable[Mount]) -> list[Mount]:
    """Those that no later one of the same folder lies over.

    >>> visible([Mount(1, "tmpfs", "/dev/shm"), Mount(2, "tmpfs", "/dev/shm")])
    [Mount(device=2, kind='tmpfs', point='/dev/shm')]
    """
    return [*{mount.point: mount for mount in mounts}.values()]


def parse_mounts(lines: list[bytes]) -> Iterator[Mount]:
    r"""The file systems in memory in the lines of a mountinfo file (proc_pid_mountinfo(5)).

    >>> list(parse_mounts([rb"23 18 0:21 / /run/a\040b rw shared:2 - tmpfs tmpfs rw"]))
    [Mount(device=21, kind='tmpfs', point='/run/a b')]
    """
    for line in lines:
        before, _dash, after = line.partition(b" - ")
        fields = before.split()
        kind = after.split()[0].decode("ascii", "replace") if after else ""
        if kind in IN_MEMORY and len(fields) > 4:
            major, minor = (int(part) for part in fields[2].split(b":"))
            yield Mount(os.makedev(major, minor), kind, os.fsdecode(_unescaped(fields[4])))


def _unescaped(field: bytes) -> bytes:
    for letter in b" \t\n\\":
        field = field.replace(b"\\%03o" % letter, bytes([letter]))
    return field
