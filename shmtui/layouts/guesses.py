"""The layouts that could explain a segment: its size, its semaphores, its indices. Pure.

Semaphores that are recognised, or known by name, leave room for indices and data around
them; where none is, plain structs of the segment's very size are all there is to try.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, permutations, zip_longest
from typing import Final, TypeVar

from shmtui.layouts.semaphore_names import roles_by_name
from shmtui.layouts.signatures import MAX_WAITERS, signatures
from shmtui.shm.item_shape import Bytes
from shmtui.shm.layout import ITEM_TYPES, SEM_SIZE, ItemType, Layout, aligned, counted_on
from shmtui.shm.libc import Libc
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.semaphore import SemaphoreWords, decode

_T = TypeVar("_T")

RING: Final = len(SemaphoreRole)
"""Semaphores that a ring has."""
_MOST_SEMAPHORES: Final = 16 * RING
_EDGE: Final = 64
"""In a large segment indices are looked for this close to its ends and to the semaphores."""
_LINE: Final = 64
"""Bytes of a cache line."""
_LINES: Final = 4
"""So many of them at the start of a segment may hold an index each."""
_SMALL: Final = 1024
_SLACK: Final = 16
"""Bytes beside the data that may be padding, or members of no role here."""
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
class State:
    """What one look says of the ring, read by one layout."""

    in_: int
    """The slot that is written next; beyond the ring where the index is no slot's."""
    out: int
    counts: bool
    """The indices are never reduced: they count on."""
    mutex: SemaphoreWords
    empty: SemaphoreWords
    full: SemaphoreWords


def state_of(layout: Layout, look: Look) -> State:
    """The indices and semaphores where ``layout`` has them."""
    named = dict(look.named)
    words = []
    for role in SemaphoreRole:
        at = layout.semaphore_offset(role)
        name = layout.semaphore_name(role)
        if at is not None:
            words.append(decode(look.raw[at : at + SEM_SIZE], layout.libc))
        elif name is not None:
            words.append(named[name])
        else:
            words.append(SemaphoreWords(int(not _held(layout, look.raw)), 0, shared=True))
    code = "=" + layout.index_code
    in_ = struct.unpack_from(code, look.raw, layout.in_)[0]
    out = struct.unpack_from(code, look.raw, layout.out)[0]
    return _state(layout.slots, in_, out, layout.index_size, words)


def _held(layout: Layout, raw: bytes) -> bool:
    """Whether the lock in the mutex's place is held, where it is known: its word is 0 if not."""
    return layout.lock is not None and any(raw[layout.lock : layout.lock + 4])


def _state(slots: int, in_: int, out: int, width: int, words: Sequence[SemaphoreWords]) -> State:
    """The state of a ring with those indices, ``width`` bytes each: reduced, or counters."""
    _mutex, empty, full = words
    if counted_on(slots, in_, out, empty.value, full.value, width) is not None:
        return State(in_ % slots, out % slots, True, *words)
    return State(in_, out, False, *words)


def possible(slots: int, state: State, takers: int) -> bool:
    """Whether a ring of so many slots can be in that state, with a permit in each taker's hand
    at the most.
    """
    in_, out = state.in_, state.out
    empty, full, mutex = state.empty.value, state.full.value, state.mutex.value
    if not (0 <= in_ < slots and 0 <= out < slots) or mutex > 1 or empty + full > slots:
        return False
    if max(state.mutex.waiters, state.empty.waiters, state.full.waiters) >= MAX_WAITERS:
        return False
    if empty == full == mutex == 0 and in_ == out == 0:
        return True  # Never initialised: nothing to contradict, and nothing to be sure of.
    in_hand = slots - empty - full
    if in_hand > takers:
        return False
    occupied = (in_ - out) % slots
    # ``full`` permits are items that nobody claimed; each permit in hand is an item more or less.
    return any(full <= filled <= full + in_hand for filled in {occupied, occupied or slots})


def candidates(look: Look, libc: Libc, takers: int) -> Iterator[Layout]:
    """Everything worth a try for the segment of ``look``, and not impossible by its indices and
    semaphores; the likely ones early, for bytes that are mostly zero allow more than there is
    time for.
    """
    found = signatures(look.raw, libc)
    tries: list[Iterator[Layout]] = []
    if len(look.named) == 3:
        for names in named_orders(look.named):
            values = {role: words for role, (_, words) in zip(SemaphoreRole, names, strict=True)}
            roles = tuple(
                (role, name) for role, (name, _) in zip(SemaphoreRole, names, strict=True)
            )
            tries.append(_around(look.raw, libc, (), (), values, takers, roles))
    elif found:
        for offsets in rings(found):
            values = {
                role: decode(look.raw[at : at + SEM_SIZE], libc)
                for role, at in zip(SemaphoreRole, offsets, strict=True)
            }
            tries.append(_around(look.raw, libc, offsets, found, values, takers, ()))
    else:
        sized = _by_size(len(look.raw), libc)
        tries.append(c for c in sized if possible(c.slots, state_of(c, look), takers))
    yield from in_turns(*tries)


def in_turns(*rows: Iterable[_T]) -> Iterator[_T]:
    """One of each in turn, so that none waits for the end of another."""
    for turn in zip_longest(*rows):
        yield from (each for each in turn if each is not None)


