"""``sem_trywait`` and ``sem_post`` as fast as CPython can call them: by its private SemLock.

A call through :mod:`ctypes` takes eight times as long as ``sem_trywait`` itself, since it converts
the arguments one by one. CPython has compiled code for the same two calls,
``_multiprocessing.SemLock``. Its private ``_rebuild(address, kind, maxvalue, name)`` takes the
address of a ``sem_t``; :mod:`multiprocessing` hands semaphores to children with it (read in
``Modules/_multiprocessing/semaphore.c``, run on CPython 3.11). It is used only

* after a trial on a semaphore of this process has given exactly the values that are expected;
* for the calls that never sleep: it measures a wait by the clock that can be set back;
* on glibc: when it is freed it calls ``sem_close``, and musl aborts where the address did not come
  from ``sem_open``.

Everywhere else the calls go through ctypes. Both do the same, in different times.
"""

import ctypes
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any, Final

from shmtui.shm import libc as c

_COUNTING: Final = 1
"""``SemLock``'s kind for a semaphore that any process may post."""

Acquire = Callable[[bool], bool]
Release = Callable[[], None]


def calls(address: int) -> tuple[Acquire, Release]:
    """``acquire(False)`` and ``release()`` for the ``sem_t`` at ``address``.

    The first takes a permit if one is there, the second gives one; ValueError at SEM_VALUE_MAX.
    """
    return compiled_calls(address) if compiled() else foreign_calls(address)


def compiled_calls(address: int) -> tuple[Acquire, Release]:
    """The calls by CPython's compiled code."""
    private: Any = import_module("_multiprocessing")
    lock = private.SemLock._rebuild(address, _COUNTING, c.SEM_VALUE_MAX, None)
    return lock.acquire, lock.release


def foreign_calls(address: int) -> tuple[Acquire, Release]:
    """The calls by ctypes."""
    pointer = ctypes.c_void_p(address)

    def acquire(_block: bool) -> bool:
        return c.sem_trywait(pointer) == 0

    def release() -> None:
        if c.sem_post(pointer) != 0:
            raise ValueError("the semaphore is at its maximum")

    return acquire, release


@cache
def compiled() -> bool:
    """Whether CPython's compiled calls exist, and were seen to post and take a semaphore."""
    if c.running_libc() is not c.Libc.GLIBC:
        return False
    scratch = (ctypes.c_uint32 * 8)()
    address = ctypes.addressof(scratch)
    c.sem_init(ctypes.c_void_p(address), 1)
    try:
        acquire, release = compiled_calls(address)
        # Take the only permit; find none and not wait; post one: each with the value after it.
        seen = [acquire(False), scratch[0], acquire(False), scratch[0], release(), scratch[0]]
    except (ImportError, AttributeError, TypeError, ValueError, OSError):
        return False
    return seen == [True, 0, False, 0, None, 1]
