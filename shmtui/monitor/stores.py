"""Who stores what of a ring: which index a side moves, and whose the items are. Pure."""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Final

from shmtui.procfs.maps import Mapping as MemoryMapping
from shmtui.shm.layout import Layout

SLOT: Final = "slot"
"""The first of the watched slots."""
MIDDLE: Final = "middle"
IN: Final = "in"
OUT: Final = "out"

Stores = Counter[tuple[int, str]]
"""How often each process stored into each of them, by PID and name."""


def addresses(
    maps: Collection[MemoryMapping], layout: Layout, names: Collection[str]
) -> dict[str, list[int]]:
    """Where a process has the bytes of these names, by how it maps the segment."""
    middle = layout.slots // 2 * layout.item.size
    offsets = {SLOT: layout.data, MIDDLE: layout.data + middle}
    if not layout.index_segment:
        offsets |= {IN: layout.in_ or 0, OUT: layout.out or 0}
    return {
        name: [m.start + at - m.offset for m in maps if 0 <= at - m.offset < m.end - m.start]
        for name, at in offsets.items()
        if name in names
    }


def stores_into(stores: Mapping[tuple[int, str], int], name: str) -> int:
    """By all processes."""
    return sum(hits for (_pid, each), hits in stores.items() if each == name)


def producers_index(stores: Stores, slots: int) -> str | None:
    """Which of the two is stored into by those who fill the slots, while the others store into the
    other one for a lap and fill none. None: that is not seen so.

    >>> producers_index(Counter({(7, "slot"): 2, (7, "out"): 9, (8, "in"): 6}), 5)
    'out'
    >>> producers_index(Counter({(7, "slot"): 2, (7, "out"): 9, (8, "in"): 4}), 5)
    >>> producers_index(Counter({(7, "slot"): 2, (7, "out"): 9, (8, "slot"): 1, (8, "in"): 6}), 5)
    """
    by = {
        name: {pid for (pid, each), hits in stores.items() if hits and each == name}
        for name in (SLOT, MIDDLE, IN, OUT)
    }
    fill = by[SLOT] | by[MIDDLE]
    for own, other in ((IN, OUT), (OUT, IN)):
        apart = by[own] <= fill and fill.isdisjoint(by[other])
        if by[own] and apart and stores_into(stores, other) >= slots:
            return own
    return None


def shares(stores: Mapping[int, int], total: int) -> dict[int, int]:
    """Whose the items are, by how often each process stored into the index of its side; nobody's where
    an item takes no whole number of stores.

    >>> shares({7: 40, 8: 20}, 30), shares({7: 12, 8: 0}, 10), shares({7: 7, 8: 5}, 10)
    ({7: 20, 8: 10}, {7: 10}, {})
    """
    storing = {pid: hits for pid, hits in stores.items() if hits}
    if len(storing) == 1:
        return dict.fromkeys(storing, total)
    times = round(sum(storing.values()) / total) if total else 0
    if not times or abs(sum(storing.values()) - times * total) > times:
        return {}
    return {pid: hits // times for pid, hits in storing.items()}
