"""The layout of a recording's file: gzip members, each with a header to hop over it by. Pure.

``zcat`` inflates the file to lines of JSON. A member's header has an extra field (RFC 1952) that tells
how long the member is and what it holds, so that a reader finds any time without inflating the rest. A
member of size 0 was not ended: it reaches to the end of the file, and holds the lines up to its last
flush. Files written one after the other (``cat A B``) are a recording too.
"""

import math
import struct
import zlib
from typing import Final

import msgspec

from shmtui.snapshot import Status

MEMBER_FRAMES: Final = 50
"""Most frames in a member: a reader inflates that many to show one."""
MEMBER_BYTES: Final = 1 << 20
"""A member is ended once its lines have so many bytes."""
MOST_FRAMES: Final = 1000
"""A reader refuses a member of more lines."""
LARGEST_MEMBER: Final = 16 << 20
"""No member is longer, inflated or not: a reader refuses to inflate more."""
_HEADER: Final = struct.Struct("<4B I 2B H 2s H Q I I I 3B x d d Q Q")
_EXTRA: Final = struct.Struct("<2s H Q I I I 3B x d d Q Q")
HEADER_SIZE: Final = _HEADER.size
TRAILER: Final = struct.Struct("<II")
_GZIP: Final = (31, 139, 8, 4)
"""Magic, deflate, an extra field."""
_MARK: Final = b"SH"
_CAPSULE_MARK: Final = b"SC"
"""Of a member that holds no snapshots, but what a capsule has beside them."""
_WORST: Final = (Status.UNKNOWN, Status.OK, Status.WARNING, Status.CRITICAL)
"""From the best to the worst, as a header numbers them."""
_LAST_TIME: Final = 253_402_300_799.0
_LAST_MONOTONIC: Final = 2**63


class Header(msgspec.Struct):
    """What a member's header tells of it; times of its first and its last frame."""

    size: int
    """Bytes of the member with its header; 0: it was not ended."""
    frames: int
    events: int
    begun: int
    """Findings that began in it; of a capsule's members 1 in the first."""
    worst: int
    """Of the states of health in it, by `rank`."""
    worst_from: int
    """The first frame of the member that has that state."""
    worst_to: int
    """The last one."""
    first_time: float
    """Seconds since the epoch."""
    last_time: float
    first_ns: int
    """CLOCK_MONOTONIC."""
    last_ns: int
    capsule: bool = False
    """Whether it holds a part of a capsule, and no frames."""

    def pack(self) -> bytes:
        """The bytes that a member begins with."""
        written = min(max(0, int(self.first_time)), 2**32 - 1)
        mark = _CAPSULE_MARK if self.capsule else _MARK
        return _HEADER.pack(
            *_GZIP, written, 0, 255, _EXTRA.size, mark, _EXTRA.size - 4, self.size, self.frames,
            self.events, self.begun, self.worst, self.worst_from, self.worst_to, self.first_time, self.last_time, self.first_ns,
            self.last_ns,
        )  # fmt: skip


def with_health(header: Header, at: int, status: Status) -> None:
    """Take in the health of the member's frame of that number, from 0 on; the frames come in order."""
    number = rank(status)
    if number > header.worst:
        header.worst, header.worst_from = number, at
    if number == header.worst:
        header.worst_to = at


def rank(status: Status) -> int:
    """How bad a state of health is, from 0 on."""
    return _WORST.index(status)


def status_of(number: int) -> Status:
    """The state of health of a rank."""
    return _WORST[number]


def unpack(raw: bytes, at: int = 0) -> Header | None:
    """The header that begins at a byte of ``raw``; None where none does, or one that cannot be true."""
    if len(raw) - at < HEADER_SIZE:
        return None
    *fixed, mark, inside, size, frames, events, begun, worst, since, until, t0, t1, n0, n1 = (
        _HEADER.unpack_from(raw, at)
    )
    if tuple(fixed[:4]) != _GZIP or mark not in {_MARK, _CAPSULE_MARK}:
        return None
    capsule = mark == _CAPSULE_MARK
    right = (
        fixed[-1] == _EXTRA.size
        and inside == _EXTRA.size - 4
        and (size == 0 or HEADER_SIZE + TRAILER.size < size <= LARGEST_MEMBER)
        and (size == 0 or capsule or 0 < frames <= MOST_FRAMES)
        and not (capsule and size == 0)
        and worst < len(_WORST)
        and since <= until
        and all(math.isfinite(time) and 0 <= time < _LAST_TIME for time in (t0, t1))
        and n0 <= n1 < _LAST_MONOTONIC
    )
    if not right:
        return None
    return Header(size, frames, events, begun, worst, since, until, t0, t1, n0, n1, capsule)


class DamagedMemberError(ValueError):
    """The bytes of a member are not those that were written, or are too many."""


def lines_of(body: bytes, *, ended: bool) -> list[bytes]:
    """The whole lines of a member, of its bytes behind the header.

    Of one that was not ended those up to its last flush. DamagedMemberError: it is damaged, or inflates to
    more than `LARGEST_MEMBER`.
    """
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        text = inflate.decompress(body, LARGEST_MEMBER)
    except zlib.error as error:
        raise DamagedMemberError(str(error)) from None
    if inflate.unconsumed_tail:
        raise DamagedMemberError("too large")
    if text.count(b"\n") > MOST_FRAMES:
        raise DamagedMemberError("too many lines")
    if ended:
        trailer = inflate.unused_data
        right = TRAILER.pack(zlib.crc32(text), len(text) & 0xFFFF_FFFF)
        if not inflate.eof or trailer != right:
            raise DamagedMemberError("another checksum")
    return text.split(b"\n")[:-1]
