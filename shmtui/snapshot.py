"""The snapshot: one frozen record of a segment and its processes, which every report draws. Pure.

``None`` means unknown; ``0`` means zero. A snapshot is immutable, not atomic: its parts were read
one after the other while processes ran, so a finding rests on several snapshots that agree.
"""

from enum import StrEnum
from functools import cached_property

import msgspec

from shmtui.i18n import N_, _
from shmtui.shm.faults import Fault
from shmtui.shm.item_counts import Audit, ExactCounts, Method, Throughput, Totals
from shmtui.shm.layout import counted_on, slot_of
from shmtui.shm.libc import Libc
from shmtui.shm.protocol import Role, SemaphoreRole, role_words
from shmtui.shm.segment_info import (
    LayoutInfo,
    LayoutSource,
    Offsets,
    SegmentInfo,
    SemaphoreState,
    Slot,
)
from shmtui.shm.sync_object import SyncObject
from shmtui.shm.value import Value


class ProcessState(StrEnum):
    """What a process that maps the segment is doing."""

    STARTING = N_("starting")
    RUNNING = N_("running")
    PACING = N_("pacing")
    """A worker sleeps until its next item is due."""
    BLOCKED = N_("blocked")
    PAUSED = N_("paused")
    STEPPING = N_("stepping")
    """It waits before its step until it is told to take it."""
    STOPPED = N_("stopped")
    ENDED = N_("ended")
    UNKNOWN = N_("unknown")
    # Of a ring without a lock: see shmtui.monitor.activity.
    SPINNING, POLLING = N_("spinning"), N_("polling")
    ASLEEP = N_("asleep")
    """A process that is no worker sleeps in a call that waits for nothing of the segment."""


class Origin(StrEnum):
    """Who started a process: this program as a worker, this program on the user's word, or others."""

    WORKER = "worker"
    PROGRAM = "program"
    FOREIGN = "foreign"


class Access(StrEnum):
    """What a process has of the segment."""

    WRITE = "write"
    """It maps it shared and may write to it, now or after an mprotect(2)."""
    READ = "read"
    """It maps it, and can never write to it by that."""
    PRIVATE = "private"
    """It maps it with MAP_PRIVATE alone, to write to it: what it writes no other process sees."""
    FILE = "file"
    """It has the file open for writing, and maps nothing of it."""
    SEMAPHORE = "semaphore"
    """It maps a named semaphore that plays a role, and nothing of the segment."""
    UNKNOWN = "unknown"


class Status(StrEnum):
    """How well a buffer works."""

    OK = N_("ok")
    WARNING = N_("warning")
    CRITICAL = N_("critical")
    UNKNOWN = N_("unknown")


def short_name(role: SemaphoreRole | None, name: str) -> str:
    """A semaphore by its member in the program; the role where that word is in the member's name, and for a named
    one, whose name is longer than its place.

    >>> short_name(SemaphoreRole.MUTEX, "trava"), short_name(SemaphoreRole.MUTEX, "/a.mutex")
    ('trava', 'mutex')
    """
    word = "" if role is None else role.value
    return word if not name or name.startswith("/") or word in name.lower() else name


