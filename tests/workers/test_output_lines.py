"""What a program prints is cut into lines as it was written, however the reads fall."""

import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shmtui.shm.protocol import Role
from shmtui.workers.child import LONGEST, OutputLines
from tests.conftest import MakeBuffer
from tests.waiting import poll
from tests.workers.crew import Crew, end_all

TEXT = "consumido: maçã № 7 🍎"


def lines_of(*reads: bytes) -> list[str]:
    """The lines of an output that came in these reads."""
    printed = OutputLines(100)
    for data in (*reads, b""):
        printed.feed(data)
    return list(printed.lines)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=5), st.data())
def test_reads_may_end_anywhere(texts: list[str], data: st.DataObject) -> None:
    """Every way to cut the bytes into reads gives the same lines."""
    raw = "\n".join(texts).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=6)))
    bounds = [0, *cuts, len(raw)]
    reads = [raw[a:b] for a, b in pairwise(bounds) if b > a]
    assert lines_of(*reads) == lines_of(raw)


def test_a_character_that_two_reads_share() -> None:
    """Each byte in a read of its own: no character is lost."""
    assert lines_of(*(bytes([byte]) for byte in f"{TEXT}\n".encode())) == [TEXT]


def test_half_a_character_at_the_end_is_shown_as_damage() -> None:
    """Output that ends in the middle of a character says so."""
    assert lines_of("maç".encode()[:-1]) == ["ma\N{REPLACEMENT CHARACTER}"]


def test_a_line_without_an_end_takes_bounded_memory() -> None:
    """Of a long line the start is kept; it is one line, and the next one is whole."""
    printed = OutputLines(100)
    for _read in range(50):
        printed.feed(b"x" * 1000)
    printed.feed(b"\nnext\r\n\n")
    assert list(printed.lines) == ["x" * LONGEST, "next"]
    assert printed.count == 2


def test_no_more_lines_than_asked_for() -> None:
    """The oldest lines are dropped, and counted."""
    printed = OutputLines(3)
    printed.feed(b"".join(b"%d\n" % number for number in range(10)))
    assert list(printed.lines) == ["7", "8", "9"]
    assert printed.count == 10


PRINTER = """\
import os, sys, time
for byte in sys.argv[1].encode() + b"\\n":
    os.write(1, bytes([byte]))
    time.sleep(0.002)
"""


def test_a_program_that_writes_bytes_one_by_one(
    make_buffer: MakeBuffer, crew: Crew, tmp_path: Path
) -> None:
    """A real program's text arrives through the pseudo-terminal as it was written."""
    script = tmp_path / "printer.py"
    script.write_text(PRINTER)
    supervisor = crew(make_buffer())
    supervisor.start_program(Role.PRODUCER, (sys.executable, str(script), TEXT))
    (child,) = supervisor.logs()
    poll(lambda: not child.read_output(), "the end of its output")
    end_all(supervisor)
    assert list(child.printed.lines) == [TEXT]


@pytest.mark.parametrize("text", ["no end of line", "end of line\n"])
def test_the_last_words_are_kept(make_buffer: MakeBuffer, crew: Crew, text: str) -> None:
    """What a program printed just before its end is there, with or without a line break."""
    supervisor = crew(make_buffer())
    supervisor.start_program(Role.PRODUCER, ("printf", text))
    end_all(supervisor)
    (child,) = supervisor.logs()
    assert list(child.printed.lines) == [text.rstrip("\n")]
