"""All details of one process, for the dialog that a key opens; read once, by psutil.

What this user may not read is None, and its name is in ``hidden``.
"""

from typing import Final

import msgspec
import psutil

from shmtui.procfs.process import read_file

_ATTRIBUTES: Final = (
    "cmdline", "exe", "cwd", "username", "ppid", "create_time",
    "cpu_times", "memory_info", "nice", "threads",
)  # fmt: skip


class ThreadDetails(msgspec.Struct, frozen=True):
    """One thread of a process."""

    tid: int
    name: str
    """Hostile text is possible, here and in every other text of these records."""
    wchan: str | None
    """The kernel function that it sleeps in; empty: it does not sleep; None: hidden."""
    cpu_seconds: float


class ProcessDetails(msgspec.Struct, frozen=True):
    """The details of a process; None: gone by now, or hidden from this user."""

    command: tuple[str, ...] | None
    executable: str | None
    folder: str | None
    user: str | None
    parent_pid: int | None
    parent: str | None
    started: float | None
    """Seconds since the epoch."""
    nice: int | None
    user_seconds: float | None
    """CPU time in its own code."""
    system_seconds: float | None
    """CPU time in the kernel."""
    resident: int | None
    """Bytes of memory in use."""
    threads: tuple[ThreadDetails, ...]
    hidden: tuple[str, ...]
    """What this user may not read."""


def process_details(pid: int) -> ProcessDetails | None:
    """The details of a process; None where there is none of that PID."""
    try:
        process = psutil.Process(pid)
        seen = process.as_dict(_ATTRIBUTES, ad_value=None)
        parent = process.parent()
    except psutil.NoSuchProcess:
        return None
    cpu, memory = seen["cpu_times"], seen["memory_info"]
    return ProcessDetails(
        command=tuple(seen["cmdline"]) if seen["cmdline"] is not None else None,
        executable=seen["exe"] or None,
        folder=seen["cwd"] or None,
        user=seen["username"],
        parent_pid=seen["ppid"],
        parent=_name(parent),
        started=seen["create_time"],
        nice=seen["nice"],
        user_seconds=None if cpu is None else cpu.user,
        system_seconds=None if cpu is None else cpu.system,
        resident=None if memory is None else memory.rss,
        threads=tuple(
            _thread(f"/proc/{pid}/task/{t.id}", t.id, t.user_time + t.system_time)
            for t in seen["threads"] or ()
        ),
        hidden=tuple(sorted(key for key in _ATTRIBUTES if seen[key] is None)),
    )


def _name(process: psutil.Process | None) -> str | None:
    try:
        return None if process is None else process.name()
    except psutil.Error:
        return None


def _thread(task: str, tid: int, cpu_seconds: float) -> ThreadDetails:
    wchan = _text(f"{task}/wchan")
    # proc_pid_wchan(5): 0 means that it sleeps in none.
    return ThreadDetails(
        tid, _text(f"{task}/comm") or "", "" if wchan == "0" else wchan, cpu_seconds
    )


def _text(path: str) -> str | None:
    try:
        return read_file(path, 256).rstrip(b"\n").decode("utf-8", "surrogateescape")
    except OSError:
        return None
