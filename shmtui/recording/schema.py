"""One line of a recording: a snapshot with the events since the one before, as JSON. Pure.

A line has the keys of the records in `shmtui.snapshot`, without those whose value is the default, and

- ``recording``: the number of this schema;
- ``events``: what was reported since the line before, where anything was;
- ``begun``: the codes of the findings that this line has and the one before has not;
- ``host`` and ``version``: of the recorder, in the first line of each member.
"""

import json
from collections.abc import Callable
from functools import cache
from typing import Any, Final

import msgspec

from shmtui.errors import ShmtuiError
from shmtui.events import Event
from shmtui.i18n import _
from shmtui.recording.codec import UnknownFormError, decoder, encoder
from shmtui.snapshot import Snapshot

SCHEMA: Final = 1
"""Raised when a key changes its meaning, or can have a value that it could not have. A key with a
default may be added without."""
LONGEST_LINE: Final = 8 << 20
"""Bytes of a line."""
_LAST_TIME: Final = 253_402_300_799.0
"""The end of the year 9999, in seconds since the epoch."""
_LAST_MONOTONIC: Final = 2**63

Json = dict[str, Any]

UPGRADES: Final[dict[int, Callable[[Json], Json]]] = {}
"""By the number of an older schema: what makes a line of the next schema of one of it."""

# Made for the first line: a dashboard that records nothing does not wait for them.
_encoder, _decoder = cache(encoder), cache(decoder)
_Events = tuple[Event, ...]
_Codes = tuple[str, ...]
_to_json = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class RecordingError(ShmtuiError):
    """A recording cannot be written, or is none, or is damaged."""


class Frame(msgspec.Struct, frozen=True):
    """What a line holds."""

    snapshot: Snapshot
    events: tuple[Event, ...] = ()
    """Since the frame before, the oldest first."""
    begun: tuple[str, ...] = ()
    """Codes of the findings that began with it."""


def line_of(frame: Frame, more: Json | None = None) -> bytes:
    """A frame as a line, with its end; ``more`` are keys beside the frame's own.

    RecordingError: it is longer than a line can be.
    """
    encode_snapshot, encode_events = _encoder(Snapshot), _encoder(_Events)
    assert encode_snapshot is not None
    assert encode_events is not None
    record: Json = {"recording": SCHEMA, **(more or {}), **encode_snapshot(frame.snapshot)}
    if frame.events:
        record["events"] = encode_events(frame.events)
    if frame.begun:
        record["begun"] = list(frame.begun)
    line = _to_json(record).encode() + b"\n"
    if len(line) > LONGEST_LINE:
        wrong = _(
            "a snapshot of {name} takes {size} bytes, and a recording holds {most} of each: "
            "record a segment of smaller items"
        )
        name, size = frame.snapshot.segment.name, len(line)
        raise RecordingError(wrong.format(name=name, size=size, most=LONGEST_LINE))
    return line


def checked(line: bytes, key: str, newest: int) -> tuple[dict[str, Any], int]:
    """The keys of a line, and its schema: the number under ``key``, which is ``newest`` at most.

    UnknownFormError: it is no such line. RecordingError: its schema is a newer one.
    """
    if len(line) > LONGEST_LINE:
        raise UnknownFormError("a line too long")
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        raise UnknownFormError("no JSON") from None
    number = record.get(key) if type(record) is dict else None
    if type(number) is not int:
        raise UnknownFormError("no schema")
    if number > newest:
        wrong = _(
            "it has the schema {number}, and this shmtui reads those up to {known}: read it with "
            "a newer shmtui"
        )
        raise RecordingError(wrong.format(number=number, known=newest))
    return record, number


def parse_line(line: bytes) -> Json:
    """The keys of a line, by this schema.

    UnknownFormError: it is no line of a recording. RecordingError: it is one of a newer schema.
    """
    record, number = checked(line, "recording", SCHEMA)
    while number < SCHEMA:
        upgrade = UPGRADES.get(number)
        if upgrade is None:
            raise UnknownFormError(f"schema {number}")
        record, number = upgrade(record), number + 1
    return record


def frame_of(record: Json) -> Frame:
    """The frame of a line's keys. UnknownFormError: they do not hold one."""
    snapshot: Snapshot = _decoder(Snapshot)(record)
    if not 0 <= snapshot.monotonic_ns < _LAST_MONOTONIC:
        raise UnknownFormError("monotonic_ns is no time")
    since = None if snapshot.exact is None else snapshot.exact.since
    require_times([snapshot.time, since, *(p.since for p in snapshot.processes)])
    return Frame(snapshot, events_of(record), begun_of(record))


def events_of(record: Json) -> tuple[Event, ...]:
    """The events of a line's keys. UnknownFormError: they are none."""
    events: _Events = _decoder(_Events)(record.get("events", []))
    require_times([event.time for event in events])
    return events


def begun_of(record: Json) -> tuple[str, ...]:
    """The codes of the findings that began with a line. UnknownFormError: they are none."""
    codes: _Codes = _decoder(_Codes)(record.get("begun", []))
    return codes


def require_times(times: list[float | None]) -> None:
    """UnknownFormError: one is no time that a calendar has."""
    for time in times:
        if time is not None and not 0 <= time < _LAST_TIME:
            raise UnknownFormError(f"{time} is no time")
