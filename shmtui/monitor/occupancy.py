"""How many slots of a ring are full, by its indices and semaphores. Pure."""

from shmtui.shm.layout import counted_on


def occupancy(
    slots: int,
    in_: int,
    out: int,
    empty: int | None,
    full: int | None,
    items_held: tuple[int, int] | None = None,
    room_held: tuple[int, int] | None = None,
    index_size: int = 4,
    count: int | None = None,
) -> int | None:
    """Full slots of a ring, or None where the numbers leave it open.

    Indices modulo N cannot tell a full ring from an empty one. A positive ``full`` means that
    items are there, a positive ``empty`` that slots are free. Each holds for any interleaving,
    since a permit is posted only after the index has moved. With both at zero only the permits
    that workers hold can tell: ``items_held`` is the fewest and the most that stand for an item,
    ``room_held`` the same for a free slot. They are given only where every process is a worker.
    ``count``: the program's own count, which holds where the indices agree with it. Without a lock and
    without a count equal indices leave it open, too: most programs leave a slot free then, and others
    keep a flag in each and use all.

    >>> occupancy(5, 4, 1, 2, 3), occupancy(5, 14, 9, 0, 4)
    (3, 5)
    >>> occupancy(5, 2, 2, 0, 5), occupancy(5, 2, 2, 5, 0), occupancy(5, 2, 2, 0, 0)
    (5, 0, None)
    >>> occupancy(5, 2, 2, None, None, count=5), occupancy(5, 2, 2, None, None, count=3)
    (5, None)
    >>> occupancy(5, 2, 2, None, None)
    >>> occupancy(2, 0, 0, 0, 0, items_held=(2, 2), room_held=(0, 1))
    2
    """
    if slots <= 0:
        return None
    items = counted_on(slots, in_, out, empty, full, index_size)
    if items is not None or not (0 <= in_ < slots and 0 <= out < slots):
        return items
    if in_ != out:
        return (in_ - out) % slots
    if count in {0, slots}:
        return count
    has_items = full is not None and full > 0
    has_room = empty is not None and empty > 0
    if has_items != has_room:
        return slots if has_items else 0
    if empty == full == 0 and items_held is not None and room_held is not None:
        could_be_full = room_held[0] == 0 and items_held[0] <= slots <= items_held[1]
        could_be_empty = items_held[0] == 0 and room_held[0] <= slots <= room_held[1]
        if could_be_full != could_be_empty:
            return slots if could_be_full else 0
    return None
