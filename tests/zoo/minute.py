"""Healthy programs watched by the real programs: ``shmtui check --for``, the dashboard in a
pseudo-terminal beside it, then ``shmtui repair --yes``; and a row of a table of each.

``python -m tests.zoo.minute [--seconds N] [PATTERN…]`` prints the table of those whose name one of
the patterns is found in.
"""

import argparse
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.terminal import Terminal
from tests.waiting import PATIENCE
from tests.zoo.animals import Animal, Cage, animals
from tests.zoo.watching import Visit, repairs_kept, visits

AT_ONCE: Final = 14
"""Programs side by side: they and those that watch them sleep most of the time."""
LOOK_S: Final = 8.0
"""Between two looks at a screen. In between what is drawn is taken in unread."""
DRAWN_S: Final = 5.0
"""How long a dashboard may take to draw its screen anew; one that takes longer is not counted."""
SIZES: Final = ((170, 50), (171, 50))
"""A change of size has the whole screen drawn anew."""
LISTED: Final = re.compile(
    r"^  (warning|critical) +([a-z]+(?:-[a-z]+)*) \((certain|likely|unknown)\)", re.MULTILINE
)
"""A finding of ``shmtui check``: severity, code, certainty."""
SHOWN: Final = re.compile(r"([▲✗]) ([a-z]+(?:-[a-z]+)+|stalled|starved|unlinked|replaced|truncated|orphan)"
                          r" (certain|likely|unknown): ")  # fmt: skip
"""The same in the dashboard."""
SEVERITIES: Final = {"▲": "warning", "✗": "critical"}

Told = tuple[str, str, str]
"""Code, severity, certainty."""


@dataclass(slots=True)
class Minute:
    """One program, those that watch it, and what they say."""

    visit: Visit
    check: subprocess.Popen[str]
    dashboard: Terminal
    listed: set[Told] = field(default_factory=set)
    shown: set[Told] = field(default_factory=set)
    checked: str = ""
    repaired: str = ""
    screens: int = 0
    """How often the whole screen was read."""
    fresh: bool = False
    """Whether it has been drawn since it was asked for."""

    @property
    def animal(self) -> Animal:
        """The program's kind."""
        return self.visit.animal

    def take_in(self) -> None:
        """Let the dashboard draw on."""
        while self.dashboard.skip():
            pass

    def look(self, number: int) -> None:
        """Have the screen drawn anew."""
        self.take_in()
        self.dashboard.clear()
        self.fresh = False
        self.dashboard.resize(*SIZES[number % 2])

    def read(self) -> None:
        """Note the findings on the screen, once it is drawn down to its last line."""
        while self.dashboard.read():
            pass
        *_others, last = self.dashboard.lines
        if self.fresh or not last.strip():
            return
        self.fresh = True
        text = self.dashboard.text
        self.screens += self.visit.name in text
        self.shown |= {(code, SEVERITIES[mark], sure) for mark, code, sure in SHOWN.findall(text)}

    def judge(self) -> None:
        """Note what no healthy program deserves."""
        wrong = self.visit.wrong
        for where, told in (("check", self.listed), ("dashboard", self.shown)):
            wrong += [
                f"{where}: {' '.join(t)}" for t in sorted(told) if not self.animal.may_be_told(*t)
            ]
        if not self.screens and "does not exist" not in self.checked:  # Its stream ended before.
            wrong.append("nothing on the screen")

    def row(self) -> str:
        """A row of the table: program, check, screen, repair, bytes."""
        told = [
            ", ".join(sorted(" ".join(t) for t in found)) or "–"
            for found in (self.listed, self.shown)
        ]
        if not self.listed:
            told[0] = self.checked
        wrong = "; ".join(self.visit.wrong) or "as its own count"
        told[1] += f" ({self.screens} screens)"
        cells = (str(self.animal), *told, self.repaired, wrong)
        return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _command(*words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "shmtui", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    """Its exit code, and what it printed."""
    out, _ = process.communicate(timeout=PATIENCE)
    return process.returncode, out


def _watch(found: Sequence[Minute]) -> None:
    """Look at the screens until every check has ended."""
    number = 0
    while any(each.check.poll() is None for each in found):
        due = time.monotonic() + LOOK_S
        while time.monotonic() < due:
            for each in found:
                each.take_in()
            time.sleep(0.1)
        for each in found:
            each.look(number)
        limit = time.monotonic() + DRAWN_S
        while not all(each.fresh for each in found) and time.monotonic() < limit:
            for each in found:
                each.read()
            time.sleep(0.1)
        number += 1


def _close(found: Sequence[Minute]) -> None:
    """End the dashboards, all at once."""
    for each in found:
        each.dashboard.signal(signal.SIGTERM)
    limit = time.monotonic() + PATIENCE
    while any(each.dashboard.process.poll() is None for each in found):
        assert time.monotonic() < limit, "a dashboard does not end"
        for each in found:
            each.take_in()
        time.sleep(0.05)


def watched(group: Sequence[Animal], cage: Cage, prefix: str, seconds: float) -> list[Minute]:
    """Watch all of a group for so many seconds, repair each, and have each go on to its end."""
    state = Path(os.environ["XDG_STATE_HOME"])
    found: list[Minute] = []
    with contextlib.ExitStack() as stack:
        for visit in list(visits(group, cage, prefix, stack)):
            options = visit.animal.options(visit.name)
            check = _command("check", visit.name, *options, "--for", f"{seconds:g}")
            stack.callback(check.wait)
            stack.callback(check.kill)
            columns, rows = SIZES[1]
            screen = Terminal("attach", visit.name, *options, columns=columns, rows=rows)
            found.append(Minute(visit, check, stack.enter_context(screen)))
        _watch(found)
        _close(found)
        for each in found:
            code, out = _ended(each.check)
            each.listed = {(c, severity, sure) for severity, c, sure in LISTED.findall(out)}
            undecided = re.search(r"undecided: .*|shmtui: .*", out)
            each.checked = undecided[0][:120] if undecided else f"exit {code}"
        repairs = []
        for each in found:
            options = each.animal.options(each.visit.name)
            repairs.append(_command("repair", each.visit.name, *options, "--yes"))
            stack.callback(repairs[-1].kill)
        for each, repair in zip(found, repairs, strict=True):
            code, out = _ended(repair)
            lines = [line for line in out.splitlines() if not line.endswith(" …")]
            each.repaired = f"{code}: {' '.join(lines)[:160]}"
        for each in found:
            each.judge()
            each.visit.wrong += [f"repaired: {t}" for t in repairs_kept(each.visit.name, state)]
        for each in found:
            each.visit.go_on()
    return found


def groups() -> list[list[Animal]]:
    """All of them, those of one source spread; the busiest by itself."""
    busy = [a for a in animals() if a.mode == "unthrottled"]
    rest = [a for a in animals() if a not in busy]
    count = -(-len(rest) // AT_ONCE)
    return [*(rest[at::count] for at in range(count)), busy]


def main() -> int:
    """Print the table of those that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--seconds", type=float, default=60)
    given = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"XDG_STATE_HOME": folder, "SHMTUI_LANG": "en"}
        cage = Cage(Path(folder))
        for number, whole in enumerate(groups()):
            group = [
                a
                for a in whole
                if all(map(shutil.which, a.tools))
                and (not given.words or any(re.search(w, str(a)) for w in given.words))
            ]
            if not group:
                continue
            for each in watched(group, cage, f"/shmtui-zoo-{os.getpid()}-{number}", given.seconds):
                print(each.row(), flush=True)  # noqa: T201 - its report
                wrong += bool(each.visit.wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
