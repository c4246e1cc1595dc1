"""Entries (DIEs) of a file's debug information, read one at a time and without keeping them.

pyelftools reads the ELF file, the unit headers and the abbreviations. This module goes over the
entries by those abbreviations itself: it decodes the few attributes that a layout needs and
jumps over the rest, which takes a tenth of the time and of the memory of pyelftools' own DIEs.
"""

import bisect
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from elftools.dwarf.dwarfinfo import DWARFInfo

MAX_ENTRIES: Final = 10_000_000
"""Entries that one reading goes over; a C++ program of 100 MB has about as many."""
_ABBREVIATION_COST: Final = 20
"""Entries that the time goes for which one abbreviation takes."""
_MAX_NAME: Final = 1024

_ATTRIBUTES: Final = frozenset(
    "DW_AT_" + name
    for name in [
        "name",
        "type",
        "byte_size",
        "bit_size",
        "bit_offset",
        "data_bit_offset",
        "data_member_location",
        "lower_bound",
        "upper_bound",
        "count",
        "encoding",
        "declaration",
        "external",
        "artificial",
        "specification",
        "signature",
        "sibling",
        "import",
        "decl_file",
        "decl_line",
        "stmt_list",
        "comp_dir",
        "dwo_name",
        "GNU_dwo_name",
        "str_offsets_base",
        "language",
        "const_value",
    ]
)
_FIXED: Final = {
    "data1": 1, "data2": 2, "data4": 4, "data8": 8, "data16": 16, "flag": 1, "flag_present": 0,
    "implicit_const": 0, "ref1": 1, "ref2": 2, "ref4": 4, "ref8": 8, "ref_sig8": 8, "ref_sup4": 4,
    "ref_sup8": 8, "strx1": 1, "strx2": 2, "strx3": 3, "strx4": 4, "addrx1": 1, "addrx2": 2,
    "addrx3": 3, "addrx4": 4,
}  # fmt: skip
_OFFSETS: Final = frozenset(
    ("strp", "line_strp", "sec_offset", "ref_addr", "strp_sup", "GNU_strp_alt", "GNU_ref_alt")
)
_NUMBERS: Final = frozenset(
    ("udata", "sdata", "ref_udata", "strx", "addrx", "loclistx", "rnglistx", "GNU_str_index",
     "GNU_addr_index")
)  # fmt: skip
_BLOCKS: Final = {"block1": 1, "block2": 2, "block4": 4, "block": 0, "exprloc": 0}
_STRING_INDEXES: Final = frozenset(("strx", "strx1", "strx2", "strx3", "strx4", "GNU_str_index"))


_TYPE_TAGS: Final = frozenset(
    ("typedef", "structure_type", "class_type", "union_type", "base_type")
)


class DamagedError(Exception):
    """The debug information contradicts itself, or ends too soon."""


class TooMuchError(Exception):
    """The debug information is larger than is read."""


@dataclass(slots=True)
class Budget:
    """Entries that may still be read; TooMuchError where there are none."""

    left: int = MAX_ENTRIES

    def spend(self, entries: int = 1) -> None:
        """Count entries."""
        self.left -= entries
        if self.left < 0:
            raise TooMuchError


@dataclass(frozen=True, slots=True)
class _Step:
    """How one attribute is read."""

    name: str
    """Empty: it is passed over."""
    form: str
    width: int | None
    """Bytes, for a form that always has as many."""
    constant: int | None


@dataclass(frozen=True, slots=True)
class _Plan:
    """How an entry of one abbreviation is read."""

    tag: str
    children: bool
    sibling: bool
    steps: tuple[_Step, ...]
    width: int | None
    """Bytes of all attributes, where every one has a fixed width."""


