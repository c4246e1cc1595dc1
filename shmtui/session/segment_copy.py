"""The bytes of a segment for a capsule: its parts that are not zero, up to a bound. Reading allocates no page."""

import mmap
from collections.abc import Iterator
from typing import Final

from shmtui.monitor.sampler import Sampler
from shmtui.recording.capsule import MOST_BYTES, STRETCH, Stretch

MOST_READ: Final = 1 << 28
"""Bytes that are read at the most, zeros counted."""


def copy_segment(sampler: Sampler, size: int) -> tuple[tuple[Stretch, ...], int]:
    """The stretches of the first ``size`` bytes that hold anything but zeros; and the byte up to which
    they are all there. It is read while programs write: no moment had all of it.
    """
    kept: list[Stretch] = []
    total = 0
    for at, raw in _pages(sampler, size):
        if raw is None or total + len(raw) > MOST_BYTES:
            return tuple(kept), at
        total += len(raw)
        start, last = kept[-1] if kept else (0, b"")
        if kept and start + len(last) == at and len(last) + len(raw) <= STRETCH:
            kept[-1] = start, last + raw
        else:
            kept.append((at, raw))
    return tuple(kept), size


def _pages(sampler: Sampler, size: int) -> Iterator[tuple[int, bytes | None]]:
    """Pages with anything but zeros, and where each begins; None where too much was read by then."""
    read = done = 0
    for start, length in sampler.stretches():
        at, end = max(done, start - start % mmap.PAGESIZE), min(start + length, size)
        while at < end:
            if read >= MOST_READ:
                yield at, None
                return
            block = sampler.read(at, min(STRETCH, end - at))
            if not block:
                break
            read += len(block)
            for first in range(0, len(block), mmap.PAGESIZE):
                page = block[first : first + mmap.PAGESIZE]
                if page.count(0) < len(page):
                    yield at + first, page
            at = done = at + len(block)
