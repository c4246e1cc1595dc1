"""Which units of a file's debug information name a type, found in their bytes before they are read."""

from collections.abc import Iterator, Sequence
from typing import Final

from shmtui.layouts.dwarf_entries import Section, Unit
from shmtui.layouts.dwarf_forms import leb128

_TYPE_TAGS: Final = frozenset(
    ("typedef", "structure_type", "class_type", "union_type", "base_type")
)


def mentioning(section: Section, names: Sequence[str]) -> Iterator[Unit]:
    """Units whose bytes hold one of the names, or a reference to it in the string table.

    A string table may end one name with another: the reference may point into a longer string.
    Names are without what qualifies them; without names: all units.
    """
    if not names:
        yield from section.units
        return
    file, data = section.file, section.data
    raw = [name.encode() + b"\0" for name in names]
    references = [at.to_bytes(4, "little") for name in raw for at in _all_of(file.strings, name)]
    table = file.data[".debug_str_offsets"]
    indexed = [at for reference in references for at in _all_of(table, reference)]
    for unit in section.units:
        if (
            any(data.find(name, unit.first, unit.end) >= 0 for name in raw)
            or any(_names_a_type(unit, reference) for reference in references)
            or (table and file.split)
            or any(unit.strings_at <= at for at in indexed)
        ):
            yield unit


def _names_a_type(unit: Unit, reference: bytes) -> bool:
    """Whether ``reference``, to a string, is the name of a type in the unit.

    A reference of four bytes, such as 0x120, also stands by chance in many units that mention no
    such name. So the abbreviation code in front of it has to be that of a type.
    """
    data = unit.section.data
    found = _all_of(data, reference, unit.first, unit.end)
    if next(found, None) is None:
        return False
    starts = _type_starts(unit)
    return starts is None or any(
        data[at - between - len(code) : at - between] == code
        for at in _all_of(data, reference, unit.first, unit.end)
        for code, between in starts
    )


def _all_of(data: bytes, wanted: bytes, start: int = 0, end: int | None = None) -> Iterator[int]:
    at = data.find(wanted, start, end)
    while at >= 0:
        yield at
        at = data.find(wanted, at + 1, end)


def _type_starts(unit: Unit) -> tuple[tuple[bytes, int], ...] | None:
    """How an entry of a type begins: its abbreviation code, and bytes from there to its name.

    None: in some entry the name has no fixed place.
    """
    found = []
    for code, plan in unit.plans.items():
        names = [step.name for step in plan.steps]
        if plan.tag not in _TYPE_TAGS or "name" not in names:
            continue
        widths = [step.width for step in plan.steps[: names.index("name")]]
        if None in widths:
            return None
        found.append((leb128(code), sum(width or 0 for width in widths)))
    return tuple(found)
