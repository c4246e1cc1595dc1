"""What processes take: threads, memory, time of a processor, space on a file system."""

import contextlib
import os
from pathlib import Path

from shmtui.procfs.process import owner_of, read_stat


def taken(pid: int) -> dict[str, int]:
    """Threads, and bytes of its own and of shared memory, of a process."""
    found = dict.fromkeys(("Threads", "RssAnon", "RssShmem"), 0)
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status", encoding="latin-1") as file:
        for line in file:
            name, _colon, value = line.partition(":")
            if name in found:
                number, _space, unit = value.strip().partition(" ")
                found[name] = int(number) * (1024 if unit == "kB" else 1)
    return found


def processor_seconds(pid: int) -> float:
    """What a process, and those that it has waited for, took of a processor."""
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return 0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def used(folder: Path) -> int:
    """Bytes in use on the file system of its own that a folder is; 0 where that cannot be seen."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return 0
    return (found.f_blocks - found.f_bfree) * found.f_frsize


def threads_of_user() -> int:
    """Threads of this user's processes: what RLIMIT_NPROC counts."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdecimal()]
    stats = [read_stat(pid) for pid in pids if owner_of(pid) == os.getuid()]
    return sum(stat.threads for stat in stats if stat is not None)
