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

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, permutations
from typing import Final

from shmtui.ipc.layout import ITEM_TYPES, SEM_SIZE, ItemType, Layout, aligned
from shmtui.ipc.libc import Libc
from shmtui.ipc.protocol import SemaphoreRole
from shmtui.ipc.semaphore import SemaphoreWords, decode
from shmtui.ipc.shape import Array, Scalar
from shmtui.observe.semaphore_words import roles_by_name

MAX_SIZE: Final = 1 << 20
"""Segments past this size are not guessed at."""
MAX_CANDIDATES: Final = 400
VISITS: Final = 12
"""Looks a slot, after which one that ``in`` was never seen at does not exist: e^-12."""
_MAX_WAITERS: Final = 4096
_EDGE: Final = 64
"""In a large segment indices are looked for this close to its ends and to the semaphores."""
_SMALL: Final = 1024
_SLACK: Final = 12
"""Bytes beside the data that may be padding or a member of no role here."""
_NATURAL: Final = (1, 2, 4, 8)
_MEMBERS_APART: Final = 512
"""Where more than the slack is left over, items of up to so many bytes are looked for at the
two ends of a gap: the rest are members of no role here, such as a ``pthread_mutex_t``."""


@dataclass(frozen=True, slots=True)
class Look:
    """One reading of the whole segment, and of the named semaphores it goes with."""

    raw: bytes
    named: tuple[tuple[str, SemaphoreWords], ...] = ()


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
    """

    def __init__(self, first: Look, libc: Libc, takers: int) -> None:
        self._takers = takers
        self._looks = [first]
        self._left: list[Layout] = []
        if len(first.raw) <= MAX_SIZE:
            self._left = [
                c for c in set(_candidates(first, libc, takers)) if _holds(c, first, takers)
            ]

    def add(self, look: Look) -> None:
        """Drop what ``look``, after those before it, speaks against."""
        last = self._looks[-1]
        if len(look.raw) != len(last.raw):
            self._left = []
            return
        self._looks.append(look)
        self._left = [
            c
            for c in self._left
            if _holds(c, look, self._takers)
            and _change_explained(c, last.raw, look.raw, _state(c, last), _state(c, look))
        ]

    def _visited(self, layout: Layout) -> bool:
        """Whether the top slots have been seen in use, if they would have been by now.

        A ring taken for one slot too many never shows ``in`` at that slot. The looks fall
        anywhere in a lap, so that the chance of missing one of N slots in n is about e^(-n/N).
        """
        if len(self._looks) < VISITS * layout.slots:
            return True
        seen = {_state(layout, look).in_ for look in self._looks}
        return len(seen) < layout.slots // 2 or layout.slots - 1 in seen

    @property
    def looks(self) -> int:
        """How many looks it rests on."""
        return len(self._looks)

    @property
    def result(self) -> Inference:
        """What is left, the likeliest first."""
        left = sorted(filter(self._visited, self._left), key=_plainness)
        sure = len(left) == 1 and _telling(left[0], self._looks)
        return Inference(tuple(left[:MAX_CANDIDATES]), sure)


def infer(looks: Sequence[Look], libc: Libc, takers: int) -> Inference:
    """The layouts that none of ``looks`` contradicts."""
    elimination = Elimination(looks[0], libc, takers)
    for look in looks[1:]:
        elimination.add(look)
    return elimination.result


def _plainness(layout: Layout) -> tuple[int, ...]:
    """Sorts the likeliest first: few oddities, then the classical order of fields, int items.

    Odd are an item of a size that no scalar has, one that is no whole number of words even
    more; indices at odd addresses; members that play no part; fields in another order.
    """
    size = layout.item.size
    order = [layout.data, layout.in_, layout.out]
    order += [at for at in (layout.mutex, layout.empty, layout.full) if at is not None]
    disorder = sum(a > b for a, b in pairwise(order))
    odd_item = 0 if size in _NATURAL else 1 if size % 8 == 0 else 2 if size % 4 == 0 else 6
    packed = 4 * (layout.in_ % layout.index_size != 0)
    gaps = _gaps(layout.size, _fields(layout))
    strangers = sum(2 if end - start <= _SLACK else 4 for start, end in gaps if end - start >= 8)
    oddities = disorder + odd_item + packed + strangers
    return (oddities, size != 4, layout.index_size != 4, layout.slots, *order)


# -- candidates ---------------------------------------------------------------------------------


def _candidates(look: Look, libc: Libc, takers: int) -> Iterator[Layout]:
    if len(look.named) == 3:
        for names in _named_orders(look.named):
            values = {role: words for role, (_, words) in zip(SemaphoreRole, names, strict=True)}
            roles = tuple(
                (role, name) for role, (name, _) in zip(SemaphoreRole, names, strict=True)
            )
            yield from _around(look.raw, libc, (), values, takers, roles)
        return
    found = signatures(look.raw, libc)
    if len(found) == 3:
        for offsets in permutations(found):
            values = {
                role: decode(look.raw[at : at + SEM_SIZE], libc)
                for role, at in zip(SemaphoreRole, offsets, strict=True)
            }
            yield from _around(look.raw, libc, offsets, values, takers, ())
        return
    yield from _by_size(len(look.raw), libc)


def _named_orders(
    named: tuple[tuple[str, SemaphoreWords], ...],
) -> Iterator[tuple[tuple[str, SemaphoreWords], ...]]:
    """Which of three is mutex, empty and full: as their names say, else in every order."""
    words = dict(named)
    told = dict(roles_by_name(sorted(words)))
    if len(told) == len(set(told.values())) == len(SemaphoreRole):
        yield tuple((told[role], words[told[role]]) for role in SemaphoreRole)
    else:
        yield from permutations(named)


def signatures(raw: bytes, libc: Libc) -> tuple[int, ...]:
    """Offsets of what can only be initialised, shared semaphores of glibc.

    Its third word is 0x80 then; musl's is 0, which says nothing.
    """
    if libc is not Libc.GLIBC:
        return ()
    found: list[int] = []
    for at in range(0, len(raw) - SEM_SIZE + 1, 8):
        if raw[at + 8 : at + 16] != b"\x80\0\0\0\0\0\0\0" or any(raw[at + 16 : at + SEM_SIZE]):
            continue
        words = decode(raw[at : at + SEM_SIZE], libc)
        if words.value < 2**31 and words.waiters < _MAX_WAITERS:
            found.append(at)
    return tuple(found)


def _around(
    raw: bytes,
    libc: Libc,
    offsets: tuple[int, ...],
    values: dict[SemaphoreRole, SemaphoreWords],
    takers: int,
    names: tuple[tuple[SemaphoreRole, str], ...],
) -> Iterator[Layout]:
    """Layouts whose semaphores are known: indices wherever they fit, data in what remains."""
    total = values[SemaphoreRole.EMPTY].value + values[SemaphoreRole.FULL].value
    if values[SemaphoreRole.MUTEX].value > 1 or total > 2**31 - 1:
        return
    mutex, empty, full = offsets or (None, None, None)
    for code in ("i", "q"):
        width = struct.calcsize(code)
        for at in _index_places(len(raw), offsets, width):
            first, second = struct.unpack_from(f"={code}{code}", raw, at)
            taken = [(o, SEM_SIZE) for o in offsets] + [(at, 2 * width)]
            packed = at % width != 0
            for start, end in _gaps(len(raw), taken):
                for slots in range(max(total, 1), total + takers + 1):
                    if not (0 <= first < slots and 0 <= second < slots):
                        continue
                    for data, size in _fits(start, end, slots, packed=packed):
                        item = _item(size)
                        for in_, out in ((at, at + width), (at + width, at)):
                            yield Layout(
                                slots, item, data, in_, out, mutex, empty, full,
                                len(raw), libc, code, names,
                            )  # fmt: skip


def _index_places(size: int, offsets: tuple[int, ...], width: int) -> Iterator[int]:
    """Where two indices may stand: at whole words, and in packed structs behind a semaphore."""
    edges = [0, size, *offsets, *(at + SEM_SIZE for at in offsets)]
    behind = {at + SEM_SIZE + more for at in offsets for more in range(width)}
    for at in range(size - 2 * width + 1):
        if at % width and at not in behind:
            continue
        if any(at < o + SEM_SIZE and o < at + 2 * width for o in offsets):
            continue
        if size <= _SMALL or any(abs(at - edge) <= _EDGE for edge in edges):
            yield at


def _gaps(size: int, taken: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    at = 0
    for start, length in [*sorted(taken), (size, 0)]:
        if start > at:
            yield at, start
        at = max(at, start + length)


def _fits(start: int, end: int, slots: int, *, packed: bool) -> Iterator[tuple[int, int]]:
    """(data offset, item size) of ``slots`` items that fill start…end but for a little slack.

    In a packed struct they fill it wholly. Else the rest may also be members of no role:
    then they lie at one of its ends, and are of a size that scalars or whole words have.
    """
    length = end - start
    if packed:
        if length and length % slots == 0:
            yield start, length // slots
        return
    if slots <= length <= _MEMBERS_APART:
        sizes = {*_NATURAL, *range(8, 65, 4)}
        for size in sorted(s for s in sizes if length - slots * s > _SLACK):
            alignment = min(size & -size, 8)
            for data in {aligned(start, alignment), (end - slots * size) // alignment * alignment}:
                if data >= start:
                    yield data, size
    for size in range(max(1, (length - _SLACK) // slots), length // slots + 1):
        alignment = next(a for a in (8, 4, 2, 1) if size % a == 0)
        slack = length - slots * size
        if slack > _SLACK:
            continue
        for lead in range(0, slack + 1, 4):
            data = start + lead
            if data == aligned(data, min(alignment, 4)):
                yield data, size


def _by_size(size: int, libc: Libc) -> Iterator[Layout]:
    """Layouts of plain structs of that very size, where the semaphores cannot be recognised."""
    alignment = 8 if libc is Libc.GLIBC else 4
    for code in ("i", "q"):
        for item in (ITEM_TYPES["int32"], ITEM_TYPES["int64"]):
            most = (size - 3 * SEM_SIZE) // item.size
            for slots in range(max(1, most - 6), most + 1):
                for indices_first in (False, True):
                    yield from _plain(slots, item, code, size, libc, alignment, indices_first)


def _plain(
    slots: int, item: ItemType, code: str, size: int, libc: Libc, alignment: int, first: bool
) -> Iterator[Layout]:
    width = struct.calcsize(code)
    at = 0 if first else aligned(slots * item.size, width)
    data = aligned(2 * width, item.size) if first else 0
    end = max(at + 2 * width, data + slots * item.size)
    base = aligned(end, alignment)
    whole = aligned(base + 3 * SEM_SIZE, max(alignment, item.size, width))
    if whole != size:
        return
    for order in permutations(range(3)):
        mutex, empty, full = (base + SEM_SIZE * place for place in order)
        for in_, out in ((at, at + width), (at + width, at)):
            yield Layout(slots, item, data, in_, out, mutex, empty, full, size, libc, code)


_INTEGERS: Final = {1: "int8", 2: "int16", 4: "int32", 8: "int64"}


def _item(size: int) -> ItemType:
    """An item known by its size alone: an integer where there is one that wide, else bytes."""
    if size in _INTEGERS:
        return ITEM_TYPES[_INTEGERS[size]]
    return ItemType(f"byte[{size}]", "", Array(Scalar("B", 1), size))


# -- contradictions -----------------------------------------------------------------------------


def _holds(layout: Layout, look: Look, takers: int) -> bool:
    return _possible(layout, _state(layout, look), takers) and _padding_clear(layout, look.raw)


@dataclass(frozen=True, slots=True)
class _State:
    in_: int
    out: int
    mutex: SemaphoreWords
    empty: SemaphoreWords
    full: SemaphoreWords


def _state(layout: Layout, look: Look) -> _State:
    named = dict(look.named)
    words = []
    for role in SemaphoreRole:
        at = layout.semaphore_offset(role)
        name = layout.semaphore_name(role)
        words.append(
            decode(look.raw[at : at + SEM_SIZE], layout.libc)
            if at is not None
            else named[name or ""]
        )
    code = "=" + layout.index_code
    return _State(
        struct.unpack_from(code, look.raw, layout.in_)[0],
        struct.unpack_from(code, look.raw, layout.out)[0],
        *words,
    )


def _possible(layout: Layout, state: _State, takers: int) -> bool:
    slots, in_, out = layout.slots, state.in_, state.out
    empty, full, mutex = state.empty.value, state.full.value, state.mutex.value
    if not (0 <= in_ < slots and 0 <= out < slots) or mutex > 1 or empty + full > slots:
        return False
    if max(state.mutex.waiters, state.empty.waiters, state.full.waiters) >= _MAX_WAITERS:
        return False
    if empty == full == mutex == 0 and in_ == out == 0:
        return True  # Never initialised: nothing to contradict, and nothing to be sure of.
    in_hand = slots - empty - full
    if in_hand > takers:
        return False
    occupied = (in_ - out) % slots
    # ``full`` permits are items that nobody claimed; each permit in hand is an item more or less.
    return any(full <= filled <= full + in_hand for filled in {occupied, occupied or slots})


def _fields(layout: Layout) -> list[tuple[int, int]]:
    """(offset, size) of everything that plays a part."""
    fields = [
        (layout.data, layout.slots * layout.item.size),
        (layout.in_, layout.index_size),
        (layout.out, layout.index_size),
    ]
    fields += [(at, SEM_SIZE) for at in (layout.mutex, layout.empty, layout.full) if at is not None]
    return fields


def _padding_clear(layout: Layout, raw: bytes) -> bool:
    """Bytes of no field are zero, but for whole words that may be members of no role here."""
    fields = _fields(layout)
    tail = max(at + size for at, size in fields)
    for start, end in _gaps(len(raw), fields):
        natural = end - start < 8 and (start == layout.data + layout.slots * layout.item.size)
        if natural and start < tail and any(raw[start:end]):
            return False
    return True


def _change_explained(
    layout: Layout, before: bytes, after: bytes, old: _State, new: _State
) -> bool:
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
    states = [_state(layout, look) for look in looks]
    if any(s.empty.value + s.full.value == 0 for s in states):
        return False
    moved = len({(s.in_, s.out) for s in states}) > 1
    part_full = any(s.in_ != s.out and s.full.value > 0 for s in states)
    return moved or part_full
