"""The JSON of a snapshot has the keys of the contract, and every reader can read it."""

import json
import math
import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from shmtui.monitor.sampler import Sampler
from shmtui.report.snapshot_json import line, run_json, snapshot_json
from shmtui.shm.item_counts import Audit, Method, Throughput, Totals
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.shm.segment_info import SemaphoreState, Slot
from shmtui.snapshot import EMPTY, Origin, Process, ProcessState, Snapshot
from tests.conftest import MakeBuffer, join
from tests.report.contract import check

SOME = replace(
    EMPTY,
    time=1.5,
    slots=(Slot(0, 7, full=True), Slot(1, 2.5, full=None)),
    semaphores={role: SemaphoreState(1, 0, shared=True) for role in SemaphoreRole},
    throughput=Throughput(1.0, None, Method.LOWER_BOUND),
    processes=(
        Process(
            1, "producer 1", Role.PRODUCER, ProcessState.BLOCKED, Origin.WORKER,
            step="wait-empty", blocked_on=SemaphoreRole.EMPTY, wakeable=True,
            target_rate=math.inf, rate=2.0, items=3,
        ),
        Process(2, "caf\udce9\x1b[31m", Role.UNKNOWN, ProcessState.UNKNOWN),
    ),
)  # fmt: skip


def round_trip(snapshot: Snapshot) -> dict[str, Any]:
    """The snapshot as a script gets it."""
    text = line(snapshot_json(snapshot))
    assert "\n" not in text
    text.encode("utf-8")
    record: dict[str, Any] = json.loads(text, parse_constant=pytest.fail)
    return record


@pytest.mark.parametrize("snapshot", [EMPTY, SOME], ids=["nothing", "everything"])
def test_keys_of_the_contract(snapshot: Snapshot) -> None:
    """Every key is there, with a value of its kind; what is unknown is null."""
    check(round_trip(snapshot))


def test_a_real_buffer_by_the_contract(make_buffer: MakeBuffer) -> None:
    """What a sampler sees of a real buffer has the same keys."""
    buffer = make_buffer(4, "double")
    assert join(buffer).put(2.5)
    sampler = Sampler(buffer.name)
    sampler.slots_shown = 64
    record = round_trip(sampler.sample())
    sampler.close()
    check(record)
    assert record["segment"]["name"] == buffer.name
    assert record["segment"]["mode"] == "0600"
    assert record["layout"]["source"] == "control"
    assert record["layout"]["slots"] == 4
    assert (record["in"], record["out"], record["occupancy"]) == (1, 0, 1)
    assert record["slots"][0] == {"index": 0, "value": 2.5, "full": True}
    assert [slot["full"] for slot in record["slots"]] == [True, False, False, False]
    assert [record["semaphores"][r]["value"] for r in ("mutex", "empty", "full")] == [1, 3, 1]


@given(st.floats())
def test_every_float_is_valid_json(value: float) -> None:
    """NaN and the infinities, which JSON has no numbers for, are text in slots and null in rates."""
    snapshot = replace(
        SOME, slots=(Slot(0, value, full=True),), throughput=Throughput(value, value)
    )
    record = round_trip(snapshot)
    slot, rate = record["slots"][0]["value"], record["throughput"]["produced_per_s"]
    if math.isfinite(value):
        assert slot == rate == value
    else:
        assert slot == str(value)
        assert rate is None


@given(st.text(max_size=20) | st.binary(max_size=20).map(os.fsdecode))
def test_any_name_is_valid_json(name: str) -> None:
    """Names come from elsewhere: bytes that are no UTF-8 must not stop a reader."""
    segment = replace(EMPTY.segment, name=name)
    round_trip(replace(SOME, segment=segment, processes=(replace(SOME.processes[0], name=name),)))


def test_unthrottled_is_max() -> None:
    """A target rate without limit has a word, since JSON has no infinity."""
    record = round_trip(SOME)
    assert [p["target_rate"] for p in record["processes"]] == ["max", None]


def totals(made: int, used: int, resident: int | None, *, foreign: bool = False) -> Audit:
    """Totals of counters 0, 1, 2 … of which the oldest have been consumed."""
    moved = Totals(made, used, sum(range(made)), sum(range(used)))
    left = None if resident is None else sum(range(used, used + resident))
    return Audit(moved, 20, resident, left, foreign, seconds=2.0)


@pytest.mark.parametrize(
    ("found", "balanced"),
    [
        (totals(9, 4, 5), True),
        (totals(0, 0, 0), True),
        (totals(9, 4, 4), False),
        (totals(9, 4, 6), False),
        (replace(totals(9, 4, 5), resident_sum=1), False),
        (totals(9, 4, None), None),
        (totals(9, 4, 5, foreign=True), None),
    ],
)
def test_balance(found: Audit, balanced: bool | None) -> None:
    """Balanced means in count and in sum; with others in the game it cannot be told."""
    assert found.balanced is balanced
    record = run_json(SOME, found)
    assert record["totals"]["balanced"] is balanced
    assert set(record["totals"]) == {
        "produced", "consumed", "resident", "produced_sum", "consumed_sum", "resident_sum",
        "balanced", "seconds",
    }  # fmt: skip
    check(json.loads(line(record)))


def test_sums_wrap() -> None:
    """Sums are modulo 2**64, so a balance over the edge is a balance."""
    moved = Totals(2, 1, 3, 2**64 - 2)
    assert Audit(moved, 5, 1, 5).balanced
