"""Entries (DIEs) of a file's debug information, read one at a time and without keeping them.

pyelftools reads the ELF file, the unit headers and the abbreviations. This module goes over the
entries by those abbreviations itself: it decodes the few attributes that a layout needs and
jumps over the rest, which takes a tenth of the time and of the memory of pyelftools' own DIEs.
"""

import bisect
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import msgspec

from shmtui.layouts.dwarf_forms import (
    BLOCKS,
    NUMBERS,
    REFERENCES,
    STRING_INDEXES,
    AttributeStep,
    DamagedError,
    EntryPlan,
    FormSizes,
    block,
    entry_plan,
    pass_over,
    skip,
    sleb,
    step_of,
    text_at,
    uleb,
)

if TYPE_CHECKING:
    from elftools.dwarf.dwarfinfo import DWARFInfo

MAX_ENTRIES: Final = 10_000_000
"""Entries that one reading goes over; a C++ program of 100 MB has about as many."""
_ABBREVIATION_COST: Final = 20
"""Entries that the time goes for which one abbreviation takes."""
_MAX_NAME: Final = 1024


class TooMuchError(Exception):
    """The debug information is larger than is read."""


class Budget(msgspec.Struct):
    """Entries that may still be read; TooMuchError where there are none."""

    left: int = MAX_ENTRIES

    def spend(self, entries: int = 1) -> None:
        self.left -= entries
        if self.left < 0:
            raise TooMuchError


class Unit(FormSizes, eq=False, dict=True):
    """One compile unit or type unit."""

    section: "Section"
    start: int
    first: int
    """Offset of its first entry."""
    end: int
    abbreviations: int
    """Offset in .debug_abbrev."""
    signature: int | None = None
    """Of a type unit."""
    type_offset: int = 0
    """Of a type unit: its type's offset in the section."""
    files: tuple[str, ...] | None = None
    """Its source files by number, once :mod:`shmtui.layouts.declaring_files` has read them."""
    _strings_at: int | None = None

    @cached_property
    def top(self) -> "Entry":
        """Its own entry, whose children are what it declares."""
        return self.section.require_entry(self, self.first)

    @cached_property
    def plans(self) -> dict[int, EntryPlan]:
        file = self.section.file
        codes: dict[int, Any] = file.dwarf.get_abbrev_table(self.abbreviations)._abbrev_map
        file.budget.spend(_ABBREVIATION_COST * len(codes))
        return {code: entry_plan(declared, self) for code, declared in codes.items()}

    @property
    def strings_at(self) -> int:
        """Where its part of .debug_str_offsets starts."""
        if self._strings_at is None:
            # A .dwo has one table: after its header, or at 0 before DWARF 5. The same is assumed
            # while the top entry is read, which says where it is.
            self._strings_at = 2 * self.offset_size if self.version >= 5 else 0
            found = None if self.section.file.split else self.top.number("str_offsets_base")
            self._strings_at = self._strings_at if found is None else found
        return self._strings_at


class Entry(msgspec.Struct):
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
        """Its own name, with ``?`` for what cannot be printed; empty where it has none."""
        name = self.attributes.get("name")
        if not isinstance(name, str):
            return ""
        name = name[:_MAX_NAME]
        return name if name.isprintable() else "".join(c if c.isprintable() else "?" for c in name)

    def number(self, attribute: str) -> int | None:
        """The attribute where it is a number."""
        value = self.attributes.get(attribute)
        return value if isinstance(value, int) else None

    def below(self) -> Iterator["Entry"]:
        return self.unit.section.children(self)


class DebugFile(msgspec.Struct, eq=False, dict=True):
    """The debug sections of one ELF file."""

    path: str
    dwarf: "DWARFInfo"
    data: Mapping[str, bytes]
    """Sections by name, an absent one as no bytes."""
    word_size: int
    budget: Budget
    split: bool = False
    """Whether it is a ``.dwo``."""
    alternative: "DebugFile | None" = None
    """What ``.gnu_debugaltlink`` names: entries that several files share (dwz)."""
    skeleton: Unit | None = None
    """Of a ``.dwo``: the unit that names it, whose list of source files it uses."""

    def forget(self) -> None:
        """Let go of what was read of it. All of that refers to each other, and the collector, which counts
        objects and not their bytes, would leave some megabytes lying about.
        """
        for section in vars(self).get("sections", ()):
            for unit in vars(section).get("units", ()):
                vars(unit).clear()
            vars(section).clear()
        vars(self).clear()
        vars(self.dwarf).clear()

    @property
    def strings(self) -> bytes:
        """.debug_str."""
        return self.data[".debug_str"]

    @cached_property
    def sections(self) -> "list[Section]":
        """.debug_info, and .debug_types of DWARF 4 where there is one."""
        return [
            Section(self, name, self.data[name])
            for name in (".debug_info", ".debug_types")
            if self.data[name] or name == ".debug_info"
        ]

    @cached_property
    def signatures(self) -> "dict[int, tuple[Section, int]]":
        """Where the types of type units stand."""
        return {
            unit.signature: (section, unit.type_offset)
            for section in self.sections
            for unit in section.units
            if unit.signature is not None
        }


