"""Indices of a ring: reduced modulo N when they are stored, or when they are used. Pure.

Most programs store ``in = (in + 1) % N``. Others count on for ever and reduce where a slot
is touched, ``data[in++ % N]``: then ``in`` less ``out`` is the number of items, and neither
is out of bounds past N.
"""


def counted_on(
    slots: int, in_: int, out: int, empty: int | None, full: int | None, size: int = 4
) -> int | None:
    """Items of a ring whose indices, of ``size`` bytes, are counters; None where they are not.

    They are if one has reached N, and their difference is what the semaphores allow: each
    permit of ``full`` is an item, and each of ``empty`` a free slot. In the first N items
    both kinds look the same, and are the same.

    >>> counted_on(5, 12, 9, 2, 3), counted_on(5, 4, 1, 2, 3), counted_on(5, 7, 0, 5, 0)
    (3, None, None)
    >>> counted_on(8, 3, 2**32 - 2, None, None)
    5
    """
    if min(in_, out) < 0 or max(in_, out) < slots:
        return None
    items = (in_ - out) % 2 ** (8 * size)
    return items if (full or 0) <= items <= slots - (empty or 0) else None


def slot_of(index: int | None, slots: int, *, counts: bool) -> int | None:
    """The slot that an index stands for; None where it stands for none.

    >>> slot_of(3, 5, counts=False), slot_of(12, 5, counts=True), slot_of(12, 5, counts=False)
    (3, 2, None)
    """
    if index is None or 0 <= index < slots:
        return index
    return index % slots if counts else None
