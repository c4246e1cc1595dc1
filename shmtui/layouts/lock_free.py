"""Rings without a lock: an array and two indices that processes go by alone.

Nothing in the bytes marks one as a semaphore marks another ring. Two counters that move beside an
array are as often statistics. So the names of a struct only propose one. What is seen decides: that
the slots which change are those that ``in`` passes over, or that both counters run on, and never
more than N apart. What was not seen so may be a ring, and is none without the user's word.
"""

from collections.abc import Iterable, Iterator, Sequence
from math import log2
from typing import Final

from msgspec.structs import replace

from shmtui.i18n import _
from shmtui.layouts.mapping_programs import MappedSegment
from shmtui.layouts.options import ResolvedLayout
from shmtui.layouts.plain_layouts import MAX_SIZE, signatures
from shmtui.layouts.ring_values import (
    Reading,
    RingValues,
    items_between,
    slots_changed,
    slots_passed,
    values_of,
)
from shmtui.layouts.role_evidence import STATES
from shmtui.layouts.segment_readings import SegmentReadings
from shmtui.layouts.semaphore_set_roles import used_semaphores
from shmtui.shm.layout import Layout
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.segment_info import LayoutSource

SECONDS: Final = 0.3
"""How long what may be such a ring is watched."""
MORE_SECONDS: Final = 0.9
"""How much longer, if it moves."""
_BITS: Final = 10.0
"""How unlikely it has to be, in bits, that the slots which changed were by chance those that ``in`` passed."""
_ALONE: Final = 4
"""So often ``out`` has to be seen to move alone, and so much more often without a changed slot."""
_BACK: Final = 3
"""An index that goes back more than once in so many steps is no ring's: one that starts again does so
once a lap.
"""
_LAPS: Final = 2
"""So many laps both counters have to go, and stay within one of each other."""
_ONWARD: Final = 12
"""So often the indices have to be seen to go on where ``in`` was not seen to start again, `_TAKEN` times of it
``out``: a stack's top, or a list's head, goes back before.
"""
_TAKEN: Final = 3
_ROUNDS: Final = 2
"""So often ``in`` has to be seen to start again with all slots changed that it passed, where it was. An item may be
equal to the one before it.
"""


class _Tally:
    """How often the slots that changed were the expected ones."""

    def __init__(self) -> None:
        self.told = self.foreign = 0
        self.bits = 0.0
        """How unlikely that was by chance."""

    def add(self, changed: set[int], expected: set[int], slots: int) -> None:
        """Take in a move; one that passed all slots tells nothing."""
        if not changed or len(expected) >= slots:
            return
        if changed <= expected:
            self.told += 1
            self.bits += log2(slots / len(expected))
        else:
            self.foreign += 1

    @property
    def sure(self) -> bool:
        """Whether it was no chance. A reading may be torn by a store; most are not."""
        return self.bits >= _BITS and self.told >= 4 * self.foreign


