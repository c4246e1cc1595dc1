"""A mutated header is read as gcc reads it, or refused with file and line; it never hangs."""

import re
import time
from pathlib import Path
from random import Random

import pytest

from shmtui.layouts.header import HeaderError, read_structs
from shmtui.shm.libc import Libc
from tests.compiling import require
from tests.layouts.corpus import SHAPES
from tests.layouts.mutate import mutated
from tests.layouts.oracle import Case, judged

SECONDS = 10.0
"""The most that one header may take."""


def sift(folder: Path, random: Random, count: int) -> tuple[list[Case], int]:
    """Mutated headers that are accepted, and how many others are refused as they should be."""
    accepted = []
    refused = 0
    for number in range(count):
        home = folder / str(number)
        home.mkdir()
        header = home / "case.h"
        text = mutated(random, random.choice(list(SHAPES.values())))
        header.write_bytes(text.encode("utf-8", "surrogateescape"))
        started = time.monotonic()
        try:
            accepted.append(Case(header, read_structs(header, Libc.GLIBC)))
        except HeaderError as error:
            refused += 1
            line = str(error)
            assert re.match(rf"{re.escape(str(header))}:\d+: .", line), line
            assert line.isprintable(), line
            wrong = int(line.removeprefix(f"{header}:").split(":")[0])
            assert 1 <= wrong <= text.count("\n") + 1, line
        assert time.monotonic() - started < SECONDS
    return accepted, refused


def check(folder: Path, seed: int, count: int, capsys: pytest.CaptureFixture[str]) -> None:
    require("gcc")
    accepted, refused = sift(folder, Random(seed), count)
    assert capsys.readouterr() == ("", "")
    verdicts = judged(accepted)
    for verdict in verdicts:
        assert verdict.compiles, verdict.wrong
        assert not verdict.wrong, verdict.wrong + verdict.case.header.read_text("utf-8", "replace")
    assert refused > count // 3
    assert len(accepted) > count // 10


def test_each_is_read_as_gcc_reads_it_or_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """300 of them in the ordinary run."""
    check(tmp_path, 20_240, 300, capsys)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_ten_thousand_of_them(
    tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same, 1 000 for each seed."""
    check(tmp_path, seed, 1000, capsys)
