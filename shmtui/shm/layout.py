"""Where each field of a bounded buffer lies, in bytes. Pure.

The seed's struct, for N slots of one item type::

    typedef struct {
        item  data[N];
        int   in, out;
        sem_t mutex, empty, full;     (absent where the semaphores are named)
    } Buffer;

``sem_t`` is 32 bytes on 64-bit glibc and musl, aligned to 8 on glibc and to 4 on musl, so that one
header gives two layouts.
"""

import struct
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.shm.libc import Libc
from shmtui.shm.protocol import SemaphoreRole

if TYPE_CHECKING:
    from shmtui.shm.item_shape import Shape
    from shmtui.shm.sync_object import SyncMember
    from shmtui.shm.value import Value

SEM_SIZE: Final = 32
"""``sizeof(sem_t)`` on 64-bit glibc and musl."""
SEM_ALIGNMENT: Final = {Libc.GLIBC: 8, Libc.MUSL: 4}
MUTEX_SIZE: Final = 40
"""``sizeof(pthread_mutex_t)`` on x86-64."""
INDEX_SIZE: Final = 4
"""``sizeof(int)``."""
MAX_SLOTS: Final = 2**31 - 1
"""``INT_MAX``: ``in`` and ``out`` are ints; ``SEM_VALUE_MAX`` is the same."""


class SemaphoreKind(StrEnum):
    """Semaphores inside the segment (``sem_init``) or beside it: by ``sem_open``, or of a set of
    ``semget``.
    """

    EMBEDDED = "embedded"
    NAMED = "named"
    SYSTEM_V = "system-v"


class ItemType(msgspec.Struct, frozen=True):
    """What a slot holds: a C scalar, or a shape read from a header.

    ``code`` is a scalar's letter in :mod:`struct` and :meth:`memoryview.cast`, empty for others.
    """

    name: str
    code: str
    shape: "Shape | None" = None

    @property
    def size(self) -> int:
        return struct.calcsize("=" + self.code) if self.shape is None else self.shape.size

    @property
    def is_float(self) -> bool:
        """Whether values are binary floating point."""
        return self.code in {"f", "d"}

    @property
    def counter_range(self) -> tuple[int, int]:
        """Smallest and largest value of a counter that every one of its values survives storing.

        A producer counts 0, 1, 2 … as the seed's does and goes on from the
        smallest after the largest. Floats count up to the last integer before gaps appear.
        """
        if self.is_float:
            return (0, 2 ** (24 if self.code == "f" else 53))
        if not self.code:
            return (0, 2**31 - 1)
        numbers = 2 ** (8 * self.size)
        bottom = -numbers // 2 if self.code.islower() else 0
        return bottom, bottom + numbers - 1

    def decode(self, raw: bytes, at: int = 0, *, whole: bool = False) -> "Value":
        """The item whose bytes start at ``at``; ``whole``: with all elements of long arrays."""
        if self.shape is not None:
            from shmtui.shm.item_shape import (  # noqa: PLC0415 - scalars do without
                SHOWN_ELEMENTS,
                decode,
            )

            return decode(self.shape, raw, at, self.size if whole else SHOWN_ELEMENTS)
        value: int | float = struct.unpack_from("=" + self.code, raw, at)[0]
        return value


_CODES: Final = {
    "int8": "b", "int16": "h", "int32": "i", "int64": "q",
    "uint8": "B", "uint16": "H", "uint32": "I", "uint64": "Q", "float": "f", "double": "d",
}  # fmt: skip
ITEM_TYPES: Final = {name: ItemType(name, code) for name, code in _CODES.items()}


def item_type(name: str) -> ItemType:
    """The item type of that name."""
    try:
        return ITEM_TYPES[name]
    except KeyError:
        known = " ".join(ITEM_TYPES)
        text = _("unknown item type {name!r}: use one of {known}")
        raise ShmtuiError(text.format(name=name, known=known)) from None


