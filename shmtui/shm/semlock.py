"""The two semaphore calls that an item is made of, as fast as an interpreter can make them.

A call through :mod:`ctypes` costs eight times what ``sem_trywait`` itself does: arguments are
converted one by one, whatever is declared. CPython carries compiled code for the same two calls,
``_multiprocessing.SemLock``, and its ``_rebuild`` takes the address of a ``sem_t``: that is how
:mod:`multiprocessing` hands a semaphore to a child. It is private, and so it is used only

* after it has been seen to do exactly what is wanted, on a semaphore of our own;
* for the calls that never sleep: it measures a wait by the clock that can be set back;
* on glibc: what it does in the end is ``sem_close``, which musl does not survive for an address
  that ``sem_open`` did not give.

Everywhere else it is ctypes. Both do the same; only the time they take differs.
"""

import ctypes
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any, Final

from shmtui.shm import libc as c

_COUNTING: Final = 1
"""``SemLock``'s kind for a semaphore that anybody may post."""

Acquire = Callable[[bool], bool]
Release = Callable[[], None]


def calls(address: int) -> tuple[Acquire, Release]:
    """``acquire(False)`` and ``release()`` for the ``sem_t`` at ``address``.

    The first takes a permit if one is there, the second gives one; ValueError at SEM_VALUE_MAX.
    """
    return compiled_calls(address) if compiled() else foreign_calls(address)


def compiled_calls(address: int) -> tuple[Acquire, Release]:
    """By CPython's own compiled code."""
    private: Any = import_module("_multiprocessing")
    lock = private.SemLock._rebuild(address, _COUNTING, c.SEM_VALUE_MAX, None)
    return lock.acquire, lock.release


def foreign_calls(address: int) -> tuple[Acquire, Release]:
    """By ctypes."""
    pointer = ctypes.c_void_p(address)

    def acquire(_block: bool) -> bool:
        return c.sem_trywait(pointer) == 0

    def release() -> None:
        if c.sem_post(pointer) != 0:
            raise ValueError("the semaphore is at its maximum")

    return acquire, release


@cache
def compiled() -> bool:
    """Whether CPython's code can be used, and does to a semaphore what it is used for."""
    if c.running_libc() is not c.Libc.GLIBC:
        return False
    scratch = (ctypes.c_uint32 * 8)()
    address = ctypes.addressof(scratch)
    c.sem_init(ctypes.c_void_p(address), 1)
    try:
        acquire, release = compiled_calls(address)
        # What is there is taken, what is not there is not waited for, what is given is there.
        seen = [acquire(False), scratch[0], acquire(False), scratch[0], release(), scratch[0]]
    except (ImportError, AttributeError, TypeError, ValueError, OSError):
        return False
    return seen == [True, 0, False, 0, None, 1]
