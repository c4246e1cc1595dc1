"""Writes a recording: each snapshot is in the file when :meth:`RecordingWriter.add` returns."""

import contextlib
import os
import platform
import stat
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from shmtui import __version__
from shmtui.errors import shortage
from shmtui.events import Event
from shmtui.i18n import _
from shmtui.recording.gzip_members import (
    HEADER_SIZE,
    MEMBER_BYTES,
    MEMBER_FRAMES,
    MOST_FRAMES,
    TRAILER,
    Header,
    unpack,
    with_health,
)
from shmtui.recording.schema import LONGEST_LINE, Frame, RecordingError, line_of
from shmtui.snapshot import Snapshot

_LEVEL: Final = 6
"""Of zlib: a level less takes a third more space, a level more a third more time."""
OLDER: Final = ".1"
"""What is put behind the name of the file that a new one follows."""


def older_path(path: Path) -> Path:
    """Where the file goes that a new one of its name follows."""
    return path.with_name(path.name + OLDER)


class RecordingWriter:
    """Writes to ``path``, readable by its owner alone.

    Past ``max_size`` bytes or ``max_age`` seconds the file becomes ``path`` with ``.1`` behind its
    name, in the place of the one that had this name, and a new one is begun. RecordingError, here and at each
    frame: it cannot be written; what was written is readable.
    """

    def __init__(
        self,
        path: Path,
        *,
        force: bool = False,
        max_size: int | None = None,
        max_age: float | None = None,
        host: str | None = None,
    ) -> None:
        """``host``: as whose it is written; by default this machine's."""
        self.path = path
        self._host = platform.node() if host is None else host
        self.frames = 0
        """Snapshots written, in all files."""
        self.written = 0
        """Bytes in finished and unfinished members, in all files."""
        self._max_size, self._max_age = max_size, max_age
        self._known: frozenset[tuple[str, str]] = frozenset()
        self._header: Header | None = None
        """Of the member that is being written."""
        self._begun_ns: int | None = None
        """CLOCK_MONOTONIC of the first frame in the file."""
        require_free(path, force=force)
        if max_size is not None or max_age is not None:
            require_free(older_path(path), force=force)
        self._fd = -1
        self._open()

    def _open(self) -> None:
        """Begin a file, in the place of an older one."""
        self._end = 0
        fresh = self.path.with_name(f".{self.path.name}.{os.getpid()}.new")
        try:
            with contextlib.suppress(FileNotFoundError):
                fresh.unlink()
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._fd = os.open(fresh, flags, 0o600)
            fresh.rename(self.path)
        except OSError as error:
            raise self._failed(error) from None
        self._begun_ns = None

    def _failed(self, error: OSError) -> RecordingError:
        wrong = _("cannot write the recording {path}: {why}")
        if self.frames:
            wrong = _("cannot go on with the recording {path}: {why}; what it holds can be read")
        why = shortage(error) or error.strerror
        return RecordingError(wrong.format(path=self.path, why=why))

    def add(self, snapshot: Snapshot, events: Sequence[Event] = ()) -> None:
        """Write a snapshot, and what was reported since the one before, the oldest first."""
        findings = {(f.code, f.subject): f.code for f in snapshot.health.findings}
        begun = tuple(code for key, code in findings.items() if key not in self._known)
        frame = Frame(snapshot, tuple(events), begun)
        if self._due(snapshot.monotonic_ns):
            self._rotate()
        header = self._header
        more = {"host": self._host, "version": __version__} if header is None else None
        line = line_of(frame, more)
        try:
            self._append(frame, line)
        except OSError as error:
            self._drop_what_is_torn()
            self._give_up()
            raise self._failed(error) from None
        self._known = frozenset(findings)
        self.frames += 1

    def _append(self, frame: Frame, line: bytes) -> None:
        snapshot = frame.snapshot
        header = self._header
        packed = b""
        if header is None:
            time, now_ns = max(0.0, snapshot.time), snapshot.monotonic_ns
            header = Header(0, 0, 0, 0, 0, 0, 0, time, time, now_ns, now_ns)
            self._begin = self._end
            self._deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
            self._checksum = self._raw = 0
            packed = header.pack()
        packed += self._deflate.compress(line) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        self._write(packed)
        self._checksum, self._raw = zlib.crc32(line, self._checksum), self._raw + len(line)
        self._header = replace(
            header,
            frames=header.frames + 1,
            events=header.events + len(frame.events),
            begun=header.begun + len(frame.begun),
            last_time=max(0.0, snapshot.time),
            last_ns=max(header.last_ns, snapshot.monotonic_ns),
        )
        with_health(self._header, header.frames, snapshot.health.status)
        if self._begun_ns is None:
            self._begun_ns = snapshot.monotonic_ns
        if self._header.frames >= MEMBER_FRAMES or self._raw >= MEMBER_BYTES:
            self._end_member()

    def _write(self, data: bytes) -> None:
        """OSError: some of it could not be written."""
        left, at = memoryview(data), self._end
        while left:
            count = os.pwrite(self._fd, left, at)
            left, at = left[count:], at + count
        self.written += len(data)
        self._end = at

    def _end_member(self) -> None:
        header, self._header = self._header, None
        if header is None:
            return
        trailer = TRAILER.pack(self._checksum, self._raw & 0xFFFF_FFFF)
        self._write(self._deflate.flush() + trailer)
        header.size = self._end - self._begin
        os.pwrite(self._fd, header.pack(), self._begin)

    def _drop_what_is_torn(self) -> None:
        """Give back what was written of a frame that could not be written whole; a reader cuts it off
        where even that fails.
        """
        with contextlib.suppress(OSError):
            os.ftruncate(self._fd, self._end)

    def _due(self, now_ns: int) -> bool:
        """Whether the file is as large or as old as it may get."""
        if self._begun_ns is None:
            return False
        large = self._max_size is not None and self._end >= self._max_size
        age = (now_ns - self._begun_ns) / 1e9
        return large or (self._max_age is not None and age >= self._max_age)

    def _rotate(self) -> None:
        self.close()
        try:
            self.path.rename(older_path(self.path))
        except OSError as error:
            raise self._failed(error) from None
        self._open()

    def add_capsule(self, lines: Iterable[bytes]) -> None:
        """Write the lines of a capsule behind the snapshots, in members of their own. RecordingError: they
        cannot be written.
        """
        try:
            self._end_member()
            first, text, count = True, bytearray(), 0
            for line in lines:
                if count == MOST_FRAMES or (text and len(text) + len(line) > LONGEST_LINE):
                    self._write_capsule_member(bytes(text), first=first)
                    first, count = False, 0
                    text.clear()
                text += line
                count += 1
            self._write_capsule_member(bytes(text), first=first)
        except OSError as error:
            self._drop_what_is_torn()
            self._give_up()
            raise self._failed(error) from None

    def _write_capsule_member(self, text: bytes, *, first: bool) -> None:
        deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        body = deflate.compress(text) + deflate.flush()
        size = HEADER_SIZE + len(body) + TRAILER.size
        header = Header(size, 0, 0, int(first), 0, 0, 0, 0.0, 0.0, 0, 0, capsule=True)
        trailer = TRAILER.pack(zlib.crc32(text), len(text) & 0xFFFF_FFFF)
        self._write(header.pack() + body + trailer)

    def close(self) -> None:
        """End the last member. A second call does nothing."""
        if self._fd < 0:
            return
        try:
            self._end_member()
        except OSError:
            # The frames are in the file: a reader takes the member as one that was not ended.
            self._drop_what_is_torn()
        self._give_up()

    def _give_up(self) -> None:
        """Close the file as it is."""
        self._header = None
        os.close(self._fd)
        self._fd = -1


def require_free(path: Path, *, force: bool) -> None:
    """RecordingError: the file exists, and ``force`` was not given or it is no recording."""
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            start = file.read(HEADER_SIZE) if regular else b""
    except FileNotFoundError:
        return
    except OSError as error:
        wrong = _("cannot write the recording {path}: {why}")
        raise RecordingError(wrong.format(path=path, why=error.strerror)) from None
    recording = regular and (not start or unpack(start) is not None)
    if not recording:
        wrong = _("{path} exists and is not a recording, so it is not replaced: give another name")
    elif not force:
        wrong = _(
            "{path} exists: give another name, or remove it (shmtui record and report replace it with "
            "--force)"
        )
    else:
        return
    raise RecordingError(wrong.format(path=path))


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
