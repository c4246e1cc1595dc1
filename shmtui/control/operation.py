"""What a task is about to do: the steps between which another may run."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """The kinds of a step, by the name of the call where there is one."""

    START = "starts"
    WAIT = "sem_wait"
    TRY_WAIT = "sem_trywait"
    TIMED_WAIT = "sem_timedwait"
    CLOCK_WAIT = "sem_clockwait"
    POST = "sem_post"
    LOCK = "pthread_mutex_lock"
    TRY_LOCK = "pthread_mutex_trylock"
    UNLOCK = "pthread_mutex_unlock"
    COND_WAIT = "pthread_cond_wait"
    COND_TIMED_WAIT = "pthread_cond_timedwait"
    WAKE = "wakes of pthread_cond_wait"
    SIGNAL = "pthread_cond_signal"
    BROADCAST = "pthread_cond_broadcast"
    SLEEP = "sleeps"
    LOAD = "loads"
    STORE = "stores"
    UPDATE = "loads and stores"
    KERNEL = "is asleep in the kernel"
    SPIN = "spins"
    ENDED = "has ended"


ACCESSES: Final = frozenset({Kind.LOAD, Kind.STORE, Kind.UPDATE})
BLOCKING: Final = frozenset({Kind.WAIT, Kind.LOCK, Kind.COND_WAIT})


@dataclass(frozen=True, slots=True)
class Place:
    """A byte of a shared mapping: device and inode of the mapping's file, and where in it."""

    segment: tuple[int, int]
    offset: int


@dataclass(frozen=True, slots=True)
class Operation:
    """A step that a task is about to take."""

    kind: Kind
    site: int = 0
    """The address that it returns to, or that of the instruction."""
    place: Place | None = None
    """What it is about, where that is shared."""
    address: int = 0
    """The same in the process."""
    width: int = 0
    """Bytes of a load or store."""
