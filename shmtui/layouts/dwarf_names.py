"""Names of the types that a file's units declare, and the references between its entries."""

from typing import Final

import msgspec

from shmtui.layouts.dwarf_entries import Entry, Section
from shmtui.layouts.dwarf_forms import DamagedError

AGGREGATES: Final = frozenset({"structure_type", "class_type", "union_type"})
TYPEDEFS: Final = frozenset({"typedef", "template_alias"})
MAX_STEPS: Final = 100
"""Typedefs and qualifiers in a row."""
WRAPPERS: Final = ("std::", "boost::", "core::", "libc::", "__gnu_cxx::")
"""Namespaces whose classes of one member stand for it: ``std::atomic<int>`` for an ``int``."""
_SCOPES: Final = frozenset({"namespace", "module", *AGGREGATES})
_ELSEWHERE: Final = frozenset({"declaration", "signature"})
"""Attributes of an aggregate whose members stand at another entry."""
_C_LANGUAGES: Final = frozenset({0x01, 0x02, 0x0C, 0x1D, 0x2C, 0x3E})
"""DW_LANG_C89, C, C99, C11, C17, C23."""

Key = tuple[Section, int]


class Names(msgspec.Struct, eq=False):
    """Names by unit, each unit gone through once."""

    open_typedefs: list[tuple[str, Entry]] = msgspec.field(default_factory=list)
    """Typedefs of templates that no code of the unit makes."""
    _names: dict[Key, str] = msgspec.field(default_factory=dict)
    """Qualified names of the aggregates and enums of the units that were indexed."""
    _typedefs: dict[Key, list[str]] = msgspec.field(default_factory=dict)
    """Qualified typedefs of aggregates and enums."""
    _indexed: dict[Key, list[Key]] = msgspec.field(default_factory=dict)

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
                if entry.tag in TYPEDEFS:
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
                declared = follow(entry, "specification")
                name = self._names.get(declared.key, declared.name) if declared else entry.name
                scopes += self._note(entry, name, "")
                found.append(entry.key)
        for name, entry in aliases:
            self._alias(name, entry)
        found.sort(key=lambda key: key[1])
        return found

    def _note(self, entry: Entry, name: str, prefix: str) -> list[tuple[Entry, str]]:
        """Note the name of a type; the scope that it opens, with the prefix of names in it."""
        if entry.tag not in {"namespace", "module"} and name:
            self._names[entry.key] = name
        if not entry.children or entry.tag == "enumeration_type":
            return []
        return [(entry, f"{name}::" if name else prefix)]

    def _alias(self, name: str, entry: Entry) -> None:
        target = follow(entry, "type")
        for _step in range(MAX_STEPS):
            if target is None or target.tag not in TYPEDEFS:
                break
            target = follow(target, "type")
        if target is None or target.tag not in {*AGGREGATES, "enumeration_type"}:
            return
        if name.startswith(WRAPPERS):
            return  # std::array<Item, 4>::value_type is no name that a program uses for an Item.
        self._typedefs.setdefault(target.key, []).append(name)
        if target.attributes.get("declaration") and "<" in target.name:
            self.open_typedefs.append((name, entry))

    def name_of(self, entry: Entry) -> str:
        """The qualified name of an aggregate or enum; empty where it has none."""
        unit = entry.unit
        if (unit.section, unit.start) not in self._indexed:
            self.index(unit.top)
        return self._names.get(entry.key) or entry.name

    def typedefs_of(self, entry: Entry) -> list[str]:
        """Typedefs of an aggregate or enum, in order."""
        self.name_of(entry)
        return self._typedefs.get(entry.key, [])


def follow(entry: Entry, attribute: str) -> Entry | None:
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
        return follow(found, "signature")
    return found


def is_c(entry: Entry) -> bool:
    """Whether the entry's unit is C, where a struct's tag needs its keyword."""
    return entry.unit.top.number("language") in _C_LANGUAGES