class Process(msgspec.Struct, frozen=True):
    """A process that maps the segment, or a worker that has just ended."""

    pid: int
    name: str
    """Hostile text is possible: it comes from a foreign command line."""
    role: Role
    state: ProcessState
    origin: Origin = Origin.FOREIGN
    step: str | None = None
    """The protocol step by its name, for workers."""
    blocked_on: SemaphoreRole | None = None
    blocked_name: str = ""
    """The name that the program has for that semaphore, as in `Snapshot.sync`; empty where it is not blocked on
    one, or it is not known. Hostile text is possible."""
    blocked_for: float | None = None
    """Seconds since it began to wait."""
    blocked_before: bool = False
    """It waited already when it was first looked at: ``blocked_for`` is a lower bound."""
    waits: tuple[SemaphoreRole, ...] = ()
    """The semaphores that its threads are blocked on, one entry a blocked thread."""
    timed_waits: tuple[SemaphoreRole, ...] = ()
    """Those of ``waits`` that have a timeout, as sem_timedwait has: the threads go on by themselves."""
    sleeps_on: tuple[str, ...] = ()
    """What its threads sleep on of the segment beside the three roles: a sync object by its name,
    or ``byte 128``.
    """
    sleeps_timed: bool = False
    """Whether one of those sleeps has a timeout."""
    unexplained_words: tuple[int, ...] = ()
    """Bytes of the segment that its threads sleep on and the layout knows no sync object at."""
    own_words: bool = False
    """Whether it waits for each of these as glibc's semaphores and conditions never do: as a C++ counting_semaphore
    or atomic does, or a futex of the program's own; and a pthread_mutex_t."""
    wakeable: bool | None = None
    """False: it sleeps on a process-private futex; None: it is not blocked, or unknown."""
    target_rate: float | None = None
    """Items per second; infinite = unthrottled."""
    rate: float | None = None
    """Items per second over the last seconds."""
    items: int | None = None
    last_item: Value = None
    cpu: float | None = None
    """Per cent of one core."""
    libc: Libc | None = None
    user: str | None = None
    threads: int | None = None
    threads_read: int | None = None
    """How many of them were looked at, those first that were seen to wait; None: all. What ``waits`` and
    ``sleeps_on`` say is then a part of it."""
    letter: str = ""
    """Its state in /proc: R runs, S sleeps, T is stopped; empty where unknown."""
    goes_on: bool | None = None
    """Whether a thread of it runs, or sleeps for a time; None: that cannot be told, or it is a worker."""
    sleeps_for: float | None = None
    """Seconds that a plain sleep of one of its threads was begun for, the longest; of one whose side is not known and
    that waits for nothing of the segment. None: of others, or it cannot be read."""
    asleep_for_good: bool = False
    """No event from outside ends the sleep of any thread of it, but a signal or a post to a word of the
    segment."""
    since: float | None = None
    """When it started, seconds since the epoch."""
    start_time: int = 0
    """The same in clock ticks after boot: with the PID it names one process. 0 if unknown."""
    holds_mutex: bool = False
    """Its record says that it waits while it holds mutex."""
    fault: Fault = Fault.NONE
    """The fault that a worker is told to make."""
    faulted: bool = False
    """Whether it has made the fault."""
    ending: str | None = None
    """How it died, once it has: ``exit code 3``, ``killed by SIGKILL``."""
    died_ns: int | None = None
    """CLOCK_MONOTONIC of the sample that saw a foreign process ended. What it waited on and held
    is as it was last seen before. None: it lives, or is a worker."""
    killed: bool = False
    """Whether a signal ended it; False as well where that is not known."""
    acted: tuple[Role, ...] = ()
    """The sides that it was seen to act for once at least: it alone ran, of those that could, while the index
    moved."""
    runs: int | None = None
    """In how many scans, half a second apart, it had run since the one before; None: that is not known, or it is a
    worker."""
    idle_since_moved: bool = False
    """It slept at a look, an index has moved since, and it has not run since: it holds no lock that
    was taken after that. Sound for a program that moves the indices under its lock; see
    `shmtui.monitor.sleep_proof`."""
    idle_since_free: bool = False
    """It slept at a look, mutex had its one permit at a later one, and it has not run since: it does
    not hold mutex. Sound for any program whose mutex lets one in at a time."""
    parent: int = 0
    """PID of the process that started it, or that took it over; 0 if unknown."""
    failed_children: tuple[str, ...] = ()
    """Its children that were killed or failed, where it has not waited for them yet:
    ``PID 7 (killed by SIGKILL)``."""
    access: Access = Access.UNKNOWN
    """What it has of the segment. A reader's role is OBSERVER, unless it has something besides."""
    bits: int | None = None
    """32 or 64, by its program's ELF class; None where unknown."""
    besides: tuple[Access, ...] = ()
    """What it has besides: FILE where it maps the segment read-only or private and has the file open
    for writing, SEMAPHORE where it maps a named semaphore that plays a role."""
    has_handlers: bool = False
    """It has handlers for signals that timers and other programs send (SIGALRM, SIGIO, SIGUSR1):
    one may run, and post a semaphore, while every thread of it sleeps."""
    catches_signals: bool = False
    """It has a handler for any signal but those of faults: its waits may end, and begin anew."""
    same_memory: bool = False
    """While it sleeps privately: another process that takes part has its address space
    (CLONE_VM), or may have; such processes wake each other as threads do."""
    mapped_size: int | None = None
    """Bytes of the segment that it maps, in whole pages; None where it maps none, or unknown."""
    mapped_from: int | None = None
    """The first byte of the segment that it maps; None where it maps none, or unknown."""
    stores: tuple[str, ...] = ()
    """The indices that a breakpoint saw it store into: ``in``, ``out``."""

    one_of: tuple[str, ...] = ()
    """The processes, by name and PID, that what each waits on is shared out among: that it is ``waits`` for this
    one of them is as good as any other way. None: what it waits on is known. Hostile text is possible."""

    @property
    def label(self) -> str:
        """Its name and PID, for texts. Hostile text is possible."""
        return f"{self.name} (PID {self.pid})"

    def waits_for(self, lock: SyncObject) -> bool:
        """Whether a thread of it sleeps on that lock or semaphore, as far as that is not left open."""
        if self.one_of:
            return False
        return lock.name in self.sleeps_on or (lock.role is not None and lock.role in self.waits)

    @property
    def blocked_word(self) -> str:
        """``blocked_on`` by its `short_name`; where it is one of several, all of them. Hostile text is possible."""
        return self.blocked_name if self.one_of else short_name(self.blocked_on, self.blocked_name)

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self.state is not ProcessState.ENDED

    @property
    def takes_part(self) -> bool:
        """Whether it is alive and may move something in the ring. An observer cannot, nor can a
        process that writes to a copy of its own.
        """
        own_copy = self.access is Access.PRIVATE and not self.besides
        return self.alive and self.role is not Role.OBSERVER and not own_copy


