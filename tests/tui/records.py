"""Made-up snapshots, processes and entries, for tests of what is drawn of them."""

from typing import Any

from shmtui.monitor.shared_object import Content, ObjectKind, SharedObject
from shmtui.shm.item_counts import Method, Throughput, Totals
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.shm.segment_info import (
    LayoutInfo,
    LayoutSource,
    Offsets,
    SegmentInfo,
    SemaphoreState,
    Slot,
)
from shmtui.snapshot import Health, Origin, Process, ProcessState, Snapshot

NOON = 1_700_000_000.0


def process(pid: int, role: Role, **changes: Any) -> Process:
    """A running worker, but for ``changes``."""
    facts: dict[str, Any] = {
        "name": f"{role.value} {pid}",
        "state": ProcessState.RUNNING,
        "origin": Origin.WORKER,
        "target_rate": 1.0,
        "rate": 1.0,
        "items": 10,
        "cpu": 2.0,
    }
    return Process(pid=pid, role=role, **{**facts, **changes})


def snapshot(
    slots: int = 5,
    in_: int | None = 4,
    out: int | None = 1,
    occupancy: int | None = 3,
    shown: int = 5,
    **changes: Any,
) -> Snapshot:
    """A healthy buffer, but for ``changes``; it carries the values of ``shown`` slots."""
    full = occupancy or 0
    semaphores = {
        SemaphoreRole.MUTEX: SemaphoreState(1, 0, True),
        SemaphoreRole.EMPTY: SemaphoreState(slots - full, 0, True),
        SemaphoreRole.FULL: SemaphoreState(full, 0, True),
    }
    values = tuple(
        Slot(
            index,
            40 + index,
            None if occupancy is None or out is None else (index - out) % slots < occupancy,
        )
        for index in range(min(shown, slots))
    )
    facts: dict[str, Any] = {
        "time": NOON,
        "monotonic_ns": 10**12,
        "segment": SegmentInfo("/shm_buffer", 128, 27, 0o600, "me", read_only=False),
        "layout": LayoutInfo(
            LayoutSource.CONTROL, slots, "int32", 4, Offsets(0, 4 * slots, 4 * slots + 4)
        ),
        "in_flight": 0,
        "slots": values,
        "semaphores": semaphores,
        "throughput": Throughput(2.0, 1.0, Method.COUNTERS),
        "processes": (process(101, Role.PRODUCER), process(202, Role.CONSUMER)),
        "totals": Totals(20, 17, 0, 0),
        "health": Health(),
        "uptime": 221.0,
    }
    return Snapshot(in_=in_, out=out, occupancy=occupancy, **{**facts, **changes})


def raw_snapshot(name: str = "/x", size: int = 4096, **changes: Any) -> Snapshot:
    """A segment of which only the bytes are known."""
    facts: dict[str, Any] = {
        "segment": SegmentInfo(name, size, 31, 0o600, "ana"),
        "layout": LayoutInfo(LayoutSource.RAW, 0, "", 0, Offsets(0, 0, 0), ""),
        "semaphores": {},
        "processes": (),
        "throughput": Throughput(None, None, Method.UNKNOWN),
        "uptime": None,
        "totals": None,
    }
    return snapshot(**{"slots": 0, "in_": None, "out": None, "occupancy": None, **facts, **changes})


def entry(name: str, content: Content = Content.UNKNOWN, **changes: object) -> SharedObject:
    """A readable thing in /dev/shm that one process maps, but for ``changes``."""
    semaphore = content is Content.SEMAPHORE
    facts: dict[str, object] = {
        "target": name,
        "kind": ObjectKind.SEMAPHORE if semaphore else ObjectKind.POSIX,
        "looks": str(content),
        "size": 128,
        "owner": "ana",
        "mode": 0o600,
        "age": 61.0,
        "mappers": ((412, "produtor"),),
    }
    return SharedObject(name=name, content=content, **{**facts, **changes})  # type: ignore[arg-type]
