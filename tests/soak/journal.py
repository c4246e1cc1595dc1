"""What the actors of a soak tell: one file, a line of JSON an entry, written by many processes."""

import contextlib
import json
import os
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from tests.traces import PREFIX
from tests.waiting import PATIENCE

DID, WRONG, LIVES, OVER, WELL, ILL, TOLD = "did", "wrong", "lives", "over", "well", "ill", "told"
"""An event; a failure; a process that lives long, and its end; a segment known to be healthy from then
on, and no longer; a finding that was told of a segment.
"""
_LONGEST: Final = 1500
_FRAMES: Final = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry: who, what kind, what, when in CLOCK_MONOTONIC, and more by name."""

    who: str
    kind: str
    what: str
    at: float
    more: dict[str, Any] = field(default_factory=dict)


def read(path: Path) -> list[Entry]:
    """All entries so far, in the order in which they were written."""
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    return [Entry(**json.loads(line)) for line in lines]


@dataclass(slots=True)
class Stage:
    """What an actor has: its folder, its choices, the journal, and how long it may go on."""

    who: str
    seed: int
    folder: Path
    journal: Path
    until: float
    """CLOCK_MONOTONIC, seconds."""
    length: float
    """Of the whole soak, in seconds: what comes rarely in an hour comes sooner in a short one."""
    random: Random = field(init=False)
    _begun: bool = False
    """Whether it has done something, or failed."""
    _number: int = 0

    def __post_init__(self) -> None:
        self.random = Random(f"{self.seed} {self.who}")

    @property
    def going(self) -> bool:
        """Whether there is time left. On a busy machine a short soak is over before it has begun:
        everybody does something once.
        """
        return time.monotonic() < self.until + (0 if self._begun else PATIENCE)

    def tell(self, kind: str, what: str, **more: Any) -> None:
        """Write an entry, whole also where others write."""
        entry = {"who": self.who, "kind": kind, "what": what, "at": time.monotonic(), "more": more}
        file = os.open(self.journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, json.dumps(entry).encode() + b"\n")
        finally:
            os.close(file)

    def did(self, what: str, count: int = 1) -> None:
        """Count events."""
        self._begun = True
        self.tell(DID, what, count=count)

    def wrong(self, what: str) -> None:
        """Note a failure."""
        self._begun = True
        self.tell(WRONG, what[-_LONGEST:])

    @contextlib.contextmanager
    def attempt(self, what: str) -> Iterator[None]:
        """Note whatever fails in the block, and go on after it."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - each failure is told at the end
            frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
            where = " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in reversed(frames))
            self.wrong(f"{what}: {type(error).__name__} at {where}: {str(error)[-900:]}")

    def number(self) -> int:
        """Another number each time, also where the actor is begun anew."""
        self._number += 1
        return self._number

    def name(self, kind: str) -> str:
        """A segment's name that nobody had."""
        return f"/{PREFIX}{kind}-{self.who}-{self.number()}"

    def file(self, suffix: str) -> Path:
        """A file that nobody had."""
        return self.folder / f"{self.who}-{self.number()}{suffix}"

    def rest(self, seconds: float) -> None:
        """Sleep; less where the whole soak is short, and no longer than there is time left."""
        end = min(time.monotonic() + min(seconds, self.length / 6), self.until)
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 0.5))

    @contextlib.contextmanager
    def healthy(self, name: str) -> Iterator[None]:
        """A segment that is known to be healthy in the block."""
        self.tell(WELL, name)
        try:
            yield
        finally:
            self.tell(ILL, name)

    @contextlib.contextmanager
    def living(self, what: str, pid: int) -> Iterator[None]:
        """A process of shmtui's whose size is watched for the time of the block."""
        self.tell(LIVES, what, pid=pid)
        try:
            yield
        finally:
            self.tell(OVER, what, pid=pid)
