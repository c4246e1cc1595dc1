"""Everything that looks at a segment, in one process: each reader, each text, each drawing."""

import contextlib
import cProfile
import resource
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

from msgspec.structs import replace

from shmtui.errors import ShmtuiError
from shmtui.layouts.options import LayoutOptions
from shmtui.monitor.sampler import Sampler
from shmtui.monitor.shared_object import SharedObject
from shmtui.report import segment_table as listing
from shmtui.report import snapshot_json as json
from shmtui.report import snapshot_text as text
from shmtui.snapshot import Snapshot
from shmtui.tui.draw import bytes as raw
from shmtui.tui.draw import object_columns, picker, ring, semaphores, throughput
from shmtui.tui.draw.processes import row_line
from shmtui.tui.draw.title import title_line
from shmtui.tui.glyphs import ASCII, UNICODE
from shmtui.tui.object_rows import ObjectRow
from shmtui.tui.process_rows import table_rows
from shmtui.tui.rate_history import RateHistory
from shmtui.tui.spans import Line, clip_line, width_of
from shmtui.tui.status_line import status_word
from shmtui.tui.view_model import ChangeHighlight, ViewModel
from shmtui.tui.widgets.events import finding_line, finding_text
from tests.monitor.named_objects import named_objects

MOST_CALLS: Final = 1_000_000
"""Calls that reading one segment may take. Unlike seconds, their number is the same on every
machine. A call takes about a microsecond.
"""
HANGS_SECONDS: Final = 300
"""Seconds after which a test gives up. Only what hangs takes that long."""
BOXES: Final = ((120, 12, UNICODE), (50, 5, ASCII))
"""Width, height and glyphs of a panel."""


@dataclass(slots=True)
class Tally:
    """What the looks came to."""

    looks: int = 0
    refused: int = 0
    most_calls: int = 0
    """Calls of the look that took most."""


@contextlib.contextmanager
def bounded(tally: Tally) -> Iterator[None]:
    """AssertionError where the block makes more calls than MOST_CALLS, or does not end."""

    def hangs(_number: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"no end after {HANGS_SECONDS} s")

    alarm = signal.signal(signal.SIGALRM, hangs)
    signal.alarm(HANGS_SECONDS)
    profile = cProfile.Profile()
    try:
        with profile:
            yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, alarm)
        calls = sum(entry.callcount for entry in profile.getstats())
        tally.looks += 1
        tally.most_calls = max(tally.most_calls, calls)
    assert calls <= MOST_CALLS


def peak_bytes() -> int:
    """The most memory that this process has had at a time."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def listed(folder: Path) -> tuple[SharedObject, ...]:
    """``ls`` of a folder in all of its forms."""
    entries = named_objects(str(folder))
    lines = [
        *listing.listing_lines(entries),
        *listing.listing_lines(entries, 80),
        *(json.line(json.object_json(entry)) for entry in entries),
    ]
    sane(lines)
    for entry in entries:
        fits(
            [picker.object_line(ObjectRow(entry), object_columns.columns_for(80), 80, UNICODE)], 80
        )
        fits(picker.object_detail(entry, 80, 6, ASCII), 80)
    return entries


def look(name: str, options: LayoutOptions, folder: Path, tally: Tally) -> Snapshot | None:
    """``stat``, ``check`` and ``attach`` on one segment; None where it is refused."""
    try:
        with (
            bounded(tally),
            contextlib.closing(Sampler(name, options, folder=str(folder))) as sampler,
        ):
            sampler.sample()
            sampler.slots_shown = 64
            sampler.sample_ring()
            snapshot = sampler.sample()
            told(snapshot)
            drawn(snapshot, sampler)
            return snapshot
    except ShmtuiError as error:
        tally.refused += 1
        sane([str(error)])
        return None


def told(snapshot: Snapshot) -> None:
    """A snapshot as text and as JSON."""
    sane([json.line(json.snapshot_json(snapshot)), *text.snapshot_lines(snapshot)])


def sane(lines: list[str]) -> None:
    """AssertionError where a line is several, cannot be written, or could move a cursor."""
    for line in lines:
        assert "\n" not in line
        assert "\x1b" not in line
        line.encode("utf-8")


def drawn(snapshot: Snapshot, sampler: Sampler) -> None:
    """A snapshot in every panel, wide and narrow."""
    history = RateHistory()
    rates = snapshot.throughput
    history.add(snapshot.monotonic_ns, rates.produced_per_s, rates.consumed_per_s)
    view = ViewModel(
        snapshot=snapshot, history=history, status_word=status_word(snapshot), read_only=True
    )
    rows = table_rows(snapshot)
    at = max(snapshot.segment.size - 200, 0)
    window = ChangeHighlight().update(at, sampler.read(at, 256), 1)
    for box in BOXES:
        width, _height, glyphs = box
        fits([title_line(replace(view, glyphs=glyphs), width)], width)
        for finding in snapshot.health.findings:
            fits(
                [finding_line(finding, width, glyphs), *finding_text(finding, width, glyphs)], width
            )
        # The words of a bad ending stick out, and the panel cuts them.
        cut = (clip_line(row_line(row, width, False, glyphs), width) for row in rows)
        fits([*cut], width)
        for reading in raw.BYTE_FORMATS if view.raw else ():
            fits(raw.raw_lines(window, at, snapshot.segment.size, reading, *box), width)
        if not view.raw:
            fits(ring.ring_lines(snapshot, *box), width)
            fits(semaphores.semaphore_lines(snapshot, True, *box), width)
            fits(throughput.throughput_lines(snapshot, history, *box), width)


def fits(lines: list[Line], width: int) -> None:
    """AssertionError where a line is wider than its panel."""
    assert all(width_of(line) <= width for line in lines)
