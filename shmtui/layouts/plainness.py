"""Which of the layouts that fit is the likeliest: the order of the list to pick from. Pure."""

from itertools import pairwise
from typing import Final

from shmtui.layouts.guesses import State, fields_of
from shmtui.shm.layout import SEM_ALIGNMENT, SEM_SIZE, Layout, aligned

_NATURAL: Final = (1, 2, 4, 8)
_SLACK: Final = 16
"""More bytes than this between two fields are no padding."""
_LINES: Final = (64, 128, 4096)
"""Bytes of a cache line, of a pair of them, of a page."""


def unexplained_permits(slots: int, state: State) -> int:
    """Permits in hand that no waiter for the mutex and no holder of it explains."""
    in_hand = slots - state.empty.value - state.full.value
    waiting, held = state.mutex.waiters, state.mutex.value == 0
    # Whoever holds the mutex may have taken a permit before, and may not.
    return max(in_hand - waiting - held, waiting - in_hand, 0)


def plainness(layout: Layout, state: State, others: tuple[int, ...] = ()) -> tuple[int, ...]:
    """Sorts the likeliest first: few oddities, then the classical order of fields, int items.
    ``others``: semaphores of other rings in the segment; what lies beyond them is not looked at.

    Odd are an item of a size that no scalar has, one that is no whole number of words even
    more; indices at odd addresses, apart from each other, both 0, or never reduced; members that play no
    part; fields in another order; and permits in hand that no waiter and no holder of the mutex
    explains.
    """
    size = layout.item.size
    order = [layout.data, layout.in_, layout.out]
    order += [at for at in (layout.mutex, layout.empty, layout.full) if at is not None]
    disorder = sum(a > b for a, b in pairwise(order))
    odd_item = 0 if size in _NATURAL else 1 if size % 8 == 0 else 2 if size % 4 == 0 else 6
    packed = 4 * (layout.in_ % layout.index_size != 0)
    odd_hands = unexplained_permits(layout.slots, state)
    lined = layout.in_ % _LINES[0] == layout.out % _LINES[0] == 0
    apart = (2 - lined) * (abs(layout.in_ - layout.out) != layout.index_size)
    oddities = (
        apart
        + disorder
        + odd_item
        + packed
        + 2 * odd_hands
        + _strangers(layout, others)
        + state.counts
        + (state.in_ == state.out == 0)
    )
    return (oddities, size != 4, layout.index_size != 4, layout.slots, *order)


def _strangers(layout: Layout, others: tuple[int, ...] = ()) -> int:
    """How odd the bytes are that no field covers and that are no padding as compilers leave it.

    >>> from dataclasses import replace
    >>> from shmtui.shm.layout import ITEM_TYPES, seed_layout
    >>> from shmtui.shm.libc import Libc
    >>> seed = seed_layout(5, ITEM_TYPES["int32"], Libc.GLIBC)
    >>> _strangers(seed), _strangers(replace(seed, slots=4))
    (0, 2)
    """
    item = next(a for a in (8, 4, 2, 1) if layout.item.size % a == 0)
    semaphore = SEM_ALIGNMENT[layout.libc]
    found = end = 0
    alignments = [item, layout.index_size, layout.index_size, semaphore, semaphore, semaphore]
    spans = sorted(zip(fields_of(layout), alignments, strict=False))
    system = layout.system_spans
    whole = ((layout.size, 0), max(alignments))
    if others:
        (first, _length), (last, length) = spans[0][0], spans[-1][0]
        last += length
        # A ring whose semaphores are at its end begins behind those of the one before it.
        before = [at + SEM_SIZE for at in others if at + SEM_SIZE <= first]
        behind = [at for at in others if at >= last]
        end = first if spans[0][0] in system else max(before, default=0)
        over = last if spans[-1][0] in system else min(behind, default=layout.size)
        whole = ((over, 0), max(alignments))
    for (start, length), alignment in [*spans, whole]:
        over = start - aligned(end, alignment)
        lined = any(start % line == 0 and over <= line for line in _LINES)
        found += 0 if over == 0 else 1 if lined else 2 if over <= _SLACK else 4
        end = start + length
    return found
