"""The text of a snapshot: harmless, aligned, and saying unknown where it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from shmtui.report.snapshot_text import snapshot_lines, totals_lines
from shmtui.sanitize import inert
from shmtui.shm.item_counts import Audit, Method, Throughput, Totals
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.shm.segment_info import LayoutInfo, LayoutSource, Offsets, SemaphoreState
from shmtui.snapshot import EMPTY, Process, ProcessState

LAYOUT = LayoutInfo(LayoutSource.OPTIONS, 5, "int32", 4, Offsets(0, 20, 24, 32, 64, 96))
BASE = replace(EMPTY, layout=LAYOUT, in_=3, out=1, occupancy=2)


@given(st.text(st.characters(), max_size=40))
def test_hostile_names_stay_on_their_line(name: str) -> None:
    """A segment or a program may be called anything; the text is printable all the same."""
    process = Process(7, name, Role.UNKNOWN, ProcessState.RUNNING)
    snapshot = replace(BASE, segment=replace(EMPTY.segment, name=name), processes=(process,))
    for line in snapshot_lines(snapshot):
        assert inert(line) == line


def test_unknown_is_said() -> None:
    """Where a number is not known, no number stands."""
    snapshot = replace(BASE, in_=None, out=None, occupancy=None)
    text = "\n".join(snapshot_lines(snapshot))
    assert "occupancy unknown" in text
    assert "produced unknown" in text


def test_a_lower_bound_is_marked() -> None:
    """A figure that may be too low says so."""
    rates = Throughput(50.0, 20.0, Method.LOWER_BOUND)
    text = "\n".join(snapshot_lines(replace(BASE, throughput=rates)))
    assert "≥ 50" in text


def test_a_private_semaphore_is_loud() -> None:
    """Waiters that nobody can wake are what a person looks for."""
    states = {role: SemaphoreState(0, 2, shared=False) for role in SemaphoreRole}
    text = "\n".join(snapshot_lines(replace(BASE, semaphores=states)))
    assert text.count("PROCESS-PRIVATE") == 3
    assert "2 waiting" in text


@pytest.mark.parametrize(
    ("resident", "foreign", "verdict"),
    [
        (5, False, "balanced"),
        (4, False, "NOT BALANCED"),
        (5, True, "unknown"),
        (None, False, "unknown"),
    ],
)
def test_the_verdict_of_a_run(resident: int | None, foreign: bool, verdict: str) -> None:
    """The summary ends with whether anything was lost, or why that cannot be told."""
    left = None if resident is None else sum(range(4, 4 + resident))
    moved = Totals(9, 4, sum(range(9)), sum(range(4)))
    last = list(totals_lines(Audit(moved, 20, resident, left, foreign, seconds=2.0)))[-1]
    assert last.startswith("2.00 s")
    assert verdict in last
