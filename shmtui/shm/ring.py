"""The ring: moving one item in or out by the protocol.

A permit is taken first and the mutex second, the order that cannot deadlock. While no process
moves an item, ``empty + full == slots``, ``mutex == 1``, and ``full == (in - out) mod slots``
unless the ring is full.
"""

import mmap
from collections.abc import Callable
from struct import unpack_from
from typing import TYPE_CHECKING, Any, Self
from zlib import crc32

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.shm.layout import ItemType, Layout, SemaphoreKind, counted_on
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.shm.segment import derived_name
from shmtui.shm.semaphore import (
    EmbeddedSemaphore,
    NamedSemaphore,
    Semaphore,
    create_named,
    unlink_named,
)
from shmtui.shm.value import Number

if TYPE_CHECKING:
    from shmtui.shm.item_shape import Shape

_NAMED_LIMIT = 251
"""NAME_MAX without the ``sem.`` that libc puts before the name."""


def why_no_worker(layout: Layout) -> str:
    """Why no worker of ours can take part in a ring of this layout; empty where one can."""
    if not layout.has_indices or layout.index_segment or layout.last:
        return _("a worker needs in and out in the segment, and the slot that each uses next in it")
    if layout.kind is SemaphoreKind.SYSTEM_V:
        return _("its semaphores are of a System V set, and a worker takes those of POSIX")
    if layout.lock_free:
        return _("no lock and no semaphore of it is known, and a worker of shmtui takes three")
    if layout.missing:
        names = " ".join(f"--{role} /NAME" for role in layout.missing)
        text = _("it takes three semaphores, and a pthread_mutex_t is none: name {options}")
        return text.format(options=names)
    return ""


class BadIndexError(ShmtuiError):
    """``in`` or ``out`` lies outside the ring, so no slot may be read or written."""


def semaphore_names(segment: str) -> tuple[tuple[SemaphoreRole, str], ...]:
    """The named semaphores of a segment that shmtui makes, by role.

    >>> semaphore_names("/shm_buffer")[1]
    (<SemaphoreRole.EMPTY: 'empty'>, '/shm_buffer.empty')
    """
    return tuple((role, derived_name(segment, f".{role}", _NAMED_LIMIT)) for role in SemaphoreRole)


def counter_after(value: Number, item: ItemType) -> Number:
    """The number after ``value`` in a producer's count; the smallest follows the largest.

    >>> from shmtui.shm.layout import ITEM_TYPES
    >>> counter_after(127, ITEM_TYPES["int8"]), counter_after(255, ITEM_TYPES["uint8"])
    (-128, 0)
    """
    bottom, top = item.counter_range
    return value + 1 if value < top else bottom


class _CompoundSlots:
    """Slots of a compound item, by index.

    A stored number goes into the first member that can hold it; the other members are zero. A
    loaded value is the CRC-32 of the slot's bytes.
    """

    __slots__ = ("_raw", "_shape")

    def __init__(self, raw: memoryview, shape: "Shape") -> None:
        self._raw = raw
        self._shape = shape

    def __setitem__(self, index: int, value: Number) -> None:
        from shmtui.shm.item_shape import encode  # noqa: PLC0415 - scalars do without

        record = bytearray(self._shape.size)
        encode(self._shape, int(value), record, 0)
        self._raw[index * len(record) : (index + 1) * len(record)] = record

    def __getitem__(self, index: int) -> int:
        size = self._shape.size
        return crc32(self._raw[index * size : (index + 1) * size])


def counted(item: ItemType, raw: bytes) -> Number:
    """The value that a worker loads for the item in ``raw``: its number, or its bytes' CRC-32."""
    if item.shape is not None:
        return crc32(raw)
    value: Number = unpack_from("=" + item.code, raw)[0]
    return value


