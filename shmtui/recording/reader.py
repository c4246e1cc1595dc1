"""Reads a recording: any frame of it by number or by time, a member at a time."""

import errno
import os
import stat
from bisect import bisect_right
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from shmtui.errors import shortages_told
from shmtui.events import Event
from shmtui.i18n import _
from shmtui.recording.codec import UnknownFormError, decoder
from shmtui.recording.gzip_member_cache import MemberCache
from shmtui.recording.gzip_members import (
    HEADER_SIZE,
    LARGEST_MEMBER,
    DamagedMemberError,
    Header,
    lines_of,
    unpack,
    with_health,
)
from shmtui.recording.index import Index
from shmtui.recording.schema import (
    Frame,
    Json,
    RecordingError,
    begun_of,
    events_of,
    frame_of,
    parse_line,
)

_decode_ns, _decode_time = decoder(int), decoder(float)

_LOADED: Final = 32
"""Members kept with their lines, of which `LARGEST_MEMBER` bytes in all."""
_CAPSULE_MEMBERS: Final = 16
"""Most members that hold a capsule; a writer fills 7."""
_DIGESTS, _REPORTED = 64, 50_000
"""Members kept by what is searched, and the events and findings in those."""

T = TypeVar("T")


class FrameDigest(msgspec.Struct, frozen=True):
    """What is kept of a frame once its member has been read."""

    number: int
    time: float
    """Seconds since the epoch."""
    seconds: float
    """On the time line."""
    events: tuple[Event, ...]
    begun: tuple[str, ...]


def _facts_of(record: Json) -> tuple[int, float, tuple[Event, ...], tuple[str, ...]]:
    """CLOCK_MONOTONIC, the wall time, the events, and the findings that began."""
    now_ns, time = _decode_ns(record.get("monotonic_ns")), _decode_time(record.get("time"))
    return now_ns, time, events_of(record), begun_of(record)


