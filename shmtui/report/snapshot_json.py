"""The snapshot as JSON: the contract that scripts rely on. Pure.

``null`` means unknown; ``0`` means zero. An unthrottled target rate is ``"max"``.
"""

import json
import math
import platform
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from shmtui import __version__
from shmtui.diagnosis.rules.lock_free import writers
from shmtui.shm.faults import fault_name
from shmtui.shm.item_counts import Audit
from shmtui.shm.segment_info import SegmentInfo
from shmtui.shm.semaphore import named_semaphore_path
from shmtui.shm.sync_object import SyncObject
from shmtui.shm.value import value_json
from shmtui.snapshot import Process, Snapshot

if TYPE_CHECKING:
    from shmtui.monitor.shared_object import SharedObject

Json = dict[str, Any]


def _access(segment: SegmentInfo) -> Json:
    """Mode and owner; null where only mappings tell of the memory."""
    if segment.size_mapped:
        return {"mode": None, "owner": None}
    return {"mode": f"{segment.mode:04o}", "owner": segment.owner}


def snapshot_json(snapshot: Snapshot) -> Json:
    """The snapshot by the keys of the contract."""
    layout, totals, audit = snapshot.layout, snapshot.totals, snapshot.audit
    health = _fields(snapshot.health, "status findings judged undecided")
    return {
        "schema": SCHEMA,
        "time": rfc3339(snapshot.time),
        "host": platform.node(),
        "version": __version__,
        "segment": _fields(
            snapshot.segment, "name size size_mapped inode unlinked replaced read_only"
        )
        | _access(snapshot.segment),
        "layout": {
            **_fields(layout, "source slots"),
            "capacity": layout.slots or None,
            **_fields(layout, "item_type item_size"),
            "offsets": {
                "data": layout.offsets.data,
                "in": layout.offsets.in_,
                "out": layout.offsets.out,
                **_fields(layout.offsets, "mutex empty full"),
            },
            **_fields(layout, "candidates by_convention assumed assumptions"),
            "semaphores": None if layout.lock_free else layout.semaphores,
            "origin": text(layout.origin) or None,
            "index_segment": text(layout.index_segment) or None,
            "lock_free": layout.lock_free,
            "index_names": dict(zip(("in", "out"), map(text, layout.index_names), strict=False))
            or None,
        },
        "in": snapshot.in_,
        **_fields(snapshot, "out occupancy count in_flight"),
        "slots": [
            {"index": s.index, "value": value_json(s.value), "full": s.full} for s in snapshot.slots
        ],
        "semaphores": {
            role: _fields(state, "value waiters shared")
            for role, state in snapshot.semaphores.items()
        },
        "sync": [_sync(each, snapshot) for each in snapshot.sync],
        "stores": _stores(snapshot) if layout.lock_free else None,
        "throughput": _fields(snapshot.throughput, "produced_per_s consumed_per_s method"),
        "exact": None
        if snapshot.exact is None
        else _fields(
            snapshot.exact,
            "produced consumed watched hits_per_s hit_seconds switches_per_s refused",
        )
        | {"since": None if snapshot.exact.since is None else rfc3339(snapshot.exact.since)}
        | {"produced_before": snapshot.exact.earlier.produced},
        "processes": [_process(p, snapshot.monotonic_ns) for p in snapshot.processes],
        "totals": None if totals is None else _fields(totals, _TOTALS),
        "audit": None if audit is None else audit_json(audit),
        "health": health | {"findings": [_fields(f, _FINDING) for f in snapshot.health.findings]},
        **_fields(snapshot, "assumptions limits uptime"),
    }


_FINDING = "code severity claim evidence certainty remedy subject"
_TOTALS = "produced consumed produced_sum consumed_sum"


def _fields(record: object, names: str) -> Json:
    """These fields of a record, as JSON has them, in this order."""
    return {name: _plain(getattr(record, name)) for name in names.split()}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return number(value)
    return text(value) if isinstance(value, str) else value


def _stores(snapshot: Snapshot) -> Json:
    """The PIDs that store each index; null where that is unknown."""
    found = {index: writers(snapshot, index) for index in ("in", "out")}
    return {index: who and [p.pid for p in who] for index, who in found.items()}


