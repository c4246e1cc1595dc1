"""What a capsule holds beside the snapshots: of the machine, of each thread, of the repair. Records.

A field that is empty is unknown, or was left out (:attr:`Incident.redacted`). All texts may be hostile.
"""

import msgspec

from shmtui.snapshot import Snapshot


class ThreadFacts(msgspec.Struct, frozen=True):
    """A thread, and where it waits."""

    tid: int
    name: str = ""
    state: str = ""
    """One letter, as /proc has it."""
    channel: str = ""
    """The kernel's function that it sleeps in (proc_pid_wchan(5))."""
    call: tuple[int, ...] = ()
    """The number of its system call and the arguments; empty: it is in none, or that is hidden."""
    waits_on: str = ""
    """A lock or semaphore by its name or role, or ``byte 128``; empty: on nothing of the segment."""
    private: bool = False
    """Whether no other process can wake it there."""
    timed: bool = False
    """Whether the wait has a timeout."""


class ProcessFacts(msgspec.Struct, frozen=True):
    """What /proc had of a process beside what the snapshot says."""

    pid: int
    command: str = ""
    executable: str = ""
    threads: tuple[ThreadFacts, ...] = ()
    more_threads: int = 0
    """How many more it has than are listed."""
    calls_hidden: bool = False
    """Whether this user may not know the system calls of its threads."""
    maps: tuple[str, ...] = ()
    """The lines of /proc/PID/maps that show the segment or a named semaphore of it."""


class NamedSemaphore(msgspec.Struct, frozen=True):
    """A named semaphore that plays a role."""

    name: str
    raw: str
    """Its bytes in hexadecimal; empty: they may not be read."""


class Incident(msgspec.Struct, frozen=True):
    """What an incident report says that the snapshots do not."""

    host: str = ""
    version: str = ""
    """Of the shmtui that looked."""
    kernel: str = ""
    machine: str = ""
    """The hardware's name, as uname(1) has it."""
    time: float = 0.0
    """Seconds since the epoch."""
    seconds: float = 0.0
    """How long it was watched."""
    plan: tuple[str, ...] = ()
    """What a repair would do, or why it would not, in lines."""
    related: tuple[Snapshot, ...] = ()
    """The other segments and semaphores that its processes use, for the graph of who waits for what."""
    processes: tuple[ProcessFacts, ...] = ()
    more_processes: int = 0
    """How many more there are than are listed."""
    semaphores: tuple[NamedSemaphore, ...] = ()
    redacted: tuple[str, ...] = ()
    """What was left out, in words."""
    size: int = 0
    """Bytes of the segment when it was copied; 0: it was not."""
    copied: int = 0
    """The bytes before this one are kept, the rest was left out."""
    kept: int = 0
    """How many of those are written out: all but long stretches of zeros."""

    def process_of(self, tid: int) -> int:
        """The process that a thread belonged to; the number itself where that is not known."""
        owners = (p.pid for p in self.processes for t in p.threads if t.tid == tid)
        return next(owners, tid)
