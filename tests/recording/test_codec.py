"""Any record becomes JSON, and the same record again."""

import json
import math
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given

from shmtui.events import Event
from shmtui.recording.codec import UnknownFormError, decoder, encoder, fields_of, hints_of
from shmtui.shm.item_counts import Audit, Totals
from shmtui.shm.segment_info import Slot
from shmtui.snapshot import Process, Snapshot
from tests.recording.frames import ANY_SNAPSHOT, anything, made


def through_json(kind: Any, value: Any) -> Any:
    """The value once it has been text."""
    encode = encoder(kind)
    text = json.dumps(value if encode is None else encode(value), allow_nan=False)
    return decoder(kind)(json.loads(text))


@given(ANY_SNAPSHOT)
def test_any_snapshot_comes_back(snapshot: Snapshot) -> None:
    """All that a snapshot can hold is held: hostile names, bytes, structs, infinities."""
    assert through_json(Snapshot, snapshot) == snapshot


@given(anything(tuple[Event, ...]))
def test_any_events_come_back(events: tuple[Event, ...]) -> None:
    """So are events."""
    assert through_json(tuple[Event, ...], events) == events


def test_what_is_missing_has_its_default() -> None:
    """A line of an older version, which knew fewer fields, is read; keys that are unknown do not matter."""
    encode = encoder(Snapshot)
    assert encode is not None
    record = encode(made(3))
    assert "count" not in record
    assert "unseen" not in record
    assert decoder(Snapshot)(record | {"of_later": 1}) == made(3)


def test_a_value_that_is_no_number() -> None:
    """NaN has no JSON, and is kept all the same."""
    slot: Slot = through_json(tuple[Slot, ...], (Slot(0, math.nan, None),))[0]
    assert isinstance(slot.value, float)
    assert math.isnan(slot.value)


def test_false_is_not_zero() -> None:
    """A value that is equal to a default and of another type is no default."""
    totals = Totals(1, 2, 3, 4)
    assert through_json(Audit, Audit(totals, 5, 0, None, guests=0)).guests == 0


@pytest.mark.parametrize(
    ("key", "raw"),
    [
        ("time", "soon"), ("monotonic_ns", 1.5), ("monotonic_ns", True), ("monotonic_ns", 2**70),
        ("segment", []), ("segment", {}), ("slots", [1]), ("slots", {"index": [0], "value": [], "full": []}),
        ("slots", {"index": [None], "value": [1], "full": [True]}), ("semaphores", {"nobody": {}}),
        ("processes", {}), ("processes", [{"pid": 1}]), ("steady", 1), ("assumptions", "none"),
        ("throughput", {"method": "guess"}), ("slots", {"index": [0], "value": [{"x": 1}], "full": [True]}),
    ],
)  # fmt: skip
def test_another_form_is_refused(key: str, raw: Any) -> None:
    """A value of another type is refused, and the text says where."""
    encode = encoder(Snapshot)
    assert encode is not None
    with pytest.raises(UnknownFormError, match=key):
        decoder(Snapshot)(encode(made(1)) | {key: raw})


def test_a_deep_value_is_refused() -> None:
    """A reader of structs within structs goes only so deep."""
    raw: list[Any] = []
    for _level in range(100):
        raw = [raw]
    with pytest.raises(UnknownFormError):
        decoder(tuple[Slot, ...])({"index": [0], "value": [raw], "full": [None]})


def records(kind: Any, seen: dict[type, list[str]]) -> dict[type, list[str]]:
    """The fields without a default, of a record and of all that it is made of."""
    for each in (kind, *get_args(kind)):
        if isinstance(each, type) and issubclass(each, msgspec.Struct) and each not in seen:
            seen[each] = [
                name for name, default in fields_of(each).items() if default is msgspec.NODEFAULT
            ]
            for inside in hints_of(each).values():
                records(inside, seen)
        elif get_args(each) and each is not kind:
            records(each, seen)
    return seen


def test_new_fields_have_defaults() -> None:
    """What schema 1 requires is what it has always required: a field that is new has a default, or the
    schema a new number and a step in `UPGRADES`.
    """
    required = {kind.__name__: names for kind, names in records(Snapshot, {}).items()}
    assert required == {
        "Snapshot": ["time", "monotonic_ns", "segment", "layout"],
        "SegmentInfo": ["name", "size", "inode", "mode", "owner"],
        "LayoutInfo": ["source", "slots", "item_type", "item_size", "offsets"],
        "Offsets": ["data", "in_", "out"],
        "Slot": ["index", "value", "full"],
        "SemaphoreState": ["value", "waiters", "shared"],
        "SyncObject": ["name", "kind"],
        "Throughput": [],
        "Process": ["pid", "name", "role", "state"],
        "ExactCounts": [],
        "EarlierCounts": [],
        "Totals": ["produced", "consumed", "produced_sum", "consumed_sum"],
        "Audit": ["moved", "slots", "resident", "resident_sum"],
        "Health": [],
        "Finding": ["code", "severity", "claim", "evidence", "certainty", "remedy"],
        "Moves": [],
        "Rest": [],
    }
    assert Process in records(Snapshot, {})
