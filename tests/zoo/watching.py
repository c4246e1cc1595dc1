"""Watch healthy programs, have them repaired, and see that they go on: what was wrong, in words.

``python -m tests.zoo.watching [--seconds N] [PATTERN…]`` prints a table of what is said of each whose
name one of the patterns is found in.
"""

import argparse
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from shmtui.cli import check
from shmtui.cli.shared_options import open_options
from shmtui.errors import ShmtuiError
from shmtui.layouts.options import LayoutOptions
from shmtui.monitor.sampler import Sampler
from shmtui.repair.executor import Repairer
from shmtui.repair.plan import Plan, proposal_lines
from shmtui.repair.report import Report
from shmtui.shm.segment import segment_path
from shmtui.snapshot import Finding, Health, Snapshot
from tests.program import run_shmtui
from tests.waiting import PATIENCE, poll
from tests.zoo.animals import ROLES, Animal, Cage, animals, started

AT_ONCE: Final = 5
"""Repairs at a time: they wait most of the time."""
PAUSE_S: Final = 0.4
"""Between two samples of one program."""


@dataclass(slots=True)
class Visit:
    """One program, and what was said of it and done to it."""

    animal: Animal
    name: str
    process: subprocess.Popen[str]
    debugger: subprocess.Popen[bytes] | None = None
    sampler: Sampler | None = None
    health: Health = field(default_factory=Health)
    seen: dict[tuple[str, str, str], Finding] = field(default_factory=dict)
    """Every finding of any sample, by code, severity and certainty."""
    said: str = ""
    """Why it cannot be sampled."""
    options: LayoutOptions = field(default_factory=LayoutOptions)
    repair: str = ""
    """What a repair says, once it is told to go on."""
    checked: str = ""
    """What ``shmtui check`` says."""
    wrong: list[str] = field(default_factory=list)

    def look(self) -> None:
        """One sample more."""
        if self.sampler is None:
            return
        snapshot: Snapshot = self.sampler.sample()
        self.health = snapshot.health
        for finding in snapshot.health.findings:
            key = (finding.code, str(finding.severity), str(finding.certainty))
            self.seen.setdefault(key, finding)

    def judge(self) -> None:
        """Note what was said that no healthy program deserves."""
        for finding in self.seen.values():
            if not self.animal.may_be_told(finding.code, finding.severity, finding.certainty):
                self.wrong.append(
                    f"{finding.code} {finding.severity} {finding.certainty}: {finding.claim} "
                    f"{finding.evidence}"
                )

    def go_on(self) -> None:
        """Have it hurry to its end, and note what it misses."""
        if self.debugger is not None:
            self.debugger.kill()  # In its command it heeds nothing else.
            self.debugger.wait()
        self.process.send_signal(signal.SIGUSR1)
        try:
            out, _ = self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.wrong.append("it does not go on")
            return
        if self.process.returncode or out != "whole\n":
            self.wrong.append(f"exit {self.process.returncode}: {out!r}")

    def close(self) -> None:
        """Leave nothing."""
        if self.sampler is not None:
            self.sampler.close()
        if self.debugger is not None:
            self.debugger.kill()
            self.debugger.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        for name in (
            self.name,
            f"{self.name}_ring",
            *(f"/sem.{self.name[1:]}_{role}" for role in ROLES),
        ):
            Path(segment_path(name)).unlink(missing_ok=True)


def open_sampler(visit: Visit) -> None:
    """Watch it with the options that a user gives."""
    words = [visit.name, *visit.animal.options(visit.name)]
    given = check.command.make_context("check", words).params
    visit.options = replace(open_options(given)[0], progress=None)
    try:
        visit.sampler = Sampler(visit.name, visit.options)
    except ShmtuiError as error:
        visit.said = str(error)


def repair(visit: Visit) -> str:
    """Do what ``shmtui repair --yes`` does, without starting a Python; returns what is said."""
    try:
        repairer = Repairer(visit.name, visit.options)
        with repairer.alone():
            found = repairer.propose()
            done = repairer.carry_out(found) if isinstance(found, Plan) else found
    except ShmtuiError as error:
        return f"cannot: {error}"
    return " ".join(done.lines if isinstance(done, Report) else proposal_lines(done))


