"""How the attributes of debug information are written: forms, abbreviations, LEB128 numbers.

An abbreviation becomes an :class:`EntryPlan`, which says of each attribute how it is read or passed
over (DWARF 5, sections 7.5 and 7.6).
"""

from typing import Any, Final

import msgspec

_MAX_TEXT: Final = 4096
_ATTRIBUTES: Final = frozenset(
    "DW_AT_" + name for name in (
        "name", "type", "byte_size", "bit_size", "bit_offset", "data_bit_offset",
        "data_member_location", "lower_bound", "upper_bound", "count", "encoding", "declaration",
        "external", "artificial", "specification", "signature", "sibling", "decl_file", "decl_line",
        "stmt_list", "comp_dir", "dwo_name", "GNU_dwo_name", "str_offsets_base", "language",
        "const_value",
    )
)  # fmt: skip
_FIXED: Final = {
    "data1": 1, "data2": 2, "data4": 4, "data8": 8, "data16": 16, "flag": 1, "flag_present": 0,
    "implicit_const": 0, "ref1": 1, "ref2": 2, "ref4": 4, "ref8": 8, "ref_sig8": 8, "ref_sup4": 4,
    "ref_sup8": 8, "strx1": 1, "strx2": 2, "strx3": 3, "strx4": 4, "addrx1": 1, "addrx2": 2,
    "addrx3": 3, "addrx4": 4,
}  # fmt: skip
_OFFSETS: Final = frozenset(
    ("strp", "line_strp", "sec_offset", "ref_addr", "strp_sup", "GNU_strp_alt", "GNU_ref_alt")
)
NUMBERS: Final = frozenset(
    ("udata", "sdata", "ref_udata", "strx", "addrx", "loclistx", "rnglistx", "GNU_str_index",
     "GNU_addr_index")
)  # fmt: skip
BLOCKS: Final = {"block1": 1, "block2": 2, "block4": 4, "block": 0, "exprloc": 0}
"""Bytes of the length in front of the block; 0: it is a LEB128 number."""
REFERENCES: Final = {
    "ref1": "here", "ref2": "here", "ref4": "here", "ref8": "here", "ref_udata": "here",
    "ref_addr": "info", "ref_sig8": "signature", "GNU_ref_alt": "alternative",
    "ref_sup4": "alternative", "ref_sup8": "alternative",
}  # fmt: skip
STRING_INDEXES: Final = frozenset(("strx", "strx1", "strx2", "strx3", "strx4", "GNU_str_index"))


class DamagedError(Exception):
    """The debug information contradicts itself, or ends too soon."""


class FormSizes(msgspec.Struct, eq=False):
    """What a unit says of the width of its forms: its DWARF version, and bytes."""

    version: int
    offset_size: int
    address_size: int


class AttributeStep(msgspec.Struct, frozen=True):
    """How one attribute is read."""

    name: str
    """Empty: it is passed over."""
    form: str
    width: int | None
    """Bytes, for a form that always has as many."""
    constant: int | None


class EntryPlan(msgspec.Struct, frozen=True):
    """How an entry of one abbreviation is read."""

    tag: str
    children: bool
    sibling: bool
    steps: tuple[AttributeStep, ...]
    width: int | None
    """Bytes of all attributes, where every one has a fixed width."""


def entry_plan(declared: Any, unit: FormSizes) -> EntryPlan:
    """How the entries of an abbreviation are read, which pyelftools has parsed."""
    steps = tuple(
        _step(spec.name, spec.form, spec.value, unit) for spec in declared.decl["attr_spec"]
    )
    widths = [step.width for step in steps]
    tag = declared.decl["tag"]
    return EntryPlan(
        tag.removeprefix("DW_TAG_") if isinstance(tag, str) else "",
        declared.has_children(),
        any(step.name == "sibling" for step in steps),
        steps,
        None if None in widths else sum(width or 0 for width in widths),
    )


def _step(name: object, form: object, constant: int | None, unit: FormSizes) -> AttributeStep:
    short = form.removeprefix("DW_FORM_") if isinstance(form, str) else ""
    width = _FIXED.get(short)
    if short == "addr" or (short == "ref_addr" and unit.version < 3):
        width = unit.address_size
    elif short in _OFFSETS:
        width = unit.offset_size
    wanted = isinstance(name, str) and name in _ATTRIBUTES
    return AttributeStep(str(name).removeprefix("DW_AT_") if wanted else "", short, width, constant)


def step_of(code: int, unit: FormSizes) -> AttributeStep:
    """How a form is read that the entry itself says."""
    from elftools.dwarf.enums import DW_FORM_raw2name  # noqa: PLC0415 - see the package

    name = DW_FORM_raw2name.get(code, "")
    # One that says another one, and so on, never ends.
    endless = name in {"DW_FORM_indirect", "DW_FORM_implicit_const"}
    return _step("", "" if endless else name, None, unit)


def uleb(data: bytes, at: int) -> tuple[int, int]:
    """The ULEB128 number at ``at``, and the offset after it. DamagedError: it is too long."""
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


def sleb(data: bytes, at: int) -> int:
    """The signed LEB128 number at ``at``. DamagedError: it is too long."""
    number, end = uleb(data, at)
    bits = 7 * (end - at)
    return number - (1 << bits) if number >> (bits - 1) else number


def leb128(number: int) -> bytes:
    """The number as an abbreviation code is written.

    >>> list(leb128(5)), list(leb128(300))
    ([5], [172, 2])
    """
    out = bytearray()
    while number > 0x7F:
        out.append((number & 0x7F) | 0x80)
        number >>= 7
    return bytes([*out, number])


def text_at(data: bytes, at: int) -> str:
    """The text from ``at`` to its NUL, cut after 4,096 bytes."""
    end = data.find(b"\0", at, at + _MAX_TEXT)
    return data[at : end if end >= 0 else at + _MAX_TEXT].decode("utf-8", "replace")


def skip(data: bytes, step: AttributeStep, sizes: FormSizes, at: int) -> int:
    """The offset after an attribute at ``at``."""
    if step.width is not None:
        return at + step.width
    form = step.form
    if form in NUMBERS:
        while data[at] & 128:
            at += 1
        return at + 1
    if form == "string":
        return data.index(b"\0", at) + 1
    if form in BLOCKS:
        length, at = block(data, form, at)
        return at + length
    if form == "indirect":
        code, at = uleb(data, at)
        return skip(data, step_of(code, sizes), sizes, at)
    raise DamagedError


def pass_over(data: bytes, plan: EntryPlan, sizes: FormSizes, at: int) -> int:
    """The offset after the attributes of an entry, the first of which is at ``at``."""
    for step in plan.steps:
        at = skip(data, step, sizes, at)
    return at


def block(data: bytes, form: str, at: int) -> tuple[int, int]:
    """The length of a block at ``at``, and the offset of its bytes."""
    width = BLOCKS[form]
    if not width:
        return uleb(data, at)
    return int.from_bytes(data[at : at + width], "little"), at + width
