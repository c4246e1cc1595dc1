"""Programs that are sick, of sick.c: what each is started as, how its failure is made, and the audit of its items.

The items are counted in a page that the programs share with the test, not with shmtui.
"""

import contextlib
import mmap
import os
import shutil
import signal
import struct
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from shmtui.procfs.futex import sleeps_on_futex
from shmtui.procfs.process import read_stat
from shmtui.shm.segment import segment_path
from tests.compiling import Compiler
from tests.waiting import poll

SOURCE: Final = Path(__file__).with_name("sick.c")
SLOTS: Final = 5
WORKERS: Final = 8
ITEMS: Final = 1 << 18
PRODUCERS: Final = (0, 2)
CONSUMERS: Final = (1, 3)
LOCKS: Final = {"embedded": 1, "named": 2, "pthread": 3}
SITES: Final = ("sleep", "wait", "poll", "read")
WORDS: Final = (
    "fault", "init", "victim", "site", "held0", "held1", "stop", "late", "happened", "next", "made",
    "taken",
)  # fmt: skip
FAULTS: Final = (
    "none", "holder-killed", "lost-lock", "lost-permit", "double-permit", "double-lock", "swapped",
)  # fmt: skip
FORMS: Final = ("fork", "programs", "threads")


class Page:
    """The page of sick.c: its words by name, its items by number."""

    def __init__(self, path: Path) -> None:
        size = 4 * (len(WORDS) + 2 * WORKERS) + ITEMS
        path.write_bytes(bytes(size))
        with path.open("r+b") as file:
            self._bytes = mmap.mmap(file.fileno(), size)
        self._words = memoryview(self._bytes)[: size - ITEMS].cast("i")
        self._counts = memoryview(self._bytes)[size - ITEMS :]

    def __getitem__(self, word: str) -> int:
        return self._words[WORDS.index(word)]

    def __setitem__(self, word: str, value: int) -> None:
        self._words[WORDS.index(word)] = value

    @property
    def hands(self) -> set[int]:
        """The items in the hands of workers, dead and alive."""
        at = len(WORDS)
        return {item - 1 for item in self._words[at : at + WORKERS] if item}

    def pid(self, who: int) -> int:
        """The process of a worker; 0 before it has begun."""
        return self._words[len(WORDS) + WORKERS + who]

    def counts(self) -> dict[int, int]:
        """How often each item that was made has been taken."""
        return dict(enumerate(self._counts[: self["next"]]))

    def close(self) -> None:
        """Let go of it."""
        self._words.release()
        self._counts.release()
        self._bytes.close()


@dataclass(frozen=True, slots=True)
class Case:
    """One program with one failure."""

    form: str
    locks: str
    failure: str
    rest: str = "wait"
    """The call in which the parent of a forking server rests."""
    victim: int = 0
    site: int = 1
    """Where a holder dies: 0 before, 1 amid, 2 after its transfer."""

    def __str__(self) -> str:
        rest = f"-{self.rest}" if self.form == "fork" else ""
        return f"{self.form}{rest}-{self.locks}-{self.failure}-{self.victim}.{self.site}"

    @property
    def one_process(self) -> bool:
        """Whether its workers are threads."""
        return self.form == "threads"


def build(directory: Path) -> None:
    """Compile the program with each kind of locks; its name tells a side, or nothing."""
    for locks, number in LOCKS.items():
        folder = directory / locks
        folder.mkdir()
        made = Compiler(folder).program(SOURCE, "-g", f"-DLOCKS={number}")
        for name in ("producer", "consumer"):
            shutil.copy(made, folder / name)