class Section(msgspec.Struct, eq=False, dict=True):
    """.debug_info or .debug_types of a file."""

    file: DebugFile
    name: str
    data: bytes

    @cached_property
    def units(self) -> list[Unit]:
        dwarf = self.file.dwarf
        found = dwarf.iter_CUs() if self.name == ".debug_info" else dwarf.iter_TUs()
        return [_unit(self, each) for each in found]

    @cached_property
    def _starts(self) -> list[int]:
        return [unit.start for unit in self.units]

    def at(self, offset: int) -> Entry:
        """The entry at an offset that another one refers to. DamagedError: none stands there."""
        index = bisect.bisect_right(self._starts, offset) - 1
        if index < 0:
            raise DamagedError
        return self.require_entry(self.units[index], offset)

    def require_entry(self, unit: Unit, at: int) -> Entry:
        """The entry of the unit at ``at``. DamagedError: none stands there."""
        entry = self._entry(unit, at)
        if entry is None:
            raise DamagedError
        return entry

    def _entry(self, unit: Unit, at: int) -> Entry | None:
        """The entry at ``at``; None: the mark that ends a list of children."""
        self.file.budget.spend()
        if not unit.first <= at < unit.end:
            raise DamagedError
        code, after = uleb(self.data, at)
        if not code:
            return None
        plan = unit.plans[code]
        attributes: dict[str, Any] = {}
        for step in plan.steps:
            start, after = after, skip(self.data, step, unit, after)
            if step.name:
                value = self._value(step, unit, start, after)
                if value is not None:
                    attributes[step.name] = value
        return Entry(unit, at, plan.tag, plan.children, attributes, after)

    def children(self, entry: Entry) -> Iterator[Entry]:
        at = entry.after
        while entry.children:
            child = self._entry(entry.unit, at)
            if child is None:
                return
            yield child
            at = self._end(child)

    def _end(self, entry: Entry) -> int:
        if not entry.children:
            return entry.after
        sibling = entry.attributes.get("sibling")
        if sibling is not None and sibling[0] == "here" and sibling[1] > entry.offset:
            return int(sibling[1])
        unit, plans = entry.unit, entry.unit.plans
        at, depth = entry.after, 1
        while depth:
            if at >= unit.end:
                raise DamagedError
            code, after = uleb(self.data, at)
            plan = plans[code] if code else None
            if plan is not None and plan.sibling:
                at = self._end(self.require_entry(unit, at))
                continue
            self.file.budget.spend()
            if plan is None:
                depth -= 1
                at = after
                continue
            depth += plan.children
            at = (
                after + plan.width
                if plan.width is not None
                else pass_over(self.data, plan, unit, after)
            )
        return at

    def formed(self, code: int, unit: Unit, at: int) -> tuple[Any, int]:
        """The value at ``at`` in a form given by its number (DW_FORM), and the offset after it."""
        step = step_of(code, unit)
        end = skip(self.data, step, unit, at)
        return self._value(step, unit, at, end), end

    def _value(self, step: AttributeStep, unit: Unit, at: int, end: int) -> Any:
        """The attribute's value; None where it is of no use to a layout."""
        data, form = self.data, step.form
        if form == "implicit_const":
            return step.constant
        if form == "flag_present":
            return 1
        if form == "sdata":
            return sleb(data, at)
        if form == "string":
            return text_at(data, at)
        if form in BLOCKS:
            return data[block(data, form, at)[1] : end]
        if form == "indirect":
            code, at = uleb(data, at)
            return self.formed(code, unit, at)[0]
        number = uleb(data, at)[0] if form in NUMBERS else int.from_bytes(data[at:end], "little")
        reference = REFERENCES.get(form)
        if reference is not None:
            return reference, number + (unit.start if reference == "here" else 0)
        return self._string(form, number, unit)

    def _string(self, form: str, number: int, unit: Unit) -> str | int:
        """The text of a string's form; the number itself for another form."""
        file = self.file
        if form == "strp":
            return text_at(file.strings, number)
        if form == "line_strp":
            return text_at(file.data[".debug_line_str"], number)
        if form in {"GNU_strp_alt", "strp_sup"}:
            return "" if file.alternative is None else text_at(file.alternative.strings, number)
        if form in STRING_INDEXES:
            at = unit.strings_at + number * unit.offset_size
            raw = file.data[".debug_str_offsets"][at : at + unit.offset_size]
            return text_at(file.strings, int.from_bytes(raw, "little")) if raw else ""
        return number


def _unit(section: Section, read: Any) -> Unit:
    header = read.header
    start = getattr(read, "tu_offset", None)
    start = read.cu_offset if start is None else start
    size = header["unit_length"] + read.structs.initial_length_field_size()
    signature = header.get("signature", header.get("type_signature"))
    if header.get("address_size") not in {4, 8} or size <= 0:
        raise DamagedError
    return Unit(
        section=section,
        start=start,
        first=read.cu_die_offset,
        end=min(start + size, len(section.data)),
        version=header["version"],
        offset_size=4 if read.structs.dwarf_format == 32 else 8,
        address_size=header["address_size"],
        abbreviations=header["debug_abbrev_offset"],
        signature=signature,
        type_offset=start + header["type_offset"] if signature is not None else 0,
    )
