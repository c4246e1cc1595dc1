"""What an execution was: its steps, the points at which there was a choice, and how it ended. Pure."""

from enum import Enum

import msgspec

from shmtui.control.fatal_fault import FatalFault
from shmtui.control.happens_before import Race
from shmtui.control.items import ItemFault
from shmtui.control.lost_updates import LostUpdate
from shmtui.control.operation import Operation, Place
from shmtui.control.simultaneous import LoadRace
from shmtui.shm.protocol import Role


class End(Enum):
    """How an execution ended."""

    FINISHED = "finished"
    """All ended, or rest where they begin their next item."""
    STUCK = "stuck"
    """Nobody can go on, and not all have finished."""
    SPINNING = "spinning"
    """Those left load the same values over and over."""
    KNOWN = "known"
    """It came to a state that an earlier one had been in."""
    UNFINISHED = "unfinished"
    """It was given up after so many steps."""


class Step(msgspec.Struct, frozen=True):
    """A step that was taken."""

    task: str
    operation: Operation
    value: int | None
    """The word before the step; None of a lock, which holds a thread's number."""
    after: int | None = None
    """And after it."""
    output: str = ""
    """What the program wrote before its next step."""


class ChoicePoint(msgspec.Struct, frozen=True):
    """A point at which several could have gone on."""

    enabled: tuple[str, ...]
    chosen: str
    default: str
    asleep: tuple[str, ...] = ()
    """Who sleeps on a condition, and could go on if it woke without a signal."""
    state: int = 0
    """Of the search, where that asked for it."""


class Misuse(msgspec.Struct, frozen=True):
    """An object used otherwise than it was made for."""

    kind: str
    """``never-initialised``, ``process-private``, ``private-memory``, ``private-mapping``, ``mutex-overflow`` or
    ``address-stored``.
    """
    place: Place
    step: int
    task: str
    operation: Operation


class Run(msgspec.Struct):
    """An execution."""

    steps: list[Step] = msgspec.field(default_factory=list)
    choices: list[ChoicePoint] = msgspec.field(default_factory=list)
    end: End = End.UNFINISHED
    items: int = 0
    """That each producer was let make."""
    fine: bool = False
    starts_vary: bool = False
    """Whether the starts are steps among the others."""
    usual_failures: frozenset[str] = frozenset()
    """Who ends with another status than 0 in the usual order, too."""
    known: tuple[int, str] | None = None
    """The state that it came to and that an earlier one had been in, and who would have gone on."""
    blocked: list[tuple[str, Operation]] = msgspec.field(default_factory=list)
    """Of one that ended with somebody waiting: who stands where."""
    parked: set[str] = msgspec.field(default_factory=set)
    """Who was not let go on, having made all items."""
    ends: dict[str, int] = msgspec.field(default_factory=dict)
    """How each task ended: an exit status, or minus a signal."""
    failed_calls: dict[str, tuple[str, int]] = msgspec.field(default_factory=dict)
    """The last call of each task that opened something by its name and failed: in words, and its errno."""
    fault_sites: dict[str, int] = msgspec.field(default_factory=dict)
    """The instruction of each fatal fault."""
    fatal_faults: dict[str, FatalFault] = msgspec.field(default_factory=dict)
    """Why it is one, of each task's last, where that is known."""
    programs: dict[str, str] = msgspec.field(default_factory=dict)
    """Of each task the name of its program."""
    parents: dict[str, str] = msgspec.field(default_factory=dict)
    """Of each thread and child, the task that began it."""
    roles: dict[str, Role] = msgspec.field(default_factory=dict)
    spinning: set[tuple[str, Place | None]] = msgspec.field(default_factory=set)
    """Who waited for what by loading it over and over."""
    left_looking: bool = False
    """Whether somebody was left at that, and might go on otherwise some time."""
    misuses: list[Misuse] = msgspec.field(default_factory=list)
    made_again: list[tuple[str, str, Place]] = msgspec.field(default_factory=list)
    """Who called sem_init(3) on a semaphore after another program had: who, after whom, and where."""
    races: list[Race] = msgspec.field(default_factory=list)
    load_races: list[LoadRace] = msgspec.field(default_factory=list)
    lost_updates: list[LostUpdate] = msgspec.field(default_factory=list)
    faults: list[ItemFault] = msgspec.field(default_factory=list)
    slept_through: tuple[str, Operation, int] | None = None
    """Who slept on a condition for ever, and woken did not sleep again: where, and in which step it woke."""
    unread: int | None = None
    """Items that nobody has loaded, where all have ended with status 0; None where that is not so, or not known."""
    foreign: bool = False
    """Whether a task became another program, or slept in the kernel for another reason than a join."""

    @property
    def order(self) -> tuple[str, ...]:
        """Who was chosen, at each point."""
        return tuple(choice.chosen for choice in self.choices)

    def departures(self, until: int) -> list[int]:
        """The numbers of the steps, up to ``until``, at which another than the usual one went on."""
        begin = len(self.steps) - len(self.choices)
        chosen = enumerate(self.choices, begin)
        return [at for at, each in chosen if at <= until and each.chosen != each.default]

    def output(self, task: str) -> str:
        return "".join(step.output for step in self.steps if step.task == task)

    def is_same(self, other: "Run") -> bool:
        """Whether every step, value and output is the same."""
        return self.steps == other.steps and self.ends == other.ends and self.end == other.end