class Layout(msgspec.Struct, frozen=True, eq=False):
    """A bounded buffer's fields: byte offsets from the start of the segment.

    Invariants: every field lies inside ``size``, and fields do not overlap.
    A semaphore's offset is None where it is a named one, or where there is none.
    ``in_`` and ``out`` are both None where the programs keep their indices to themselves.
    """

    slots: int
    item: ItemType
    data: int
    in_: int | None
    out: int | None
    mutex: int | None
    empty: int | None
    full: int | None
    size: int
    libc: Libc
    index_code: str = "i"
    """The indices' letter in :mod:`struct`."""
    names: tuple[tuple[SemaphoreRole, str], ...] = ()
    lock: int | None = None
    """A ``pthread_mutex_t`` in the mutex's place: nothing that ``sem_wait`` could take."""
    index_segment: str = ""
    """The segment that ``in_`` and ``out`` are offsets in, where it is another one."""
    last: tuple[str, ...] = ()
    """``in`` and ``out``, those that hold the slot that was used last, not the next one."""
    count: tuple[int, str] | None = None
    """Byte, and letter in :mod:`struct`, of the integer in which the program counts the full slots,
    where it keeps one: a ring of a mutex and condition variables does.
    """
    index_names: tuple[str, ...] = ()
    """What the program calls ``in`` and ``out``; none where the layout is not from a struct."""
    lock_free: bool = False
    """Whether no lock and no semaphore is known of it, in the segment or beside it: its programs go
    by ``in`` and ``out`` alone, as far as can be seen.
    """
    sync: "tuple[SyncMember, ...]" = ()
    """All objects of the program's struct that processes wait on, those with a role among them;
    none where the layout is not from a struct.
    """

    @property
    def place(self) -> tuple[object, ...]:
        """What two layouts are the same by: where all that they have lies. What the program calls it,
        or has beside it, makes no other layout.
        """
        offsets = (self.data, self.in_, self.out, self.mutex, self.empty, self.full, self.lock)
        shapes = (self.slots, self.item, self.size, self.libc, self.index_code)
        return (offsets, shapes, self.names, self.index_segment, self.last)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Layout) and self.place == other.place

    def __ne__(self, other: object) -> bool:
        return not self == other  # A Struct has one of its own, which does not ask for equality.

    def __hash__(self) -> int:
        return hash(self.place)

    @property
    def has_indices(self) -> bool:
        return self.in_ is not None and self.out is not None

    @property
    def index_spans(self) -> list[tuple[int, int]]:
        """(offset, size) of the indices that lie in this segment."""
        places = () if self.index_segment else (self.in_, self.out)
        return [(at, self.index_size) for at in places if at is not None]

    @property
    def kind(self) -> SemaphoreKind:
        """Where the semaphores live."""
        if self.posix_names != self.names:
            return SemaphoreKind.SYSTEM_V
        return SemaphoreKind.NAMED if self.names else SemaphoreKind.EMBEDDED

    @property
    def index_size(self) -> int:
        """Bytes of ``in`` and of ``out``."""
        return struct.calcsize("=" + self.index_code)

    @property
    def posix_names(self) -> tuple[tuple[SemaphoreRole, str], ...]:
        """Those of ``names`` that are files of sem_open(3); the others are of System V sets."""
        return tuple(item for item in self.names if item[1].startswith("/"))

    def semaphore_name(self, role: SemaphoreRole) -> str | None:
        """Name of that semaphore, or None where it is embedded or absent."""
        return dict(self.names).get(role)

    @property
    def missing(self) -> tuple[SemaphoreRole, ...]:
        """The semaphores that are not known; with one missing nobody of ours can take part."""
        return tuple(
            role
            for role in SemaphoreRole
            if self.semaphore_offset(role) is None and self.semaphore_name(role) is None
        )

    @property
    def complete(self) -> bool:
        return not self.missing

    @property
    def spans(self) -> list[tuple[int, int]]:
        """(offset, size) of every field that lies in this segment."""
        embedded = (self.mutex, self.empty, self.full)
        spans = [(self.data, self.slots * self.item.size), *self.index_spans]
        spans += [(at, SEM_SIZE) for at in embedded if at is not None]
        return spans if self.lock is None else [*spans, (self.lock, MUTEX_SIZE)]

    def semaphore_offset(self, role: SemaphoreRole) -> int | None:
        """Offset of that semaphore; None where it is a named one, or there is none."""
        return {"mutex": self.mutex, "empty": self.empty, "full": self.full}[role.value]


