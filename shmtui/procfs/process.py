"""One process as the kernel describes it: state, times, threads, name, command line, owner."""

import contextlib
import functools
import mmap
import os
import time
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from shmtui.procfs.namespaces import boot_offset_ns, require_proc

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_LINKS_OF_NONE: Final = 2
"""Links of a task folder that are no threads."""
_FORKED: Final = 0x40
"""PF_FORKNOEXEC in the flags of /proc/PID/stat."""
_STAT_SIZE: Final = 1024
"""Bytes; a /proc/PID/stat line is shorter."""


class ProcessStat(msgspec.Struct, frozen=True):
    """The fields of /proc/PID/stat that are used (proc_pid_stat(5))."""

    name: str
    state: str
    """One letter: R S D T t Z X."""
    cpu_seconds: float
    threads: int
    start_time: int
    """Clock ticks after boot, by the machine's clock: the same in every time namespace."""
    parent: int = 0
    """PID; 0 where it is in another PID namespace."""
    caught: int = 0
    """The standard signals that it has handlers for, a bit each: 1 << 0 is signal 1."""
    ignored: int = 0
    """Those that it ignores, in the same way."""
    flags: int = 0
    """PF_… of the kernel's linux/sched.h."""

    @property
    def leader_gone(self) -> bool:
        """Whether the first thread has ended, and others go on (pthread_exit in main)."""
        return self.state in "ZX" and self.threads > 1

    @property
    def ended(self) -> bool:
        """Whether it is a zombie: it maps nothing and holds nothing. A first thread that has
        ended before the others is a zombie too, and they keep what the process maps.
        """
        return self.state in "ZX" and self.threads <= 1

    @property
    def live_threads(self) -> int:
        """Threads that have not ended; the kernel counts a first one that has."""
        return self.threads - self.leader_gone

    @property
    def stopped(self) -> bool:
        """Whether a signal or a debugger has stopped it."""
        return self.state in "Tt"


def parse_stat(raw: bytes) -> ProcessStat:
    """Read a /proc/PID/stat line; the name in it may hold spaces and parentheses.

    >>> parse_stat(b"7 (a) b) S 1 7 7 0 -1 0 0 0 0 0 3 1 0 0 20 0 2 0 99 " + b"0 " * 12).name
    'a) b'
    """
    start, end = raw.index(b"("), raw.rindex(b")")
    fields = raw[end + 2 :].split()
    return ProcessStat(
        name=raw[start + 1 : end].decode("utf-8", "surrogateescape"),
        state=fields[0].decode("ascii"),
        cpu_seconds=(int(fields[11]) + int(fields[12])) / _TICKS,
        threads=int(fields[17]),
        start_time=int(fields[19]) - _ticks_ahead(),
        parent=int(fields[1]),
        caught=int(fields[31]),
        ignored=int(fields[30]),
        flags=int(fields[6]),
    )


def read_file(path: str | bytes, size: int) -> bytes:
    """The first ``size`` bytes of a file of /proc by one read, so that they are of one moment."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, size)
    finally:
        os.close(fd)


def read_stat(pid: int, tid: int | None = None) -> ProcessStat | None:
    """The line of a process, or of one of its threads; None once it is gone."""
    path = f"/proc/{pid}/stat" if tid is None else f"/proc/{pid}/task/{tid}/stat"
    try:
        return parse_stat(read_file(path, _STAT_SIZE))
    except (FileNotFoundError, ProcessLookupError):
        return None


@functools.cache
def _ticks_ahead() -> int:
    """How far ahead the start times are that this process reads, by its time namespace."""
    return boot_offset_ns() * _TICKS // 1_000_000_000


class StatFile:
    """A kept descriptor of /proc/PID/stat: reading it again costs a tenth of opening it.

    The kernel adds the times of all threads up for it, at 45 ns each. ``of_main``: that of the main thread,
    whose times are its own; all else in it is the process's.
    """

    __slots__ = ("_fd",)

    def __init__(self, pid: int, *, of_main: bool = False) -> None:
        path = f"/proc/{pid}/task/{pid}/stat" if of_main else f"/proc/{pid}/stat"
        self._fd: int | None = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def read(self) -> ProcessStat | None:
        """The line as it stands, or None once the process is gone."""
        if self._fd is None:
            return None
        try:
            raw = os.pread(self._fd, _STAT_SIZE, 0)
        except ProcessLookupError:
            return None
        return parse_stat(raw) if raw else None

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def processes() -> Iterator[int]:
    """The PIDs that this user can see. ShmtuiError: /proc does not show this namespace's."""
    require_proc()
    with os.scandir("/proc") as entries:
        for entry in entries:
            if entry.name.isdecimal():
                yield int(entry.name)


class MemoryStamp(NamedTuple):
    """Where it is unchanged, a process is likely to map what it did."""

    start_time: int
    """Clock ticks after boot, as this process's time namespace has them."""
    size: int
    """Bytes that it maps; 0 of a kernel's thread, and where the first thread has ended."""
    threads: int


PageFaults = tuple[bytes, bytes]
"""Minor and major ones of all threads of a process: as long as they are the same, its page table got no page."""


