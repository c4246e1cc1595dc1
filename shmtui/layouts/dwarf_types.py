"""Types of debug information as records: sizes, shapes, names as C writes them, members."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from shmtui.layouts.declaring_files import declared_in, declares_sync_types
from shmtui.layouts.dwarf_entries import Entry, Section
from shmtui.layouts.dwarf_forms import DamagedError, uleb
from shmtui.layouts.struct_members import SYNC_TYPES, Element, Member
from shmtui.shm.item_shape import Address, Array, Bits, Part, Record, Scalar, Shape, Text
from shmtui.shm.sync_object import RUST_MUTEX, SYNC_SIZES

MAX_MEMBERS: Final = 4096
"""Members of a struct, those of its inner structs counted wherever they stand."""
_MAX_SIZE: Final = 1 << 56
_MAX_STEPS: Final = 100
"""Typedefs and qualifiers in a row."""
AGGREGATES: Final = frozenset({"structure_type", "class_type", "union_type"})
_SCOPES: Final = frozenset({"namespace", "module", *AGGREGATES})
_ELSEWHERE: Final = frozenset({"declaration", "signature"})
"""Attributes of an aggregate whose members stand at another entry."""
_QUALIFIERS: Final = frozenset(
    {"const_type", "volatile_type", "restrict_type", "atomic_type", "packed_type",
     "immutable_type", "shared_type"}
)  # fmt: skip
_TYPEDEFS: Final = frozenset({"typedef", "template_alias"})
_C_LANGUAGES: Final = frozenset({0x01, 0x02, 0x0C, 0x1D, 0x2C, 0x3E})
"""DW_LANG_C89, C, C99, C11, C17, C23."""
_WRAPPERS: Final = ("std::", "boost::", "core::", "libc::", "__gnu_cxx::")
"""Namespaces whose classes of one member stand for it: ``std::atomic<int>`` for an ``int``."""
_RUST_MUTEX: Final = re.compile(r"std::sys::.*(mutex::futex|futex_mutex)::Mutex")
"""The word in std::sync::Mutex that its threads sleep on, by Rust 1.62 to 1.95 (library/std/src/sys)."""
_PLAIN_NAMES: Final = {
    "short int": "short",
    "short unsigned int": "unsigned short",
    "long int": "long",
    "long unsigned int": "unsigned long",
    "long long int": "long long",
    "long long unsigned int": "unsigned long long",
    "__int128 unsigned": "unsigned __int128",
}
"""Names of base types as gcc writes them in DWARF, and as C programmers do."""
_SIGNED: Final = {1: "b", 2: "h", 4: "i", 8: "q"}
_FLOATS: Final = {4: "f", 8: "d"}
_INTEGERS: Final = frozenset("bBhHiIqQ")

Key = tuple[Section, int]


class TooManyMembersError(Exception):
    """A struct has more members than are shown; the argument is its entry."""


@dataclass(eq=False, slots=True)
class Types:
    """Types of one or more files, each looked up once."""

    users_own: Callable[[str], bool] | None = None
    """Whether a file is one of the user's own; None: that is not known."""
    names: dict[Key, str] = field(default_factory=dict)
    """Qualified names of the aggregates and enums of the units that were indexed."""
    typedefs: dict[Key, list[str]] = field(default_factory=dict)
    """Qualified typedefs of aggregates and enums."""
    open_typedefs: list[tuple[str, Entry]] = field(default_factory=list)
    """Typedefs of templates that no code of the unit makes."""
    _indexed: dict[Key, list[Key]] = field(default_factory=dict)
    _records: dict[Key, Shape] = field(default_factory=dict)
    _counts: dict[Key, int] = field(default_factory=dict)
    _sync: dict[Key, bool] = field(default_factory=dict)

    # -- names ------------------------------------------------------------------------------------

    def index(self, top: Entry) -> list[Key]:
        """Note the names that a unit declares; the aggregates among them, in order."""
        key = top.unit.section, top.unit.start
        if key in self._indexed:
            return self._indexed[key]
        found = self._indexed[key] = []
        aliases: list[tuple[str, Entry]] = []
        completing: list[Entry] = []
        scopes = [(top, "")]
        while scopes:
            scope, prefix = scopes.pop()
            inner = []
            for entry in scope.below():
                if entry.tag in _TYPEDEFS:
                    aliases.append((prefix + entry.name, entry))
                elif "specification" in entry.attributes and entry.tag in AGGREGATES:
                    completing.append(entry)
                elif entry.tag in _SCOPES or entry.tag == "enumeration_type":
                    inner += self._note(entry, prefix + entry.name if entry.name else "", prefix)
                    if entry.tag in AGGREGATES and not entry.attributes.keys() & _ELSEWHERE:
                        found.append(entry.key)
            scopes += reversed(inner)
            if not scopes and completing:
                # A class that was declared before, perhaps in another scope, whose name is its.
                entry = completing.pop()
                declared = self.follow(entry, "specification")
                name = self.names.get(declared.key, declared.name) if declared else entry.name
                scopes += self._note(entry, name, "")
                found.append(entry.key)
        for name, entry in aliases:
            self._alias(name, entry)
        found.sort(key=lambda key: key[1])
        return found

    def _note(self, entry: Entry, name: str, prefix: str) -> list[tuple[Entry, str]]:
        """Note the name of a type; the scope that it opens, with the prefix of names in it."""
        if entry.tag not in {"namespace", "module"} and name:
            self.names[entry.key] = name
        if not entry.children or entry.tag == "enumeration_type":
            return []
        return [(entry, f"{name}::" if name else prefix)]

    def _alias(self, name: str, entry: Entry) -> None:
        target = self.follow(entry, "type")
        for _step in range(_MAX_STEPS):
            if target is None or target.tag not in _TYPEDEFS:
                break
            target = self.follow(target, "type")
        if target is None or target.tag not in {*AGGREGATES, "enumeration_type"}:
            return
        if name.startswith(_WRAPPERS):
            return  # std::array<Item, 4>::value_type is no name that a program uses for an Item.
        self.typedefs.setdefault(target.key, []).append(name)
        if target.attributes.get("declaration") and "<" in target.name:
            self.open_typedefs.append((name, entry))

    def name_of(self, entry: Entry) -> str:
        """The qualified name of an aggregate or enum; empty where it has none."""
        unit = entry.unit
        if (unit.section, unit.start) not in self._indexed:
            self.index(unit.top)
        return self.names.get(entry.key) or entry.name

    def typedefs_of(self, entry: Entry) -> list[str]:
        """Typedefs of an aggregate or enum, in order."""
        self.name_of(entry)
        return self.typedefs.get(entry.key, [])

    # -- references -------------------------------------------------------------------------------

    def follow(self, entry: Entry, attribute: str) -> Entry | None:
        """The entry that the attribute refers to; a declaration is followed to its type unit.

        None: there is no such attribute, which for a type is C's ``void``.
        """
        reference = entry.attributes.get(attribute)
        if not isinstance(reference, tuple):
            return None
        kind, number = reference
        section, file = entry.unit.section, entry.unit.section.file
        if kind == "here":
            found = section.at(number)
        elif kind == "info":
            found = file.sections[0].at(number)
        elif kind == "alternative":
            if file.alternative is None:
                raise DamagedError
            found = file.alternative.sections[0].at(number)
        else:
            where, at = file.signatures[number]
            return where.at(at)
        if "signature" in found.attributes:
            return self.follow(found, "signature")
        return found

    def type_of(self, entry: Entry) -> "Type":
        """The type of a member, element or base class."""
        aliases: list[Entry] = []
        target = self.follow(entry, "type")
        for _step in range(_MAX_STEPS):
            if target is None or target.tag not in _QUALIFIERS | _TYPEDEFS:
                return self._unwrapped(Type(target, tuple(aliases)))
            if target.tag in _TYPEDEFS:
                aliases.append(target)
            target = self.follow(target, "type")
        raise DamagedError

    def _unwrapped(self, found: "Type") -> "Type":
        """What a class of a library wraps: a semaphore, an atomic integer, an array."""
        entry = found.entry
        if entry is None or entry.tag not in {"structure_type", "class_type"} or self.sync(found):
            return found
        if not self.name_of(entry).startswith(_WRAPPERS):
            return found
        sized = [(part, self.type_of(part)) for part in self._laid(entry)]
        sized = [(part, of) for part, of in sized if part.tag == "member" or not self._empty(of)]
        if len(sized) != 1:
            return found
        ((part, inner),) = sized
        whole = _offset(part) == 0 and self.size(inner) == entry.number("byte_size")
        if not whole or "bit_size" in part.attributes:
            return found
        return replace(inner, wrapper=self.name_of(entry))

    def _empty(self, of: "Type") -> bool:
        entry = of.entry
        return entry is not None and entry.tag in AGGREGATES and not any(self._laid(entry))

    def _laid(self, entry: Entry) -> Iterator[Entry]:
        """Members and base classes that take room in a struct; static members take none."""
        for child in entry.below():
            attributes = child.attributes
            if child.tag == "member":
                # What the compiler adds, such as the pointer to virtual functions, is no member.
                if not attributes.keys() & {"external", "declaration", "artificial"}:
                    yield child
            elif child.tag == "inheritance" and _offset(child) is not None:
                yield child

    # -- sizes and shapes -------------------------------------------------------------------------

    def size(self, of: "Type") -> int:
        """``sizeof``; 0 for what has none. DamagedError: it is larger than any memory."""
        entry = of.entry
        if entry is None:
            return 0
        size = entry.number("byte_size")
        if entry.tag == "array_type" and size is None:
            size = self.size(self.type_of(entry))
            for length in self.lengths(entry):
                size *= length or 0
        elif size is None and entry.tag == "ptr_to_member_type":
            target = self.type_of(entry).entry
            wide = target is not None and target.tag == "subroutine_type"
            size = entry.unit.address_size * (2 if wide else 1)
        elif size is None and entry.tag in {
            "pointer_type", "reference_type", "rvalue_reference_type", "unspecified_type",
        }:  # fmt: skip
            size = entry.unit.address_size
        size = size or 0
        if not 0 <= size < _MAX_SIZE:
            raise DamagedError
        return size

    def lengths(self, entry: Entry) -> list[int | None]:
        """An array's dimensions, outermost first; None: it is left open."""
        found: list[int | None] = []
        for child in entry.below():
            if child.tag not in {"subrange_type", "enumeration_type", "generic_subrange"}:
                continue
            count, upper = child.number("count"), child.number("upper_bound")
            if count is None and upper is not None:
                open_ = upper in {2**32 - 1, 2**64 - 1} or upper < 0
                count = 0 if open_ else upper - (child.number("lower_bound") or 0) + 1
            if count is not None and not 0 <= count < _MAX_SIZE:
                raise DamagedError
            found.append(count)
        return found or [None]

    def sync(self, of: "Type") -> str:
        """Which of the POSIX sync types it is; empty: none."""
        for alias in of.aliases:
            if alias.name in SYNC_TYPES and self._by_the_system(alias):
                return alias.name
        entry = of.entry
        if entry is None or entry.tag not in AGGREGATES:
            return ""
        if entry.name == "Mutex" and _RUST_MUTEX.fullmatch(self.name_of(entry)):
            return RUST_MUTEX if entry.number("byte_size") == SYNC_SIZES[RUST_MUTEX] else ""
        if entry.name not in SYNC_TYPES:
            return ""
        # Rust's libc declares it as a struct of its own.
        return entry.name if self.name_of(entry).startswith("libc::") else ""

    def opaque(self, of: "Type") -> bool:
        """Whether the members are the C library's own concern."""
        return bool(self.sync(of)) or any(
            alias.name.startswith("pthread_") and self._by_the_system(alias) for alias in of.aliases
        )

    def _by_the_system(self, alias: Entry) -> bool:
        file, _line = declared_in(alias)
        if self.users_own is not None:
            return not self.users_own(file)
        return declares_sync_types(file)

    def shape(self, of: "Type") -> Shape:
        """How a value of the type is shown."""
        entry = of.entry
        size = self.size(of)
        if entry is None or (entry.tag != "base_type" and self.opaque(of)):
            return _bytes(size)
        if entry.tag == "array_type":
            return self._array(entry, self.lengths(entry))
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
            return Address(size)
        return _bytes(size)

    def _array(self, entry: Entry, lengths: list[int | None]) -> Shape:
        """An array of these dimensions, outermost first; an element, without any."""
        element = self.type_of(entry)
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
        under = self.type_of(enum).entry
        if under is not None:
            return _code(under, under.number("byte_size") or 0).islower()
        values = (child.number("const_value") for child in enum.below())
        return any(value is not None and value < 0 for value in values)

    # -- text -------------------------------------------------------------------------------------

    def text(self, of: "Type") -> str:
        """The type as C writes it: ``int[5]``, ``sem_t``, ``Item *``; the typedef's name of a
        struct that has one.
        """
        entry = of.entry
        if entry is None:
            return "void"
        if sync := self.sync(of):
            return sync
        if entry.tag == "array_type":
            text, suffix = self.text(self.type_of(entry)), _suffix(self.lengths(entry))
            head, bracket, tail = text.partition("[")
            return f"{head}{suffix}{bracket}{tail}"
        if entry.tag == "base_type":
            return _PLAIN_NAMES.get(entry.name, entry.name)
        if entry.tag in {*AGGREGATES, "enumeration_type"}:
            return self._tagged(entry)
        if entry.tag == "subroutine_type":
            return "function"
        mark = {"reference_type": "&", "rvalue_reference_type": "&&"}.get(entry.tag, "*")
        return f"{self.text(self.type_of(entry))} {mark}"

    def _tagged(self, entry: Entry) -> str:
        name, typedefs = self.name_of(entry), self.typedefs_of(entry)
        if name and not is_c(entry):
            return name
        if typedefs:
            return next((each for each in typedefs if not each.startswith("_")), typedefs[0])
        word = {"union_type": "union", "enumeration_type": "enum"}.get(entry.tag, "struct")
        return f"{word} {name}".strip()

    # -- members ----------------------------------------------------------------------------------

    def count(self, of: "Type") -> int:
        """Members that a value of the type shows, an array's counted once."""
        entry = of.entry
        if entry is not None and entry.tag == "array_type":
            return self.count(self.type_of(entry))
        if entry is None or entry.tag not in AGGREGATES or self.opaque(of):
            return 1
        key = entry.key
        if key not in self._counts:
            self._counts[key] = -1
            total = 1 + sum(self.count(self.type_of(part)) for part in self._laid(entry))
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
                yield Member(part.name, offset + start, bits, self.text(of))
            else:
                yield self._member(part.name, of, offset)

    def _spread(self, entry: Entry, base: int) -> Iterator[tuple[Entry, "Type", int, Entry]]:
        """Named members with their types, offsets and the aggregate that they stand in; a
        bit-field with the offset of that aggregate.

        Anonymous aggregates and base classes are replaced by their own members.
        """
        for part in self._laid(entry):
            of = self.type_of(part)
            if "bit_size" in part.attributes:
                if part.name:
                    yield part, of, base, entry
                continue
            offset = base + (_offset(part) or 0)
            if part.tag != "inheritance" and part.name:
                yield part, of, offset, entry
            elif of.entry is not None and of.entry.tag in AGGREGATES:
                yield from self._spread(of.entry, offset)

    def _member(self, name: str, of: "Type", offset: int) -> Member:
        entry, shape, system = of.entry, self.shape(of), self.sync(of)
        tag = entry.tag if entry is not None else ""
        length: int | None = None
        element: Element | None = None
        members: tuple[Member, ...] = ()
        if entry is not None and tag == "array_type":
            first, *rest = self.lengths(entry)
            inner = self.type_of(entry)
            text, kind = self.text(inner) + _suffix(rest), "" if rest else self.sync(inner)
            length, element = first or 0, Element(text, self._array(entry, rest), kind)
        elif entry is not None and tag in AGGREGATES and not self.opaque(of):
            members = tuple(self._members(entry, offset))
        number = tag == "base_type" and isinstance(shape, Scalar) and shape.code in _INTEGERS
        integer = number and not system
        declared = of.wrapper if system else ""
        return Member(
            name, offset, shape, self.text(of), integer, system, length, element, members, declared
        )

    def _bits(self, part: Entry, of: "Type", aggregate: Entry) -> tuple[int, Shape]:
        """A bit-field within the smallest scalar of its struct that holds it, and where that
        starts. One that no scalar holds is shown as its bytes.
        """
        width = part.number("bit_size") or 0
        bit = self._first_bit(part, of)
        size = aggregate.number("byte_size") or 0
        if not 0 < width <= 128 or not 0 <= bit < 8 * _MAX_SIZE:
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

    def _first_bit(self, part: Entry, of: "Type") -> int:
        """The bit where a bit-field starts, from the start of its struct (little-endian)."""
        found = part.number("data_bit_offset")
        if found is not None:
            return found
        # DWARF 2 and 3: bits from the top of a storage unit of byte_size bytes.
        storage = 8 * (part.number("byte_size") or self.size(of))
        from_top = part.number("bit_offset")
        start = 8 * (_offset(part) or 0)
        if from_top is None:
            return start
        return start + storage - from_top - (part.number("bit_size") or 0)

    # -- sync objects -----------------------------------------------------------------------------

    def holds_sync(self, of: "Type") -> bool:
        """Whether a value of the type holds a sync object at any depth."""
        if self.sync(of):
            return True
        entry = of.entry
        if entry is None:
            return False
        if entry.key not in self._sync and entry.tag in {*AGGREGATES, "array_type"}:
            self._sync[entry.key] = False
            held = (entry,) if entry.tag == "array_type" else self._laid(entry)
            self._sync[entry.key] = any(self.holds_sync(self.type_of(each)) for each in held)
        return self._sync.get(entry.key, False)


@dataclass(frozen=True, slots=True)
class Type:
    """A type without its typedefs and qualifiers; ``entry`` None: ``void``."""

    entry: Entry | None
    aliases: tuple[Entry, ...] = ()
    """Its typedefs, outermost first."""
    wrapper: str = ""
    """The class of a library that it stands for: ``std::mutex`` for a ``pthread_mutex_t``."""


def is_c(entry: Entry) -> bool:
    """Whether the entry's unit is C, where a struct's tag needs its keyword."""
    return entry.unit.top.number("language") in _C_LANGUAGES


def _bytes(size: int) -> Shape:
    return Array(Scalar("B", 1), size)


def _offset(part: Entry) -> int | None:
    """Bytes from the start of the struct; None: known when the program runs only (a virtual base)."""
    found = part.attributes.get("data_member_location", 0)
    if isinstance(found, int):
        return found
    if isinstance(found, bytes) and found[:1] == b"\x23":  # DW_OP_plus_uconst
        return uleb(found, 1)[0]
    return None if part.tag == "inheritance" else 0


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


def _suffix(lengths: list[int | None]) -> str:
    return "".join(f"[{'' if length is None else length}]" for length in lengths)