class Ring:
    """A mapped buffer and its semaphores, which are valid for as long as this object lives."""

    def __init__(
        self, mapping: mmap.mmap, layout: Layout, semaphores: dict[SemaphoreRole, Semaphore]
    ) -> None:
        self.layout = layout
        self.semaphores = semaphores
        self.pause: Callable[[], None] | None = None
        """Called between reading an index and storing it, to do what a preemption there does."""
        memory = memoryview(mapping)
        item, size, in_, out = layout.item, layout.index_size, layout.in_, layout.out
        assert in_ is not None
        assert out is not None
        raw = memory[layout.data : layout.data + layout.slots * item.size]
        self.data: memoryview[Any] | _CompoundSlots = (
            raw.cast(item.code)  # type: ignore[call-overload]
            if item.shape is None
            else _CompoundSlots(raw, item.shape)
        )
        self._in: memoryview[int] = memory[in_ : in_ + size].cast(layout.index_code)  # type: ignore[call-overload]
        self._out: memoryview[int] = memory[out : out + size].cast(layout.index_code)  # type: ignore[call-overload]

    @classmethod
    def open(cls, name: str, mapping: mmap.mmap, layout: Layout) -> Self:
        """The ring in ``mapping``, with the semaphores of its layout.

        ShmtuiError: the mapping is too short, a semaphore is missing, or the layout has no indices
        in the segment.
        """
        if why := why_no_worker(layout):
            raise ShmtuiError(_("no worker can join {name}: {why}").format(name=name, why=why))
        if len(mapping) < layout.size:
            text = _("{name} has {length} bytes and its layout needs {size}: was it truncated?")
            raise ShmtuiError(text.format(name=name, length=len(mapping), size=layout.size))
        semaphores: dict[SemaphoreRole, Semaphore] = {}
        for role in SemaphoreRole:
            offset, named = layout.semaphore_offset(role), layout.semaphore_name(role)
            if offset is not None:
                semaphores[role] = EmbeddedSemaphore(memoryview(mapping), offset, layout.libc)
            elif named is not None:
                semaphores[role] = NamedSemaphore(named)
            else:
                text = _("{name} has no semaphore {role}: name it with --{role}")
                raise ShmtuiError(text.format(name=name, role=role))
        return cls(mapping, layout, semaphores)

    def write(self, value: Number) -> None:
        """The producer's critical section: store at ``in`` and advance it. BadIndexError."""
        slot, after = self.step(Role.PRODUCER)
        self.data[slot] = value
        if self.pause is not None:
            self.pause()
        self._in[0] = after

    def read(self) -> Number:
        """The consumer's critical section: load from ``out`` and advance it. BadIndexError."""
        slot, after = self.step(Role.CONSUMER)
        value: Number = self.data[slot]
        if self.pause is not None:
            self.pause()
        self._out[0] = after
        return value

    def index(self, role: Role) -> "memoryview[int]":
        """The word that ``role`` advances: ``in`` or ``out``."""
        return self._in if role is Role.PRODUCER else self._out

    def step(self, role: Role) -> tuple[int, int]:
        """The slot at the index of ``role``, and the value to store in the index afterwards.

        The index is kept below ``slots``. Where both indices are free-running counters, because
        another program reduces them only when it uses them, it stays a counter. BadIndexError: it
        is neither.
        """
        index, slots = self.index(role)[0], self.layout.slots
        if 0 <= index < slots - 1:
            return index, index + 1
        if max(self._in[0], self._out[0]) >= slots and self._is_free_running():
            return index % slots, index + 1
        if index != slots - 1:
            raise BadIndexError(
                _("{name} is {index}, outside 0…{last}").format(
                    name="in" if role is Role.PRODUCER else "out", index=index, last=slots - 1
                )
            )
        return index, 0

    def _is_free_running(self) -> bool:
        empty, full = (semaphore.words().value for semaphore in self.permits(Role.PRODUCER))
        layout = self.layout
        items = counted_on(layout.slots, self._in[0], self._out[0], empty, full, layout.index_size)
        return items is not None

    def permits(self, role: Role) -> tuple[Semaphore, Semaphore]:
        """The semaphore that ``role`` takes its permit from, and the one that it posts."""
        empty = self.semaphores[SemaphoreRole.EMPTY]
        full = self.semaphores[SemaphoreRole.FULL]
        return (empty, full) if role is Role.PRODUCER else (full, empty)


def initialise(mapping: mmap.mmap, layout: Layout, mode: int) -> None:
    """Initialise the semaphores of a new, zero-filled buffer.

    Named ones are made, exclusively. NameInUseError, ShmtuiError: one cannot be made; those made
    before it are removed again.
    """
    values = dict(zip(SemaphoreRole, (1, layout.slots, 0), strict=True))
    if layout.kind is SemaphoreKind.EMBEDDED:
        for role, value in values.items():
            offset = layout.semaphore_offset(role)
            assert offset is not None
            EmbeddedSemaphore(memoryview(mapping), offset, layout.libc).init(value)
        return
    made = []
    try:
        for role, semaphore in layout.names:
            create_named(semaphore, values[role], mode)
            made.append(semaphore)
    except BaseException:
        for semaphore in made:
            unlink_named(semaphore)
        raise
