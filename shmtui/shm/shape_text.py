"""The shape of an item as lists and back, for the control block. Pure."""

import struct
from typing import Any

from shmtui.i18n import _
from shmtui.shm.item_shape import Address, Array, Bits, Bytes, Part, Record, Scalar, Shape, Text

_MAX_DEPTH = 16
_CODES = frozenset("bBhHiIqQfd?")


def shape_list(shape: Shape) -> list[Any]:
    """The shape as nested lists, the kind first."""
    match shape:
        case Scalar(code, size):
            return ["scalar", code, size]
        case Address(size):
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
            return Address(size)
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