def rings(found: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Which semaphores of a segment may be mutex, empty and full of one ring: three that follow
    each other. Where they are not three for each ring nothing is told from them.
    """
    if len(found) % RING == 0:
        for first in range(0, min(len(found), _MOST_SEMAPHORES), RING):
            yield from permutations(found[first : first + RING])


def named_orders(
    named: tuple[tuple[str, SemaphoreWords], ...],
) -> Iterator[tuple[tuple[str, SemaphoreWords], ...]]:
    """Which of three is mutex, empty and full: as their names say, else in every order."""
    words = dict(named)
    told = dict(roles_by_name(sorted(words)))
    if len(told) == len(set(told.values())) == len(SemaphoreRole):
        yield tuple((told[role], words[told[role]]) for role in SemaphoreRole)
    else:
        yield from permutations(named)


def _around(
    raw: bytes,
    libc: Libc,
    offsets: tuple[int, ...],
    found: tuple[int, ...],
    values: dict[SemaphoreRole, SemaphoreWords],
    takers: int,
    names: tuple[tuple[SemaphoreRole, str], ...],
) -> Iterator[Layout]:
    """Layouts whose semaphores are known: indices wherever they fit, data in what remains.

    ``found`` are all semaphores of the segment, those of other rings too.
    """
    total = values[SemaphoreRole.EMPTY].value + values[SemaphoreRole.FULL].value
    if values[SemaphoreRole.MUTEX].value > 1 or total > 2**31 - 1:
        return
    words = [values[role] for role in SemaphoreRole]
    mutex, empty, full = offsets or (None, None, None)
    places = [*in_turns(_index_places(len(raw), found), _apart(len(raw), found))]
    # Zeros are everywhere: two words that are none are likelier to be indices.
    places.sort(key=lambda place: zeros(raw, *place))
    for low, high, code in places:
        width = struct.calcsize(code)
        first, second = (struct.unpack_from(f"={code}", raw, at)[0] for at in (low, high))
        taken = [(o, SEM_SIZE) for o in found] + [(low, width), (high, width)]
        gaps = list(gaps_between(len(raw), taken))
        packed = low % width != 0
        orders = ((low, high, first, second), (high, low, second, first))
        for slots in range(max(total, 1), total + takers + 1):
            either = [
                (in_, out)
                for in_, out, one, two in orders
                if possible(slots, _state(slots, one, two, width, words), takers)
            ]
            for start, end in gaps if either else ():
                for data, size in _fits(start, end, slots, packed=packed):
                    item = item_of(size)
                    for in_, out in either:
                        yield Layout(
                            slots, item, data, in_, out, mutex, empty, full,
                            len(raw), libc, code, names,
                        )  # fmt: skip


def zeros(raw: bytes, low: int, high: int, code: str) -> bool:
    """Whether both words are 0."""
    width = struct.calcsize("=" + code)
    return not any(raw[low : low + width]) and not any(raw[high : high + width])


def _apart(size: int, offsets: tuple[int, ...]) -> Iterator[tuple[int, int, str]]:
    """Where two indices of which type may stand that do not lie together: at the ends of what
    lies between semaphores, as when the data lie between them, and in cache lines of their own.
    """
    gaps = list(gaps_between(size, [(at, SEM_SIZE) for at in offsets]))
    lines = range(0, _LINES * _LINE, _LINE)
    for code in ("i", "q"):
        width = struct.calcsize(code)
        places = {
            at
            for start, end in gaps
            for at in (start, start + width, end - 2 * width, end - width, *lines)
            if start <= at <= end - width and at % width == 0
        }
        for low, high in combinations(sorted(places), 2):
            if high - low > width:
                yield low, high, code


def _index_places(size: int, offsets: tuple[int, ...]) -> list[tuple[int, int, str]]:
    """Where two indices of which type may stand: at whole words, and in packed structs behind a
    semaphore. Those next to another field, or at an end of the segment, come first.
    """
    edges = [0, size, *offsets, *(at + SEM_SIZE for at in offsets)]
    near = range(size) if size <= _SMALL else sorted(
        {at for edge in edges for at in range(max(edge - _EDGE, 0), min(edge + _EDGE + 1, size))}
    )  # fmt: skip
    places = []
    for code in ("i", "q"):
        width = struct.calcsize(code)
        behind = {at + SEM_SIZE + more for at in offsets for more in range(width)}
        for at in near:
            if at + 2 * width > size or (at % width and at not in behind):
                continue
            if any(at < o + SEM_SIZE and o < at + 2 * width for o in offsets):
                continue
            apart = min(min(abs(at - edge), abs(at + 2 * width - edge)) for edge in edges)
            places.append((apart, at, code))
    return [(at, at + struct.calcsize(code), code) for _away, at, code in sorted(places)]


def gaps_between(size: int, taken: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The stretches (start, end) of ``size`` bytes that none of the (start, length) covers.

    >>> list(gaps_between(10, [(4, 2), (0, 3)]))
    [(3, 4), (6, 10)]
    """
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


@cache
def item_of(size: int) -> ItemType:
    """An item known by its size alone: an integer where there is one that wide, else bytes."""
    if size in _INTEGERS:
        return ITEM_TYPES[_INTEGERS[size]]
    return ItemType(f"byte[{size}]", "", Bytes(size))


def fields_of(layout: Layout) -> list[tuple[int, int]]:
    """(offset, size) of everything that plays a part."""
    fields = [
        (layout.data, layout.slots * layout.item.size),
        (layout.in_, layout.index_size),
        (layout.out, layout.index_size),
    ]
    return fields + layout.system_spans