class Certainty(StrEnum):
    """How sure a finding is."""

    CERTAIN = N_("certain")
    LIKELY = N_("likely")
    UNKNOWN = N_("unknown")


class Finding(msgspec.Struct, frozen=True):
    """Something wrong: the claim, its evidence, how sure it is, and what to do."""

    code: str
    severity: Status
    """WARNING or CRITICAL."""
    claim: str
    evidence: tuple[str, ...]
    certainty: Certainty
    remedy: str
    subject: str = ""
    """The semaphore or PID that it is about, where one code can be found of several."""
    death_seen: bool = False
    """Of a dead holder of mutex: it was seen to die, and nobody else can hold mutex or is about to post it,
    as far as that depends on processes that can be seen."""


class Health(msgspec.Struct, frozen=True):
    """The status and the findings that it rests on."""

    status: Status = Status.UNKNOWN
    findings: tuple[Finding, ...] = ()
    judged: tuple[str, ...] = ()
    """What was seen to be right, where there are no findings."""
    undecided: tuple[str, ...] = ()
    """Why it is unknown whether there is anything wrong, and what would settle it."""
    early: bool = False
    """Whether that is because it was watched for less than a second."""


class Moves(msgspec.Struct, frozen=True):
    """How the indices moved since a segment was first looked at."""

    count: int = 0
    """In how many samples one had moved."""
    longest_ns: int = 0
    """The longest time between two of those."""
    last_ns: int = 0
    """CLOCK_MONOTONIC of the last of them."""


class Rest(msgspec.Struct, frozen=True):
    """The time since anything was seen to move."""

    come_and_gone: bool = False
    """Whether mutex was seen free before it began, and from then on it was seen that somebody opened the segment, or let go
    of it and lived on: he may have taken mutex and be seen nowhere."""


class _WorkedOut:
    """A record in slots that has room for what is worked out of it once."""

    __slots__ = ("__dict__",)


