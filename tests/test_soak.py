"""The soak in its short form: half a minute with a few of each event. Growth is judged of longer ones only."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.compiling import require
from tests.soak.evidence import Counters, Sample, false_of, growth
from tests.soak.journal import ILL, TOLD, WELL, Entry, Stage
from tests.soak.report import false_findings
from tests.soak.sizes import Sizes
from tests.waiting import PATIENCE

HOUR: Final = 3600
LONGEST_S: Final = 6 * PATIENCE
"""Each actor ends what it has begun."""


def test_half_a_minute(tmp_path: Path) -> None:
    """Nothing is lost, nothing is left, and nothing false is said."""
    require("gcc")
    report = tmp_path / "report.md"
    done = subprocess.run(
        [sys.executable, "-m", "tests.soak", "--minutes", "0.5", "--output", str(report)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    text = report.read_text()
    assert text == done.stdout
    for event in (
        "items counted", "scrapes", "recordings opened", "killed inside the lock", "viewer", "order: ",
        "ls --json", "healthy programs visited", "sick programs found", "recorder ended",
    ):  # fmt: skip
        assert event in text


def test_sizes_are_those_of_the_living(tmp_path: Path) -> None:
    """A process is sampled from where the journal says that it lives until it says that it is over."""
    stage = Stage("me", 1, tmp_path, tmp_path / "journal", 0, 0)
    sizes = Sizes(stage.journal)
    with stage.living("this", os.getpid()):
        sizes.take()
        with (tmp_path / "one more").open("w"):
            sizes.take()
    sizes.take()
    first, second = sizes.samples["this", os.getpid()]
    assert second.descriptors == first.descriptors + 1
    assert first.memory > 1024


def life(memory: list[int], descriptors: list[int], around: int = 0) -> list[Sample]:
    """Samples over an hour."""
    step = HOUR / len(memory)
    return [
        Sample(number * step, kib, held, 4, 1, around * number)
        for number, (kib, held) in enumerate(zip(memory, descriptors, strict=True))
    ]


def test_growth_is_told() -> None:
    """A leak of memory or of descriptors; not what a process takes at its start, nor ups and downs."""
    level = [40_000 + 300 * (number % 3) for number in range(100)]
    warmed = [20_000, 30_000, *level[2:]]
    few = [12 + number % 5 for number in range(100)]
    assert not growth("it", life(warmed, few)).wrong
    leaking = [kib + 40 * number for number, kib in enumerate(level)]
    (wrong,) = growth("it", life(leaking, few)).wrong
    assert "memory grew by" in wrong
    (wrong,) = growth(
        "it", life(level, [held + number // 10 for number, held in enumerate(few)])
    ).wrong
    assert "descriptors grew from" in wrong
    crowded = [held + number // 10 for number, held in enumerate(few)]
    assert not growth("it", life(level, crowded, around=1)).wrong


@pytest.mark.parametrize(("again", "wrong"), [("9", 1), ("11", 0)])
def test_a_counter_that_goes_back_is_told(again: str, wrong: int) -> None:
    """Unless another file has the name by then."""
    series = 'shmtui_items_produced_total{segment="/a"} '
    info = 'shmtui_segment_info{segment="/a",inode="7"} 1\n'
    counters = Counters()
    assert not counters.take(f"{info}{series}10\n")
    assert not counters.take(info)
    assert len(counters.take(f"{info}{series}{again}\n")) == wrong
    assert not counters.take(f"{info.replace('7', '8')}{series}0\n")


def test_a_false_finding_is_told() -> None:
    """One of a segment while it is known to be healthy, that is more than likely."""
    told = [("stalled", "warning", "likely"), ("lost-permit", "warning", "certain")]
    assert false_of(told) == ["lost-permit warning certain"]
    entries = [
        Entry("a", WELL, "/a", 10.0),
        Entry("a", ILL, "/a", 20.0),
        *(Entry("b", TOLD, name, 30.0, {"finding": str(seen), "seen": seen})
          for name, seen in (("/a", 9.0), ("/a", 12.0), ("/a", 21.0), ("/b", 12.0))),
    ]  # fmt: skip
    assert [each.what for each in false_findings(entries)] == ["false on /a: 12.0"]
