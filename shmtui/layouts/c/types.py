"""C's types as gcc lays them out on 64-bit Linux: sizes, alignments, struct layout. Pure.

The rules are the System V ABI's with GNU attributes, as gcc's ``stor-layout.cc`` applies
them (read), and the tests hold each against gcc itself.
"""

from dataclasses import dataclass, field
from typing import Final

MAX_SIZE: Final = 1 << 56
"""Past this no struct is laid out: no machine holds one."""


@dataclass(frozen=True, slots=True)
class Primitive:
    """An arithmetic type; ``code`` is its letter in :mod:`struct`, empty where it has none."""

    name: str
    size: int
    align: int
    code: str = ""

    @property
    def integer(self) -> bool:
        """Whether it can be a bit-field's type or an index."""
        return self.name.endswith("__int128") or self.code not in {"", "f", "d"}

    @property
    def signed(self) -> bool:
        """Whether its values can be negative."""
        return self.code.islower()


@dataclass(frozen=True, slots=True)
class Opaque:
    """A system type of which only size and alignment are known; size 0 is incomplete."""

    name: str
    size: int
    align: int


@dataclass(frozen=True, slots=True)
class Pointer:
    """An address of whatever."""

    target: "CType"


@dataclass(frozen=True, slots=True)
class Function:
    """A function; what it takes does not matter to a layout."""

    result: "CType"


@dataclass(frozen=True, slots=True)
class ArrayOf:
    """An array; ``length`` None: it has none, as a flexible member's."""

    element: "CType"
    length: int | None


@dataclass(slots=True, eq=False)
class Enumeration:
    """An enum; incomplete until its size is set."""

    tag: str
    size: int = 0
    signed: bool = False
    names: list[str] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Field:
    """A member as it was declared, and where it lies once its struct is laid out."""

    name: str
    """Empty for an anonymous struct or union, and for an unnamed bit-field."""
    type: "CType"
    width: int | None = None
    """Bits of a bit-field."""
    packed: bool = False
    align: int = 0
    """What ``aligned`` or ``_Alignas`` asks for; 0: nothing."""
    bit: int = 0
    """Its offset, in bits."""


@dataclass(slots=True, eq=False)
class Aggregate:
    """A struct or a union; incomplete while ``fields`` is None."""

    union: bool
    tag: str
    place: str
    fields: list[Field] | None = None
    size: int = 0
    align: int = 1
    names: list[str] = field(default_factory=list)
    """Its typedefs."""


@dataclass(frozen=True, slots=True)
class Aligned:
    """A type of another alignment: by a typedef's attribute, or by ``_Atomic``."""

    base: "CType"
    align: int
    atomic: bool = False


CType = Primitive | Opaque | Pointer | Function | ArrayOf | Enumeration | Aggregate | Aligned


def plain(ctype: CType) -> CType:
    """The type without its special alignment."""
    while isinstance(ctype, Aligned):
        ctype = ctype.base
    return ctype


def complete(ctype: CType) -> bool:
    """Whether the type has a size; an array without a length has none."""
    match plain(ctype):
        case Aggregate() as aggregate:
            return aggregate.fields is not None
        case ArrayOf(element, length):
            return length is not None and complete(element)
        case Enumeration() as enum:
            return enum.size > 0
        case Opaque(_, size, _):
            return size > 0
        case Function():
            return False
        case _:
            return True


def size_of(ctype: CType) -> int:
    """``sizeof`` of a complete type; an array without a length counts 0."""
    match ctype:
        case ArrayOf(element, length):
            return size_of(element) * (length or 0)
        case Pointer():
            return 8
        case Function():
            return 1
        case Aligned(base):
            return size_of(base)
        case _:
            return ctype.size


def align_of(ctype: CType) -> int:
    """``_Alignof``."""
    match ctype:
        case ArrayOf(element):
            return align_of(element)
        case Pointer():
            return 8
        case Function():
            return 1
        case Enumeration() as enum:
            return enum.size
        case _:
            return ctype.align


def type_text(ctype: CType) -> str:
    """The type as C writes it: ``int[5]``, ``sem_t``, ``Item *``; a typedef's name for a struct."""
    suffix = ""
    while True:
        match ctype:
            case ArrayOf(element, length):
                suffix += f"[{'' if length is None else length}]"
                ctype = element
            case Aligned(base):
                ctype = base
            case _:
                break
    match ctype:
        case Pointer(target):
            text = f"{type_text(target)} *" if not isinstance(target, Function) else "function *"
        case Function():
            text = "function"
        case Aggregate() as aggregate:
            keyword = "union" if aggregate.union else "struct"
            text = aggregate.names[0] if aggregate.names else f"{keyword} {aggregate.tag}".strip()
        case Enumeration() as enum:
            text = enum.names[0] if enum.names else f"enum {enum.tag}".strip()
        case _:
            text = ctype.name
    return text + suffix


def same(left: CType, right: CType) -> bool:
    """Whether two declarations of one name may stand beside each other."""
    match left, right:
        case Pointer(a), Pointer(b):
            return same(a, b)
        case Function(a), Function(b):
            return same(a, b)
        case ArrayOf(a, n), ArrayOf(b, m):
            return n == m and same(a, b)
        case _:
            return left == right


def round_up(value: int, step: int) -> int:
    """The first multiple of ``step`` from ``value`` on."""
    return -(-value // step) * step


@dataclass(frozen=True, slots=True)
class Packing:
    """What stands at a struct and changes its layout."""

    packed: bool = False
    align: int = 1
    """By ``aligned``."""
    limit: int = 0
    """By ``#pragma pack``: no member is aligned to more; 0: none."""


def lay_out(aggregate: Aggregate, fields: list[Field], packing: Packing) -> None:
    """Complete ``aggregate``: offsets of its fields, its size and alignment.

    OverflowError: it is larger than any memory.
    """
    bit = end = 0
    align = packing.align
    for member in fields:
        if aggregate.union:
            bit = 0
        if member.width is None:
            wanted = _field_align(member, packing)
            align = max(align, wanted)
            member.bit = round_up(bit, 8 * wanted)
            bit = member.bit + 8 * size_of(member.type)
        else:
            member.bit, least = _place_bits(member, bit, packing)
            align = max(align, least)
            bit = member.bit + member.width
        end = max(end, bit)
        if end > 8 * MAX_SIZE:
            raise OverflowError
    aggregate.fields = fields
    aggregate.align = align
    aggregate.size = round_up((end + 7) // 8, align)


def _field_align(member: Field, packing: Packing) -> int:
    natural = align_of(member.type)
    if member.packed or (packing.packed and natural > 1):
        align = member.align or 1
    else:
        align = max(natural, member.align)
    return min(align, packing.limit) if packing.limit else align


def _place_bits(member: Field, bit: int, packing: Packing) -> tuple[int, int]:
    """The bit where a bit-field starts, and the alignment that it asks of its struct."""
    assert member.width is not None
    natural = align_of(member.type)
    if member.width == 0:
        # Neither packed nor #pragma pack touches it.
        return round_up(bit, 8 * max(natural, member.align)), 1
    packed = member.packed or packing.packed
    align = member.align
    if packing.limit:
        align = min(align, packing.limit)
        least = min(natural, packing.limit)
    else:
        least = 1 if packed else natural
    if align:
        bit = round_up(bit, 8 * align)
    if not packed and not packing.limit:
        unit = 8 * natural
        spanned = (bit + member.width + unit - 1) // unit - bit // unit
        if spanned > 8 * size_of(member.type) // unit:
            bit = round_up(bit, unit)
    return bit, (max(align, least) if member.name else 1)
