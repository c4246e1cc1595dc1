"""What is remembered of one process between samples: CPU use, name, C library, role."""

from typing import Final

import msgspec
from msgspec.structs import replace

from shmtui.monitor.activity import activity
from shmtui.monitor.process_states import short_command
from shmtui.procfs.freezer import FROZEN
from shmtui.procfs.identity import failed_children
from shmtui.procfs.process import (
    ProcessStat,
    StatFile,
    command,
    live_thread,
    owner_of,
    read_stat,
    started_at,
)
from shmtui.procfs.process_libc import bits_of, libc_of
from shmtui.procfs.run_times import RunTime, run_times
from shmtui.procfs.thread_calls import MANY, ThreadCalls
from shmtui.shm.libc import Libc
from shmtui.shm.protocol import Role
from shmtui.shm.segment_reader import user_name
from shmtui.snapshot import ProcessState

SCAN_NS: Final = 500_000_000
"""How often CPU use is measured and /proc searched for new processes."""
SLOW_SCAN_NS: Final = 4 * SCAN_NS
"""The same of CPU use where a process has many threads: the kernel adds them up."""
_NEW_READS: Final = 4
"""How often name and C library of a new process are read again: before its exec it has others, and few
threads."""


class TrackedProcess(msgspec.Struct):
    """What is remembered of a process between samples."""

    pid: int
    stat: StatFile
    start_time: int
    """Clock ticks after boot."""
    since: float
    """When it started, seconds since the epoch."""
    name: str
    user: str
    libc: Libc | None
    bits: int | None
    """32 or 64: its program's ELF class."""
    last: ProcessStat
    """The line as last read."""
    thread_calls: ThreadCalls
    main_stat: StatFile | None = None
    """Of its main thread; None until it is needed."""
    role: Role = Role.UNKNOWN
    cpu_seconds: float = 0.0
    cpu_at_ns: int = 0
    cpu_is_new: bool = True
    """Whether ``last`` has its CPU time as last read."""
    cpu: float | None = None
    """Per cent of one core."""
    blocked_since_ns: int = 0
    blocked_before: bool = False
    """Whether it has waited since before its waits were read first."""
    waiter_stamp: bytes | None = b""
    """`run_stamp` of the thread that waits, as last read; empty before, None while none does."""
    reads_left: int = _NEW_READS
    failed_children: tuple[tuple[int, int], ...] = ()
    """Those that it has not waited for: PID and return code."""
    frozen: bool = False
    """Whether its control group was frozen when nothing moved."""
    run_times: tuple[tuple[int, dict[int, RunTime]], ...] = ()
    """When its threads' times were read, and these: of the last two measures."""

    @property
    def letter(self) -> str:
        """Its state letter; where its first thread has ended, that of another; `FROZEN` while it is so."""
        if self.frozen:
            return FROZEN
        if not self.last.leader_gone:
            return self.last.state
        tid = live_thread(self.pid)
        found = None if tid is None else read_stat(self.pid, tid)
        return self.last.state if found is None else found.state

    def note_wait(self, blocked: bool, stamp: bytes | None, now_ns: int) -> None:
        """Note whether it waits now, and the `run_stamp` of the thread that does, so that it is
        known since when: one that has run in between waits anew.
        """
        ran = bool(self.waiter_stamp) and stamp != self.waiter_stamp
        first = self.waiter_stamp == b""
        self.blocked_before = blocked and not ran and (self.blocked_before or first)
        if not blocked or ran or not self.blocked_since_ns:
            self.blocked_since_ns = now_ns if blocked else 0
        self.waiter_stamp = stamp

    def refresh(self, now_ns: int) -> bool:
        """Read its stat line again; False once it is gone. Of many threads the CPU time is added up every
        `SLOW_SCAN_NS` alone.
        """
        if self.last.threads <= MANY or now_ns - self.cpu_at_ns >= SLOW_SCAN_NS:
            now, self.cpu_is_new = self.stat.read(), True
        else:
            now, self.cpu_is_new = self._of_main(), False
        self.last = now or self.last
        return now is not None

    def _of_main(self) -> ProcessStat | None:
        try:
            self.main_stat = self.main_stat or StatFile(self.pid, of_main=True)
        except OSError:
            return self.stat.read()
        now = self.main_stat.read()
        return now and replace(now, cpu_seconds=self.last.cpu_seconds)

    def close(self) -> None:
        self.stat.close()
        if self.main_stat is not None:
            self.main_stat.close()

    def activity(self, goes_on: bool) -> ProcessState | None:
        """What it did between the last two measures; see `shmtui.monitor.activity`."""
        if len(self.run_times) < 2:
            return None
        (start, before), (end, after) = self.run_times
        return activity(before, after, end - start, goes_on)

    def measure(self, now_ns: int, *, foreign: bool, busy: bool = False) -> None:
        """Work out its CPU use since the last time; of one that is ``foreign`` also how its children ended
        and, while it is new, its name and C library. ``busy``: read its threads' times, too.
        """
        pid = self.pid
        if busy:
            self.run_times = (*self.run_times[-1:], (now_ns, run_times(pid)))
        if foreign and self.reads_left and self.last.threads <= MANY:
            self.reads_left -= 1
            self.name = short_command(command(pid) or self.last.name)
            self.libc, self.bits = libc_of(pid), bits_of(pid)
        if foreign:
            self.failed_children = failed_children(pid)
        elapsed_ns = now_ns - self.cpu_at_ns
        if self.cpu_is_new and elapsed_ns >= 0.9 * SCAN_NS:
            spent = self.last.cpu_seconds - self.cpu_seconds
            self.cpu = round(100 * spent / (elapsed_ns / 1e9), 2)
            self.cpu_seconds, self.cpu_at_ns = self.last.cpu_seconds, now_ns


def track(pid: int, now_ns: int) -> TrackedProcess | None:
    """Begin to follow a process; None if it is gone."""
    try:
        stat = StatFile(pid)
    except OSError:
        return None
    first = stat.read()
    if first is None:
        stat.close()
        return None
    uid = owner_of(pid)
    return TrackedProcess(
        pid=pid,
        stat=stat,
        start_time=first.start_time,
        since=started_at(first.start_time),
        name=short_command(command(pid) or first.name),
        user="" if uid is None else user_name(uid),
        libc=libc_of(pid),
        bits=bits_of(pid),
        last=first,
        thread_calls=ThreadCalls(pid),
        failed_children=failed_children(pid),
        cpu_seconds=first.cpu_seconds,
        cpu_at_ns=now_ns,
    )
