"""A recording as a table: a line for each snapshot, for a spreadsheet or a plot."""

import csv
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

from shmtui.i18n import _
from shmtui.recording.reader import Recording
from shmtui.recording.schema import RecordingError
from shmtui.report.snapshot_json import rfc3339, text
from shmtui.sanitize import inert
from shmtui.shm.protocol import SemaphoreRole
from shmtui.snapshot import Snapshot

Cell = str | int | float | None


_FORMULA: Final = ("=", "+", "-", "@")
"""What a spreadsheet takes a cell for that begins so."""


def _text(words: str) -> str:
    r"""Text from elsewhere, as a cell that no spreadsheet takes for a formula or splits at a semicolon.

    >>> _text("/jobs"), _text("=1+2"), _text("/a;=1+2"), _text("-x\x1b[m")
    ('/jobs', "'=1+2", '/a\\x3b=1+2', "'-x^[[m")
    """
    plain = inert(text(words), ascii_only=True).replace(";", r"\x3b")
    return f"'{plain}" if plain.startswith(_FORMULA) else plain


def _permits(role: SemaphoreRole, name: str) -> Callable[[Snapshot], Cell]:
    def cell(snapshot: Snapshot) -> Cell:
        state = snapshot.semaphores.get(role)
        found: int | None = None if state is None else getattr(state, name)
        return found

    return cell


COLUMNS: Final[dict[str, Callable[[Snapshot], Cell]]] = {
    "time": lambda s: rfc3339(s.time),
    "monotonic_ns": lambda s: s.monotonic_ns,
    "segment": lambda s: _text(s.segment.name),
    "inode": lambda s: s.segment.inode,
    "in": lambda s: s.in_,
    "out": lambda s: s.out,
    "occupancy": lambda s: s.occupancy,
    "in_flight": lambda s: s.in_flight,
    "produced_per_s": lambda s: s.throughput.produced_per_s,
    "consumed_per_s": lambda s: s.throughput.consumed_per_s,
    "method": lambda s: s.throughput.method,
    "produced": lambda s: None if s.counted is None else s.counted.produced,
    "consumed": lambda s: None if s.counted is None else s.counted.consumed,
    **{
        f"{role}_{name}": _permits(role, name)
        for role in SemaphoreRole
        for name in ("value", "waiters")
    },
    "processes": lambda s: sum(p.alive for p in s.processes),
    "blocked": lambda s: sum(bool(p.waits or p.sleeps_on) for p in s.processes if p.alive),
    "health": lambda s: s.health.status,
    "findings": lambda s: _text(" ".join(f.code for f in s.health.findings)),
}
"""By the names of the JSON form; an empty cell is unknown."""


def write_table(recording: Recording, path: Path | None) -> int:
    """Write the table to a new file, or to standard output; returns how many snapshots it has.

    RecordingError: the file exists or cannot be written, or the recording is damaged.
    """
    if path is None:
        return write_rows(recording, sys.stdout)
    try:
        with path.open("x", newline="", encoding="utf-8") as file:
            return write_rows(recording, file)
    except FileExistsError:
        wrong = _("{path} exists: give another name, or remove it")
        raise RecordingError(wrong.format(path=path)) from None
    except OSError as error:
        wrong = _("cannot write {path}: {why}")
        raise RecordingError(wrong.format(path=path, why=error.strerror)) from None


def write_rows(recording: Recording, file: IO[str]) -> int:
    """Write the table; returns how many snapshots it has. RecordingError: the recording is damaged."""
    table = csv.writer(file, lineterminator="\n")
    table.writerow(COLUMNS)
    for number in range(len(recording)):
        snapshot = recording.frame(number).snapshot
        table.writerow([cell(snapshot) for cell in COLUMNS.values()])
    return len(recording)
