"""How often processes store into single bytes: hardware breakpoints that only count.

Each hit costs the process that stores some microseconds (:func:`hit_seconds`), and each watched thread
one or two more at a context switch. A store by the kernel (``read`` into the byte) is not counted.
"""

import contextlib
import ctypes
import errno
import fcntl
import functools
import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from shmtui.i18n import _
from shmtui.procfs.process import threads_of
from shmtui.procfs.write_breakpoint import open_breakpoint

_DISABLED: Final = 1 << 0
_INHERIT: Final = 1 << 1
"""Counts in threads and children that a watched thread starts, into the same count."""
_THREADS_ONLY: Final = 1 << 35
_REMOVE_ON_EXEC: Final = 1 << 36
"""Both since Linux 5.13. Another program has something else at that address."""
_REFRESH: Final = 0x2402
"""PERF_EVENT_IOC_REFRESH: on, and off again after so many hits."""
_TRIES: Final = 20
_TRIAL: Final = 16
_PARANOID: Final = Path("/proc/sys/kernel/perf_event_paranoid")
_MOST: Final = 2
"""The largest perf_event_paranoid that lets a user watch his own processes."""


class StoreCounter:
    """Counts the stores into named bytes: the addresses of each, by process.

    ``limit``: the most hits in each thread, and none in threads to come. Without it those are
    counted, too; with ``children`` also the forks of a process. OSError: the system refuses it
    (:func:`why_refused`), with the PID as its ``filename``.
    """

    def __init__(
        self,
        bytes_of: Mapping[int, Mapping[str, Iterable[int]]],
        limit: int | None = None,
        *,
        children: bool = False,
    ) -> None:
        self._limit = limit
        self._inherit = _INHERIT | _REMOVE_ON_EXEC | (0 if children else _THREADS_ONLY)
        self._fds: dict[tuple[int, str], list[int]] = {}
        self._threads: dict[int, set[int]] = {}
        """Those of each process that are watched."""
        try:
            for pid, addresses in bytes_of.items():
                self._watch(pid, addresses)
        except OSError as error:
            self.close()
            raise OSError(error.errno, error.strerror, str(pid)) from None

    def _watch(self, pid: int, addresses: Mapping[str, Iterable[int]]) -> None:
        """Open them in all threads, again where one came meanwhile: it may be counted already, or not."""
        for _try in range(_TRIES):
            try:
                threads = set(threads_of(pid))
                with contextlib.ExitStack() as opened:
                    found = {
                        (pid, name): [
                            fd
                            for address in each
                            for tid in threads
                            if (fd := self._open(tid, address, opened)) is not None
                        ]
                        for name, each in addresses.items()
                    }
                    if self._limit is not None or threads.issuperset(threads_of(pid)):
                        opened.pop_all()
                        self._fds |= found
                        self._threads[pid] = threads
                        return
            except FileNotFoundError:
                return
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    def _open(self, tid: int, address: int, opened: contextlib.ExitStack) -> int | None:
        try:
            if self._limit is None:
                fd = open_breakpoint(tid, address, size=1, period=0, flags=self._inherit)
            else:
                fd = open_breakpoint(tid, address, size=1, flags=_DISABLED)
        except ProcessLookupError:
            return None
        opened.callback(os.close, fd)
        if self._limit is not None:
            fcntl.ioctl(fd, _REFRESH, self._limit)
        return fd

    def read(self) -> Counter[tuple[int, str]]:
        """The hits so far, by PID and name."""
        return Counter({key: sum(map(_count, fds)) for key, fds in self._fds.items()})

    def exhausted(self, name: str) -> bool:
        """Whether the limit is reached in a thread, so that hits are missing."""
        fds = (fd for (_pid, each), fds in self._fds.items() if each == name for fd in fds)
        return self._limit is not None and any(_count(fd) >= self._limit for fd in fds)

    @property
    def has_new_threads(self) -> bool:
        """Whether a thread came that had none of them open; with a limit its hits are not counted."""
        for pid, watched in self._threads.items():
            with contextlib.suppress(OSError):
                if not watched.issuperset(threads_of(pid)):
                    return True
        return False

    def counts(self, name: str) -> bool:
        return any(each == name for _pid, each in self._fds)

    def drop(self, name: str) -> None:
        for key in [key for key in self._fds if key[1] == name]:
            for fd in self._fds.pop(key):
                os.close(fd)

    def close(self) -> None:
        for name in {name for _pid, name in self._fds}:
            self.drop(name)


def _count(fd: int) -> int:
    return int.from_bytes(os.read(fd, 8), "little")


@functools.cache
def hit_seconds() -> float:
    """What a hit costs, tried in this process; more than 0. OSError (ENODEV): breakpoints do not work here,
    though they can be opened.
    """
    byte = ctypes.create_string_buffer(1)
    address = ctypes.addressof(byte)
    plain = min(_stores_seconds(address) for _time in range(8))
    fd = open_breakpoint(0, address, size=1, period=0)
    try:
        watched = min(_stores_seconds(address) for _time in range(8))
        if _count(fd) != 8 * _TRIAL:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
    finally:
        os.close(fd)
    return max(watched - plain, 1e-9) / _TRIAL


def _stores_seconds(address: int) -> float:
    """Seconds of processor time that `_TRIAL` stores take."""
    start = time.thread_time_ns()
    for _time in range(_TRIAL):
        ctypes.memset(address, 0, 1)
    return (time.thread_time_ns() - start) / 1e9


def why_refused(error: OSError) -> str:
    """Why stores cannot be counted, and what would change that, in words."""
    pid = error.filename
    match error.errno:
        case errno.ENOSYS if os.uname().machine != "x86_64":
            text = _("stores are counted on x86-64 only")
        case errno.EACCES | errno.EPERM if (level := _paranoid()) is not None and level > _MOST:
            text = _(
                "the kernel setting perf_event_paranoid is {level}, and lets users count stores at {most} at the "
                "most: run shmtui as root, or as root set it with sysctl kernel.perf_event_paranoid={most}"
            ).format(level=level, most=_MOST)
        case errno.EACCES | errno.EPERM if pid is not None:
            text = _(
                "PID {pid} may not be watched by this user: run shmtui as its user or as root"
            ).format(pid=pid)
        case errno.EACCES | errno.EPERM | errno.ENOSYS:
            text = _("perf_event_open is refused here, as in many containers")
        case errno.EINVAL:
            text = _("this kernel cannot end a watch at exec: Linux 5.13 can")
        case errno.ENODEV | errno.ENOENT | errno.EOPNOTSUPP:
            text = _("this machine has no hardware breakpoints, as some virtual ones")
        case errno.ENOSPC:
            text = _("PID {pid} has no debug register left: does a debugger use them?").format(
                pid=pid
            )
        case errno.EMFILE | errno.ENFILE:
            text = _(
                "PID {pid} has so many threads that no descriptor is left to watch them all: raise the "
                "limit with ulimit -n"
            ).format(pid=pid)
        case errno.EAGAIN:
            text = _("PID {pid} starts threads too fast to watch them all").format(pid=pid)
        case _:
            text = error.strerror or str(error)
    return text


def _paranoid() -> int | None:
    try:
        return int(_PARANOID.read_text())
    except (OSError, ValueError):
        return None
