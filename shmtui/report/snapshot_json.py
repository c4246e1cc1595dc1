"""The snapshot as JSON: the contract that scripts rely on. Pure.

``null`` means unknown; ``0`` means zero. An unthrottled target rate is ``"max"``.
"""

import json
import math
import platform
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from shmtui import __version__
from shmtui.shm.faults import fault_name
from shmtui.shm.semaphore import named_semaphore_path
from shmtui.shm.sync_object import SyncObject
from shmtui.shm.value import value_json
from shmtui.snapshot import SCHEMA, Audit, Finding, Process, SegmentInfo, Snapshot, Totals

if TYPE_CHECKING:
    from shmtui.monitor.discovery import Entry, Unlinked

Json = dict[str, Any]


def snapshot_json(snapshot: Snapshot) -> Json:
    """The snapshot by the keys of the contract."""
    layout, offsets = snapshot.layout, snapshot.layout.offsets
    return {
        "schema": SCHEMA,
        "time": rfc3339(snapshot.time),
        "host": platform.node(),
        "version": __version__,
        "segment": _segment(snapshot.segment),
        "layout": {
            "source": layout.source,
            "slots": layout.slots,
            "capacity": layout.slots or None,
            "item_type": layout.item_type,
            "item_size": layout.item_size,
            "offsets": {
                "data": offsets.data,
                "in": offsets.in_,
                "out": offsets.out,
                "mutex": offsets.mutex,
                "empty": offsets.empty,
                "full": offsets.full,
            },
            "semaphores": layout.semaphores,
            "candidates": list(layout.candidates),
            "by_convention": [text(said) for said in layout.by_convention],
            "assumed": layout.assumed,
            "assumptions": [text(said) for said in layout.assumptions],
            "origin": text(layout.origin) or None,
            "index_segment": text(layout.index_segment) or None,
        },
        "in": snapshot.in_,
        "out": snapshot.out,
        "occupancy": snapshot.occupancy,
        "in_flight": snapshot.in_flight,
        "slots": [
            {"index": s.index, "value": value_json(s.value), "full": s.full} for s in snapshot.slots
        ],
        "semaphores": {
            role: {"value": s.value, "waiters": s.waiters, "shared": s.shared}
            for role, s in snapshot.semaphores.items()
        },
        "sync": [_sync(each) for each in snapshot.sync],
        "throughput": {
            "produced_per_s": number(snapshot.throughput.produced_per_s),
            "consumed_per_s": number(snapshot.throughput.consumed_per_s),
            "method": snapshot.throughput.method,
        },
        "processes": [_process(p, snapshot.monotonic_ns) for p in snapshot.processes],
        "totals": None if snapshot.totals is None else _totals(snapshot.totals),
        "audit": None if snapshot.audit is None else audit_json(snapshot.audit),
        "health": {
            "status": snapshot.health.status,
            "findings": [_finding(f) for f in snapshot.health.findings],
            "judged": [text(said) for said in snapshot.health.judged],
            "undecided": [text(said) for said in snapshot.health.undecided],
        },
        "assumptions": [text(said) for said in snapshot.assumptions],
        "limits": [text(limit) for limit in snapshot.limits],
        "uptime": number(snapshot.uptime),
    }


def _segment(segment: SegmentInfo) -> Json:
    return {
        "name": text(segment.name),
        "size": segment.size,
        "inode": segment.inode,
        "mode": f"{segment.mode:04o}",
        "owner": segment.owner,
        "unlinked": segment.unlinked,
        "replaced": segment.replaced,
        "read_only": segment.read_only,
    }


def _sync(each: SyncObject) -> Json:
    return {
        "name": text(each.name),
        "kind": each.kind,
        "role": each.role,
        "offset": each.offset,
        "path": None if each.offset is not None else named_semaphore_path(each.name),
        "value": each.value,
        "owner": each.owner,
        "owner_dead": each.owner_dead,
        "waiters": each.waiters,
        "shared": each.shared,
    }


