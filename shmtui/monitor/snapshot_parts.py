"""Parts of a snapshot, each from what was read: segment, layout, occupancy, throughput. Pure."""

import math
from collections.abc import Iterator, Sequence
from typing import Final

from shmtui.diagnosis.wording import target
from shmtui.i18n import _
from shmtui.layouts.options import ResolvedLayout
from shmtui.monitor.counted_rates import six_digits
from shmtui.monitor.occupancy import occupancy
from shmtui.monitor.ring_reader import RingState
from shmtui.procfs.credentials import FileAccess
from shmtui.shm.control_records import ControlHeader
from shmtui.shm.item_counts import Method, Throughput
from shmtui.shm.layout import Layout
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.shm.segment_info import LayoutInfo, Offsets, SegmentInfo
from shmtui.shm.segment_reader import SegmentStatus, user_name
from shmtui.snapshot import Origin, Process, Snapshot

STALE_NS: Final = 3_000_000_000
"""Rates in a control block that are older than this are not used."""


def file_access(status: SegmentStatus) -> FileAccess:
    """Whose the segment is and who may write to it."""
    return FileAccess(status.uid, status.gid, status.mode)


def segment_info(name: str, status: SegmentStatus, *, read_only: bool) -> SegmentInfo:
    """The file, as it is shown."""
    return SegmentInfo(
        name=name,
        size=status.size,
        inode=status.identity.inode,
        mode=status.mode,
        owner=user_name(status.uid),
        unlinked=status.unlinked,
        replaced=status.replaced,
        size_mapped=status.size_mapped,
        read_only=read_only,
    )


def layout_info(resolved: ResolvedLayout, layout: Layout, options: str) -> LayoutInfo:
    """The layout, as it is shown; ``options``: what the user said of it."""
    return LayoutInfo(
        source=resolved.source,
        slots=layout.slots,
        item_type=layout.item.name,
        item_size=layout.item.size,
        offsets=Offsets(
            layout.data, layout.in_, layout.out, layout.mutex, layout.empty, layout.full
        ),
        semaphores=layout.kind,
        candidates=resolved.candidate_options,
        by_convention=resolved.by_convention,
        libc=layout.libc,
        index_size=layout.index_size,
        assumptions=(*resolved.assumptions, *resolved.disputes),
        disputed=bool(resolved.disputes),
        origin=resolved.origin,
        index_segment=layout.index_segment,
        options=options,
        lock_free=layout.lock_free,
        index_names=layout.index_names,
    )


def threads_unread(snapshot: Snapshot) -> Iterator[str]:
    """That not all threads of a process were looked at, and what looks at all."""
    for process in snapshot.read_in_part:
        yield _(
            "{read:,} of the {threads:,} threads of PID {pid} were looked at, first those that were seen "
            "to wait; all are looked at by: shmtui check {target}"
        ).format(
            read=process.threads_read,
            threads=process.threads,
            pid=process.pid,
            target=target(snapshot),
        )


def ring_occupancy(
    layout: Layout,
    ring: RingState,
    items: tuple[int, int] | None,
    room: tuple[int, int] | None,
) -> int | None:
    """Full slots by what was read; ``items`` and ``room``: the fewest and the most permits that
    workers hold, for items and for free slots. None where that leaves it open.
    """
    if ring.in_ is None or ring.out is None:
        return None
    empty, full = ring.value(SemaphoreRole.EMPTY), ring.value(SemaphoreRole.FULL)
    return occupancy(
        layout.slots, ring.in_, ring.out, empty, full, items, room, layout.index_size, ring.count
    )  # fmt: skip


def counted_throughput(
    header: ControlHeader, processes: Sequence[Process], now_ns: int
) -> Throughput:
    """Both rates from the workers' own counters, exact while no other process takes part."""
    produced = _summed(processes, Role.PRODUCER)
    consumed = _summed(processes, Role.CONSUMER)
    if header.published_ns and 0 <= now_ns - header.published_ns < STALE_NS:
        produced = _finite(header.produced_per_s) if produced is None else produced
        consumed = _finite(header.consumed_per_s) if consumed is None else consumed
    return Throughput(produced, consumed, Method.COUNTERS)


def _summed(processes: Sequence[Process], role: Role) -> float | None:
    rates = [p.rate for p in processes if p.role is role and p.origin is Origin.WORKER]
    known = [rate for rate in rates if rate is not None]
    return six_digits(sum(known)) if len(known) == len(rates) else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