def attach_debugger(process: subprocess.Popen[str]) -> subprocess.Popen[bytes]:
    """gdb, which holds a child of the program stopped."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    debugger = subprocess.Popen(
        [
            "gdb",
            "-q",
            "-nx",
            "-batch",
            "-p",
            children[0],
            "-ex",
            "python import time; time.sleep(1000)",
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    traced = f"TracerPid:\t{debugger.pid}\n"
    poll(lambda: traced in Path(f"/proc/{children[0]}/status").read_text(), "gdb is attached")
    return debugger


def repairs_kept(name: str, state: Path) -> list[str]:
    """The records of repairs of that segment: each has written to it."""
    files = state.glob("shmtui/repairs/*.json")
    records = [json.loads(file.read_text()) for file in files]
    return [str(record["changes"]) for record in records if record["name"] == name]


def command_too(visit: Visit) -> str:
    """``shmtui check`` and ``shmtui repair --yes``; returns what check says."""
    options = visit.animal.options(visit.name)
    done = run_shmtui("check", visit.name, *options)
    run_shmtui("repair", visit.name, *options, "--yes")
    return f"{done.returncode}: {done.stdout}{done.stderr}"


def visits(
    group: Sequence[Animal], cage: Cage, prefix: str, stack: contextlib.ExitStack
) -> Iterator[Visit]:
    """The running programs of a group."""
    for at, animal in enumerate(group):
        name = f"{prefix}-{at}"
        program = cage.program(animal)
        visit = Visit(animal, name, started(program, animal, name))
        stack.callback(visit.close)
        if animal.mode == "debugged":
            visit.debugger = attach_debugger(visit.process)
        yield visit


def watched(
    group: Sequence[Animal], cage: Cage, prefix: str, seconds: float, *, by_commands: bool = False
) -> list[Visit]:
    """Watch all of a group for so many seconds, repair each, and have each go on to its end."""
    state = Path(os.environ["XDG_STATE_HOME"])
    with contextlib.ExitStack() as stack:
        found = list(visits(group, cage, prefix, stack))
        for visit in found:
            open_sampler(visit)
        for visit in found:
            visit.look()  # The first look at each, which reads all of /proc, is not counted.
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            due = time.monotonic() + PAUSE_S
            for visit in found:
                visit.look()
            time.sleep(max(due - time.monotonic(), 0))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for visit, said in zip(found, pool.map(repair, found), strict=True):
                visit.repair = said
            if by_commands:
                for visit, said in zip(found, pool.map(command_too, found), strict=True):
                    visit.checked = said
        for visit in found:
            visit.judge()
            visit.wrong += [f"repaired: {text}" for text in repairs_kept(visit.name, state)]
        for visit in found:
            visit.go_on()
        return found


def row(visit: Visit) -> str:
    """A line of the table."""
    said = ", ".join(sorted({f"{f.code} {f.severity} {f.certainty}" for f in visit.seen.values()}))
    left = "; ".join(visit.health.undecided) or visit.said.split(":")[0]
    return f"| {visit.animal} | {visit.health.status}: {said or left} | {visit.repair[:200]} | {' // '.join(visit.wrong)} |"


def main() -> int:
    """Print the table of those that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    group = [
        a for a in animals() if not given.words or any(re.search(w, str(a)) for w in given.words)
    ]
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"XDG_STATE_HOME": folder, "SHMTUI_LANG": "en"}
        cage = Cage(Path(folder))
        for at in range(0, len(group), 16):
            prefix = f"/shmtui-zoo-{os.getpid()}-{at}"
            part = group[at : at + 16]
            for visit in watched(part, cage, prefix, given.seconds, by_commands=given.check):
                print(row(visit), flush=True)  # noqa: T201 - its report
                wrong += bool(visit.wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
