"""Telling a bounded buffer's layout from its bytes. Pure: looks go in, candidates come out.

It starts from all layouts that could explain the size and the semaphores, and
drops each that some look contradicts. What is left may be one, several or none;
one is a finding only if the looks were telling: a layout is never sure because
nothing happened that could have spoken against it.

What speaks against a candidate:

* ``in`` or ``out`` outside 0…N-1, ``mutex`` above 1, ``empty + full`` above N;
* an occupancy that ``full`` and ``empty`` exclude, for any number of permits in hand;
* a byte outside every field that is not zero: padding of a segment stays zero;
* a change, between two looks, in a slot that ``in`` did not pass over.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from typing import Final

from shmtui.layouts.guesses import (
    RING,
    Look,
    State,
    candidates,
    fields_of,
    gaps_between,
    in_turns,
    possible,
    state_of,
)
from shmtui.layouts.odd_guesses import MAX_ODD, odd_candidates
from shmtui.layouts.plainness import plainness
from shmtui.layouts.signatures import signatures
from shmtui.shm.layout import Layout
from shmtui.shm.libc import Libc
from shmtui.shm.protocol import SemaphoreRole

MAX_SIZE: Final = 1 << 20
"""Segments past this size are not guessed at."""
MAX_CANDIDATES: Final = 1000
"""Of the usual, and of the others."""
MAX_TRIED: Final = 12_000
"""Where there are more to try, those that were not leave every result unsure."""
VISITS: Final = 12
"""Looks a slot, after which one that ``in`` was never seen at does not exist: e^-12."""
CHANGES: Final = 5
"""So often bytes have to change as a larger item's would, before they are part of one."""
_FEW: Final = 16
"""Only so few of those left are compared with each other."""
_OF_SEVERAL: Final = 8_000
"""So many are tried where a segment has several rings: none of them is sure."""
_LAP: Final = 4
"""In a ring of fewer slots any change may be part of any item."""


@dataclass(frozen=True, slots=True)
class Inference:
    """What the looks leave: the candidates, the likeliest first, and whether the first is sure."""

    candidates: tuple[Layout, ...]
    sure: bool

    @property
    def layout(self) -> Layout | None:
        """The layout, where only one is left and the looks were telling."""
        return self.candidates[0] if self.sure else None


class Elimination:
    """The candidates that no look so far contradicts; each look can only drop some.

    ``takers``: how many threads map the segment; each can have one permit in hand.
    ``roles``: what each named semaphore is, where that is known. ``odd``: the less usual are
    tried too, and listed behind the others; they never make one sure, nor keep one from it.
    """

    def __init__(
        self,
        first: Look,
        libc: Libc,
        takers: int,
        roles: tuple[tuple[SemaphoreRole, str], ...] = (),
        *,
        odd: bool = False,
    ) -> None:
        self._takers = takers
        self._looks = [first]
        self._left: list[Layout] = []
        self._odd: list[Layout] = []
        self._states: dict[Skeleton, State] = {}
        self._all_tried = True
        # Of several rings in a segment none is the segment's, however well it is known.
        self._semaphores = signatures(first.raw, libc)
        if len(first.raw) <= MAX_SIZE:
            several = len(self._semaphores) > RING
            most = _OF_SEVERAL if several else MAX_TRIED
            tried = list(islice(candidates(first, libc, takers), most + 1))
            self._all_tried = len(tried) <= most and not several
            self._left = _clear(tried, first, roles)
        if odd and len(first.raw) <= MAX_SIZE:
            others = islice(odd_candidates(first, libc, takers), MAX_ODD)
            self._odd = _clear(others, first, roles)

    def add(self, look: Look) -> None:
        """Drop what ``look``, after those before it, speaks against."""
        last = self._looks[-1]
        if len(look.raw) != len(last.raw):
            self._left = self._odd = []
            return
        self._looks.append(look)
        self._left, self._odd = (
            [
                c
                for c in some
                if _holds(c, look, self._takers)
                and _change_explained(c, last.raw, look.raw, state_of(c, last), state_of(c, look))
            ]
            for some in (self._left, self._odd)
        )

    def _visited(self, layout: Layout) -> bool:
        """Whether the top slots have been seen in use, if they would have been by now.

        A ring taken for one slot too many never shows ``in`` at that slot. The looks fall
        anywhere in a lap, so that the chance of missing one of N slots in n is about e^(-n/N).
        """
        if len(self._looks) < VISITS * layout.slots:
            return True
        seen = {state_of(layout, look).in_ for look in self._looks}
        return len(seen) < layout.slots // 2 or layout.slots - 1 in seen

    def _outdone(self, layout: Layout) -> bool:
        """Whether another of those left differs in larger items alone, and explains what this
        one cannot: bytes of no field, which changed again and again as its slots have to.
        """
        if layout.slots < _LAP:
            return False
        end = layout.data + layout.slots * layout.item.size
        for other in self._left:
            other_end = other.data + other.slots * other.item.size
            if (
                other.item.size > layout.item.size
                and replace(other, item=layout.item, data=layout.data) == layout
                and other.data <= layout.data
                and end <= other_end
            ):
                changes = sum(
                    old.raw[other.data : layout.data] != new.raw[other.data : layout.data]
                    or old.raw[end:other_end] != new.raw[end:other_end]
                    for old, new in pairwise(self._looks)
                )
                if changes >= CHANGES:
                    return True
        return False

    def _plainness(self, layout: Layout) -> tuple[int, ...]:
        key = skeleton(layout)
        state = self._states.get(key)
        if state is None:
            state = self._states[key] = state_of(layout, self._looks[-1])
        own = {layout.mutex, layout.empty, layout.full}
        others = tuple(at for at in self._semaphores if at not in own)
        return plainness(layout, state, others if len(self._semaphores) > RING else ())

    @property
    def looks(self) -> int:
        """How many looks it rests on."""
        return len(self._looks)

    def _remaining(self) -> list[Layout]:
        """The usual ones that are left, but for those that another outdoes."""
        left = [layout for layout in self._left if self._visited(layout)]
        if len(left) <= _FEW:
            left = [layout for layout in left if not self._outdone(layout)]
        return left

    def _sure(self, left: Sequence[Layout]) -> bool:
        return self._all_tried and len(left) == 1 and _telling(left[0], self._looks)

    @property
    def settled(self) -> bool:
        """Whether more looks can tell nothing more: one is sure, or none is left."""
        return self._sure(self._remaining()) or not (self._left or self._odd)

    @property
    def result(self) -> Inference:
        """What is left, the likeliest first."""
        left = self._remaining()
        sure = self._sure(left)
        self._states.clear()
        usual, odd = (
            varied(sorted(row, key=self._plainness)) for row in (left, [] if sure else self._odd)
        )
        return Inference(tuple(dict.fromkeys((*usual, *odd))), sure)