class Snapshot(_WorkedOut, msgspec.Struct, frozen=True, dict=True):
    """All that was read of a segment and its processes at one time.

    What all rules ask of it is worked out once. Its fields are in slots: in a dict they take four times the
    memory, and an exporter keeps a dozen snapshots of each of hundreds of segments.
    """

    time: float
    """Seconds since the epoch."""
    monotonic_ns: int
    """CLOCK_MONOTONIC when the segment's bytes were read."""
    segment: SegmentInfo
    layout: LayoutInfo
    in_: int | None = None
    """As the program stores it: an index that is never reduced may be past the slots."""
    out: int | None = None
    occupancy: int | None = None
    """Full slots; None where unknown, as while ``in == out`` and processes hold permits."""
    count: int | None = None
    """The program's own count of full slots; None where it keeps none that is known."""
    in_flight: int | None = None
    """Permits that workers hold; None unless every process is a worker of ours."""
    slots: tuple[Slot, ...] = ()
    semaphores: dict[SemaphoreRole, SemaphoreState] = msgspec.field(default_factory=dict)
    """The view by role."""
    sync: tuple[SyncObject, ...] = ()
    """All locks and semaphores that are known."""
    throughput: Throughput = msgspec.field(default_factory=Throughput)
    processes: tuple[Process, ...] = ()
    exact: ExactCounts | None = None
    """Counts by breakpoints; None unless they were asked for."""
    totals: Totals | None = None
    audit: Audit | None = None
    """The last audit that this program made."""
    health: Health = Health()
    supervised: bool = False
    """Whether the shmtui that made its control block is alive."""
    unseen: bool = False
    """A process that this user cannot read may take part: it could open the segment for writing.
    Root's processes count only where the segment is root's; see ``assumptions``.
    """
    outside: bool = False
    """Processes outside this PID namespace may use the same /dev/shm: to be root shows none of them."""
    older_users: tuple[str, ...] = ()
    """Who still maps an unlinked segment of the same name, by name and PID. Hostile text is possible."""
    unseen_pids: tuple[int, ...] = ()
    """Their PIDs, where /proc lists them."""
    elsewhere: bool | None = None
    """What the kernel says where no process that is seen could write to the segment or has one of
    its named semaphores: True, somebody has one of the files open for writing; False, nobody in
    the machine has. None: it was not asked, or cannot be told.
    """
    steady: bool = False
    """Whether indices and semaphores were read twice alike, so that they are of one moment."""
    mutex_free_ns: int | None = None
    """CLOCK_MONOTONIC of the last sample in which mutex had its one permit; None: in none."""
    moves: Moves = Moves()
    """How its indices have moved up to now, as long as it is watched."""
    rest: Rest = Rest()
    """What is known of the time in which it has been as it is."""
    joined_ns: int | None = None
    """CLOCK_MONOTONIC of the last sample that saw somebody open the segment, or a process let go of
    it and live on; 0: nobody did; None: it cannot be told."""
    lent_ns: int | None = None
    """CLOCK_MONOTONIC of the last sample at which a process may have had a descriptor of it that another can be
    sent or can take, which opens nothing: a socket may have held it. None: it cannot be told."""
    came_ns: int = 0
    """CLOCK_MONOTONIC of the last sample that did see somebody open the segment, or let go of it and live on; 0: none
    did. Descriptors that lie in sockets are no sign of it: on a desktop some always do, and of other files."""
    forked_ns: int | None = None
    """CLOCK_MONOTONIC of the last sample by which one of those that use the segment may have begun a process
    or a thread: it may have let go of the segment before it was looked at. The kernel tells it of each
    (`shmtui.procfs.fork_watch`); where it may not be asked, one that may have run counts once anything has
    begun anywhere in the machine. 0: none did; None: it cannot be told."""
    sleepers: dict[SemaphoreRole, int] = msgspec.field(default_factory=dict)
    """How many threads sleep on each semaphore, by the kernel's own count; asked where ``waits_hidden`` has any.
    Private waits are not counted."""
    waits_hidden: tuple[int, ...] = ()
    """PIDs of those in ``processes`` whose waits this user may not read (/proc/PID/syscall)."""
    waits_counted: tuple[int, ...] = ()
    """Those of ``waits_hidden`` whose waits the numbers of waiters tell."""
    assumptions: tuple[str, ...] = ()
    """What is assumed of processes that this user cannot read, in words: it holds for nearly
    every program, and is no proof. A finding that rests on it is at most likely and names it.
    """
    limits: tuple[str, ...] = ()
    """What this user may not see, and how to see it."""
    guests: bool = False
    """Whether its control block says that programs of others took part since it was made."""
    uptime: float | None = None
    """Seconds since the buffer was created, where its control block says so."""

    @property
    def counted(self) -> Totals | None:
        """Items moved since the buffer was made; None where somebody moves, or moved, what nobody counts."""
        counts = self.throughput.method is Method.COUNTERS and not self.guests
        return self.totals if counts else None

    @cached_property
    def participants(self) -> tuple[Process, ...]:
        """The live processes that take part."""
        return tuple(p for p in self.processes if p.takes_part)

    @cached_property
    def workers_only(self) -> bool:
        """Whether all that take part are workers."""
        return all(p.origin is Origin.WORKER for p in self.participants)

    @cached_property
    def position(self) -> tuple[object, ...]:
        """All that moves. Between two snapshots of the same position nothing was seen to move."""
        values = tuple((role, state.value) for role, state in self.semaphores.items())
        crew = tuple((p.pid, p.items, p.step, p.waits) for p in self.participants)
        return self.in_, self.out, values, crew

    @property
    def alone(self) -> SyncObject | None:
        """The named semaphore that was opened in a segment's place."""
        return self.sync[0] if self.layout.source is LayoutSource.RAW and self.sync else None

    @property
    def read_in_part(self) -> tuple[Process, ...]:
        """Live processes of which not all threads were looked at."""
        return tuple(p for p in self.processes if p.alive and p.threads_read is not None)

    @property
    def hidden(self) -> bool:
        """Whether not all is seen that may take part: a process, or what one waits on."""
        hidden = set(self.waits_hidden) - set(self.waits_counted)
        return self.unseen or bool(hidden or self.read_in_part)

    @cached_property
    def own_names(self) -> dict[str, str]:
        """What the program calls the semaphore or lock of each role, for texts: ``{"mutex": "trava", …}``; the
        role's word where that is in the name, or it is not known, or is the number of a System V set. Hostile text
        is possible.
        """
        found = role_words()
        for each in self.sync:
            if each.role is None or each.name.startswith("semset:"):
                continue
            if each.role.value not in each.name.lower():
                found[each.role.value] = each.name
        return found

    @cached_property
    def deficit(self) -> int | None:
        """Permits that are neither in ``empty`` nor in ``full``; None where a value is unknown."""
        empty, full = (self._value(r) for r in (SemaphoreRole.EMPTY, SemaphoreRole.FULL))
        return None if empty is None or full is None else self.layout.slots - empty - full

    @cached_property
    def counts_on(self) -> bool:
        """Whether the program never reduces the indices that it stores."""
        if self.in_ is None or self.out is None:
            return False
        empty, full = (self._value(role) for role in (SemaphoreRole.EMPTY, SemaphoreRole.FULL))
        slots, size = self.layout.slots, self.layout.index_size
        return counted_on(slots, self.in_, self.out, empty, full, size) is not None

    @property
    def slots_next(self) -> tuple[int | None, int | None]:
        """The slots that are written and read next; None where an index stands for none."""
        slots, counts = self.layout.slots, self.counts_on
        return slot_of(self.in_, slots, counts=counts), slot_of(self.out, slots, counts=counts)

    @property
    def slot_in(self) -> int | None:
        """The slot that is written next; None where ``in`` stands for none."""
        return self.slots_next[0]

    @property
    def slot_out(self) -> int | None:
        """The slot that is read next; None where ``out`` stands for none."""
        return self.slots_next[1]

    @property
    def index_outside(self) -> tuple[str, int] | None:
        """``in`` or ``out``, and its value, where it stands for no slot: the layout is another, or the index was
        written over.
        """
        for name, index, slot in (("in", self.in_, self.slot_in), ("out", self.out, self.slot_out)):
            if index is not None and slot is None:
                return name, index
        return None

    def _value(self, role: SemaphoreRole) -> int | None:
        state = self.semaphores.get(role)
        return None if state is None else state.value

    def waiting_for(self, lock: SyncObject) -> tuple[Process, ...]:
        """Those that are alive and sleep on it, as far as that is not left open."""
        return tuple(p for p in self.processes if p.alive and p.waits_for(lock))

    @property
    def producers(self) -> tuple[Process, ...]:
        return tuple(p for p in self.processes if p.role is Role.PRODUCER)

    @property
    def consumers(self) -> tuple[Process, ...]:
        return tuple(p for p in self.processes if p.role is Role.CONSUMER)


EMPTY = Snapshot(
    time=0.0,
    monotonic_ns=0,
    segment=SegmentInfo(name="", size=0, inode=0, mode=0, owner=""),
    layout=LayoutInfo(LayoutSource.RAW, 0, "", 0, Offsets(0, 0, 0)),
)
"""What is drawn before the first snapshot: an empty state."""


def word(value: Role | ProcessState | Status | Certainty | LayoutSource | Method) -> str:
    """The value in the language in use."""
    return _(value.value)