@dataclass(eq=False, slots=True)
class Unit:
    """One compile unit or type unit."""

    section: "Section" = field(repr=False)
    start: int
    first: int
    """Offset of its first entry."""
    end: int
    version: int
    offset_size: int
    address_size: int
    structs: Any
    abbreviations: int
    """Offset in .debug_abbrev."""
    signature: int | None = None
    """Of a type unit."""
    type_offset: int = 0
    """Of a type unit: its type's offset in the section."""
    partial: bool = False
    _plans: dict[int, _Plan] | None = None
    _top: "Entry | None" = None
    _string_base: int | None = None
    _files: tuple[str, ...] | None = None

    def plans(self) -> dict[int, _Plan]:
        """Its abbreviations."""
        if self._plans is None:
            table = self.section.file.dwarf.get_abbrev_table(self.abbreviations)
            codes: dict[int, Any] = table._abbrev_map
            self.section.file.budget.spend(_ABBREVIATION_COST * len(codes))
            self._plans = {code: _plan(declared, self) for code, declared in codes.items()}
        return self._plans

    def type_starts(self) -> tuple[tuple[bytes, int], ...] | None:
        """How an entry of a type begins: its abbreviation code, and bytes from there to its name.

        None: in some entry the name has no fixed place.
        """
        found = []
        for code, plan in self.plans().items():
            if plan.tag not in _TYPE_TAGS:
                continue
            between = 0
            for step in plan.steps:
                if step.name == "name":
                    found.append((_leb128(code), between))
                    break
                if step.width is None:
                    return None
                between += step.width
        return tuple(found)


def _leb128(number: int) -> bytes:
    """The number as an abbreviation code is written.

    >>> list(_leb128(5)), list(_leb128(300))
    ([5], [172, 2])
    """
    out = bytearray()
    while number > 0x7F:
        out.append((number & 0x7F) | 0x80)
        number >>= 7
    return bytes([*out, number])


@dataclass(slots=True)
class Entry:
    """One debugging information entry (DIE)."""

    unit: Unit
    offset: int
    tag: str
    """``DW_TAG_…`` without the prefix."""
    children: bool
    attributes: dict[str, Any]
    """Those that a layout needs, without ``DW_AT_``: numbers, text, bytes of a block, or a
    (kind, number) pair for a reference.
    """
    after: int
    """Offset of what follows it in the section: its first child, if it has any."""

    @property
    def key(self) -> "tuple[Section, int]":
        """What tells it from every other entry."""
        return self.unit.section, self.offset

    @property
    def name(self) -> str:
        """Its own name, printable; empty where it has none."""
        name = self.attributes.get("name")
        return name if isinstance(name, str) else ""

    def number(self, attribute: str) -> int | None:
        """The attribute where it is a number."""
        value = self.attributes.get(attribute)
        return value if isinstance(value, int) else None


@dataclass(eq=False, slots=True)
class DebugFile:
    """The debug sections of one ELF file."""

    path: str
    dwarf: "DWARFInfo"
    info: bytes
    types: bytes
    strings: bytes
    line_strings: bytes
    string_offsets: bytes
    word_size: int
    budget: Budget = field(default_factory=Budget)
    alternative: "DebugFile | None" = None
    """What ``.gnu_debugaltlink`` names: entries that several files share (dwz)."""
    split: bool = False
    """Whether it is a ``.dwo``."""
    skeleton: Unit | None = None
    """Of a ``.dwo``: the unit that names it, whose list of source files it uses."""
    _sections: "list[Section]" = field(default_factory=list)
    _signatures: dict[int, tuple["Section", int]] | None = None

    def sections(self) -> "list[Section]":
        """.debug_info, and .debug_types of DWARF 4 where there is one."""
        if not self._sections:
            self._sections = [Section(self, "info", self.info)]
            if self.types:
                self._sections.append(Section(self, "types", self.types))
        return self._sections

    def by_signature(self, signature: int) -> "tuple[Section, int]":
        """Where the type of a type unit stands. KeyError: no unit has it."""
        if self._signatures is None:
            self._signatures = {
                unit.signature: (section, unit.type_offset)
                for section in self.sections()
                for unit in section.units()
                if unit.signature is not None
            }
        return self._signatures[signature]


