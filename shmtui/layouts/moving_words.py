"""Rings without a lock that the bytes alone propose: two words that count, and an array whose slots change
as one of them passes over them. Pure, but for the watch.

A proposal is never taken: it is shown with the option that picks it. Where no two words move while it is
watched, or none of the plain arrays beside them explains what changes, there is none.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise, permutations
from struct import unpack_from
from typing import Final

from shmtui.layouts.inference import MAX_CANDIDATES
from shmtui.layouts.lock_free import FlowEvidence, watch
from shmtui.layouts.mapping_programs import MappedSegment
from shmtui.layouts.plain_layouts import item_of, signatures
from shmtui.layouts.ring_values import Reading
from shmtui.shm.layout import Layout, aligned
from shmtui.shm.libc import Libc

MOST_BYTES: Final = 1 << 14
"""Larger segments are not searched."""
_WORD: Final = 4
_BLOCK: Final = 256
_MOST_WORDS: Final = 6
"""Of the words that count, those that change most often: an index does with each item, a number in a
slot once a lap."""
_ITEMS: Final = (4, 8, 16, 24, 32, 64, 1, 2, 12, 20, 40, 48, 56, 128, 256)
_LINE: Final = 64
"""Bytes of a cache line: less than that between two fields is padding."""
_MOST_TRIED: Final = 600
_MOST_READINGS: Final = 64
_TORN: Final = 2
_Step = tuple[bytes, bytes, tuple[int, ...]]
"""Two readings, one after the other, and the words that differ."""


def proposed(segment: MappedSegment) -> tuple[Layout, ...]:
    """The rings that a watch of the segment proposes, those first that it shows best."""
    size, libc = segment.size, segment.peers.libc
    if not segment.peers.pids or not 0 < size <= MOST_BYTES:
        return ()
    readings = list(watch(segment, [(0, size)]))
    if len({len(reading.raw) for reading in readings}) > 1 or signatures(readings[0].raw, libc):
        return ()
    return proposals(readings, libc)


def proposals(readings: Sequence[Reading], libc: Libc) -> tuple[Layout, ...]:
    """The plain rings that the readings show at work."""
    readings = readings[-_MOST_READINGS:]
    steps = [
        (before.raw, after.raw, tuple(_changed(before.raw, after.raw)))
        for before, after in pairwise(readings)
    ]
    found = []
    for layout in islice(_plain(readings[0].raw, _counting(steps), libc), _MOST_TRIED):
        if not _explains(layout, steps):
            continue
        evidence = FlowEvidence(layout)
        for reading in readings:
            evidence.add(reading)
        if evidence.written:
            found.append((evidence.bits, layout))
    found.sort(key=lambda each: -each[0])
    return tuple(layout for _bits, layout in found[:MAX_CANDIDATES])


def _explains(layout: Layout, steps: Sequence[_Step]) -> bool:
    """Whether what changed, but for the indices, are slots that ``in`` passed; a reading may be torn."""
    wrong = 0
    for before, after, changed in steps:
        assert layout.in_ is not None
        (old,), (new,) = (unpack_from("=I", raw, layout.in_) for raw in (before, after))
        passed = (new - old) % layout.slots
        for at in changed:
            slot = (at - layout.data) // layout.item.size
            inside = 0 <= slot < layout.slots and (slot - old) % layout.slots <= passed
            if not inside and at not in {layout.in_, layout.out}:
                wrong += 1
                break
        if wrong > _TORN:
            return False
    return True


def _plain(raw: bytes, counting: Sequence[int], libc: Libc) -> Iterator[Layout]:
    """The arrays beside each two of the words that count."""
    size = len(raw)
    for in_, out in permutations(counting, 2):
        low, high = sorted((in_, out))
        ends = dict.fromkeys(aligned(high + _WORD, to) for to in (_WORD, 8, _LINE))
        regions = [(start, size) for start in ends] + [(0, low)]
        for start, end in regions:
            for each in _ITEMS:
                slots = (end - start) // each
                if slots > 1 and end - start - slots * each < min(_LINE, max(each, 8)):
                    yield Layout(
                        slots, item_of(each), start, in_, out, None, None, None, size, libc, "I",
                        lock_free=True,
                    )  # fmt: skip


def _counting(steps: Sequence[_Step]) -> list[int]:
    """The offsets of words that changed and count, each time on or back to the start of a lap."""
    moves: Counter[int] = Counter()
    back: Counter[int] = Counter()
    for before, after, changed in steps:
        for at in changed:
            (old,), (new,) = unpack_from("=I", before, at), unpack_from("=I", after, at)
            moves[at] += 1
            back[at] += new < old
    counting = [at for at, count in moves.most_common() if count > 1 and 2 * back[at] < count]
    return counting[:_MOST_WORDS]


def _changed(before: bytes, after: bytes) -> Iterator[int]:
    """The offsets of the words that differ."""
    for start in range(0, len(after), _BLOCK):
        end = start + _BLOCK
        if before[start:end] != after[start:end]:
            for at in range(start, min(end, len(after) - _WORD + 1), _WORD):
                if before[at : at + _WORD] != after[at : at + _WORD]:
                    yield at
