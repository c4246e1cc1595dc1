"""What a recording holds, by member: made of the headers alone, so it takes no longer for more frames.

Positions on the time line are in seconds since the first frame, by CLOCK_MONOTONIC: a wall clock that is
set meanwhile does not matter. Where that clock itself begins anew (another boot, another recording behind the
first in one file), the time line goes on where it was.
"""

from array import array
from bisect import bisect_right
from collections.abc import Callable

from shmtui.recording.gzip_members import Header


class Index:
    """The members of a recording, in their order."""

    def __init__(self) -> None:
        self.offsets = array("Q")
        """Of the first byte, by member."""
        self.sizes = array("Q")
        """Bytes with the header."""
        self.firsts = array("Q", [0])
        """Number of the first frame; one more at the end, the number of all frames."""
        self.starts = array("d")
        """Seconds on the time line."""
        self.ends = array("d")
        self.first_ns = array("Q")
        self.last_ns = array("Q")
        self.first_times = array("d")
        """Seconds since the epoch."""
        self.last_times = array("d")
        self.events = array("L")
        self.begun = array("L")
        self.worst = array("B")
        """By rank."""
        self.worst_from = array("d")
        """Seconds on the time line."""
        self.worst_to = array("d")

    def add(self, header: Header, offset: int, size: int) -> None:
        start = 0.0
        if self.offsets:
            start = self.ends[-1]
            if header.first_ns >= self.last_ns[-1]:
                start += (header.first_ns - self.last_ns[-1]) / 1e9
        self.offsets.append(offset)
        self.sizes.append(size)
        self.firsts.append(self.firsts[-1] + header.frames)
        self.starts.append(start)
        length = (header.last_ns - header.first_ns) / 1e9
        self.ends.append(start + length)
        # As if its frames were at even distances: the bar has no finer cells.
        each = length / max(1, header.frames - 1)
        self.worst_from.append(start + min(length, header.worst_from * each))
        self.worst_to.append(start + min(length, header.worst_to * each))
        self.first_ns.append(header.first_ns)
        self.last_ns.append(header.last_ns)
        self.first_times.append(header.first_time)
        self.last_times.append(header.last_time)
        self.events.append(header.events)
        self.begun.append(header.begun)
        self.worst.append(header.worst)

    def __len__(self) -> int:
        return len(self.offsets)

    @property
    def frames(self) -> int:
        return self.firsts[-1]

    @property
    def length(self) -> float:
        """Seconds from the first frame to the last."""
        return self.ends[-1] if self.ends else 0.0

    def member_of(self, frame: int) -> int:
        """The member that holds a frame; the first or the last where none does."""
        return max(0, bisect_right(self.firsts, frame, 0, len(self)) - 1)

    def member_at(self, seconds: float) -> int:
        """The last member that begins at or before a position; the first where none does."""
        return max(0, bisect_right(self.starts, seconds) - 1)

    def member_with(self, has: Callable[[int], object], after: int, step: int) -> int | None:
        """The next member (``step`` 1), or the one before (-1), that has what is asked for."""
        end = len(self) if step > 0 else -1
        return next((at for at in range(after + step, end, step) if has(at)), None)

    def worst_in(self, columns: int) -> bytes:
        """The rank of the worst health in each of ``columns`` equal parts of the time line."""
        parts = bytearray(max(0, columns))
        if not parts or not self.offsets:
            return bytes(parts)
        scale = columns / self.length if self.length > 0 else 0.0
        for start, end, worst in zip(self.worst_from, self.worst_to, self.worst, strict=True):
            if worst:
                first, last = int(start * scale), int(end * scale)
                for at in range(min(first, columns - 1), min(last, columns - 1) + 1):
                    parts[at] = max(parts[at], worst)
        return bytes(parts)
