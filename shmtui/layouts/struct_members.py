"""Records of a struct as a compiler laid it out: its name, size, members, their offsets and types.

They come from debug information (:mod:`shmtui.layouts.debug_info`), be it a program's own or
that of a header which :mod:`shmtui.layouts.compiler` compiled.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

import msgspec

from shmtui.shm.item_shape import Shape
from shmtui.shm.sync_object import SYNC_SIZES, SyncKind, SyncMember

SYNC_TYPES: Final = frozenset(kind.value for kind in SyncKind)
"""POSIX types that processes wait on. A C++ or Rust wrapper of one counts as the one it wraps."""

ELEMENTS: Final = 64
"""Sync objects of an array whose values are listed; a lock for each slot of a long ring would be too many."""
NAMED_ELEMENTS: Final = 1024
"""Those of an array that are known by name: a thread that sleeps on one is no stranger."""
MOST_SYNC: Final = 4096
"""Those of a struct that are known, those in arrays within arrays too."""


class Element(msgspec.Struct, frozen=True):
    """The element of an array member."""

    type_name: str
    shape: Shape
    system: str = ""
    """One of `SYNC_TYPES`, or empty."""
    members: tuple["Member", ...] = ()
    """Of a struct that holds sync objects: those of the array's first element. Of an array of arrays: the first of
    these, without a name.
    """


class Member(msgspec.Struct, frozen=True):
    """A member of a struct. Members of an anonymous struct or union, and those of a base class,
    count as members of the struct around them.
    """

    name: str
    offset: int
    """Bytes from the start of the outermost struct."""
    shape: Shape
    type_name: str
    """As C writes it: ``int[5]``, ``sem_t``."""
    integer: bool = False
    """Whether it is an integer of its own: no bit-field, no truth value, no enum."""
    system: str = ""
    """One of `SYNC_TYPES`, or empty. A type that the user's own file declares is none of them."""
    length: int | None = None
    """Elements, for an array; 0 for one whose length is left open."""
    element: Element | None = None
    """For an array."""
    members: tuple["Member", ...] = ()
    """For a struct or union."""
    declared: str = ""
    """The class of a library that a sync object is declared as: ``std::mutex``."""


class Struct(msgspec.Struct, frozen=True):
    """A struct or class with a name, laid out."""

    names: tuple[str, ...]
    """C: its tag, then its typedefs. C++ and Rust: its short names, then the qualified one."""
    members: tuple[Member, ...]
    size: int
    """``sizeof``, in bytes."""
    place: str
    """``file:line`` of its declaration."""
    c_name: str = ""
    """What a program calls it: ``struct buffer``, or ``Buffer`` where it has no tag."""
    word_size: int = 8
    """Bytes of a pointer: 4 in a 32-bit program."""
    beside: tuple[SyncMember, ...] = ()
    """Of a struct within another one: the sync objects of the other one that are none of its own."""


def row_of(member: Member) -> Member | None:
    """The first array of an array of arrays; None where it is none, or one that holds no sync object."""
    held = () if member.element is None else member.element.members
    return held[0] if len(held) == 1 and not held[0].name else None


def sync_members(members: Iterable[Member]) -> Iterator[SyncMember]:
    """The sync objects among the members, at any depth and in the elements of arrays, by their paths in the
    struct: `MOST_SYNC` of them.
    """
    return islice(_sync(members), MOST_SYNC)


def _sync(
    members: Iterable[Member], prefix: str = "", shift: int = 0, *, listed: bool = True
) -> Iterator[SyncMember]:
    for member in members:
        path, element, start = prefix + member.name, member.element, member.offset + shift
        if member.system:
            yield SyncMember(path, SyncKind(member.system), start, member.declared, listed)
        elif element is not None and (element.system or element.members):
            kind = SyncKind(element.system) if element.system else None
            size = element.shape.size if kind is None else SYNC_SIZES[kind]
            for index in range(min(member.length or 0, NAMED_ELEMENTS)):
                own, at, first = f"{path}[{index}]", index * size, listed and index < ELEMENTS
                if kind is not None:
                    yield SyncMember(own, kind, start + at, listed=first)
                inner = own + "." * (row_of(member) is None)
                yield from _sync(element.members, inner, shift + at, listed=first)
        yield from _sync(member.members, path + ".", shift, listed=listed)
