"""Recordings for tests: of made-up snapshots, and snapshots of any content."""

import math
import types
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Final, Union, get_args, get_origin

import msgspec
from hypothesis import strategies as st
from msgspec.structs import replace

from shmtui.events import Event, Severity
from shmtui.recording.codec import hints_of
from shmtui.recording.reader import Recording
from shmtui.recording.writer import RecordingWriter
from shmtui.shm.value import Value
from shmtui.snapshot import Certainty, Finding, Health, Snapshot, Status
from tests.tui.records import NOON, snapshot

TICK: Final = 0.1
"""Seconds between two made-up frames."""
STUCK: Final = Finding("stalled", Status.CRITICAL, "nothing moves", (), Certainty.LIKELY, "wait")


def made(number: int, *, wall: float | None = None, **changes: Any) -> Snapshot:
    """The snapshot of that number: its ``in`` is the number, its time a tenth of a second later."""
    facts: dict[str, Any] = {
        "time": NOON + TICK * number if wall is None else wall,
        "monotonic_ns": 10**12 + round(TICK * number * 1e9),
    }
    return replace(snapshot(in_=number % 5), **facts | changes)


def stuck(number: int) -> Snapshot:
    """One with a finding."""
    return made(number, health=Health(Status.CRITICAL, (STUCK,)))


def event(number: int) -> Event:
    """What is reported with a frame."""
    return Event(NOON + TICK * number, Severity.INFO, f"event {number}")


def recorded(
    path: Path,
    snapshots: Iterable[Snapshot],
    events: Mapping[int, Sequence[Event]] | None = None,
) -> Path:
    """Write a recording; ``events`` by the number of their frame."""
    writer = RecordingWriter(path)
    for number, each in enumerate(snapshots):
        writer.add(each, (events or {}).get(number, ()))
    writer.close()
    return path


def read(path: Path) -> list[Snapshot]:
    """Every snapshot of a recording."""
    recording = Recording(path)
    try:
        return [recording.frame(number).snapshot for number in range(len(recording))]
    finally:
        recording.close()


_INT = st.integers(-(2**63), 2**63)
_TEXT = st.text(max_size=8) | st.binary(max_size=8).map(
    lambda raw: raw.decode(errors="surrogateescape")
)
_VALUE = st.recursive(
    st.none() | st.booleans() | _INT | st.floats(allow_nan=False) | _TEXT | st.binary(max_size=8),
    lambda inside: st.lists(inside, max_size=3).map(tuple),
    max_leaves=4,
)


def anything(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a type, for records that are made of records."""
    if kind == Value:
        return _VALUE
    plain: dict[Any, st.SearchStrategy[Any]] = {
        int: _INT, str: _TEXT, bool: st.booleans(),
        float: st.floats(-1e300, 1e300, exclude_min=True, exclude_max=True),
    }  # fmt: skip
    if kind in plain:
        return plain[kind]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(list(kind))
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        hints = hints_of(kind)
        made = {name: anything(hints[name]) for name in kind.__struct_fields__}
        if "target_rate" in made:
            made["target_rate"] |= st.just(math.inf)
        return st.builds(kind, **made)
    origin, inside = get_origin(kind), get_args(kind)
    if origin is tuple:
        return st.lists(anything(inside[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(anything(inside[0]), anything(inside[1]), max_size=3)
    assert origin in {Union, types.UnionType}
    (one,) = (each for each in inside if each is not types.NoneType)
    return st.none() | anything(one)


ANY_SNAPSHOT: Final[st.SearchStrategy[Snapshot]] = st.deferred(lambda: anything(Snapshot))
