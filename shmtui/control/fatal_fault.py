"""Why an access to memory is fatal, as far as the mapping tells."""

import signal
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from shmtui.control import ptrace
from shmtui.control.operation import Place

if TYPE_CHECKING:
    from shmtui.control.task import Task

_PAGE = 4096
_LAST = 2**64 - _PAGE


class Why(StrEnum):
    """What is wrong with the address."""

    NO_POINTER = "no-pointer"
    """It is null, or that of MAP_FAILED, or near them."""
    NO_ADDRESS = "no-address"
    """No memory can have it."""
    READ_ONLY = "read-only"
    """The memory is shared, and mapped without PROT_WRITE."""
    BEHIND_END = "behind-end"
    """The file that is mapped there is shorter."""


class FatalFault(msgspec.Struct, frozen=True):
    """A fault that ends a task."""

    why: Why
    place: Place | None = None
    size: int = 0
    """Bytes of the file, where that is too short."""


def fatal_fault(task: "Task", number: int) -> FatalFault | None:
    """Of a task that has stopped by a signal of a fault; None where its mapping tells nothing."""
    address = ptrace.fault_address(task.pid)
    if address is None:
        return FatalFault(Why.NO_ADDRESS) if number == signal.SIGSEGV else None
    address %= 2**64
    if number == signal.SIGSEGV and not _PAGE <= address < _LAST:
        return FatalFault(Why.NO_POINTER)
    line = task.space.shared_line(address)
    place = None if line is None else task.place(address)
    if line is None or place is None:
        return None
    if number == signal.SIGSEGV and line.rights[1:2] != b"w":
        return FatalFault(Why.READ_ONLY, place)
    if number == signal.SIGBUS:
        return FatalFault(Why.BEHIND_END, place, task.world.files.size_of(place.segment))
    return None
