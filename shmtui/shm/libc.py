"""This interpreter's C library: which one it is, and its semaphore and prctl calls.

glibc and musl lay out ``sem_t`` differently, so the library that this interpreter runs on decides
the layout of the buffers that shmtui creates.
"""

import ctypes
import os
import sys
import time
from collections.abc import Callable
from enum import StrEnum
from functools import cache
from typing import Final

from shmtui.errors import ShmtuiError
from shmtui.i18n import _


class Libc(StrEnum):
    """The C libraries whose ``sem_t`` is known byte by byte."""

    GLIBC = "glibc"
    MUSL = "musl"


@cache
def running_libc() -> Libc:
    """The C library of this interpreter: only glibc answers confstr(CS_GNU_LIBC_VERSION)."""
    try:
        version = os.confstr("CS_GNU_LIBC_VERSION")
    except (ValueError, OSError):
        version = None
    return Libc.GLIBC if version else Libc.MUSL


def require_supported_platform() -> None:
    """ShmtuiError: this is not 64-bit Linux, whose /proc, futexes and ``sem_t`` shmtui knows."""
    if sys.platform != "linux":
        text = _(
            "shmtui needs Linux (/dev/shm, /proc and futexes); this is {platform}: run it on a "
            "Linux machine, in a container or in a virtual machine"
        )
        raise ShmtuiError(text.format(platform=sys.platform))
    if sys.maxsize < 2**32:
        raise ShmtuiError(
            _(
                "shmtui knows the semaphores of 64-bit systems only, and this Python is a 32-bit "
                "one: use a 64-bit Python"
            )
        )


class _Timespec(ctypes.Structure):
    _fields_ = (("tv_sec", ctypes.c_long), ("tv_nsec", ctypes.c_long))


_blocking: Final = ctypes.CDLL(None, use_errno=True)
"""Releases the interpreter lock during a call: for calls that may sleep, or whose errno matters."""
_quick: Final = ctypes.PyDLL(None)
"""Keeps the interpreter lock, which halves the cost: for calls that never sleep."""


def system_call(function: str, *arguments: object) -> int:
    """Call a function of the C library that returns -1 on failure. OSError: it failed."""
    found: int = _blocking[function](*arguments)
    if found < 0:
        raise _failure()
    return found


def _failure(*path: str) -> OSError:
    """The error of the call that has just failed."""
    code = ctypes.get_errno()
    return OSError(code, os.strerror(code), *path)


_NO_ADDRESS: Final = {None, ctypes.c_void_p(-1).value}
"""What a call gives in the place of an address when it has failed."""
_shmat = _blocking["shmat"]
_shmat.restype = ctypes.c_void_p


def attach_segment(number: int, flags: int) -> int:
    """The address that a System V segment is attached at. OSError: it is gone, or this user may not."""
    address: int = _shmat(number, None, flags)
    if address in _NO_ADDRESS:
        raise _failure()
    return address


CLOCK_MONOTONIC: Final = time.CLOCK_MONOTONIC if sys.platform == "linux" else 1
_NS: Final = 1_000_000_000
SEM_VALUE_MAX: Final = 2**31 - 1
FUTEX_NUMBERS: Final = {
    "x86_64": 202, "aarch64": 98, "riscv64": 98, "loongarch64": 98, "ppc64le": 221, "ppc64": 221,
    "s390x": 238,
}  # fmt: skip
"""The number of futex(2), which glibc has no function for, by machine; on others nobody is seen to
wait, and nobody is woken."""

sem_trywait: Callable[[ctypes.c_void_p], int] = _quick["sem_trywait"]
sem_post: Callable[[ctypes.c_void_p], int] = _quick["sem_post"]

_sem_open = _blocking["sem_open"]
_sem_open.restype = ctypes.c_void_p


def sem_open(name: str) -> int:
    """The address of an existing named semaphore. OSError: none, or this user may not open it."""
    address: int = _sem_open(os.fsencode(name), 0)
    if address in _NO_ADDRESS:
        raise _failure(name)
    return address


def sem_wait(semaphore: ctypes.c_void_p) -> bool:
    """Take a permit, sleeping as long as there is none. False: a signal came."""
    return bool(_blocking.sem_wait(semaphore) == 0)


_clockwait = getattr(_blocking, "sem_clockwait", None)


def sem_wait_until(semaphore: ctypes.c_void_p, deadline_ns: int) -> bool:
    """Take a permit, sleeping until ``deadline_ns`` (CLOCK_MONOTONIC) at the most.

    False: the deadline passed, or a signal came; the caller checks the clock and its flags, and
    waits again. Where libc has ``sem_clockwait`` (glibc 2.30) the wait is by the monotonic clock,
    so that setting the system's clock back makes no short wait long.
    """
    if _clockwait is not None:
        limit = _Timespec(*divmod(deadline_ns, _NS))
        return bool(_clockwait(semaphore, CLOCK_MONOTONIC, ctypes.byref(limit)) == 0)
    remaining = max(deadline_ns - time.monotonic_ns(), 0)
    limit = _Timespec(*divmod(time.time_ns() + remaining, _NS))
    return bool(_blocking.sem_timedwait(semaphore, ctypes.byref(limit)) == 0)


def sem_init(semaphore: ctypes.c_void_p, value: int, *, shared: bool = True) -> None:
    """Initialise a semaphore in place; ``shared`` is ``pshared``. OSError: the value is too large."""
    system_call("sem_init", semaphore, int(shared), ctypes.c_uint(value))


_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_PR_SET_TIMERSLACK = 29


def die_with_parent(signal_number: int) -> None:
    """Have the kernel send this process ``signal_number`` when the thread that spawned it ends."""
    _blocking.prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0)


def name_process(name: str) -> None:
    """Set this process's name in ``ps``, ``top`` and ``/proc/PID/comm``; 15 bytes are kept."""
    _blocking.prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)


def minimise_timer_slack() -> None:
    """Let sleeps end within a nanosecond of their timer.

    The default slack of 50 µs is half a period at 10 000 items/s.
    """
    _blocking.prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)


def current_processor() -> int:
    """The number of the processor that this thread runs on, sched_getcpu(3)."""
    return int(_blocking.sched_getcpu())