def _sync(each: SyncObject, snapshot: Snapshot) -> Json:
    """``waiters``: how many it counts itself; ``waiting``: the PIDs of those that are seen to sleep on it."""
    return {
        **_fields(each, "name kind role offset"),
        "path": named_semaphore_path(each.name) if each.name.startswith("/") else None,
        **_fields(each, "value owner owner_dead robustness last waiters shared"),
        "waiting": [p.pid for p in snapshot.waiting_for(each)],
        "declared": text(each.declared) or None,
    }


def _process(process: Process, now_ns: int) -> Json:
    target, since, died = process.target_rate, process.since, process.died_ns
    return {
        **_fields(process, "pid name role origin state step blocked_on"),
        "blocked_on_name": text(process.blocked_name) or process.blocked_on,
        "blocked_for": process.blocked_for,
        "blocked_for_at_least": process.blocked_before,
        **_fields(process, "sleeps_on unexplained_words wakeable libc"),
        "target_rate": "max" if target is not None and math.isinf(target) else number(target),
        **_fields(process, "rate items"),
        "fault": fault_name(process.fault, process.role) if process.fault else None,
        "last_item": value_json(process.last_item),
        **_fields(process, "cpu user threads threads_read"),
        "since": None if since is None else rfc3339(since),
        "ending": process.ending,
        "died_s_ago": None if died is None else (now_ns - died) / 1e9,
        **_fields(process, "access besides bits stores"),
    }


def audit_json(audit: Audit) -> Json:
    """What was counted while nothing moved; ``missing`` is known modulo the slots only. Where others
    may have moved what is missing, it is not known whether it balances.
    """
    counted = _fields(audit.moved, _TOTALS)
    counted |= _fields(audit, "resident resident_sum missing balanced guests seconds")
    by_others = audit.balanced is False and bool(audit.guests)
    return counted | {"balanced": None if by_others else audit.balanced}


def run_json(snapshot: Snapshot, totals: Audit) -> Json:
    """What ``run --headless --json`` ends with: the totals are those of its audit."""
    audit = audit_json(totals)
    counted = {key: value for key, value in audit.items() if key not in {"missing", "guests"}}
    return snapshot_json(snapshot) | {"totals": counted, "audit": audit}


_ENCODER = json.JSONEncoder(allow_nan=False, ensure_ascii=False)


def line(record: Json) -> str:
    r"""A record as one line of JSON. What a reader could take for an end of the line, or a terminal
    for a command, is written by its number.

    >>> line({"name": "a\u2028\x1b"})
    '{"name": "a\\u2028\\u001b"}'
    """
    raw = _ENCODER.encode(record)
    if raw.isprintable():
        return raw
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in raw)


def object_json(each: "SharedObject") -> Json:
    """One thing that processes share, as ``ls`` lists it."""
    waiting = each.waiting
    return {
        **_fields(each, "target name kind content looks size size_mapped in_use in_use_at_least"),
        **_fields(each, "huge owner"),
        "mode": None if each.mode is None else f"{each.mode:04o}",
        "age": each.age,
        "mappers": [
            {
                "pid": pid,
                "name": text(name),
                "waiting": None if waiting is None else pid in waiting,
            }
            for pid, name in each.mappers
        ],
        **_fields(each, "waiters orphan readable inode unlinked replaced"),
        "links": [text(link) for link in each.links],
    }


def rfc3339(seconds: float, to: str = "microseconds") -> str:
    """The time in UTC, to the microsecond or to the second.

    >>> rfc3339(0.5), rfc3339(0.5, "seconds")
    ('1970-01-01T00:00:00.500000Z', '1970-01-01T00:00:00Z')
    """
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec=to)[:-6] + "Z"


def text(raw: str) -> str:
    r"""A name that JSON and any reader can hold: bytes that are not UTF-8 as ``\xNN``.

    >>> text("caf\udce9")
    'caf\\xe9'
    """
    if raw.isascii():
        return raw
    return raw.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def number(value: float | None) -> float | None:
    """``value``, or None where JSON has no number for it."""
    return value if value is not None and math.isfinite(value) else None


SCHEMA = 2
"""The version of the JSON form; raised when a key changes its meaning."""
