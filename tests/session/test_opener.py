"""Attaching for real: the program in a terminal, the course's C programs, segments of bytes."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shmtui.errors import MissingSegmentError
from shmtui.layouts.options import AmbiguousLayoutError, LayoutOptions
from shmtui.session.opener import AttachOptions, SegmentOpener
from shmtui.shm.segment import segment_path, unlink_segment
from tests.compiling import Compiler
from tests.conftest import MakeBuffer
from tests.peers import Peer, build
from tests.terminal import Terminal
from tests.waiting import poll

SEED = "data=0:5xint32,in=20:int32,out=24,mutex=32,empty=64,full=96"

MakeSegment = Callable[[bytes], str]


@pytest.fixture
def make_segment(new_name: Callable[[], str]) -> Iterator[MakeSegment]:
    """Makes segments that hold these bytes."""
    made: list[str] = []

    def make(data: bytes) -> str:
        made.append(new_name())
        Path(segment_path(made[-1])).write_bytes(data)
        return made[-1]

    yield make
    for name in made:
        Path(segment_path(name)).unlink(missing_ok=True)


@pytest.mark.parametrize(("columns", "rows"), [(120, 38), (50, 20)])
def test_the_courses_producer_is_shown_as_it_hangs(
    gcc: Compiler, name: str, columns: int, rows: int
) -> None:
    """Blocked on empty, where nobody can wake it, and said by name in title and findings."""
    with Peer(build(gcc, "produtor", name)):
        try:
            poll(lambda: Path(segment_path(name)).exists(), "its segment")
            with Terminal(
                "attach", name, "--slots", "5", "--wait", columns=columns, rows=rows
            ) as terminal:
                terminal.wait_for("empty ✗ can't wake")
                terminal.wait_for("✗ critical: never-initialised")
                terminal.press("5", "down", "enter")
                terminal.wait_for("What to do")
                terminal.press("ctrl+c")
                assert terminal.wait() == 130
        finally:
            unlink_segment(name)


def test_the_picker_leads_to_a_segment(make_buffer: MakeBuffer) -> None:
    """From the list by typing, and back out by q."""
    buffer = make_buffer()
    with Terminal("attach") as terminal:
        terminal.wait_for("Shared memory of this machine")
        terminal.wait_for(buffer.name)
        terminal.press(*buffer.name)
        terminal.wait_for(lambda s: "filter " + buffer.name in s, "what was typed")
        terminal.press("enter")
        terminal.wait_for(f"attached to {buffer.name} (layout from its control block)")
        terminal.press("q")
        assert terminal.wait() == 0


def test_bytes_are_shown_and_followed(make_segment: MakeSegment) -> None:
    """Whatever becomes of the file under them."""
    name = make_segment(bytes(range(256)) * 40)
    path = Path(segment_path(name))
    with Terminal("attach", name) as terminal:
        terminal.wait_for("0000  00 01 02 03")
        terminal.press("g")
        terminal.wait_for("decimal or 0x")
        terminal.press(*"0x27f0", "enter")
        terminal.wait_for("27f0  f0 f1 f2")
        os.truncate(path, 100)
        terminal.wait_for("was truncated from 10240 to 100 bytes")
        terminal.wait_for("0060  60 61 62 63")
        path.unlink()
        terminal.wait_for("was unlinked")
        path.write_bytes(b"another one altogether")
        terminal.wait_for("another segment took the name")
        terminal.wait_for("another")
        terminal.press("q")
        assert terminal.wait() == 0


def test_ambiguous_bytes_are_a_list_to_choose_from(make_segment: MakeSegment) -> None:
    """Zeros may be any layout of their size; the choice is the one that is shown."""
    name = make_segment(bytes(128))
    with Terminal("attach", name) as terminal:
        terminal.wait_for("layouts fit the bytes of")
        terminal.press(*"5 × 4-byte items at 0, in at 20, out at 24, mutex 32, empty 64")
        terminal.wait_for(f"--layout {SEED}")
        terminal.press("enter")
        terminal.wait_for("5 × int32")
        terminal.press("q")
        assert terminal.wait() == 0


def test_a_run_goes_on_while_another_segment_is_looked_at(
    name: str, make_segment: MakeSegment
) -> None:
    """There and back again; the workers are still ours."""
    other = make_segment(bytes(range(64)))
    with Terminal("run", name) as terminal:
        terminal.wait_for("producer 1 ")
        terminal.press("o")
        terminal.wait_for("type to filter")
        terminal.press(*other, "enter")
        terminal.wait_for(lambda s: "raw bytes" in s and "type to filter" not in s, "its bytes")
        terminal.press("o")
        terminal.wait_for("type to filter")
        terminal.press(*name, "enter")
        # The list names who maps a segment, too.
        terminal.wait_for(lambda s: "producer 1 " in s and "Shared memory of" not in s, "the run")
        terminal.press("p")
        terminal.wait_for("producer 2 ")
        terminal.press("q")
        assert terminal.wait() == 0
    assert not Path(segment_path(name)).exists()


def test_what_was_said_of_one_segment_is_not_held_of_another(
    make_segment: MakeSegment, make_buffer: MakeBuffer
) -> None:
    """A header or --slots belongs to the name that it was given with."""
    said = LayoutOptions(layout=SEED)
    told, other = make_segment(bytes(128)), make_segment(bytes(128))
    opener = SegmentOpener(AttachOptions(name=told, layout=said))
    try:
        assert opener.open(told).source.sample().layout.slots == 5
        with pytest.raises(AmbiguousLayoutError):
            opener.open(other)
        with pytest.raises(MissingSegmentError):
            opener.open("/no-such-segment-here")
    finally:
        opener.close()


def test_a_joined_segment_is_joined_once(make_segment: MakeSegment) -> None:
    """Coming back to it finds its workers; closing twice closes once."""
    name = make_segment(bytes(128))
    opener = SegmentOpener(AttachOptions(name=name, layout=LayoutOptions(layout=SEED), write=True))
    try:
        joined = opener.open(name)
        assert joined.live is not None
        assert opener.open(name) is joined
    finally:
        joined.source.close()
        opener.close()
    assert not Path(segment_path(f"{name}.shmtui")).exists()
