"""The contract of the JSON snapshot: its keys and the kinds of their values."""

from typing import Any

from shmtui.shm.item_counts import Method
from shmtui.shm.segment_info import LayoutSource
from shmtui.snapshot import ProcessState, Status

NUMBER = (int, float)
NONE = type(None)
_TOP = {
    "schema": int, "time": str, "segment": dict, "layout": dict, "in": (int, NONE),
    "out": (int, NONE), "occupancy": (int, NONE), "slots": list, "semaphores": dict,
    "throughput": dict, "processes": list, "health": dict, "sync": list, "totals": (dict, NONE),
    "audit": (dict, NONE), "exact": (dict, NONE), "host": str, "version": str, "assumptions": list, "limits": list,
}  # fmt: skip
_SEGMENT = {
    "name": str, "size": int, "inode": int, "mode": str, "owner": str, "unlinked": bool,
    "read_only": bool,
}  # fmt: skip
_LAYOUT = {
    "source": str, "slots": int, "capacity": (int, NONE), "assumptions": list, "item_type": str, "item_size": int, "offsets": dict,
    "semaphores": str, "candidates": list,
}  # fmt: skip
_PROCESS = {
    "pid": int, "name": str, "role": str, "state": str, "step": (str, NONE),
    "blocked_on": (str, NONE), "blocked_on_name": (str, NONE), "wakeable": (bool, NONE), "target_rate": (*NUMBER, str, NONE),
    "rate": (*NUMBER, NONE), "items": (int, NONE), "access": str, "besides": list,
    "bits": (int, NONE), "stores": list, "died_s_ago": (*NUMBER, NONE),
}  # fmt: skip


def _has(record: dict[str, Any], keys: dict[str, Any]) -> None:
    for key, kinds in keys.items():
        assert key in record, f"{key} is missing"
        assert isinstance(record[key], kinds), f"{key} is {record[key]!r}"


def check(record: dict[str, Any]) -> None:
    """AssertionError unless ``record`` keeps to the contract."""
    _has(record, _TOP)
    assert record["schema"] == 2
    assert record["time"].endswith("Z")
    _has(record["segment"], _SEGMENT)
    _has(record["layout"], _LAYOUT)
    assert record["layout"]["source"] in set(LayoutSource)
    assert set(record["layout"]["offsets"]) == {"data", "in", "out", "mutex", "empty", "full"}
    for slot in record["slots"]:
        assert set(slot) == {"index", "value", "full"}
    for role, semaphore in record["semaphores"].items():
        assert role in {"mutex", "empty", "full"}
        assert set(semaphore) == {"value", "waiters", "shared"}
    for each in record["sync"]:
        assert {*"name kind role offset path value owner waiters waiting".split()} <= set(each)
        assert set(each["waiting"]) <= {process["pid"] for process in record["processes"]}
        assert (each["offset"] is None) is (each["path"] is not None)
    assert set(record["throughput"]) == {"produced_per_s", "consumed_per_s", "method"}
    assert record["throughput"]["method"] in set(Method)
    for process in record["processes"]:
        _has(process, _PROCESS)
        assert process["role"] in {"producer", "consumer", "observer", "unknown"}
        assert process["state"] in set(ProcessState)
        assert process["blocked_on"] in {"mutex", "empty", "full", None}
    assert set(record["health"]) >= {"status", "findings"}
    assert record["health"]["status"] in set(Status)
