"""Programs of this exercise with one mistake each, of every kind of lock and build: each is found, and what is
right is passed with every state seen. Each order that shows a mistake is the same each time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.control.test_explore import Explore, built, explored, kinds
from tests.program import run_shmtui

__all__ = ["built", "explored"]

GCC: Final = ("gcc",)
STATIC: Final = ("gcc", "-static")
WIDE: Final = ("gcc", "-DITEM=long")
ONE_SLOT: Final = ("gcc", "-DSLOTS=1")
MUSL: Final = ("musl-gcc", "-static")
RACE: Final = "race item-overwritten"
STOLEN: Final = "race item-taken-twice"


@dataclass(frozen=True)
class Mutant:
    """Programs, and what is found in them; nothing where they are right."""

    program: str
    words: str
    found: str = ""
    producers: int = 1
    consumers: int = 1
    build: tuple[str, ...] = GCC
    items: int = 2

    def __str__(self) -> str:
        return f"{self.program}-{self.words or 'right'}-{self.producers}+{self.consumers}-{self.build[-1]}"

    def arguments(self, binary: str) -> list[str]:
        """Of ``shmtui explore``: the second of two producers initialises nothing."""
        found = ["--items", str(self.items)]
        for number in range(self.producers):
            found += ["--producer", f"{binary} p {self.words} {'second' * (number > 0)}"]
        for _number in range(self.consumers):
            found += ["--consumer", f"{binary} c {self.words}"]
        return found


MUTANTS: Final = (
    # Embedded semaphores: several of a role.
    Mutant("ring", "no-mutex", RACE, producers=2, items=1),
    Mutant("ring", "mutex-2", RACE, producers=2, items=1),
    Mutant("ring", "unlock-early", RACE, producers=2, items=1),
    Mutant("ring", "no-mutex", STOLEN, consumers=2),
    Mutant("ring", "mutex-2", STOLEN, consumers=2),
    Mutant("ring", "lock-first", "deadlock", producers=2, consumers=2),
    Mutant("ring", "keep-lock", "deadlock", producers=2, items=3),
    Mutant("ring", "private", "process-private", producers=2, build=STATIC),
    Mutant("ring", "no-post", "deadlock", build=MUSL, items=6),
    Mutant("ring", "empty-5", "item-overwritten", build=STATIC, items=6),
    Mutant("ring", "full-1", "empty-slot-taken", build=MUSL),
    Mutant("ring", "address", "address-stored", build=WIDE),
    Mutant("ring", "address text", "address-stored", build=WIDE),
    # Named semaphores.
    Mutant("named", "lock-first", "deadlock"),
    Mutant("named", "no-mutex", RACE, producers=2, items=1),
    Mutant("named", "mutex-2", RACE, producers=2, items=1),
    Mutant("named", "no-mutex", STOLEN, consumers=2),
    Mutant("named", "no-post", "deadlock", items=6, build=STATIC),
    Mutant("named", "no-post timed", "deadlock", items=6),
    Mutant("named", "no-post polls", "deadlock", items=6),
    Mutant("named", "no-post timed", "deadlock", items=6, build=MUSL),
    # System V.
    Mutant("sysv", "lock-first", "deadlock", build=MUSL),
    Mutant("sysv", "no-mutex", RACE, producers=2, items=1),
    Mutant("sysv", "no-mutex", STOLEN, consumers=2, build=STATIC),
    Mutant("sysv", "no-post", "deadlock", items=6),
    # Mutexes and conditions.
    Mutant("mutex", "no-signal", "lost-wakeup"),
    Mutant("mutex", "twice", "deadlock"),
    Mutant("mutex", "keep", "deadlock"),
    Mutant("mutex", "two-locks", "deadlock"),
    Mutant("mutex", "early-look", "lost-wakeup"),
    Mutant("mutex", "private", "process-private"),
    Mutant("mutex", "no-lock", "race", producers=2),
    Mutant("mutex", "if", "empty-slot-taken", consumers=2),
    Mutant("mutex", "if", "empty-slot-taken"),
    Mutant("mutex", "signal-first", "lost-wakeup"),
    Mutant(
        "mutex", "one-condition", "deadlock lost-wakeup", producers=2, consumers=2, build=ONE_SLOT
    ),
    Mutant("mutex", "two-locks", "deadlock", build=STATIC),
    Mutant("mutex", "twice", "deadlock", build=MUSL),
    # Mistakes that show late, or rarely.
    Mutant("slips", "first-post", "lost-permit", items=4),
    Mutant("slips", "tally", "lost-update", producers=2, items=3),
    Mutant("slips", "in-out", "race item-overwritten item-taken-twice", producers=2),
    Mutant("slips", "empty-twice", "item-overwritten item-taken-twice"),
    Mutant("slips", "stays", "item-overwritten item-taken-twice"),
    # Indices by other names: who stores them says which is which.
    Mutant("jobs", "exchanged", "empty-slot-taken", items=4),
    Mutant("jobs", "posts-twice", "empty-slot-taken item-taken-twice", items=4),
    Mutant("jobs", "one-more", "bad-index item-taken-twice", items=4),
    Mutant("jobs", "tries", "item-overwritten", items=4),
    Mutant("jobs", "wrong-post", "deadlock", items=4),
    # Threads, and children.
    Mutant("family", "lock-first", "deadlock", consumers=0),
    Mutant("family", "lock-first threads", "deadlock", consumers=0),
    Mutant("family", "lock-first threads", "deadlock", consumers=0, build=MUSL),
    Mutant("family", "private", "process-private", consumers=0),
    Mutant("family", "last threads endless", "deadlock", consumers=0),
    Mutant("family", "copied", "private-memory", consumers=0),
    Mutant("family", "address", "address-stored", consumers=0, build=WIDE),
    Mutant("threads", "no-lock", "lost-update empty-slot-taken", consumers=0),
    Mutant("threads", "less", "deadlock", consumers=0),
    Mutant("threads", "total", "lost-update", consumers=0),
    Mutant("threads", "if", "spurious-wakeup", consumers=0),
    Mutant("threads", "looks", "race", consumers=0),
    # A mark for one of two who are to end by it.
    Mutant("marks", "threads", "deadlock", consumers=0),
    Mutant("marks", "", "hang", consumers=2, items=4),
    Mutant("marks", "", "hang", consumers=2, items=1),
    # As students write them.
    Mutant("course", "sum", "lost-update", items=6),
    Mutant("course", "twice", "mutex-overflow"),
    Mutant("course", "rarely", "lost-permit"),
    Mutant("course", "again", "deadlock mutex-overflow item-lost item-overwritten", items=6),
    Mutant("course", "full-1", "empty-slot-taken"),
    Mutant("named", "mutex-twice", "mutex-overflow"),
)
RIGHT: Final = (
    Mutant("ring", "", producers=2, items=1),
    Mutant("ring", "", consumers=2, items=1),
    Mutant("ring", "", build=MUSL, items=6),
    Mutant("ring", "", build=("gcc", "-DITEM=double")),
    Mutant("ring", "", build=("gcc", "-DITEM=float")),
    Mutant("ring", "", build=("gcc", "-DITEM=short")),
    Mutant("ring", "address text", build=(*WIDE, "-no-pie")),
    Mutant("named", "", producers=2, items=1),
    Mutant("named", "", items=6, build=STATIC),
    Mutant("named", "", items=6, build=MUSL),
    Mutant("named", "timed"),
    Mutant("named", "polls"),
    Mutant("named", "timed", build=MUSL),
    Mutant("sysv", "", producers=2, items=1),
    Mutant("sysv", "at-once", items=6),
    Mutant("jobs", "", items=4),
    Mutant("slips", ""),
    Mutant("mutex", "one-condition"),
    Mutant("mutex", ""),
    Mutant("mutex", "", build=STATIC),
    Mutant("mutex", "", build=MUSL),
    Mutant("family", "", consumers=0),
    Mutant("family", "threads", consumers=0),
    Mutant("family", "threads private", consumers=0),
    Mutant("family", "threads", consumers=0, build=MUSL),
    Mutant("family", "threads endless", consumers=0),
    Mutant("family", "two", consumers=0),
    Mutant("family", "address text", consumers=0, build=WIDE),
    Mutant("family", "address threads", consumers=0, build=WIDE),
    Mutant("threads", "", consumers=0),
    Mutant("marks", "threads each", consumers=0),
    Mutant("marks", "each", consumers=2, items=5),
    Mutant("course", "", items=6),
    Mutant("course", "", producers=2, consumers=2),
)


def check_mutant(
    mutant: Mutant, built: Callable[..., str], explored: Explore, folder: Path
) -> None:
    """It is found, and its schedule repeats itself."""
    file = folder / "lost.shmsched"
    binary = built(mutant.program, *mutant.build)
    record = explored(*mutant.arguments(binary), "--schedule", str(file), code=1)
    assert set(mutant.found.split()) & kinds(record), record["findings"]
    done = run_shmtui("replay", "--headless", str(file))
    assert done.stdout.startswith("20 of 20 "), done.stderr


def check_right(right: Mutant, built: Callable[..., str], explored: Explore) -> None:
    """Nothing is found, and one part of the search has seen every state."""
    record = explored(*right.arguments(built(right.program, *right.build)), code=0)
    assert any(part["complete"] for part in record["covered"]), record["covered"]


@pytest.mark.parametrize("mutant", MUTANTS[::6], ids=str)
def test_some_mutants(mutant: Mutant, built: Callable[..., str], explored: Explore, tmp_path: Path) -> None:  # fmt: skip
    """One of each kind."""
    check_mutant(mutant, built, explored, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_mutants(mutant: Mutant, built: Callable[..., str], explored: Explore, tmp_path: Path) -> None:  # fmt: skip
    """All of them."""
    check_mutant(mutant, built, explored, tmp_path)


@pytest.mark.parametrize("right", RIGHT[1::5], ids=str)
def test_some_that_are_right(right: Mutant, built: Callable[..., str], explored: Explore) -> None:
    """One of each kind."""
    check_right(right, built, explored)


@pytest.mark.slow
@pytest.mark.parametrize("right", RIGHT, ids=str)
def test_what_is_right(right: Mutant, built: Callable[..., str], explored: Explore) -> None:
    """All of them."""
    check_right(right, built, explored)