@dataclass(eq=False, slots=True)
class Section:
    """.debug_info or .debug_types of a file."""

    file: DebugFile
    kind: str
    data: bytes
    _units: list[Unit] | None = None
    _starts: list[int] = field(default_factory=list)

    # -- units ------------------------------------------------------------------------------------

    def units(self) -> list[Unit]:
        """All its units, in order."""
        if self._units is None:
            dwarf = self.file.dwarf
            found = dwarf.iter_CUs() if self.kind == "info" else dwarf.iter_TUs()
            self._units = [_unit(self, each) for each in found]
            self._starts = [unit.start for unit in self._units]
        return self._units

    def unit_at(self, offset: int) -> Unit:
        """The unit that holds the offset. DamagedError: none does."""
        units = self.units()
        index = bisect.bisect_right(self._starts, offset) - 1
        if index < 0 or not units[index].first <= offset < units[index].end:
            raise DamagedError
        return units[index]

    # -- entries ----------------------------------------------------------------------------------

    def top(self, unit: Unit) -> Entry:
        """The unit's own entry, whose children are what it declares."""
        if unit._top is None:
            unit._top = self.entry(unit, unit.first)
        if unit._top is None:
            raise DamagedError
        return unit._top

    def at(self, offset: int) -> Entry:
        """The entry at an offset that another one refers to. DamagedError: none stands there."""
        entry = self.entry(self.unit_at(offset), offset)
        if entry is None:
            raise DamagedError
        return entry

    def entry(self, unit: Unit, at: int) -> Entry | None:
        """The entry at ``at``; None: the mark that ends a list of children."""
        self.file.budget.spend()
        if not unit.first <= at < unit.end:
            raise DamagedError
        code, after = _uleb(self.data, at)
        if not code:
            return None
        plan = unit.plans()[code]
        attributes: dict[str, Any] = {}
        for step in plan.steps:
            start = after
            after = self._skip(step, unit, after)
            if step.name:
                value = self._value(step, unit, start, after)
                if value is not None:
                    attributes[step.name] = value
        return Entry(unit, at, plan.tag, plan.children, attributes, after)

    def children(self, entry: Entry) -> Iterator[Entry]:
        """The entries directly below."""
        at = entry.after
        while entry.children:
            child = self.entry(entry.unit, at)
            if child is None:
                return
            yield child
            at = self.end(child)

    def end(self, entry: Entry) -> int:
        """Offset after the entry and everything below it."""
        if not entry.children:
            return entry.after
        sibling = entry.attributes.get("sibling")
        if sibling is not None and sibling[0] == "here" and sibling[1] > entry.offset:
            return int(sibling[1])
        unit, data, plans = entry.unit, self.data, entry.unit.plans()
        at, depth = entry.after, 1
        while depth:
            if at >= unit.end:
                raise DamagedError
            code, after = _uleb(data, at)
            plan = plans[code] if code else None
            if plan is not None and plan.sibling:
                child = self.entry(unit, at)
                assert child is not None
                at = self.end(child)
                continue
            self.file.budget.spend()
            if plan is None:
                depth -= 1
                at = after
                continue
            depth += plan.children
            at = after + plan.width if plan.width is not None else self._pass(plan, unit, after)
        return at

    # -- attributes -------------------------------------------------------------------------------

    def _pass(self, plan: _Plan, unit: Unit, at: int) -> int:
        for step in plan.steps:
            at = at + step.width if step.width is not None else self._skip(step, unit, at)
        return at

    def _skip(self, step: _Step, unit: Unit, at: int) -> int:
        """Offset after the attribute."""
        if step.width is not None:
            return at + step.width
        data, form = self.data, step.form
        if form in _NUMBERS:
            while data[at] & 128:
                at += 1
            return at + 1
        if form == "string":
            return data.index(b"\0", at) + 1
        if form in _BLOCKS:
            width = _BLOCKS[form]
            if not width:
                length, at = _uleb(data, at)
                return at + length
            return at + width + int.from_bytes(data[at : at + width], "little")
        if form == "indirect":
            code, at = _uleb(data, at)
            return self._skip(_step("", _form_name(code), None, unit), unit, at)
        raise DamagedError

    def _value(self, step: _Step, unit: Unit, at: int, end: int) -> Any:
        """The attribute's value; None where it is of no use to a layout."""
        data, form = self.data, step.form
        if form == "implicit_const":
            return step.constant
        if form == "flag_present":
            return 1
        if form == "sdata":
            return _sleb(data, at)
        if form == "string":
            return _text(data, at)
        if form in _BLOCKS:
            width = _BLOCKS[form]
            return data[_uleb(data, at)[1] if not width else at + width : end]
        if form in _NUMBERS:
            number = _uleb(data, at)[0]
        elif form == "indirect":
            code, at = _uleb(data, at)
            return self._value(_step("", _form_name(code), None, unit), unit, at, end)
        else:
            number = int.from_bytes(data[at:end], "little")
        return self._reference(form, number, unit) or self._string(form, number, unit)

    @staticmethod
    def _reference(form: str, number: int, unit: Unit) -> tuple[str, int] | None:
        if form in {"ref1", "ref2", "ref4", "ref8", "ref_udata"}:
            return "here", unit.start + number
        if form == "ref_addr":
            return "info", number
        if form == "ref_sig8":
            return "signature", number
        if form in {"GNU_ref_alt", "ref_sup4", "ref_sup8"}:
            return "alternative", number
        return None

    def _string(self, form: str, number: int, unit: Unit) -> str | int:
        """The text of a string's form; the number itself for another form."""
        file = self.file
        if form == "strp":
            return _text(file.strings, number)
        if form == "line_strp":
            return _text(file.line_strings, number)
        if form in {"GNU_strp_alt", "strp_sup"}:
            return "" if file.alternative is None else _text(file.alternative.strings, number)
        if form in _STRING_INDEXES:
            at = self._strings_of(unit) + number * unit.offset_size
            raw = file.string_offsets[at : at + unit.offset_size]
            return _text(file.strings, int.from_bytes(raw, "little")) if raw else ""
        return number

    def _strings_of(self, unit: Unit) -> int:
        """Where the unit's part of .debug_str_offsets starts."""
        if unit._string_base is None:
            # A .dwo has one table: after its header, or at 0 before DWARF 5.
            base = (8 if unit.offset_size == 4 else 16) if unit.version >= 5 else 0
            unit._string_base = base
            if not self.file.split:
                found = self.top(unit).number("str_offsets_base")
                unit._string_base = base if found is None else found
        return unit._string_base