def infer(looks: Sequence[Look], libc: Libc, takers: int) -> Inference:
    """The layouts that none of ``looks`` contradicts."""
    elimination = Elimination(looks[0], libc, takers)
    for look in looks[1:]:
        elimination.add(look)
    return elimination.result


Skeleton = tuple[object, ...]


def skeleton(layout: Layout) -> Skeleton:
    """All that a ring's state is read by: what layouts that differ in the data alone share."""
    semaphores = (layout.mutex, layout.empty, layout.full, layout.lock, layout.names)
    return (layout.slots, layout.in_, layout.out, layout.index_code, *semaphores)


def varied(layouts: Sequence[Layout], most: int = MAX_CANDIDATES) -> list[Layout]:
    """So many of ``layouts``, those first that come first; but half of them in turns from those
    of each set of indices and semaphores, so that no set is left out for its many data.
    """
    if len(layouts) <= most:
        return list(layouts)
    alike: dict[Skeleton, list[Layout]] = {}
    for layout in layouts[most // 2 :]:
        alike.setdefault(skeleton(layout), []).append(layout)
    others = islice(in_turns(*alike.values()), most - most // 2)
    return [*layouts[: most // 2], *others]


# -- contradictions -----------------------------------------------------------------------------


def _clear(
    tried: Iterable[Layout], first: Look, roles: tuple[tuple[SemaphoreRole, str], ...]
) -> list[Layout]:
    """Each once, but for those whose padding is not clear and those of other named semaphores."""
    return [
        c
        for c in dict.fromkeys(tried)
        if (not roles or c.names == roles) and _padding_clear(c, first.raw)
    ]


def _holds(layout: Layout, look: Look, takers: int) -> bool:
    return possible(layout.slots, state_of(layout, look), takers) and _padding_clear(
        layout, look.raw
    )


def _padding_clear(layout: Layout, raw: bytes) -> bool:
    """Bytes of no field are zero, but for whole words that may be members of no role here."""
    fields = fields_of(layout)
    tail = max(at + size for at, size in fields)
    for start, end in gaps_between(len(raw), fields):
        natural = end - start < 8 and (start == layout.data + layout.slots * layout.item.size)
        if natural and start < tail and any(raw[start:end]):
            return False
    return True


def _change_explained(layout: Layout, before: bytes, after: bytes, old: State, new: State) -> bool:
    """Between two looks only slots that ``in`` passed over may have changed.

    One more may be half written. Where more changed than ``in`` moved, the ring
    went round unseen, and every slot may have.
    """
    size = layout.item.size
    start, end = layout.data, layout.data + layout.slots * size
    if before[start:end] == after[start:end]:
        return True
    passed = (new.in_ - old.in_) % layout.slots
    allowed = {(old.in_ + step) % layout.slots for step in range(passed + 1)}
    changed = {
        index
        for index in range(layout.slots)
        if before[start + index * size : start + (index + 1) * size]
        != after[start + index * size : start + (index + 1) * size]
    }
    return changed <= allowed or len(changed) > passed + 1


def _telling(layout: Layout, looks: Sequence[Look]) -> bool:
    """Whether the looks could have contradicted: initialised, and seen moving or part full."""
    states = [state_of(layout, look) for look in looks]
    if any(s.empty.value + s.full.value == 0 for s in states):
        return False
    if not any(s.mutex.value == 1 or s.mutex.waiters for s in states):
        # A shared pthread_mutex_t has bytes like those of a semaphore that is never posted.
        return False
    moved = len({(s.in_, s.out) for s in states}) > 1
    part_full = any(s.in_ != s.out and s.full.value > 0 for s in states)
    return moved or part_full
