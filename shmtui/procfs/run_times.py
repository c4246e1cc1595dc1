"""How much threads have run, by the scheduler's own count (/proc/PID/task/TID/schedstat)."""

import os
import threading
from typing import Final, NamedTuple

from shmtui.procfs.process import more_threads_than, read_file, read_stat, threads_of

_STAMPED: Final = 64
"""Threads of a process with more of them get no `sleep_stamp`: each costs 20 µs."""


def run_stamp(pid: int, tid: int | None = None) -> bytes | None:
    """Bytes that change each time a thread of ``pid`` runs, by default the main one
    (/proc/PID/schedstat: time on a processor, time in the queue, turns). None: this kernel does not
    count them, or it is gone.
    """
    task = "" if tid is None else f"task/{tid}/"
    try:
        return read_file(f"/proc/{pid}/{task}schedstat", 128) or None
    except OSError:
        return None


class RunTime(NamedTuple):
    """What the scheduler counts of a thread (/proc/PID/task/TID/schedstat)."""

    on_cpu_ns: int
    queued_ns: int
    turns: int

    @property
    def wanted_ns(self) -> int:
        """On a processor, or ready for one."""
        return self.on_cpu_ns + self.queued_ns


def run_times(pid: int) -> dict[int, RunTime]:
    """Those of the threads of ``pid``; none where the kernel does not count them, it is gone, or has
    too many.
    """
    found = {}
    try:
        for tid in _stamped(pid):
            found[tid] = RunTime(*map(int, (run_stamp(pid, tid) or b"").split()))
    except (OSError, TypeError, ValueError):
        return {}
    return found if any(found.values()) else {}


def sleep_stamp(pid: int) -> tuple[bytes, ...] | None:
    """Bytes that change once any thread of ``pid`` has run or come to be, while all are asleep or
    stopped. None: one is not, this kernel does not count turns, or the process is gone.

    A thread that is about to sleep shows the state before it is off the processor; its run time
    (in the bytes) changes when it is. So two equal stamps say that it has not run in between.
    """
    found = []
    try:
        for tid in _stamped(pid):
            stat = read_stat(pid, tid)
            if stat is None or stat.state not in "SDTtZ":
                return None
            counts = read_file(f"/proc/{pid}/task/{tid}/schedstat", 128)
            if counts.split() in ([], [b"0"] * 3):
                return None
            found.append(b"%d %s" % (tid, counts))
    except OSError:
        return None
    return tuple(found) or None


def asleep_for(pid: int) -> float | None:
    """Seconds since any thread of ``pid`` last ran, by the scheduler's clock (``exec_start`` of
    /proc/PID/task/TID/sched), at the most; to some milliseconds. None: this kernel does not tell, or it is gone.

    Each processor has a clock of its own for that, which stands still while the host or an interrupt has it: in a
    virtual machine they part by seconds. So the thread that asks goes for a moment to where the other ran last.
    """
    try:
        return min(_slept(pid, tid) for tid in threads_of(pid))
    except (OSError, ValueError):
        return None


def _slept(pid: int, tid: int) -> float:
    """Seconds since a thread ran. ValueError: it is not told. OSError: it is gone, or its processor is out of reach."""
    own, allowed = threading.get_native_id(), os.sched_getaffinity(0)
    then, processor = _last_ran(pid, tid), _processor(pid, tid)
    os.sched_setaffinity(0, {processor})
    try:
        now = _last_ran(os.getpid(), own)
    finally:
        os.sched_setaffinity(0, allowed)
    if _processor(pid, tid) != processor:
        return 0.0
    return max(now - then, 0.0)


def _processor(pid: int, tid: int) -> int:
    """Where a thread ran last ("processor" in proc_pid_stat(5), field 39)."""
    return int(read_file(f"/proc/{pid}/task/{tid}/stat", 4096).rpartition(b")")[2].split()[36])


def _last_ran(pid: int, tid: int) -> float:
    """When a thread ran last, in seconds of the clock of its processor. ValueError: it is not told."""
    for line in read_file(f"/proc/{pid}/task/{tid}/sched", 1024).splitlines():
        name, _colon, value = line.partition(b":")
        if name.strip() == b"se.exec_start":
            return float(value) / 1000
    raise ValueError


def _stamped(pid: int) -> list[int]:
    """Its threads, sorted; none where there are too many."""
    return [] if more_threads_than(pid, _STAMPED) else sorted(threads_of(pid))
