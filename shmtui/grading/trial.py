"""The record of a trial: what programs did in one arrangement, and which orders of it were seen. Pure."""

import json
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import to_builtins


class Refusal(StrEnum):
    """Why a trial says nothing, or not all."""

    EARLY = "early"
    """A program ended before it used anything by which programs meet."""
    ARGUMENTS = "arguments"
    """A program was run without arguments, said how it is used, and ended."""
    CANNOT = "cannot"
    """It cannot be run step by step, or does not repeat itself."""
    TIME = "time"
    """The time that there was for it is over."""
    LIMIT = "limit"
    """It was ended for what it took: memory, processes, space."""
    ENDED = "ended"
    """Its processes were ended from outside, as by each other."""


class Shown(msgspec.Struct, frozen=True):
    """A finding, the order that shows it, and the schedule that repeats it."""

    kind: str
    claim: str
    order: tuple[str, ...] = ()
    schedule: dict[str, Any] | None = None


class Spin(msgspec.Struct, frozen=True):
    """A task that waits by looking at the same words over and over."""

    task: str
    words: str
    line: str
    sleeps: bool
    """Whether it sleeps between its looks."""


class Usual(msgspec.Struct, frozen=True):
    """The usual order, with as many items as it takes until the programs end."""

    end: str
    """As in `control.run.End`."""
    waiting: str
    """Who waits for what at its end, in words."""
    ends: dict[str, int]
    """Of each task that ended, its exit status, or minus the signal that ended it."""
    rounds: dict[str, int]
    """How often each task took the step that it took most often: about its items."""
    made: int | None
    """Items that a producer put into a slot; None where the ring is not known."""
    passed: int | None
    """Of these, those that a consumer loaded."""
    taken: int
    """Items that were taken by who moved ``out`` on from them."""
    in_order: bool
    """Whether each consumer took each producer's items as they were put."""
    most_held: int
    """The most slots that held an item that nobody had loaded."""
    left: tuple[str, ...]
    """What the programs made and is there at its end: names in /dev/shm, System V objects."""
    alive: tuple[str, ...]
    """Tasks that were not started from outside, and had not ended."""
    output: dict[str, str]
    """What each program wrote."""
    spins: tuple[Spin, ...]
    peak_kib: int
    """Of one process."""
    cpu_seconds: float
    own_seconds: float
    """As the programs' clocks showed them, sleeps included."""
    made_again: str = ""
    """Who initialises a semaphore after another program has, in words; empty where nobody does."""
    failed_calls: dict[str, str] = {}
    """Of each task that has ended, why it could not use memory that it was killed for, and the last call that opened
    something by its name and failed.
    """
    roles: dict[str, str] = {}
    """The side of each task."""
    typed: bool = True
    """Whether each program has debug information."""
    asleep: bool = False
    """Whether somebody waits at its end in a call that is no semaphore or lock, as one that reads input."""


class Sweep(msgspec.Struct, frozen=True):
    """Kills before each step: how many, and those after which the others could not go on."""

    kills: int
    hanging: tuple[tuple[str, bool], ...]
    """The step in words, and whether the killed one had waited for something that it had not posted yet."""
    once: bool = False
    """Whether, started again after all had ended by themselves, they do not go on."""


class Trial(msgspec.Struct, frozen=True):
    """What one arrangement of the programs did."""

    name: str
    refusal: Refusal | None = None
    why: str = ""
    """The refusal in words."""
    found: tuple[Shown, ...] = ()
    complete: bool = False
    """Whether every order of so many items was seen, at loads and stores."""
    complete_calls: bool = False
    """Whether every order was seen at semaphores and locks."""
    covered: str = ""
    """The orders that were seen, in words."""
    slots: int = 0
    """Of the ring; 0 where it is not known."""
    indexed: bool = False
    """Whether both of its indices are known."""
    ended: dict[str, int] = msgspec.field(default_factory=dict)
    """Exit statuses in the usual order other than 0."""
    starved: tuple[str, ...] = ()
    """The consumers that took no item in any order, though others did."""
    leaves_items: bool = False
    """Whether all end in some orders with items left that nobody has taken, and in others without."""
    took: bool = False
    """Whether somebody took an item in some of these orders."""
    looks_beyond: bool = False
    """As of `control.search.SearchOutcome`."""
    made_again: str = ""
    """As of `Usual`."""
    replaced: tuple[str, ...] = ()
    """Names that a program has given to a file of its own while another used the one before."""
    usual: Usual | None = None
    sweep: Sweep | None = None

    def shown(self, *kinds: str) -> Shown | None:
        """The first finding of one of these kinds."""
        return next((each for each in self.found if each.kind in kinds), None)

    def to_json(self) -> str:
        return json.dumps(to_builtins(self))


def trial_of(text: str) -> Trial:
    """The trial that a line holds. ValueError: it holds none."""
    try:
        record = json.loads(text)
        usual, sweep, refusal = record["usual"], record["sweep"], record["refusal"]
        if usual is not None:
            spins = tuple(Spin(**each) for each in usual["spins"])
            lists = {name: tuple(usual[name]) for name in ("left", "alive")}
            usual = Usual(**{**usual, **lists, "spins": spins})
        if sweep is not None:
            hanging = tuple((step, held) for step, held in sweep["hanging"])
            sweep = Sweep(sweep["kills"], hanging, sweep["once"])
        found = tuple(Shown(**{**each, "order": tuple(each["order"])}) for each in record["found"])
        refusal = None if refusal is None else Refusal(refusal)
        starved = tuple(record["starved"])
        replaced = tuple(record["replaced"])
        return Trial(
            **{
                **record,
                "usual": usual,
                "sweep": sweep,
                "found": found,
                "refusal": refusal,
                "starved": starved,
                "replaced": replaced,
            }
        )
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(text[:80]) from error