class FlowEvidence:
    """What readings of a ring say for it and against it."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._last: tuple[Reading, RingValues] | None = None
        self._first: RingValues | None = None
        self._states = self._outside = 0
        self._either = _Tally()
        """By the slots that ``in`` passed, or ``out``: a consumer may mark what it took."""
        self._written = _Tally()
        """By those that ``in`` passed alone."""
        self._out_alone = [0, 0]
        """How often ``out`` alone had moved: with no slot changed, and with one that was."""
        self._filled = self._left = 0
        """Slots behind ``in`` that changed as it passed them, and that did not: a stack's top goes back
        by one, which is N - 1 slots on to an index that starts again.
        """
        self._onward = self._back = 0
        """How often an index went on, and how often one that reaches N went back."""
        self._counts = False
        """Whether an index has reached N."""
        self._taken = self._out_back = 0
        """How often ``out`` moved, and how often it went back."""
        self._rounds = self._again = self._fallen = 0
        """How often ``in`` started again with all slots changed that it passed so; with at least half of them, as
        items may repeat; and how often it only went back.
        """

    def add(self, reading: Reading) -> None:
        layout, values = self._layout, values_of(self._layout, reading)
        last, self._last = self._last, (reading, values)
        self._first = self._first or values
        if last is not None and (values.in_, values.out) == (last[1].in_, last[1].out):
            return
        self._states += 1
        items = items_between(layout, values)
        self._outside += items is not None and not any(0 <= n <= layout.slots for n in items)
        if last is None:
            return
        changed, slots = slots_changed(layout, last[0], reading), layout.slots
        self._add_steps(last[1], values, changed)
        written = slots_passed(slots, last[1].in_, values.in_)
        self._either.add(changed, written | slots_passed(slots, last[1].out, values.out), slots)
        self._written.add(changed, written, slots)
        if values.in_ == last[1].in_:
            self._out_alone[bool(changed)] += 1

    def _add_steps(self, old: RingValues, new: RingValues, changed: set[int]) -> None:
        slots, wrapped = self._layout.slots, 2 ** (8 * self._layout.index_size - 1)
        for before, after in ((old.in_, new.in_), (old.out, new.out)):
            if before is None or after is None or before == after:
                continue
            self._counts |= max(before, after) >= slots
            back = 0 < before - after < wrapped
            self._back += back
            self._onward += not back
        self._taken += new.out != old.out
        self._out_back += (new.out or 0) < (old.out or 0)
        passed = slots_passed(slots, old.in_, new.in_) - {(new.in_ or 0) % slots}
        if new.in_ != old.in_ and len(passed) < slots:
            self._filled += len(passed & changed)
            self._left += len(passed - changed)
            self._add_round(old.in_ or 0, new.in_ or 0, len(passed - changed), len(passed))

    def _add_round(self, old: int, new: int, left: int, passed: int) -> None:
        slots = self._layout.slots
        laps = (new - 1) // slots - (old - 1) // slots  # No stack holds more than N items.
        again, mostly = new < old or (new > slots and laps > 0), 2 * left <= passed
        self._rounds += again and left == 0
        self._again += again and mostly
        self._fallen += new < old and not mostly

    @property
    def _is_stack(self) -> bool:
        """Whether an index goes on beyond the slots, and back again."""
        return self._counts and _BACK * self._back > self._onward

    @property
    def _goes_round(self) -> bool:
        """Whether ``in`` fills what it passes and starts again, or goes on and on while ``out`` follows it: a list
        that only grows, or a stack's top, does neither.
        """
        if self._left > self._filled or self._fallen > self._rounds:
            return False
        follows = self._taken >= _TAKEN and self._onward >= _ONWARD
        return (self._rounds >= _ROUNDS or follows) and self._out_back <= self._again + 1

    @property
    def bits(self) -> float:
        """How much the slots that changed tell for it."""
        return self._written.bits

    @property
    def contradicted(self) -> bool:
        """Whether it is no ring of N slots: the indices stand for no number of items, or go on and back,
        or other slots change.
        """
        either = self._either
        outside = 2 * self._outside > self._states
        return outside or self._is_stack or either.foreign > either.told

    @property
    def shown(self) -> bool:
        """Whether it was seen to work as a ring does."""
        by_slots = self._either.sure and self._goes_round
        return not self.contradicted and (by_slots or self._ran_on())

    @property
    def written(self) -> bool:
        """Whether it was, and the slots that changed are those that ``in`` passed."""
        return not self.contradicted and self._written.sure and self._goes_round

    @property
    def directed(self) -> bool:
        """Whether ``in`` is surely the one: no slot changes where ``out`` alone moves. A consumer that
        clears what it took leaves it open.
        """
        clean, changed = self._out_alone
        return self.written and clean >= _ALONE and clean >= _ALONE * changed

    def _ran_on(self) -> bool:
        """Whether both indices count on for more than laps of the ring, in step."""
        if self._first is None or self._last is None or self._states < STATES or self._outside:
            return False
        now, most = self._last[1], _LAPS * self._layout.slots
        pairs = ((self._first.in_, now.in_), (self._first.out, now.out))
        return all(a is not None and b is not None and b - a > most for a, b in pairs)


def watch(segment: MappedSegment, spans: Sequence[tuple[int, int]]) -> Iterator[Reading]:
    """Readings of these stretches that differ, for longer where there are some; one where nobody maps it."""
    readings = SegmentReadings(segment.reader, segment.peers.libc, spans, ())
    moved = -1
    for reading in readings.until(SECONDS if segment.peers.pids else 0.0):
        moved += 1
        yield reading
    if moved > 0:
        yield from readings.until(MORE_SECONDS)


def flows(layout: Layout, readings: Iterable[Reading]) -> bool:
    """Whether the readings show a ring of that layout at work, surely in its direction."""
    evidence = FlowEvidence(layout)
    for reading in readings:
        evidence.add(reading)
    return evidence.directed


def with_lock_free(segment: MappedSegment, resolved: ResolvedLayout) -> ResolvedLayout:
    """``resolved`` marked as a ring without a lock, where none is known and its processes use none
    that is seen. One that only a program's names propose is likely once it was seen to work, and
    disputed before; it is shown as bytes where it was seen to be none.
    """
    layout = resolved.layout
    if layout is None or not _without_lock(segment, layout):
        return resolved
    resolved = replace(resolved, layout=(layout := replace(layout, lock_free=True)))
    said = {"in", "out"} <= set(dict(segment.options.mapping))
    if said or resolved.source not in {LayoutSource.DEBUG_INFO, LayoutSource.NEARBY}:
        return resolved
    evidence = FlowEvidence(layout)
    for reading in watch(segment, SegmentReadings.of_layout(segment.reader, layout).spans):
        evidence.add(reading)
        if evidence.shown:
            text = _(
                "no lock is known in it: a ring by the names of its members, and by how it moves"
            )
            return replace(resolved, assumptions=(*resolved.assumptions, text))
    if evidence.contradicted:
        return ResolvedLayout(None, LayoutSource.RAW)
    in_, out = layout.index_names
    text = _(
        "by the names of its members alone it may be a ring without a lock: nothing that it did showed "
        "it; --map in={in_},out={out} says that it is one"
    ).format(in_=in_, out=out)
    return replace(resolved, disputes=(text, *resolved.disputes))


def has_no_lock(layout: Layout) -> bool:
    """Whether the layout has indices, and neither a lock nor a semaphore."""
    none = len(layout.missing) == len(SemaphoreRole) and layout.lock is None and not layout.sync
    return layout.has_indices and none


def semaphores_beside(segment: MappedSegment) -> bool:
    """Whether its processes use semaphores that lie in no segment: named ones, or those of a set."""
    if segment.peers.semaphores:
        return True
    return next(used_semaphores(segment.peers.pids), None) is not None


def _without_lock(segment: MappedSegment, layout: Layout) -> bool:
    """Whether no lock and no semaphore is known, in the segment, in another one or of its processes."""
    if not has_no_lock(layout) or semaphores_beside(segment) or segment.marked_elsewhere:
        return False
    slots = range(layout.data, layout.data + layout.slots * layout.item.size)
    marked = signatures(segment.reader.read(0, MAX_SIZE), layout.libc)
    return all(at in slots for at in marked)
