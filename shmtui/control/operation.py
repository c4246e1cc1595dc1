"""What a task is about to do: the steps between which another may run."""

from enum import StrEnum
from typing import Final

import msgspec


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
    COND_CLOCK_WAIT = "pthread_cond_clockwait"
    WAKE = "wakes of pthread_cond_wait"
    WAKE_IN_TIME = "wakes of pthread_cond_timedwait"
    WAKE_UNSIGNALLED = "wakes unsignalled of pthread_cond_wait"
    TIMED_LOCK = "pthread_mutex_timedlock"
    SIGNAL = "pthread_cond_signal"
    BROADCAST = "pthread_cond_broadcast"
    BARRIER = "pthread_barrier_wait"
    PASS = "passes pthread_barrier_wait"
    SET = "semop"
    TRY_SET = "semop at once"
    JOIN = "waits for the end of another"
    SLEEP = "sleeps"
    LOAD = "loads"
    STORE = "stores"
    UPDATE = "loads and stores"
    OPEN = "shm_open"
    OPEN_SEMAPHORE = "sem_open"
    INITIALISE = "sem_init"
    SET_VALUE = "semctl"
    SIZE = "ftruncate"
    UNLINK = "shm_unlink"
    UNLINK_SEMAPHORE = "sem_unlink"
    KERNEL = "is asleep in the kernel"
    SPIN = "spins"
    EXIT = "exit"
    ENDED = "has ended"


ACCESSES: Final = frozenset({Kind.LOAD, Kind.STORE, Kind.UPDATE})
STARTING: Final = frozenset({
    Kind.OPEN, Kind.OPEN_SEMAPHORE, Kind.INITIALISE, Kind.SET_VALUE, Kind.SIZE, Kind.UNLINK,
    Kind.UNLINK_SEMAPHORE,
})  # fmt: skip
"""Calls that make ready what is shared."""
SILENT: Final = STARTING | {Kind.SLEEP, Kind.START, Kind.KERNEL, Kind.SPIN, Kind.JOIN, Kind.EXIT}
"""Steps that neither wait for others nor let them go on."""
COND_WAITS: Final = frozenset({Kind.COND_WAIT, Kind.COND_TIMED_WAIT, Kind.COND_CLOCK_WAIT})
WAKES: Final = frozenset({Kind.WAKE, Kind.WAKE_IN_TIME, Kind.WAKE_UNSIGNALLED})
"""The end of such a wait, with its mutex taken again."""
TIMED: Final = frozenset({Kind.TRY_WAIT, Kind.TIMED_WAIT, Kind.CLOCK_WAIT})
"""Waits that are given up where the semaphore is 0."""
TRIES: Final = TIMED | {Kind.TRY_LOCK, Kind.TIMED_LOCK, Kind.TRY_SET}
"""The same of all that is waited for."""
AT_ONCE: Final = frozenset({Kind.TRY_WAIT, Kind.TRY_LOCK, Kind.TRY_SET})
"""Those of them that are given up without waiting."""


class Place(msgspec.Struct, frozen=True):
    """A byte of shared memory: the name of its file, the same in every execution, and where in it."""

    segment: str
    offset: int


class Operation(msgspec.Struct, frozen=True):
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
    atomic: bool = False
    """Whether the processor locks the word for it."""
    masked: bool = False
    """Whether it may store fewer bytes than its width."""
    changes: tuple[tuple[Place, int], ...] = ()
    """Of semop: what is added to which semaphores."""

    def each(self) -> "tuple[Operation, ...]":
        """The same as waits and posts of one semaphore each."""
        if not self.changes:
            return (self,)
        return tuple(
            Operation(Kind.POST if change > 0 else Kind.WAIT, self.site, place)
            for place, change in self.changes
        )