def parse_memory_stamp(raw: bytes) -> tuple[MemoryStamp, PageFaults]:
    """Of a /proc/PID/stat line.

    >>> parse_memory_stamp(b"7 (a) b) S 1 7 7 0 -1 0 5 0 6 0 3 1 0 0 20 0 2 0 99 4096 1")
    (MemoryStamp(start_time=99, size=4096, threads=2), (b'5', b'6'))
    """
    fields = raw.rpartition(b")")[2].split(None, 21)
    stamp = MemoryStamp(int(fields[19]), int(fields[20]), int(fields[17]))
    return stamp, (fields[7], fields[9])


def memory_stamp(pid: int, *, of_main: bool = False) -> MemoryStamp | None:
    """Of a process; None: it is gone, or not this user's to see. ``of_main``: of its main thread's line, which says the
    same, and for which the kernel adds up no times of others; of one process that is new to it, it costs more.
    """
    path = f"/proc/{pid}/task/{pid}/stat" if of_main else f"/proc/{pid}/stat"
    try:
        return parse_memory_stamp(read_file(path, _STAT_SIZE))[0]
    except (OSError, IndexError):
        return None


def more_threads_than(pid: int, count: int) -> bool:
    """Whether ``pid`` has more threads, without listing them. OSError: it is gone, or hidden."""
    # The links of the folder count them (proc_task_getattr in the kernel).
    return os.stat(f"/proc/{pid}/task").st_nlink - _LINKS_OF_NONE > count  # noqa: PTH116


def threads_of(pid: int) -> list[int]:
    """The TIDs of ``pid``; a first thread that has ended before the others is among them.
    FileNotFoundError: it is gone.
    """
    # An only one is the first.
    if not more_threads_than(pid, 1):
        return [pid]
    return [int(name) for name in os.listdir(f"/proc/{pid}/task")]


def forked_after(pid: int, parents: Container[int], boot_ns: int) -> bool:
    """Whether ``pid`` was forked by one of these processes later than ``boot_ns`` (CLOCK_BOOTTIME), and has
    not called exec since: it has what its parent had then.
    """
    try:
        stat = read_stat(pid)
    except OSError:
        return False
    if stat is None or stat.parent not in parents or not stat.flags & _FORKED:
        return False
    return stat.start_time + _ticks_ahead() > boot_ns * _TICKS // 1_000_000_000


def wait_channels(pid: int, most: int | None = None) -> Iterator[str]:
    """The kernel's function that each thread sleeps in, as far as this user may know; of the main one
    alone where there are more than ``most``.
    """
    with contextlib.suppress(OSError):
        many = most is not None and more_threads_than(pid, most)
        for tid in [pid] if many else threads_of(pid):
            with contextlib.suppress(OSError):
                yield read_file(f"/proc/{pid}/task/{tid}/wchan", 64).decode(errors="replace")


def thread_count(pid: int) -> int:
    """How many threads of ``pid`` have not ended; 0 once it is gone."""
    try:
        stat = read_stat(pid)
    except OSError:
        return 0
    return 0 if stat is None or stat.ended else stat.live_threads


def live_thread(pid: int) -> int | None:
    """A thread of ``pid`` that has not ended, where the first one has; None where none is left."""
    try:
        others = [tid for tid in threads_of(pid) if tid != pid]
    except OSError:
        return None
    return next((tid for tid in others if not has_ended(pid, tid)), None)


def has_ended(pid: int, tid: int) -> bool:
    """Whether a thread has ended; the first one stays as a zombie until the last has."""
    stat = read_stat(pid, tid)
    return stat is None or stat.state in "ZX"


def stopped(pid: int) -> bool:
    """Whether every thread of ``pid`` is stopped by a signal, or it has ended."""
    try:
        found = [read_stat(pid, tid) for tid in threads_of(pid)]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return all(stat is None or stat.stopped or stat.state in "ZX" for stat in found)


def started_at(ticks: int) -> float:
    """When a process started, seconds since the epoch, from its start time in clock ticks."""
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return booted + (ticks + _ticks_ahead()) / _TICKS


def resident_shared(pid: int) -> int:
    """Bytes of shared memory that ``pid`` has in its page table (RssShmem of proc_pid_status(5)), which
    everybody may read; 0 once it is gone.
    """
    with contextlib.suppress(OSError):
        for line in read_file(f"/proc/{pid}/status", 4096).splitlines():
            if line.startswith(b"RssShmem:"):
                return int(line.split()[1]) * 1024
    return 0


def resident(pid: int) -> int:
    """Bytes of memory that ``pid`` has in its page table (proc_pid_statm(5)); 0 once it is gone."""
    with contextlib.suppress(OSError):
        return int(read_file(f"/proc/{pid}/statm", 256).split()[1]) * mmap.PAGESIZE
    return 0


def owner_of(pid: int) -> int | None:
    """The effective user of ``pid``, or None once it is gone."""
    try:
        return Path(f"/proc/{pid}").stat().st_uid
    except OSError:
        return None


def command(pid: int) -> str | None:
    """The command line, as typed; hostile bytes are possible. None if it is gone or hidden."""
    with contextlib.suppress(OSError):
        words = read_file(f"/proc/{pid}/cmdline", 4096).rstrip(b"\0").split(b"\0")
        return " ".join(word.decode("utf-8", "surrogateescape") for word in words) or None
    return None


def process_name(pid: int) -> str:
    """The name that ``ps`` shows; hostile bytes are possible. Empty once it is gone."""
    with contextlib.suppress(OSError):
        return read_file(f"/proc/{pid}/comm", 64).rstrip(b"\n").decode("utf-8", "surrogateescape")
    return ""