class Patient:
    """A case that runs; its programs, its segment and its page are gone after the block."""

    def __init__(
        self,
        case: Case,
        binaries: Path,
        name: str,
        watch: Callable[[], object] = lambda: None,
    ) -> None:
        """``watch`` is called while it is healthy, before its failure is made."""
        self.case = case
        self.name = name
        self._watch = watch
        self._folder = tempfile.TemporaryDirectory()
        self.page = Page(Path(self._folder.name) / "page")
        self._binaries = binaries / case.locks
        self.programs: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        try:
            self._start()
            self._watch()
            FAILURES[self.case.failure](self)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        for pid in self.living():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for program in self.programs:
            program.kill()
            program.wait()
        for path in (self.name, *(f"/sem.{self.name[1:]}_{r}" for r in ("mutex", "empty", "full"))):
            Path(segment_path(path)).unlink(missing_ok=True)
        self.page.close()
        self._folder.cleanup()

    def _run(self, *words: str, name: str = "sick") -> subprocess.Popen[bytes]:
        what, *more = words
        path = str(Path(self._folder.name) / "page")
        return subprocess.Popen(
            [str(self._binaries / name), what, self.name, path, *more], stdin=subprocess.DEVNULL
        )

    def _start(self) -> None:
        page, case = self.page, self.case
        page["init"] = {"no-init": 1, "private": 2}.get(case.failure, 0)
        page["late"] = int(case.failure == "late-init")
        page["site"] = case.site
        whos = [str(who) for who in sorted(PRODUCERS + CONSUMERS)]
        if case.form == "fork":
            self.programs.append(self._run("server", case.rest, *whos))
        else:
            assert self._run("make").wait() == 0
            if case.form == "threads":
                self.programs += [self._run("crew", *whos[:2]), self._run("crew", *whos[2:])]
            else:
                self.programs += [
                    self._run("work", w, name="consumer" if int(w) % 2 else "producer")
                    for w in whos
                ]
        poll(lambda: all(page.pid(int(w)) for w in whos), "all work")

    def side(self, pid: int) -> str:
        """On which side a process works."""
        makers = {self.page.pid(who) for who in PRODUCERS}
        return "producer" if pid in makers else "consumer"

    def let_go(self) -> None:
        """Let all workers that were held go on."""
        self.page["held0"] = self.page["held1"] = 0

    def initialise(self) -> None:
        """Have the locks initialised, late."""
        if self.case.form == "fork":
            self.page["late"] = 2
        else:
            assert self._run("init").wait() == 0

    def living(self) -> list[int]:
        """The processes of the case that live, zombies not."""
        started = {program.pid for program in self.programs}
        mine = started | {self.page.pid(who) for who in range(WORKERS)}
        found = []
        for pid in mine - {0}:
            stat = read_stat(pid)
            if stat is not None and stat.state not in "ZX":
                found.append(pid)
        return found

    def workers(self) -> list[int]:
        """The processes of the workers that live."""
        mine = {self.page.pid(who) for who in range(WORKERS)}
        return [pid for pid in self.living() if pid in mine]

    def flows(self, count: int = 20) -> bool:
        """Whether so many items are made and taken from now on."""
        made, taken = self.page["made"], self.page["taken"]
        with contextlib.suppress(AssertionError):
            return poll(
                lambda: min(self.page["made"] - made, self.page["taken"] - taken) >= count,
                "items move",
                8,
            )
        return False

    def asleep(self) -> bool:
        """Whether every living worker sleeps on a futex."""
        return all(sleeps_on_futex(pid) for pid in self.workers())

    def all_asleep(self) -> None:
        """Wait until every living worker sleeps on a futex, and none has moved an item since."""

        def still() -> bool:
            before = self.page["made"], self.page["taken"]
            fell = [self.asleep() for _ in range(20)]
            return all(fell) and before == (self.page["made"], self.page["taken"])

        poll(still, "all are asleep")

    def make(self, fault: str, victim: int) -> None:
        """Have a worker make its fault, and wait until it has."""
        self.page["fault"] = FAULTS.index(fault)
        self.page["victim"] = victim + 1
        poll(lambda: self.page["happened"], fault)

    def _slots(self) -> set[int]:
        """The items in the slots of the ring, those that were taken too."""
        raw = Path(segment_path(self.name)).read_bytes()
        return set(struct.unpack_from(f"={SLOTS}i", raw))

    def rested_audit(self, since: int) -> list[str]:
        """Have all that can be taken taken, and say which items are lost or doubled: not taken, in
        no slot of the ring, and in nobody's hand.

        ``since``: the first item that has to be taken exactly once.
        """
        self.let_go()
        self.page["stop"] = 1
        hands = self.page.hands

        def drained() -> bool:
            counts = self.page.counts()
            return all(n for item, n in counts.items() if item >= since and item not in hands)

        with contextlib.suppress(AssertionError):
            poll(drained, "all items are taken", 6)
        counts, slots = self.page.counts(), self._slots()
        hands |= slots
        wrong = [
            f"item {item} taken {n} times"
            for item, n in counts.items()
            if item >= since and (n > 1 or (not n and item not in hands))
        ]
        return wrong[:5]


def _killed(p: Patient) -> None:
    assert p.flows()
    p.make("holder-killed", p.case.victim)
    if not p.case.one_process:
        victim = p.page.pid(p.case.victim)
        poll(lambda: victim not in p.living(), "it is dead")
        p.all_asleep()


def _lost_lock(p: Patient) -> None:
    assert p.flows()
    p.make("lost-lock", p.case.victim)
    if not p.case.one_process:
        p.all_asleep()


def _at_rest(p: Patient, fault: str) -> None:
    """The fault of a producer of a full ring; then all are held, and the ring fills up again."""
    assert p.flows()
    p.page["held1"] = 1
    poll(lambda: p.page["made"] - p.page["taken"] == SLOTS, "the ring is full")
    p.page["fault"], p.page["victim"] = FAULTS.index(fault), 1
    p.page["held1"] = 0
    poll(lambda: p.page["happened"], fault)


def _swapped(p: Patient) -> None:
    """A consumer takes the lock first, and the ring is empty; only then producers go on."""
    assert p.flows()
    p.page["held1"] = 1
    poll(lambda: p.page["made"] - p.page["taken"] == SLOTS, "the ring is full")
    p.page["held0"] = 1
    p.page["fault"], p.page["victim"] = FAULTS.index("swapped"), 2
    p.page["held1"] = 0
    poll(lambda: p.page["made"] == p.page["taken"] and p.page["happened"], "it waits inside")
    p.page["held0"] = 0
    if not p.case.one_process:
        p.all_asleep()


def _no_init(p: Patient) -> None:
    poll(p.asleep, "all sleep")


def _late(p: Patient) -> None:
    poll(p.asleep, "all sleep")
    p.initialise()


def _nobody(p: Patient) -> None:
    assert p.flows()
    p.page["stop"] = 1
    poll(lambda: p.page["made"] == p.page["taken"] == p.page["next"], "the ring is empty")


FAILURES: Final[dict[str, Callable[[Patient], None]]] = {
    "holder-killed": _killed,
    "lost-lock": _lost_lock,
    "lost-permit": lambda p: _at_rest(p, "lost-permit"),
    "double-permit": lambda p: _at_rest(p, "double-permit"),
    "double-lock": lambda p: _at_rest(p, "double-lock"),
    "late-init": _late,
    "no-init": _no_init,
    "private": lambda p: p.all_asleep(),
    "swapped": _swapped,
    "nobody-left": _nobody,
}
