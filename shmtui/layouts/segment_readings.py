"""Readings of a segment for telling layouts apart: each of one moment, until enough is told."""

import time
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from shmtui.layouts.ring_values import Reading
from shmtui.shm.layout import SEM_SIZE, Layout
from shmtui.shm.libc import Libc
from shmtui.shm.segment import segment_path
from shmtui.shm.segment_reader import SegmentReader, read_start, state_spans
from shmtui.shm.semaphore import SemaphoreWords, decode, named_semaphore_path
from shmtui.shm.system_v import member_words

INTERVAL: Final = 0.004
"""Seconds between two readings."""
_AGREE: Final = 8
"""Readings of the semaphores beside the segment, until two in a row are the same."""
_WHOLE: Final = 1 << 16
"""Up to this size, in bytes, the slots are read, too."""
_INDICES: Final = 4096
"""Bytes that are read of a segment that holds the indices."""


class SegmentReadings(msgspec.Struct, frozen=True):
    """Reads stretches of a segment with its named semaphores and the segment of its indices."""

    reader: SegmentReader
    libc: Libc
    spans: Sequence[tuple[int, int]]
    names: Sequence[str]
    index_segment: str = ""

    @classmethod
    def of_layout(cls, reader: SegmentReader, layout: Layout) -> "SegmentReadings":
        """Readings of all that ``layout`` covers; of a large one without its slots."""
        names = [name for _role, name in layout.names]
        spans = [(0, layout.size)] if layout.size <= _WHOLE else state_spans(layout)
        return cls(reader, layout.libc, spans, names, layout.index_segment)

    def read(self) -> Reading:
        """One reading. Semaphores in files of their own are read before and after the segment,
        until they are the same.
        """
        before = self._words()
        for _attempt in range(_AGREE if self.names else 1):
            raws, _steady = self.reader.read_stable(self.spans)
            after = self._words()
            if after == before:
                break
            before = after
        parts = tuple((start, raw) for (start, _size), raw in zip(self.spans, raws, strict=True))
        return Reading(parts, before, self._indices())

    def until(self, seconds: float) -> Iterator[Reading]:
        """Readings that differ from the one before, for ``seconds``; the first one in any case."""
        deadline = time.monotonic() + seconds
        last = self.read()
        yield last
        while time.monotonic() < deadline:
            time.sleep(INTERVAL)
            reading = self.read()
            if reading != last:
                yield reading
                last = reading

    def _words(self) -> tuple[tuple[str, SemaphoreWords], ...]:
        members = ((name, member_words(name)) for name in self.names)
        of_sets = tuple((name, words) for name, words in members if words is not None)
        files = (name for name in self.names if name.startswith("/"))
        paths = {name: named_semaphore_path(name, self.reader.folder) for name in files}
        found = [(name, read_start(path, SEM_SIZE)) for name, path in paths.items()]
        named = tuple((name, decode(raw, self.libc)) for name, raw in found if len(raw) >= 12)
        return of_sets + named

    def _indices(self) -> bytes:
        if not self.index_segment:
            return b""
        return read_start(segment_path(self.index_segment, self.reader.folder), _INDICES)
