"""Which semaphores of System V sets are the mutex, empty and full of a ring that has none of its own:
those that the processes use which map it, told by their values.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import permutations
from typing import Final

from msgspec.structs import replace

from shmtui.i18n import _
from shmtui.layouts.mapping_programs import MappedSegment
from shmtui.layouts.options import ResolvedLayout
from shmtui.layouts.ring_values import possible, values_of
from shmtui.layouts.segment_readings import SegmentReadings
from shmtui.procfs.semop_waits import waiting_in_sets
from shmtui.procfs.sysvipc import sysv_sets
from shmtui.shm.layout import Layout
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.system_v import member_name, read_set, set_member

MOST: Final = 6
"""More semaphores than this are not tried: each order of three of them is a reading."""
DEAD: Final = 2
"""So many permits may be gone with processes that have died."""
SECONDS: Final = 0.3
"""How long a ring is watched that several orders fit."""


def with_sets(segment: MappedSegment, resolved: ResolvedLayout) -> ResolvedLayout:
    """The layout with the semaphores of the sets that its processes use; itself where they use none,
    or none of their values fit.
    """
    layout = resolved.layout
    if not segment.peers.pids:
        return resolved
    if layout is None or not layout.has_indices or len(layout.missing) < len(SemaphoreRole):
        return resolved
    names = list(used_semaphores(segment.peers.pids))
    if not 2 < len(names) <= MOST:
        return resolved
    ways = [
        replace(layout, names=tuple(zip(SemaphoreRole, order, strict=True)))
        for order in permutations(names, len(SemaphoreRole))
    ]
    left = _fitting(segment, ways)
    if not left:
        return resolved
    first = left[0]
    words = _("by their values: {roles}").format(
        roles=", ".join(f"{role} {name}" for role, name in first.names)
    )
    found = replace(resolved, layout=first, assumptions=(*resolved.assumptions, words))
    if len(left) == 1:
        return found
    other = " ".join(f"--{role} {name}" for role, name in left[1].names)
    words = _("another order of the semaphores fits, too; say which it is: {options}").format(
        options=other
    )
    return replace(found, disputes=(*found.disputes, words))


def used_semaphores(pids: Iterable[int]) -> Iterator[str]:
    """All semaphores of the sets that one of these processes used last, or waits in."""
    users = set(pids)
    waited = waiting_in_sets(users)
    for row in sysv_sets():
        try:
            semaphores = read_set(row.number, row.count)
        except OSError:
            continue
        if row.number in waited or any(each.last in users for each in semaphores):
            yield from (member_name(row.number, at) for at in range(row.count))


def _convention(layout: Layout) -> tuple[bool, int]:
    """How usual an order is, the least first: empty before full, and mutex the first of all or the
    last.
    """
    mutex, empty, full = (set_member(name) or (0, 0) for _role, name in layout.names)
    between = 2 if (mutex < empty) != (mutex < full) else int(mutex > empty)
    return empty > full, between


def _fitting(segment: MappedSegment, ways: Sequence[Layout]) -> list[Layout]:
    """Those orders that the values always fit, the most usual first."""
    return sorted(never_contradicted(segment, ways), key=_convention)


def never_contradicted(segment: MappedSegment, ways: Sequence[Layout]) -> list[Layout]:
    """Those layouts, of the same struct with other semaphores in the roles, that the values of some
    moments always fit.
    """
    takers, left = segment.peers.threads + DEAD, list(ways)
    if not left:
        return left
    names = sorted({name for way in ways for _role, name in way.names})
    readings = replace(SegmentReadings.of_layout(segment.reader, ways[0]), names=names)
    for reading in readings.until(SECONDS if segment.peers.pids else 0.0):
        values = [(way, values_of(way, reading)) for way in left]
        left = [way for way, its in values if possible(way, its, takers)]
        if len(left) < 2:
            break
    return left