def aligned(offset: int, alignment: int) -> int:
    """The first multiple of ``alignment`` at or after ``offset``.

    >>> aligned(28, 8), aligned(32, 8)
    (32, 32)
    """
    return -(-offset // alignment) * alignment


SEED_NAME: Final = "/shm_buffer"
SEED_SLOTS: Final = 5
"""The course's exercise. A segment of that name and of its size has its layout, unless a value
contradicts it. That is said, with the other layouts that fit.
"""


def seed_layout(
    slots: int, item: ItemType, libc: Libc, names: tuple[tuple[SemaphoreRole, str], ...] = ()
) -> Layout:
    """The layout that a C compiler gives the seed's ``Buffer``; with ``names``, without its ``sem_t``.

    >>> seed = seed_layout(5, ITEM_TYPES["int32"], Libc.GLIBC)
    >>> seed.in_, seed.out, seed.mutex, seed.empty, seed.full, seed.size
    (20, 24, 32, 64, 96, 128)
    """
    if not 1 <= slots <= MAX_SLOTS:
        text = _(
            "{slots} slots are more than the buffer's int indices can count: ask for {most} at most"
        )
        if slots < 1:
            text = _("a buffer of {slots} slots cannot hold an item: ask for 1 slot or more")
        raise ShmtuiError(text.format(slots=slots, most=MAX_SLOTS))
    in_ = aligned(slots * item.size, INDEX_SIZE)
    out = in_ + INDEX_SIZE
    end = out + INDEX_SIZE
    if names:
        size = aligned(end, max(item.size, INDEX_SIZE))
        return Layout(slots, item, 0, in_, out, None, None, None, size, libc, names=names)
    alignment = SEM_ALIGNMENT[libc]
    mutex = aligned(end, alignment)
    empty, full, end = (mutex + count * SEM_SIZE for count in (1, 2, 3))
    size = aligned(end, max(item.size, alignment))
    return Layout(slots, item, 0, in_, out, mutex, empty, full, size, libc)


def counted_on(
    slots: int, in_: int, out: int, empty: int | None, full: int | None, size: int = 4
) -> int | None:
    """Items of a ring whose indices, of ``size`` bytes, are counters; None where they are not.

    Counters are reduced where a slot is touched, ``data[in++ % N]``, and not where they are stored.
    They are counters if one has reached N and their difference is what the semaphores allow: each permit
    of ``full`` is an item, and each of ``empty`` a free slot. They are also if both have reached N
    and are no more than N apart: a program that moves its index outside of its posts may be ahead
    for a moment. In the first N items both kinds look the same, and are the same.

    >>> counted_on(5, 12, 9, 2, 3), counted_on(5, 4, 1, 2, 3), counted_on(5, 7, 0, 5, 0)
    (3, None, None)
    >>> counted_on(8, 3, 2**32 - 2, None, None), counted_on(8, 30, 32, 5, 1)
    (5, 1)
    """
    if min(in_, out) < 0 or max(in_, out) < slots:
        return None
    span: int = 2 ** (8 * size)
    ahead = (in_ - out + span // 2) % span - span // 2
    least, most = full or 0, slots - (empty or 0)
    if least <= ahead <= most:
        return ahead
    if abs(ahead) > slots or min(in_, out) < slots:
        return None
    return max(min(max(ahead, least), most), 0)


def slot_of(index: int | None, slots: int, *, counts: bool) -> int | None:
    """The slot that an index stands for; None where it stands for none.

    >>> slot_of(3, 5, counts=False), slot_of(12, 5, counts=True), slot_of(12, 5, counts=False)
    (3, 2, None)
    """
    if index is None or 0 <= index < slots:
        return index
    return index % slots if counts else None
