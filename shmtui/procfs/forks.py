"""Processes that others forked: children, and copies that run the same program."""

import contextlib
import os
from collections.abc import Collection
from typing import Final

from shmtui.procfs.process import command, processes, read_file, wait_channels
from shmtui.shm.segment import FileIdentity

_CHILDREN: Final = 256
"""So many children of a process are looked at."""
_CHILDREN_SIZE: Final = 4096


def children_of(pid: int) -> list[int]:
    """The PIDs of the children of ``pid``'s main thread, zombies too (proc_pid_children(5)); empty
    where the kernel does not list them, or it is gone.
    """
    try:
        raw = read_file(f"/proc/{pid}/task/{pid}/children", _CHILDREN_SIZE)
        return [int(child) for child in raw.split()[:_CHILDREN]]
    except (OSError, ValueError):
        return []


def forks_of(pids: Collection[int]) -> list[int]:
    """Other processes with the program and the command line of one of ``pids``: a fork keeps both.

    One whose program this user may not know counts. One that waits for a child goes on only once
    that ends, and is left out.
    """
    lines = {command(pid) for pid in pids} - {None}
    alike = [pid for pid in processes() if pid not in pids and command(pid) in lines]
    programs = {program_identity(pid) for pid in pids} | {None}
    return [
        pid
        for pid in alike
        if program_identity(pid) in programs
        and not all("do_wait" in channel for channel in wait_channels(pid))
    ]


def program_identity(pid: int) -> FileIdentity | None:
    """The file that a process runs; None where this user may not know."""
    with contextlib.suppress(OSError):
        return FileIdentity.of(os.stat(f"/proc/{pid}/exe"))  # noqa: PTH116 - it is no path
    return None