class Recording:
    """A recording that is open to be read. RecordingError, at the start and at each read: it is none,
    or what is asked for is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.index = Index()
        self.note = ""
        """What is not read of the file, and why; empty where it is whole."""
        self.capsule_members: list[tuple[int, int]] = []
        """Where the members of the last capsule in it lie: offset and size."""
        self._unended = False
        """Whether the last member was not ended."""
        self._loaded: MemberCache[list[bytes]] = MemberCache(_LOADED, LARGEST_MEMBER)
        self._digests: MemberCache[tuple[FrameDigest, ...]] = MemberCache(_DIGESTS, _REPORTED)
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise self._unreadable(error.errno) from None
        try:
            self._read_headers()
            self.frame(0)
            self.frame(len(self) - 1)
        except BaseException:
            os.close(self._fd)
            raise

    def close(self) -> None:
        os.close(self._fd)

    def __len__(self) -> int:
        return self.index.frames

    # The file.

    def _unreadable(self, number: int | None) -> RecordingError:
        wrong = _("cannot read the recording {path}: {why}")
        return RecordingError(wrong.format(path=self.path, why=os.strerror(number or errno.EIO)))

    def _read_headers(self) -> None:
        found = os.fstat(self._fd)
        if stat.S_ISDIR(found.st_mode):
            raise self._unreadable(errno.EISDIR)
        at, end = 0, found.st_size if stat.S_ISREG(found.st_mode) else 0
        while at < end:
            header = unpack(os.pread(self._fd, HEADER_SIZE, at))
            if header is None:
                self._cut_off(at, end)
                break
            if header.size == 0 or header.size > end - at:
                if header.capsule:
                    self._cut_off(at, end)
                else:
                    self._read_unended(header, at, end)
                break
            if header.capsule:
                if header.begun:
                    self.capsule_members.clear()
                self.capsule_members.append((at, header.size))
                if len(self.capsule_members) > _CAPSULE_MEMBERS:
                    self._cut_off(at, end)
                    break
            else:
                self.index.add(header, at, header.size)
            at += header.size
        if not len(self):
            wrong = _("{path} is not a recording of shmtui, or is an empty one")
            raise RecordingError(wrong.format(path=self.path))

    def _read_unended(self, header: Header, at: int, end: int) -> None:
        """Take in a member that was not ended, or whose end is missing: its header does not say what is
        there of it.
        """
        if end - at > LARGEST_MEMBER:
            self._cut_off(at, end)
            return
        try:
            lines = self._inflated(at, end - at, ended=False)
            frames = [frame_of(self._parsed(line)) for line in lines]
        except (DamagedMemberError, UnknownFormError):
            self._cut_off(at, end)
            return
        self.note = _("it was not ended: it is read up to its last whole snapshot")
        if not frames:
            return
        last = frames[-1].snapshot
        header.frames = len(frames)
        header.events = sum(len(frame.events) for frame in frames)
        header.begun = sum(len(frame.begun) for frame in frames)
        header.worst = header.worst_from = header.worst_to = 0
        for at_frame, frame in enumerate(frames):
            with_health(header, min(at_frame, 255), frame.snapshot.health.status)
        header.last_time = last.time
        header.last_ns = max(header.first_ns, last.monotonic_ns)
        self._unended = True
        self.index.add(header, at, end - at)

    def _cut_off(self, at: int, end: int) -> None:
        text = _("it is damaged at byte {at}: the {left} bytes from there on are not read")
        self.note = text.format(at=at, left=end - at)

    def capsule_lines(self) -> Iterator[bytes]:
        """The lines of the last capsule. UnknownFormError: its members are damaged."""
        for at, size in self.capsule_members:
            try:
                yield from self._inflated(at, size, ended=True)
            except DamagedMemberError as error:
                raise UnknownFormError(str(error)) from None

    def made_by(self) -> tuple[str, str]:
        """The host and the shmtui version that wrote the last snapshot; empty where it does not say."""
        first = self._parsed(self.lines(len(self.index) - 1)[0])
        host, version = (first.get(key) for key in ("host", "version"))
        return host if type(host) is str else "", version if type(version) is str else ""

    @shortages_told()
    def _inflated(self, at: int, size: int, *, ended: bool) -> list[bytes]:
        """The lines of the member at a byte of the file."""
        return lines_of(os.pread(self._fd, size - HEADER_SIZE, at + HEADER_SIZE), ended=ended)

    @shortages_told()
    def _parsed(self, line: bytes) -> Json:
        try:
            return parse_line(line)
        except RecordingError as error:
            wrong = _("cannot read the recording {path}: {why}")
            raise RecordingError(wrong.format(path=self.path, why=error)) from None

    def _damaged(self, member: int, why: Exception) -> RecordingError:
        wrong = _("{path} is damaged in the {size} bytes from byte {at} on: {why}")
        at, size = self.index.offsets[member], self.index.sizes[member]
        return RecordingError(wrong.format(path=self.path, at=at, size=size, why=why))

    def lines(self, member: int) -> list[bytes]:
        """The lines of a member."""
        found = self._loaded.get(member)
        if found is None:
            index = self.index
            ended = member < len(index) - 1 or not self._unended
            try:
                found = self._inflated(index.offsets[member], index.sizes[member], ended=ended)
                if len(found) != index.firsts[member + 1] - index.firsts[member]:
                    raise UnknownFormError("another number of lines")
            except (DamagedMemberError, UnknownFormError) as error:
                raise self._damaged(member, error) from None
            self._loaded.add(member, found, sum(map(len, found)))
        return found

    def decoded(self, member: int, line: bytes, decode: Callable[[Json], T]) -> T:
        """What is made of a line of a member."""
        try:
            return decode(self._parsed(line))
        except UnknownFormError as error:
            raise self._damaged(member, error) from None

    def digests(self, member: int) -> tuple[FrameDigest, ...]:
        """What is kept of each frame of a member."""
        found = self._digests.get(member)
        if found is None:
            found = tuple(self._digested(member))
            self._digests.add(member, found, sum(len(d.events) + len(d.begun) for d in found))
        return found

    def _digested(self, member: int) -> Iterator[FrameDigest]:
        index = self.index
        now_ns = first_ns = index.first_ns[member]
        last_ns = index.last_ns[member]
        for number, line in enumerate(self.lines(member), index.firsts[member]):
            then_ns, time, events, begun = self.decoded(member, line, _facts_of)
            now_ns = max(now_ns, min(then_ns, last_ns))
            seconds = index.starts[member] + (now_ns - first_ns) / 1e9
            yield FrameDigest(number, time, seconds, events, begun)

    # Frames.

    def frame(self, number: int) -> Frame:
        """A frame by its number, from 0 on."""
        member = self.index.member_of(number)
        line = self.lines(member)[number - self.index.firsts[member]]
        return self.decoded(member, line, frame_of)

    def digest(self, number: int) -> FrameDigest:
        """What is kept of a frame."""
        member = self.index.member_of(number)
        return self.digests(member)[number - self.index.firsts[member]]

    def number_at(self, seconds: float) -> int:
        """The last frame at or before a position on the time line; the first where none is."""
        member = self.index.member_at(seconds + 1e-6)
        within = [digest.seconds for digest in self.digests(member)]
        # A position that was worked out from others is off by its last digits.
        at = max(0, bisect_right(within, seconds + 1e-6) - 1)
        return self.index.firsts[member] + at

    def number_at_time(self, time: float) -> int | None:
        """The first frame at or after a time since the epoch; None where the recording has none of it."""
        index = self.index
        last = index.first_times[0]
        for member in range(len(index)):
            if min(last, index.first_times[member]) <= time <= index.last_times[member]:
                return next(
                    (d.number for d in self.digests(member) if d.time >= time),
                    index.firsts[member + 1] - 1,
                )
            last = index.last_times[member]
        return None

    def event_from(self, number: int, step: int) -> int | None:
        """The next frame with events (``step`` 1), or the one before (-1); None: there is none."""
        return self._frame_with(
            self.index.events.__getitem__, lambda digest: bool(digest.events), number, step
        )

    def finding_from(self, number: int, step: int) -> int | None:
        """The next frame that a finding begins with, or the one before; None: there is none."""
        return self._frame_with(
            self.index.begun.__getitem__, lambda digest: bool(digest.begun), number, step
        )

    def _frame_with(
        self,
        members: Callable[[int], object],
        frames: Callable[[FrameDigest], bool],
        number: int,
        step: int,
    ) -> int | None:
        member: int | None = self.index.member_of(number)
        while member is not None:
            for digest in self.digests(member)[::step]:
                if (digest.number - number) * step > 0 and frames(digest):
                    return digest.number
            member = self.index.member_with(members, member, step)
        return None