def _unit(section: Section, read: Any) -> Unit:
    """A unit of pyelftools' as ours."""
    header = read.header
    start = getattr(read, "tu_offset", None)
    start = read.cu_offset if start is None else start
    size = header["unit_length"] + read.structs.initial_length_field_size()
    kind = header.get("unit_type", "")
    signature = header.get("signature", header.get("type_signature"))
    if header.get("address_size") not in {4, 8} or size <= 0:
        raise DamagedError
    return Unit(
        section,
        start,
        read.cu_die_offset,
        min(start + size, len(section.data)),
        header["version"],
        4 if read.structs.dwarf_format == 32 else 8,
        header["address_size"],
        read.structs,
        header["debug_abbrev_offset"],
        signature,
        start + header["type_offset"] if signature is not None else 0,
        kind == "DW_UT_partial",
    )


def _plan(declared: Any, unit: Unit) -> _Plan:
    """How entries of pyelftools' abbreviation are read."""
    steps = tuple(
        _step(spec.name, spec.form, spec.value, unit) for spec in declared.decl["attr_spec"]
    )
    widths = [step.width for step in steps]
    tag = declared.decl["tag"]
    return _Plan(
        tag.removeprefix("DW_TAG_") if isinstance(tag, str) else "",
        declared.has_children(),
        any(step.name == "sibling" for step in steps),
        steps,
        None if None in widths else sum(width or 0 for width in widths),
    )


def _step(name: object, form: object, constant: int | None, unit: Unit) -> _Step:
    short = form.removeprefix("DW_FORM_") if isinstance(form, str) else ""
    width = _FIXED.get(short)
    if short == "addr" or (short == "ref_addr" and unit.version < 3):
        width = unit.address_size
    elif short in _OFFSETS:
        width = unit.offset_size
    wanted = isinstance(name, str) and name in _ATTRIBUTES
    return _Step(str(name).removeprefix("DW_AT_") if wanted else "", short, width, constant)


def _form_name(code: int) -> str:
    from elftools.dwarf.enums import DW_FORM_raw2name  # noqa: PLC0415 - loaded when a file is read

    name = DW_FORM_raw2name.get(code, "")
    # One that says another one, and so on, never ends.
    return "" if name in {"DW_FORM_indirect", "DW_FORM_implicit_const"} else str(name)


def _uleb(data: bytes, at: int) -> tuple[int, int]:
    """An unsigned LEB128 number, and the offset after it."""
    byte = data[at]
    at += 1
    if byte < 128:
        return byte, at
    number, shift = byte & 127, 7
    while shift < 70:
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, at
        shift += 7
    raise DamagedError


def _sleb(data: bytes, at: int) -> int:
    """A signed LEB128 number."""
    number, end = _uleb(data, at)
    bits = 7 * (end - at)
    return number - (1 << bits) if number >> (bits - 1) else number


def _text(data: bytes, at: int) -> str:
    """The string at ``at``, with ``?`` for what cannot be printed."""
    raw = data[at : at + _MAX_NAME].split(b"\0", 1)[0]
    text = raw.decode("utf-8", "replace")
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)