def _process(process: Process, now_ns: int) -> Json:
    return {
        "pid": process.pid,
        "name": text(process.name),
        "role": process.role,
        "origin": process.origin,
        "state": process.state,
        "step": process.step,
        "blocked_on": process.blocked_on,
        "blocked_for": number(process.blocked_for),
        "blocked_for_at_least": process.blocked_before,
        "sleeps_on": [text(name) for name in process.sleeps_on],
        "unexplained_words": list(process.unexplained_words),
        "wakeable": process.wakeable,
        "libc": process.libc,
        "target_rate": _target(process.target_rate),
        "rate": number(process.rate),
        "items": process.items,
        "fault": fault_name(process.fault, process.role) if process.fault else None,
        "last_item": value_json(process.last_item),
        "cpu": number(process.cpu),
        "user": process.user,
        "threads": process.threads,
        "since": None if process.since is None else rfc3339(process.since),
        "ending": process.ending,
        "died_s_ago": None if process.died_ns is None else (now_ns - process.died_ns) / 1e9,
        "access": process.access,
        "besides": list(process.besides),
        "bits": process.bits,
    }


def _finding(finding: Finding) -> Json:
    return {
        "code": finding.code,
        "severity": finding.severity,
        "claim": text(finding.claim),
        "evidence": [text(e) for e in finding.evidence],
        "certainty": finding.certainty,
        "remedy": text(finding.remedy),
        "subject": text(finding.subject),
    }


def _totals(moved: Totals) -> Json:
    return {
        "produced": moved.produced,
        "consumed": moved.consumed,
        "produced_sum": moved.produced_sum,
        "consumed_sum": moved.consumed_sum,
    }


def audit_json(audit: Audit) -> Json:
    """What was counted while nothing moved; ``missing`` is known modulo the slots only. Where others
    may have moved what is missing, it is not known whether it balances.
    """
    by_others = audit.balanced is False and bool(audit.guests)
    return {
        **_totals(audit.moved),
        "resident": audit.resident,
        "resident_sum": audit.resident_sum,
        "missing": audit.missing,
        "balanced": None if by_others else audit.balanced,
        "guests": audit.guests,
        "seconds": audit.seconds,
    }


def run_json(snapshot: Snapshot, totals: Audit) -> Json:
    """What ``run --headless --json`` ends with: the totals are those of its audit."""
    audit = audit_json(totals)
    counted = {key: audit[key] for key in audit.keys() - {"missing", "guests"}}
    return snapshot_json(snapshot) | {"totals": counted, "audit": audit}


def line(record: Json) -> str:
    """One line of JSON."""
    return json.dumps(record, ensure_ascii=False, allow_nan=False)


def entry_json(entry: "Entry") -> Json:
    """One name under /dev/shm, as ``ls`` lists it."""
    return {
        "name": text(entry.name),
        "kind": entry.kind,
        "looks": text(entry.looks),
        "size": entry.size,
        "owner": entry.owner,
        "mode": f"{entry.mode:04o}",
        "age": entry.age,
        "mappers": [{"pid": pid, "name": text(name)} for pid, name in entry.mappers],
        "orphan": entry.orphan,
        "readable": entry.readable,
    }


def unlinked_json(each: "Unlinked") -> Json:
    """A segment without a name, by the keys of `entry_json`; ``name`` is the one that it had."""
    return {
        "name": text(each.name),
        "kind": "unknown",
        "looks": "unlinked",
        "size": None,
        "owner": None,
        "mode": None,
        "age": None,
        "mappers": [{"pid": pid, "name": text(name)} for pid, name in each.mappers],
        "orphan": False,
        "readable": False,
        "unlinked": True,
        "replaced": each.replaced,
        "inode": each.inode,
        "size_limit": each.size_limit,
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
    return raw.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def number(value: float | None) -> float | None:
    """``value``, or None where JSON has no number for it."""
    return value if value is not None and math.isfinite(value) else None


def _target(rate: float | None) -> float | str | None:
    return "max" if rate is not None and math.isinf(rate) else number(rate)
