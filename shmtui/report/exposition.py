"""Snapshots as Prometheus's text exposition format 0.0.4, each metric declared once. Pure.

What is unknown has no series; 0 means zero. Names of metrics and labels and the help in the text
are the same in every language, as JSON's keys are: machines compare them.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import msgspec

from shmtui import __version__
from shmtui.monitor.segment_watch import WatchedSegment
from shmtui.sanitize import inert, shell_word
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.segment_info import SemaphoreState
from shmtui.shm.sync_object import SyncObject
from shmtui.snapshot import Process, Snapshot, Status

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Labels = tuple[tuple[str, str], ...]
Series = Iterator[tuple[Labels, float | None]]
"""Labels beside ``segment``, and the value; None where it is unknown."""
SeriesOf = Callable[[Snapshot], Series]


class Metric(msgspec.Struct, frozen=True):
    """One metric of a segment."""

    name: str
    kind: str
    """``gauge`` or ``counter``."""
    help: str
    series: SeriesOf
    summed: bool = False
    """Series of equal labels are counted together. Else two values for one series leave it unknown."""
    of_processes: bool = False
    """It has a series for each process: made on request alone."""


def exposition(segments: Sequence[WatchedSegment], *, processes: bool = False) -> str:
    r"""The text. ``processes``: also the metrics that have a series for each process.

    >>> print(exposition([WatchedSegment("/a\n", why="it is gone")]).splitlines()[-1])
    shmtui_segment_up{segment="$'/a\\x0a'"} 0
    """
    lines = [*_family("shmtui_build_info", "gauge", "The version of shmtui; always 1.",
                      {(("version", __version__),): 1})]  # fmt: skip
    for name, help_, value in _OF_WATCHED:
        found = {_segment(each): value(each) for each in segments}
        lines += _family(name, "gauge", help_, found)
    for metric in METRICS:
        if processes or not metric.of_processes:
            lines += _family(metric.name, metric.kind, metric.help, _collected(metric, segments))
    return "".join(f"{line}\n" for line in lines)


def _segment(each: WatchedSegment) -> Labels:
    """The segment as a shell takes it, so that a command in an alert can be pasted: two segments are
    never written alike, and no name does more there than name.
    """
    return (("segment", shell_word(each.target)),)


def _collected(metric: Metric, segments: Iterable[WatchedSegment]) -> dict[Labels, float | None]:
    """The values by their labels, which are unique: one series given twice voids a whole scrape."""
    found: dict[Labels, float | None] = {}
    for each in segments:
        own = _segment(each)
        for labels, value in () if each.snapshot is None else metric.series(each.snapshot):
            key = (*own, *labels)
            if key not in found:
                found[key] = value
            elif metric.summed and (before := found[key]) is not None and value is not None:
                found[key] = before + value
            else:
                found[key] = None
    return found


def _family(name: str, kind: str, help_: str, series: dict[Labels, float | None]) -> Iterator[str]:
    """The lines of one metric; none where it has no series."""
    known = [(labels, value) for labels, value in series.items() if value is not None]
    if not known:
        return
    yield f"# HELP {name} {help_}"
    yield f"# TYPE {name} {kind}"
    for labels, value in known:
        inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels)
        yield f"{name}{{{inside}}} {_number(value)}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    """A number as the format writes it.

    >>> _number(2.5), _number(7), _number(math.inf), _number(2**63)
    ('2.5', '7', '+Inf', '9223372036854775808')
    """
    if isinstance(value, int):
        return str(int(value))
    if math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else f"{value:+}".replace("inf", "Inf")


def _labels(**values: str) -> Labels:
    return tuple((name, inert(value)) for name, value in values.items())


# -- what is told of a segment ----------------------------------------------------------------------


def _info(s: Snapshot) -> Series:
    layout, segment = s.layout, s.segment
    nameless = segment.size_mapped
    yield (
        _labels(
            inode=str(segment.inode),
            owner="" if nameless else segment.owner,
            mode="" if nameless else f"{segment.mode:04o}",
            layout=layout.source,
            item_type=layout.item_type,
            semaphores="" if layout.lock_free else layout.semaphores,
        ),
        1,
    )


def _healthy(s: Snapshot) -> float | None:
    if s.health.status is Status.UNKNOWN:
        return None
    return int(s.health.status is Status.OK)


def _orphan(s: Snapshot) -> float | None:
    if s.supervised or any(p.alive for p in s.processes):
        return 0
    return None if s.hidden else 1


def _findings(s: Snapshot) -> Series:
    for each in s.health.findings:
        yield _labels(code=each.code, severity=each.severity, certainty=each.certainty), 1


def _counted(s: Snapshot, which: str) -> int | None:
    if s.counted is None:
        return None
    return s.counted.produced if which == "produced" else s.counted.consumed


def _semaphores(number: Callable[[SyncObject | SemaphoreState], int | None]) -> SeriesOf:
    """A series for each lock and semaphore: by its role in the ring, or else by its own name."""

    def series(s: Snapshot) -> Series:
        for role, state in s.semaphores.items():
            yield _labels(semaphore=role), number(state)
        for each in s.sync:
            if each.role is None:
                taken = each.name in set(SemaphoreRole)
                label = f"byte {each.offset}" if taken else each.name
                yield _labels(semaphore=label), number(each)
            elif each.role not in s.semaphores:
                yield _labels(semaphore=each.role), number(each)

    return series


def _processes(s: Snapshot) -> Series:
    for each in s.processes:
        yield _labels(role=each.role, state=each.state), 1


def _each_process(number: Callable[[Process], float | None]) -> SeriesOf:
    def series(s: Snapshot) -> Series:
        for each in s.processes:
            yield _labels(role=each.role, process=each.name, pid=str(each.pid)), number(each)

    return series


def _value(number: Callable[[Snapshot], float | None]) -> SeriesOf:
    """One series: the number."""

    def series(s: Snapshot) -> Series:
        yield (), number(s)

    return series


METRICS: Final = (
    Metric("shmtui_segment_info", "gauge",
           "What the segment is, and where its layout is known from; always 1.", _info),
    Metric("shmtui_segment_size_bytes", "gauge", "Size of the segment.",
           _value(lambda s: s.segment.size)),
    Metric("shmtui_snapshot_timestamp_seconds", "gauge",
           "When the segment was last read, in seconds since the epoch.", _value(lambda s: s.time)),
    Metric("shmtui_segment_healthy", "gauge",
           "1: all was judged and nothing found. 0: findings. Absent: not judged, or not in full.",
           _value(_healthy)),
    Metric("shmtui_segment_orphan", "gauge",
           "1: no live process has it. 0: one has. Absent: one that cannot be seen may have it.",
           _value(_orphan)),
    Metric("shmtui_findings", "gauge",
           "Findings of that code; absent where there is none (see shmtui_segment_healthy).",
           _findings, summed=True),
    Metric("shmtui_ring_slots", "gauge", "Slots of the ring.",
           _value(lambda s: s.layout.slots or None)),
    Metric("shmtui_ring_occupied_slots", "gauge", "Slots that hold an item.",
           _value(lambda s: s.occupancy)),
    Metric("shmtui_ring_in_flight_items", "gauge",
           "Permits that workers of shmtui hold: items between the semaphores and the ring.",
           _value(lambda s: s.in_flight)),
    Metric("shmtui_semaphore_value", "gauge",
           "Permits of a semaphore; 1 for a lock that is free, 0 for one that is held.",
           _semaphores(lambda each: each.value)),
    Metric("shmtui_semaphore_waiters", "gauge", "Waiters that a semaphore or lock counts.",
           _semaphores(lambda each: each.waiters)),
    Metric("shmtui_items_produced_total", "counter",
           "Items that all producers have put in, those that have ended included.",
           _value(lambda s: _counted(s, "produced"))),
    Metric("shmtui_items_consumed_total", "counter",
           "Items that all consumers have taken out, those that have ended included.",
           _value(lambda s: _counted(s, "consumed"))),
    Metric("shmtui_processes", "gauge",
           "Processes that have the segment, as far as they are seen.", _processes, summed=True),
    Metric("shmtui_process_items_total", "counter", "Items that a process has moved.",
           _each_process(lambda p: p.items), of_processes=True),
    Metric("shmtui_process_blocked_seconds", "gauge",
           "For how long a process has been blocked, at the least.",
           _each_process(lambda p: p.blocked_for), of_processes=True),
)  # fmt: skip
"""What is told of each segment that could be read, by its snapshot."""

_OF_WATCHED: Final[tuple[tuple[str, str, Callable[[WatchedSegment], float | None]], ...]] = (
    ("shmtui_segment_used_bytes", "Memory that the segment takes.", lambda each: each.in_use),
    ("shmtui_segment_up",
     "1: the segment could be read at the last look. 0: it could not. Absent: not looked at yet.",
     lambda each: int(each.snapshot is not None) if each.snapshot or each.why else None),
)  # fmt: skip
"""What is told of each segment, whether or not it could be read."""
