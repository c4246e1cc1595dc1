"""A user's own C header, read for the layout of its structs.

:mod:`shmtui.layouts.cpp` preprocesses, :mod:`shmtui.layouts.c` parses and lays out. Nothing is
compiled or run, and nothing but the header and what it includes is read.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shmtui.i18n import _
from shmtui.layouts.c.declarations import parse
from shmtui.layouts.c.tokens import Token, refusal_at
from shmtui.layouts.c.types import (
    Aggregate,
    Aligned,
    ArrayOf,
    CType,
    Enumeration,
    Field,
    Function,
    Opaque,
    Pointer,
    Primitive,
    size_of,
    type_text,
)
from shmtui.layouts.cpp import HeaderError, preprocess
from shmtui.shm.item_shape import Address, Array, Bits, Part, Record, Scalar, Shape, Text
from shmtui.shm.libc import Libc

__all__ = ["Element", "HeaderError", "Member", "Struct", "read_structs"]

_MAX_PARTS: Final = 4096
"""Members of a struct, those of its inner structs counted wherever they stand."""


@dataclass(frozen=True, slots=True)
class Element:
    """What an array member is made of."""

    type_name: str
    shape: Shape


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a struct. Those of an anonymous struct or union count as its parent's."""

    name: str
    offset: int
    """Bytes from the start of the outermost struct."""
    shape: Shape
    type_name: str
    """As C writes it: ``int[5]``, ``sem_t``."""
    integer: bool = False
    """Whether it is an integer of a size of its own: no bit-field, no truth value."""
    system: str = ""
    """The system type that it is, such as ``sem_t``; one that the header declares itself is none."""
    length: int | None = None
    """Elements, for an array."""
    element: Element | None = None
    """For an array."""
    members: tuple["Member", ...] = ()
    """For a struct or union."""


@dataclass(frozen=True, slots=True)
class Struct:
    """A struct of a header, laid out."""

    names: tuple[str, ...]
    """Its tag and its typedefs."""
    members: tuple[Member, ...]
    size: int
    place: str
    """``file:line`` of its declaration."""
    c_name: str = ""
    """What a C program calls it: ``struct buffer``, or ``Buffer`` where it has no tag."""


def read_structs(path: Path, libc: Libc, include: Sequence[Path] = ()) -> tuple[Struct, ...]:
    """Every struct with a name that the header defines, in order, as ``libc``'s compiler lays
    it out.

    HeaderError: it cannot be read, preprocessed or laid out; with file, line and reason.
    """
    try:
        tokens = preprocess(path, include, libc)
        end = Token("end", "", str(path), tokens[-1].line if tokens else 1)
        if tokens:
            end.file = tokens[-1].file
        found = tuple(_structs(parse(tokens, end, libc), str(path)))
    except RecursionError:
        raise refusal_at(str(path), 1, _("types are nested too deep")) from None
    return found


def _structs(defined: list[Aggregate], file: str) -> Iterator[Struct]:
    shapes = _Shapes()
    for aggregate in defined:
        names = tuple(dict.fromkeys(filter(None, (aggregate.tag, *aggregate.names))))
        if aggregate.union or not names:
            continue
        if shapes.parts(aggregate) > _MAX_PARTS:
            name, _colon, line = aggregate.place.rpartition(":")
            raise refusal_at(
                name or file,
                int(line),
                _("{names} has more than {most} members").format(names=names[0], most=_MAX_PARTS),
            )
        c_name = f"struct {aggregate.tag}" if aggregate.tag else names[0]
        members = tuple(shapes.members(aggregate, 0))
        yield Struct(names, members, aggregate.size, aggregate.place, c_name)


