"""How a process ended that is no child of ours: from its pidfd, or while it is a zombie."""

import fcntl
import os
import struct
from typing import Final

from shmtui.procfs.process import children_of, owner_of, read_file

_GET_INFO: Final = 0xC048FF0B
"""PIDFD_GET_INFO with a ``struct pidfd_info`` of 72 bytes (linux/pidfd.h)."""
_INFO: Final = struct.Struct("=QQ11Ii8x")
"""Mask, control group, eleven IDs, exit code."""
_EXIT: Final = 1 << 3
"""PIDFD_INFO_EXIT, since Linux 6.15: the exit code of a process that is gone, its user's or not."""
_EXIT_CODE: Final = 49
"""Field 52 of proc_pid_stat(5), counted after the name."""


def exit_status(pidfd: int, pid: int) -> int | None:
    """The return code of a process that has ended, as `describe_exit` takes it: minus the signal
    that killed it. None: not known, or not yet.

    The kernel gives it by the pidfd once the parent has waited for the process, and in
    /proc/PID/stat until then, to those who may trace it; to others it shows 0 there.
    """
    status = _by_pidfd(pidfd)
    if status is None:
        status = _of_zombie(pid)
    return None if status is None else _return_code(status)


def failed_children(pid: int) -> tuple[tuple[int, int], ...]:
    """The children of ``pid`` that were killed or failed and that it has not waited for: each with
    its PID and its return code, as `describe_exit` takes it.
    """
    found = ((child, _of_zombie(child)) for child in children_of(pid))
    return tuple((child, _return_code(status)) for child, status in found if status)


def _return_code(status: int) -> int:
    return -(status & 0x7F) if status & 0x7F else status >> 8


def _by_pidfd(pidfd: int) -> int | None:
    info = bytearray(_INFO.size)
    struct.pack_into("=Q", info, 0, _EXIT)
    try:
        fcntl.ioctl(pidfd, _GET_INFO, info)
    except OSError:
        return None
    mask, *_ids, code = _INFO.unpack(info)
    return int(code) & 0xFFFF if mask & _EXIT else None


def _of_zombie(pid: int) -> int | None:
    try:
        fields = read_file(f"/proc/{pid}/stat", 1024).rpartition(b")")[2].split()
    except OSError:
        return None
    if fields[:1] != [b"Z"] or (os.geteuid() and owner_of(pid) != os.geteuid()):
        return None
    return int(fields[_EXIT_CODE]) & 0xFFFF
