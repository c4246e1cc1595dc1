"""The list of mutexes that a thread holds, by which the kernel sets those free that a dead one held (set_robust_list(2)).

It is doubly linked through the mutexes themselves (glibc's nptl/descr.h, musl's pthread_mutex_unlock.c): who lets
a mutex go has to take it out, or the next one to hold it links it anew under its feet.
"""

import ctypes
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from shmtui.control.task import Task

_GET_ROBUST_LIST: Final = 274
_PREVIOUS, _NEXT = 24, 32
"""Where a ``pthread_mutex_t`` has its links, glibc's and musl's; they name the ``_NEXT`` of the others, or the head."""
_BACK: Final = -8
"""From a link forward to the one back."""
_PRIORITY: Final = 1
"""The bit in a link to a mutex that inherits priority."""

_syscall: Final = ctypes.CDLL(None, use_errno=True).syscall


def head_of(thread: int) -> int:
    """The address of the head of a thread's list; 0 where it has none. OSError: it has ended."""
    head, size = ctypes.c_void_p(), ctypes.c_size_t()
    if _syscall(_GET_ROBUST_LIST, thread, ctypes.byref(head), ctypes.byref(size)):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return head.value or 0


def put(task: "Task", mutex: int, *, inherits: bool) -> None:
    """Have the mutex as the first in a thread's list."""
    head = head_of(task.pid)
    if not head:
        return  # musl's of a mutex of one process's threads, which the kernel is not told of.
    first = _link(task, head)
    _set(task, mutex + _NEXT, first)
    _set(task, mutex + _PREVIOUS, head)
    _set_back(task, first, head, mutex + _NEXT)
    _set(task, head, (mutex + _NEXT) | (_PRIORITY if inherits else 0))


def take_out(task: "Task", mutex: int) -> None:
    """Have it no more in a thread's list, which holds it."""
    following, previous = _link(task, mutex + _NEXT), _link(task, mutex + _PREVIOUS)
    if not following or not previous:
        return
    _set(task, previous & ~_PRIORITY, following)
    _set_back(task, following, head_of(task.pid), previous)
    _set(task, mutex + _PREVIOUS, 0)
    _set(task, mutex + _NEXT, 0)


def _set_back(task: "Task", link: int, head: int, value: int) -> None:
    at = link & ~_PRIORITY
    if at != head or not task.program.is_musl:  # musl's head has no link back.
        _set(task, at + _BACK, value)


def _link(task: "Task", address: int) -> int:
    return int.from_bytes(task.space.read(address, 8), "little")


def _set(task: "Task", address: int, value: int) -> None:
    task.set_words(address, value & 0xFFFFFFFF, value >> 32)