class _Shapes:
    """Types as shapes, each struct's built once."""

    def __init__(self) -> None:
        self.records: dict[Aggregate, Record] = {}
        self.counts: dict[Aggregate, int] = {}

    def parts(self, ctype: CType) -> int:
        """Members that a value of the type shows, an array's counted once."""
        match ctype:
            case Aligned(base):
                return self.parts(base)
            case ArrayOf(element):
                return self.parts(element)
            case Aggregate() as aggregate:
                if aggregate not in self.counts:
                    self.counts[aggregate] = 1 + sum(
                        self.parts(member.type) for member in aggregate.fields or ()
                    )
                return self.counts[aggregate]
        return 1

    def members(self, aggregate: Aggregate, base: int) -> Iterator[Member]:
        """The members with their offsets from ``base`` bytes on."""
        for field in aggregate.fields or ():
            offset = base + field.bit // 8
            whole = _plain(field.type)
            if not field.name and field.width is None and isinstance(whole, Aggregate):
                yield from self.members(whole, offset)
            elif field.name and field.width is not None:
                start, bits = _bits(field, aggregate)
                yield Member(field.name, base + start, bits, type_text(field.type))
            elif field.name:
                yield self._member(field, offset)

    def _member(self, field: Field, offset: int) -> Member:
        ctype = _plain(field.type)
        array = ctype if isinstance(ctype, ArrayOf) else None
        inner = tuple(self.members(ctype, offset)) if isinstance(ctype, Aggregate) else ()
        return Member(
            field.name,
            offset,
            self.shape(ctype),
            type_text(ctype),
            integer=isinstance(ctype, Primitive) and ctype.code in set("bBhHiIqQ"),
            system=ctype.name if isinstance(ctype, Opaque) else "",
            length=None if array is None else array.length or 0,
            element=None
            if array is None
            else Element(type_text(array.element), self.shape(array.element)),
            members=inner,
        )

    def shape(self, ctype: CType) -> Shape:
        """How a value of the type is shown."""
        match ctype:
            case Aligned(base):
                return self.shape(base)
            case Pointer() | Function():
                return Address()
            case ArrayOf(element, length):
                if isinstance(element, Primitive) and element.name == "char" and (length or 0) > 1:
                    return Text(length or 0)
                return Array(self.shape(element), length or 0)
            case Aggregate() as aggregate:
                if aggregate not in self.records:
                    self.records[aggregate] = Record(
                        tuple(self._parts(aggregate, 0)), aggregate.size
                    )
                return self.records[aggregate]
            case Enumeration() as enum:
                code = {1: "b", 2: "h", 4: "i", 8: "q"}[enum.size]
                return Scalar(code if enum.signed else code.upper(), enum.size)
            case Primitive(_, size, _, code) if code:
                return Scalar(code, size)
        return Array(Scalar("B", 1), size_of(ctype))

    def _parts(self, aggregate: Aggregate, base: int) -> Iterator[Part]:
        for field in aggregate.fields or ():
            offset = base + field.bit // 8
            whole = _plain(field.type)
            if not field.name and field.width is None and isinstance(whole, Aggregate):
                yield from self._parts(whole, offset)
            elif field.name and field.width is not None:
                start, bits = _bits(field, aggregate)
                yield Part(field.name, base + start, bits)
            elif field.name:
                yield Part(field.name, offset, self.shape(whole))


def _plain(ctype: CType) -> CType:
    return _plain(ctype.base) if isinstance(ctype, Aligned) else ctype


def _bits(field: Field, aggregate: Aggregate) -> tuple[int, Shape]:
    """A bit-field within the smallest scalar of its struct that holds it, and where that starts.

    A packed one can lie across 9 bytes, or fill a struct of 3: its bytes are shown as they are.
    """
    assert field.width is not None
    ctype = _plain(field.type)
    signed = isinstance(ctype, (Enumeration, Primitive)) and ctype.signed
    for size, code in ((1, "b"), (2, "h"), (4, "i"), (8, "q")):
        start = min(field.bit // 8, aggregate.size - size)
        shift = field.bit - 8 * start
        if start >= 0 and shift + field.width <= 8 * size:
            whole = Scalar(code if signed else code.upper(), size)
            return start, Bits(whole, shift, field.width)
    start, end = field.bit // 8, (field.bit + field.width + 7) // 8
    return start, Array(Scalar("B", 1), end - start)
