"""The shape of an item: a C scalar, text, array, struct or union, decoded from its bytes. Pure.

A shape says where each part lies; it is what a compiler made of the type, so
two programs agree on it if they agree on the header.
"""

import struct
from typing import Any, Final

import msgspec

from shmtui.i18n import _
from shmtui.shm.value import Fields, Value

SHOWN_ELEMENTS: Final = 64
"""Elements of an array inside an item that are decoded, those of arrays inside it counted too;
an item can be megabytes long."""


_BYTE_ORDER: Final = "little" if struct.pack("=H", 1)[0] else "big"


class Scalar(msgspec.Struct, frozen=True):
    """A number or a truth value; ``code`` is its letter in :mod:`struct`."""

    code: str
    size: int


class Pointer(msgspec.Struct, frozen=True):
    """A pointer, shown and never followed: it means something in one process only."""

    size: int = 8


class Text(msgspec.Struct, frozen=True):
    """An array of char, up to its first NUL."""

    size: int


class Bytes(msgspec.Struct, frozen=True):
    """Bytes of which only the number is known."""

    size: int


class Bits(msgspec.Struct, frozen=True):
    """A bit-field of ``width`` bits, ``shift`` bits into the scalar around it."""

    whole: Scalar
    shift: int
    width: int

    @property
    def size(self) -> int:
        """Bytes of the scalar around it."""
        return self.whole.size


class Array(msgspec.Struct, frozen=True):
    """``length`` elements in a row."""

    element: "Shape"
    length: int

    @property
    def size(self) -> int:
        """Bytes."""
        return self.element.size * self.length


class Part(msgspec.Struct, frozen=True):
    """A member of a struct or union."""

    name: str
    offset: int
    shape: "Shape"


class Record(msgspec.Struct, frozen=True):
    """A struct, or a union, whose members then all start at 0 and are all shown."""

    parts: tuple[Part, ...]
    size: int


Shape = Scalar | Pointer | Text | Bytes | Bits | Array | Record


def decode(shape: Shape, raw: bytes, at: int, most: int = SHOWN_ELEMENTS) -> Value:
    """The value whose bytes start at ``at``: an address as hexadecimal text, text that is not
    UTF-8 with surrogates, the first ``most`` elements of a long array.
    """
    own = raw[at : at + shape.size]
    match shape:
        case Scalar(code):
            value: int | float | bool = struct.unpack_from("=" + code, raw, at)[0]
            return value
        case Pointer():
            return hex(int.from_bytes(own, _BYTE_ORDER))
        case Text():
            return own.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")
        case Bytes():
            return own[:most]
        case Bits(whole, shift, width):
            bits = (int.from_bytes(own, _BYTE_ORDER) >> shift) & ((1 << width) - 1)
            negative = whole.code.islower() and bits >> (width - 1)
            return bits - (1 << width) if negative else bits
        case Array(element, length):
            count = min(length, max(1, most // _shown_in(element, most)))
            return tuple(decode(element, raw, at + n * element.size, most) for n in range(count))
        case Record(parts):
            return Fields(
                (part.name, decode(part.shape, raw, at + part.offset, most)) for part in parts
            )


def encode(shape: Shape, value: int, raw: bytearray, at: int) -> bool:
    """Store a counter, cut to the width there is, in the first member or element that takes one;
    True: it was stored. Pointers, bit-fields and truth values take none.
    """
    match shape:
        case Scalar(code, size) if code in "fd":
            raw[at : at + size] = struct.pack("=" + code, float(value))
        case Scalar("?") | Pointer() | Bits():
            return False
        case Scalar() | Bytes():
            width = min(shape.size, 8)
            raw[at : at + width] = (value % 2 ** (8 * width)).to_bytes(width, _BYTE_ORDER)
        case Text(size):
            digits = str(value).encode()
            if len(digits) >= size:  # They need their NUL.
                return False
            raw[at : at + size] = digits.ljust(size, b"\0")
        case Array(element, length):
            return length > 0 and encode(element, value, raw, at)
        case Record(parts):
            return any(encode(part.shape, value, raw, at + part.offset) for part in parts)
    return True


def clipped(shape: Shape, room: int) -> Shape:
    """The shape of as much of an item's beginning as lies in ``room`` bytes.

    >>> clipped(Record((Part("id", 0, Scalar("i", 4)), Part("pixels", 8, Bytes(10**9))), 10**9), 64)
    Record(parts=(Part(name='id', offset=0, shape=Scalar(code='i', size=4)), Part(name='pixels', \
offset=8, shape=Bytes(size=56))), size=64)
    """
    if shape.size <= room:
        return shape
    match shape:
        case Record(parts):
            inside = (part for part in parts if part.offset < room)
            kept = (Part(p.name, p.offset, clipped(p.shape, room - p.offset)) for p in inside)
            return Record(tuple(part for part in kept if part.shape.size), room)
        case Array(element):
            return Array(element, room // element.size)
        case Text():
            return Text(room)
        case _:
            return Bytes(room)


def _shown_in(shape: Shape, most: int) -> int:
    """Array elements that one value of the shape decodes, at least 1."""
    match shape:
        case Array(element, length):
            return max(1, min(length * _shown_in(element, most), most))
        case Record(parts):
            return max((_shown_in(part.shape, most) for part in parts), default=1)
        case _:
            return 1


# -- as nested lists, for the control block ------------------------------------------------------

_MAX_DEPTH = 16
INTEGER_CODES: Final = frozenset("bBhHiIqQ")
_CODES = INTEGER_CODES | frozenset("fd?")


def shape_list(shape: Shape) -> list[Any]:
    """The shape as nested lists, the kind first."""
    match shape:
        case Scalar(code, size):
            return ["scalar", code, size]
        case Pointer(size):
            return ["address", size]
        case Text(size):
            return ["text", size]
        case Bytes(size):
            return ["bytes", size]
        case Bits(whole, shift, width):
            return ["bits", whole.code, whole.size, shift, width]
        case Array(element, length):
            return ["array", shape_list(element), length]
        case Record(parts, size):
            return ["record", [[p.name, p.offset, shape_list(p.shape)] for p in parts], size]


def parse_shape(value: Any, depth: int) -> Shape:
    """The shape that nested lists describe; ValueError if it is not a sound one."""
    if depth > _MAX_DEPTH:
        raise ValueError(_("not a layout: nested too deep"))
    match value:
        case ["scalar", str(code), int(size)] if code in _CODES and struct.calcsize(code) == size:
            return Scalar(code, size)
        case ["address", int(size)] if size == 8:
            return Pointer(size)
        case ["text", int(size)] if size >= 1:
            return Text(size)
        case ["bytes", int(size)] if size >= 1:
            return Bytes(size)
        case ["bits", str(code), int(size), int(shift), int(width)] if (
            code in _CODES
            and struct.calcsize(code) == size
            and shift >= 0
            and 0 < width <= 8 * size - shift
        ):
            return Bits(Scalar(code, size), shift, width)
        case ["array", element, int(length)] if length >= 0:
            return Array(parse_shape(element, depth + 1), length)
        case ["record", list(parts), int(size)] if size >= 0:
            return _record(parts, size, depth)
    raise ValueError(_("not a layout: an unknown shape"))


def _record(parts: list[Any], size: int, depth: int) -> Record:
    found = []
    for name, offset, raw in parts:
        shape = parse_shape(raw, depth + 1)
        if not isinstance(name, str) or not 0 <= offset <= size - shape.size:
            raise ValueError(_("not a layout: a member lies beyond its struct"))
        found.append(Part(name, offset, shape))
    return Record(tuple(found), size)
