"""Processes that others forked: children, and copies that run the same program."""

import contextlib
import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import Final

from shmtui.procfs.process import command, processes, read_file, wait_channels
from shmtui.procfs.shared_mappings import SharedMappings
from shmtui.shm.segment import FileIdentity

_CHILDREN: Final = 256
"""So many children of a process are looked at."""
_CHILDREN_SIZE: Final = 4096
_INTERPRETER: Final = re.compile(
    r"(python|pypy|perl|ruby|node|java|php|lua|tclsh|guile|mono|dotnet|qemu|wine|busybox|[a-z]*sh)(?![a-z])"
)
"""The names of programs that run the text or the code of others."""


def children_of(pid: int) -> list[int]:
    """The PIDs of the children of ``pid``'s main thread, zombies too (proc_pid_children(5)); empty
    where the kernel does not list them, or it is gone.
    """
    try:
        raw = read_file(f"/proc/{pid}/task/{pid}/children", _CHILDREN_SIZE)
        return [int(child) for child in raw.split()[:_CHILDREN]]
    except (OSError, ValueError):
        return []


def others_of_program(pids: Collection[int]) -> list[int]:
    """Other processes that run a program of ``pids``: forks, which keep its command line, and, unless
    the program runs others' text, those of any command line that are not at work in another segment.

    One whose program this user may not know counts by its command line. One that waits for a child
    goes on only once that ends, and is left out.
    """
    lines = {command(pid) for pid in pids} - {None}
    programs = {program_identity(pid) for pid in pids} - {None}
    own = {program_identity(pid) for pid in pids if not _runs_text(pid)} - {None}
    maps = SharedMappings()
    found = []
    for pid in processes():
        if pid in pids:
            continue
        program = program_identity(pid)
        fork = (program is None or program in programs) and command(pid) in lines
        if fork or (program in own and not _in_a_segment(pid, maps)):
            found.append(pid)
    return [pid for pid in found if not all("do_wait" in channel for channel in wait_channels(pid))]


def _runs_text(pid: int) -> bool:
    """Whether its program is an interpreter: two processes of one have no more in common than that."""
    try:
        return _INTERPRETER.match(Path(f"/proc/{pid}/exe").readlink().name) is not None
    except OSError:
        return True


def _in_a_segment(pid: int, maps: SharedMappings) -> bool:
    mapped = maps.of(pid) or ()
    names = (m.path.removeprefix(b"/dev/shm/") for m in mapped if m.path.startswith(b"/dev/shm/"))
    return any(not name.startswith(b"sem.") for name in names)


def program_identity(pid: int) -> FileIdentity | None:
    """The file that a process runs; None where this user may not know."""
    with contextlib.suppress(OSError):
        return FileIdentity.of(os.stat(f"/proc/{pid}/exe"))  # noqa: PTH116 - it is no path
    return None
