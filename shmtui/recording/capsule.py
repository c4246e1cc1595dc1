"""A capsule: a recording with further members, which hold an `Incident` and the segment's bytes.

The members stand behind those of the snapshots, and have a mark of their own: a reader that does not
know them reads the snapshots, and says that it does not read the rest. Each holds lines of JSON:

- ``{"capsule": 1, …}`` with the keys of `Incident`, once, in the first;
- ``{"capsule": 1, "offset": N, "bytes": HEX}`` for each stretch of the segment that holds anything but
  zeros, in their order.
"""

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Any, Final

from msgspec.structs import replace

from shmtui.i18n import _
from shmtui.recording.codec import UnknownFormError, decoder, encoder
from shmtui.recording.incident import Incident
from shmtui.recording.reader import Recording
from shmtui.recording.schema import LONGEST_LINE, RecordingError, checked, require_times

CAPSULE: Final = 1
"""The number of this schema."""
STRETCH: Final = 1 << 16
"""Most bytes of the segment in a line."""
MOST_BYTES: Final = 16 << 20
"""Most bytes of a segment that a capsule keeps, stretches of zeros not counted."""
_LARGEST_SEGMENT: Final = 2**63

_encode = encoder(Incident)
_decode = decoder(Incident)
_to_json = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
Stretch = tuple[int, bytes]
"""Where it begins in the segment, and its bytes."""


class SegmentBytes:
    """The bytes that a capsule keeps of a segment: those before byte ``copied``."""

    def __init__(self, incident: Incident, stretches: Iterable[Stretch] = ()) -> None:
        """UnknownFormError: they are out of order, out of bounds, or more than a capsule holds."""
        self.size, self.copied = incident.size, incident.copied
        if not 0 <= self.copied <= self.size < _LARGEST_SEGMENT:
            raise UnknownFormError("no size of a segment")
        self._starts: list[int] = []
        self._stretches: list[bytes] = []
        end = kept = 0
        for offset, raw in stretches:
            kept += len(raw)
            if not (end <= offset and 0 < len(raw) <= STRETCH and offset + len(raw) <= self.copied):
                raise UnknownFormError("bytes at no place of the segment")
            if kept > MOST_BYTES:
                raise UnknownFormError("too many bytes")
            end = offset + len(raw)
            self._starts.append(offset)
            self._stretches.append(raw)
        if kept < incident.kept:
            self.copied = end  # The end of the file is missing, and what it held.

    def read(self, offset: int, length: int) -> bytes:
        """Up to ``length`` bytes; fewer where what was kept ends before."""
        end = min(offset + length, self.copied)
        found = bytearray(max(0, end - offset))
        at = max(0, bisect_right(self._starts, offset) - 1)
        for start, raw in zip(self._starts[at:], self._stretches[at:], strict=True):
            if start >= end:
                break
            first, last = max(start, offset), min(start + len(raw), end)
            if first < last:
                found[first - offset : last - offset] = raw[first - start : last - start]
        return bytes(found)


def capsule_lines(incident: Incident, stretches: Iterable[Stretch]) -> Iterator[bytes]:
    """The lines of a capsule, the incident first. RecordingError: that is longer than a line can be."""
    assert _encode is not None
    line = _to_json({"capsule": CAPSULE, **_encode(incident)}).encode() + b"\n"
    if len(line) > LONGEST_LINE:
        wrong = _("what is known of the processes takes {size} bytes, and a capsule holds {most}")
        raise RecordingError(wrong.format(size=len(line), most=LONGEST_LINE))
    yield line
    for offset, raw in stretches:
        stretch = {"capsule": CAPSULE, "offset": offset, "bytes": raw.hex()}
        yield _to_json(stretch).encode() + b"\n"


def read_capsule(recording: Recording) -> tuple[Incident, SegmentBytes] | None:
    """What a recording holds as a capsule, of its last where it has several; None: it is none.

    RecordingError: it is damaged, or of a newer shmtui.
    """
    if not recording.capsule_members:
        return None
    try:
        return _read(map(_parsed, recording.capsule_lines()))
    except UnknownFormError as error:
        wrong = _("the capsule in {path} is damaged: {why}")
        raise RecordingError(wrong.format(path=recording.path, why=error)) from None


def _read(lines: Iterable[dict[str, Any]]) -> tuple[Incident, SegmentBytes]:
    incident: Incident | None = None
    stretches: list[Stretch] = []
    kept = 0
    for line in lines:
        if incident is None:
            incident = _decode(line)
            continue
        offset, raw = line.get("offset"), line.get("bytes")
        if type(offset) is not int or type(raw) is not str:
            raise UnknownFormError("no bytes")
        kept += len(raw) // 2
        if kept > MOST_BYTES:
            raise UnknownFormError("too many bytes")
        try:
            stretches.append((offset, bytes.fromhex(raw)))
        except ValueError:
            raise UnknownFormError("no bytes") from None
    if incident is None:
        raise UnknownFormError("no incident")
    require_times([incident.time, incident.seconds])
    its = SegmentBytes(incident, stretches)
    return replace(incident, copied=its.copied), its


def _parsed(line: bytes) -> dict[str, Any]:
    record, number = checked(line, "capsule", CAPSULE)
    if number < 1:
        raise UnknownFormError("no schema")
    return record
