"""Members of structs in debug information, and the shapes by which values are shown."""

from collections.abc import Iterator
from typing import Final

import msgspec

from shmtui.layouts.dwarf_entries import Entry
from shmtui.layouts.dwarf_forms import DamagedError
from shmtui.layouts.dwarf_names import AGGREGATES, Key
from shmtui.layouts.dwarf_types import MAX_SIZE, Type, Types, dimensions, offset_of
from shmtui.layouts.struct_members import Element, Member
from shmtui.shm.item_shape import (
    INTEGER_CODES,
    Array,
    Bits,
    Part,
    Pointer,
    Record,
    Scalar,
    Shape,
    Text,
)

MAX_MEMBERS: Final = 4096
"""Members of a struct, those of its inner structs counted wherever they stand."""
_SIGNED: Final = {1: "b", 2: "h", 4: "i", 8: "q"}
_FLOATS: Final = {4: "f", 8: "d"}


class TooManyMembersError(Exception):
    """A struct has more members than are shown; the argument is its entry."""


class Members(msgspec.Struct, eq=False):
    """Members and shapes of types, those of each struct made once."""

    types: Types = msgspec.field(default_factory=Types)
    _records: dict[Key, Shape] = msgspec.field(default_factory=dict)
    _counts: dict[Key, int] = msgspec.field(default_factory=dict)
    _sync: dict[Key, bool] = msgspec.field(default_factory=dict)

    def shape(self, of: Type) -> Shape:
        """How a value of the type is shown."""
        entry = of.entry
        size = self.types.size(of)
        if entry is None or (entry.tag != "base_type" and self.types.opaque(of)):
            return _bytes(size)
        if entry.tag == "array_type":
            return self._array(entry, self.types.lengths(entry))
        if entry.tag in AGGREGATES:
            return self._record(entry, size)
        if entry.tag == "base_type":
            code = _code(entry, size)
            return Scalar(code, size) if code else _bytes(size)
        if entry.tag == "enumeration_type":
            code = _SIGNED.get(size, "")
            if code:
                return Scalar(code if self._signed(entry) else code.upper(), size)
        elif size in {4, 8} and entry.tag != "subroutine_type":
            return Pointer(size)
        return _bytes(size)

    def _array(self, entry: Entry, lengths: list[int | None]) -> Shape:
        """An array of these dimensions, outermost first; an element, without any."""
        element = self.types.type_of(entry)
        if not lengths:
            return self.shape(element)
        length = lengths[0] or 0
        if len(lengths) == 1 and length > 1 and _is_char(element.entry):
            return Text(length)
        return Array(self._array(entry, lengths[1:]), length)

    def _record(self, entry: Entry, size: int) -> Shape:
        if entry.key not in self._records:
            parts = tuple(Part(m.name, m.offset, m.shape) for m in self._members(entry))
            # Of Rust's enums and the like bytes are all that is known.
            known = parts or size <= 1
            self._records[entry.key] = Record(parts, size) if known else _bytes(size)
        return self._records[entry.key]

    def _signed(self, enum: Entry) -> bool:
        under = self.types.type_of(enum).entry
        if under is not None:
            return _code(under, under.number("byte_size") or 0).islower()
        values = (child.number("const_value") for child in enum.below())
        return any(value is not None and value < 0 for value in values)

    def count(self, of: Type) -> int:
        """Members that a value of the type shows, an array's counted once."""
        entry = of.entry
        if entry is not None and entry.tag == "array_type":
            return self.count(self.types.type_of(entry))
        if entry is None or entry.tag not in AGGREGATES or self.types.opaque(of):
            return 1
        key = entry.key
        if key not in self._counts:
            self._counts[key] = -1
            total = 1 + sum(self.count(self.types.type_of(part)) for part in self.types.laid(entry))
            self._counts[key] = min(total, MAX_MEMBERS + 1)
        if self._counts[key] < 0:
            raise DamagedError  # A struct within itself.
        return self._counts[key]

    def members(self, entry: Entry) -> tuple[Member, ...]:
        """The members of an aggregate. TooManyMembersError: it has more than are shown."""
        if self.count(Type(entry)) > MAX_MEMBERS:
            raise TooManyMembersError(entry)
        return tuple(self._members(entry))

    def _members(self, entry: Entry, base: int = 0) -> Iterator[Member]:
        for part, of, offset, around in self._spread(entry, base):
            if "bit_size" in part.attributes:
                start, bits = self._bits(part, of, around)
                yield Member(part.name, offset + start, bits, self.types.text(of))
            else:
                yield self.member(part.name, of, offset)

    def _spread(self, entry: Entry, base: int) -> Iterator[tuple[Entry, Type, int, Entry]]:
        """Named members with their types, offsets and the aggregate that they stand in; a
        bit-field with the offset of that aggregate.

        Anonymous aggregates and base classes are replaced by their own members.
        """
        for part in self.types.laid(entry):
            of = self.types.type_of(part)
            if "bit_size" in part.attributes:
                if part.name:
                    yield part, of, base, entry
                continue
            offset = base + (offset_of(part) or 0)
            if part.tag != "inheritance" and part.name:
                yield part, of, offset, entry
            elif of.entry is not None and of.entry.tag in AGGREGATES:
                yield from self._spread(of.entry, offset)

    def member(self, name: str, of: Type, offset: int) -> Member:
        """A member of that type, or a variable."""
        entry, shape, system = of.entry, self.shape(of), self.types.sync(of)
        tag = entry.tag if entry is not None else ""
        length: int | None = None
        element: Element | None = None
        members: tuple[Member, ...] = ()
        if entry is not None and tag == "array_type":
            first, *rest = self.types.lengths(entry)
            length, element = first or 0, self._element(entry, rest, offset)
        elif entry is not None and tag in AGGREGATES and not self.types.opaque(of):
            members = tuple(self._members(entry, offset))
        number = tag == "base_type" and isinstance(shape, Scalar) and shape.code in INTEGER_CODES
        integer = number and not system
        declared = of.wrapper if system else ""
        return Member(
            name,
            offset,
            shape,
            self.types.text(of),
            integer,
            system,
            length,
            element,
            members,
            declared,
        )

    def _element(self, entry: Entry, rest: list[int | None], offset: int) -> Element:
        """The first element of an array, which has these dimensions itself."""
        inner = self.types.type_of(entry)
        text, shape = self.types.text(inner) + dimensions(rest), self._array(entry, rest)
        if not rest:
            kind = self.types.sync(inner)
            return Element(text, shape, kind, () if kind else self._held(inner, offset))
        row = self._element(entry, rest[1:], offset)
        if not (row.system or row.members):
            return Element(text, shape)
        return Element(
            text, shape, "", (Member("", offset, shape, text, length=rest[0] or 0, element=row),)
        )

    def _held(self, element: Type, offset: int) -> tuple[Member, ...]:
        """The members of an array's first element, where it is a struct that holds sync objects."""
        entry = element.entry
        if entry is None or entry.tag not in AGGREGATES or self.types.opaque(element):
            return ()
        return tuple(self._members(entry, offset)) if self.holds_sync(element) else ()

    def _bits(self, part: Entry, of: Type, aggregate: Entry) -> tuple[int, Shape]:
        """A bit-field within the smallest scalar of its struct that holds it, and where that
        starts. One that no scalar holds is shown as its bytes.
        """
        width = part.number("bit_size") or 0
        bit = self._first_bit(part, of)
        size = aggregate.number("byte_size") or 0
        if not 0 < width <= 128 or not 0 <= bit < 8 * MAX_SIZE:
            raise DamagedError
        shape = self.shape(of)
        signed = isinstance(shape, Scalar) and shape.code.islower()
        for bytes_, code in _SIGNED.items():
            start = min(bit // 8, size - bytes_)
            shift = bit - 8 * start
            if start >= 0 and shift + width <= 8 * bytes_:
                whole = Scalar(code if signed else code.upper(), bytes_)
                return start, Bits(whole, shift, width)
        start, end = bit // 8, (bit + width + 7) // 8
        return start, _bytes(end - start)

    def _first_bit(self, part: Entry, of: Type) -> int:
        """The bit where a bit-field starts, from the start of its struct (little-endian)."""
        found = part.number("data_bit_offset")
        if found is not None:
            return found
        # DWARF 2 and 3: bits from the top of a storage unit of byte_size bytes.
        storage = 8 * (part.number("byte_size") or self.types.size(of))
        from_top = part.number("bit_offset")
        start = 8 * (offset_of(part) or 0)
        if from_top is None:
            return start
        return start + storage - from_top - (part.number("bit_size") or 0)

    def holds_sync(self, of: Type) -> bool:
        """Whether a value of the type holds a sync object at any depth."""
        if self.types.sync(of):
            return True
        entry = of.entry
        if entry is None:
            return False
        if entry.key not in self._sync and entry.tag in {*AGGREGATES, "array_type"}:
            self._sync[entry.key] = False
            held = (entry,) if entry.tag == "array_type" else self.types.laid(entry)
            self._sync[entry.key] = any(self.holds_sync(self.types.type_of(each)) for each in held)
        return self._sync.get(entry.key, False)


def _bytes(size: int) -> Shape:
    return Array(Scalar("B", 1), size)


def _code(entry: Entry, size: int) -> str:
    """The letter in :mod:`struct` of a base type; empty where it has none."""
    encoding = entry.number("encoding")
    if encoding == 0x02 and size == 1:  # DW_ATE_boolean
        return "?"
    if encoding == 0x04:  # DW_ATE_float
        return _FLOATS.get(size, "")
    if encoding in {0x05, 0x06}:  # DW_ATE_signed, signed_char
        return _SIGNED.get(size, "")
    if encoding in {0x02, 0x07, 0x08, 0x10}:  # DW_ATE_unsigned, unsigned_char, UTF
        return _SIGNED.get(size, "").upper()
    return ""


def _is_char(entry: Entry | None) -> bool:
    char = ("base_type", "char", 1)
    return entry is not None and (entry.tag, entry.name, entry.number("byte_size")) == char
