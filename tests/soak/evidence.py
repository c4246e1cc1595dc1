"""What is judged of recordings, metrics and the sizes of processes. Pure, but for the reading of files."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from shmtui.recording.reader import Recording
from shmtui.recording.writer import older_path
from shmtui.snapshot import Snapshot
from tests.zoo.animals import Animal

WARM_UP: Final = 0.15
"""The share of a process's life in which its size may grow."""
MEMORY_KB: Final = 2048
FEW: Final = 2
"""Descriptors, threads and children that a process may have more at the end."""
_SEEN_S: Final = 0.5
LEAST_S: Final = 240.0
"""A life of which the growth is judged is as long."""

Told = tuple[str, str, str]
"""Code, severity, certainty of a finding."""


def false_of(told: Iterable[Told], animal: Animal | None = None) -> list[str]:
    """The findings that a healthy segment may not have: those that are critical or certain."""

    def may_be(each: Told) -> bool:
        _code, severity, certainty = each
        if animal is not None:
            return animal.may_be_told(*each)
        return severity != "critical" and certainty != "certain"

    return [" ".join(each) for each in sorted(set(told)) if not may_be(each)]


def told_by(snapshot: Snapshot) -> set[Told]:
    """The findings of a snapshot."""
    return {
        (str(f.code), str(f.severity), str(f.certainty)) for f in snapshot.health.findings
    }  # fmt: skip


def told_in_json(line: str) -> set[Told]:
    """The findings of a snapshot as ``check --json`` prints it."""
    findings = json.loads(line)["health"]["findings"]
    return {(f["code"], f["severity"], f["certainty"]) for f in findings}


@dataclass(slots=True)
class Recorded:
    """What a recording holds, with the older part that it was moved away to."""

    frames: int = 0
    told: dict[Told, list[float]] = field(default_factory=dict)
    """Findings, and when each was seen, CLOCK_MONOTONIC in seconds: some of the times."""
    last: Snapshot | None = None
    wrong: list[str] = field(default_factory=list)


def recorded(path: Path) -> Recorded:
    """Read all frames of a recording. RecordingError: it cannot be opened."""
    found = Recorded()
    for part in (older_path(path), path):
        if part.exists():
            _read(part, found)
    return found


def _read(path: Path, found: Recorded) -> None:
    recording = Recording(path)
    try:
        if "damaged" in recording.note:
            found.wrong.append(f"{path.name}: {recording.note}")
        for number in range(len(recording)):
            snapshot = recording.frame(number).snapshot
            if found.last is not None and snapshot.monotonic_ns <= found.last.monotonic_ns:
                found.wrong.append(f"{path.name}: frame {number} is not after the one before")
            found.last = snapshot
            found.frames += 1
            seen = snapshot.monotonic_ns / 1e9
            for told in told_by(snapshot):
                times = found.told.setdefault(told, [seen])
                if seen > times[-1] + _SEEN_S:
                    times.append(seen)
    finally:
        recording.close()


_SERIES: Final = re.compile(r"^(\w+)\{(.*)\} (\S+)$", re.MULTILINE)
_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

Series = tuple[str, tuple[tuple[str, str], ...]]


def series_of(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """The series of an exposition: metric, labels, value."""
    for metric, labels, value in _SERIES.findall(text):
        yield metric, dict(_LABEL.findall(labels)), float(value)


@dataclass(slots=True)
class Counters:
    """The counters of an exporter, by what they count of which file."""

    highest: dict[tuple[Series, str], float] = field(default_factory=dict)

    def take(self, text: str) -> list[str]:
        """Which of them went back."""
        found = list(series_of(text))
        inodes = {
            labels["segment"]: labels.get("inode", "")
            for metric, labels, _value in found
            if metric == "shmtui_segment_info"
        }
        wrong = []
        for metric, labels, value in found:
            if not metric.endswith("_total"):
                continue
            series = (metric, tuple(sorted(labels.items())))
            key = (series, inodes.get(labels.get("segment", ""), ""))
            before = self.highest.get(key, 0.0)
            if value < before:
                wrong.append(f"{metric} {labels} went from {before:g} back to {value:g}")
            self.highest[key] = value
        return wrong


@dataclass(frozen=True, slots=True)
class Sample:
    """What a process holds at a time; memory in KiB."""

    at: float
    memory: int
    descriptors: int
    threads: int
    children: int
    around: int = 0
    """Processes and segments of the machine, of others too: the list and the exporter hold some of each."""


def slope(samples: Sequence[Sample]) -> float:
    """By how many KiB an hour its memory grows: the median of all pairs' slopes (Theil and Sen)."""
    slopes = [
        (b.memory - a.memory) / (b.at - a.at) * 3600
        for i, a in enumerate(samples)
        for b in samples[i + 1 :]
        if b.at > a.at
    ]
    return median(slopes) if slopes else 0.0


@dataclass(frozen=True, slots=True)
class Growth:
    """How a process has grown after its warm-up, as a row of the table and as what is wrong."""

    row: str
    wrong: tuple[str, ...]


def growth(what: str, samples: Sequence[Sample]) -> Growth:
    """Compare the first fifth after the warm-up with the last one. What goes up and down with what a
    process does, as the workers of a run, is compared by the least of each.
    """
    life = samples[-1].at - samples[0].at
    warm = [s for s in samples if s.at >= samples[0].at + WARM_UP * life]
    fifth = max(len(warm) // 5, 1)
    first, last = warm[:fifth], warm[-fifth:]
    memory = [median(s.memory for s in part) for part in (first, last)]
    steepness = slope(warm)
    held = {
        "descriptors": [min(s.descriptors for s in part) for part in (first, last)],
        "threads": [min(s.threads for s in part) for part in (first, last)],
        "children": [min(s.children for s in part) for part in (first, last)],
    }
    around = max(max(s.around for s in last) - min(s.around for s in first), 0)
    wrong = []
    if life >= LEAST_S:
        if memory[1] - memory[0] > MEMORY_KB:
            wrong.append(f"{what}: memory grew by {memory[1] - memory[0]:.0f} KiB in {life:.0f} s")
        wrong += [
            f"{what}: {kind} grew from {before} to {after}"
            for kind, (before, after) in held.items()
            if after > before + FEW + around
        ]
    cells = (
        what,
        f"{life:.0f}",
        f"{memory[0] / 1024:.1f} → {memory[1] / 1024:.1f}",
        f"{max(s.memory for s in samples) / 1024:.1f}",
        f"{steepness:+.0f}",
        *(f"{before} → {after}" for before, after in held.values()),
    )
    return Growth(f"| {' | '.join(cells)} |", tuple(wrong))
