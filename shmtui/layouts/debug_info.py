"""Structs from the debug information of ELF files: of a program, a library or an object file.

C, C++ and Rust, DWARF 2 to 5, type units, split and separate files. Large files are read in
those units only that mention a type that processes wait on.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.layouts import debug_files
from shmtui.layouts.debug_files import DebugRoots, is_elf, word_size
from shmtui.layouts.declaring_files import declared_in, is_system
from shmtui.layouts.dwarf_entries import Budget, DebugFile, Entry, Section, Unit
from shmtui.layouts.dwarf_types import (
    AGGREGATES,
    MAX_MEMBERS,
    TooManyMembersError,
    Type,
    Types,
    is_c,
)
from shmtui.layouts.struct_members import SYNC_TYPES, Struct

if TYPE_CHECKING:
    from elftools.elf.elffile import ELFFile

__all__ = ["DebugRoots", "debug_bytes", "is_elf", "read_structs", "ring_structs", "word_size"]

WHOLE_BYTES: Final = 1 << 20
"""Debug information up to this size is read in all its units."""
_TOLD_AFTER: Final = 0.5
"""Seconds."""
_FOREIGN: Final = ("std::", "core::", "alloc::", "libc::", "hashbrown::", "__gnu_cxx::", "boost::",
                   "__cxxabiv1::", "compiler_builtins::", "gimli::", "addr2line::")  # fmt: skip

Progress = Callable[[str], None]


# -- reading --------------------------------------------------------------------------------------


def read_structs(
    path: Path,
    *,
    names: Collection[str] | None = None,
    progress: Progress | None = None,
    roots: DebugRoots | None = None,
) -> tuple[Struct, ...]:
    """Structs that the file's own sources declare, or those of these names, in order.

    Over `WHOLE_BYTES` and without names: those that hold a sync object. ShmtuiError: it is no ELF
    file, has no debug information in any of the usual places, or it is damaged or too large.
    """
    with debug_files.failures_told(path), ExitStack() as stack:
        reading = _Reading(stack, path, roots or DebugRoots(), progress)
        bare = {name.removeprefix("struct ").strip() for name in names or ()}
        whole = reading.small or bool(names)
        units = reading.units(bare) if bare else reading.units(set() if whole else SYNC_TYPES)
        found = []
        for entry in reading.entries(units):
            if bare:
                wanted = bool(bare & set(reading.names_of(entry)))
            else:
                wanted = reading.of_the_program(entry) and (
                    whole or reading.types.holds_sync(Type(entry))
                )
            if wanted:
                found += reading.struct(entry)
        return _distinct(found)


def ring_structs(
    path: Path,
    *,
    size: int | None = None,
    shown: str = "",
    progress: Progress | None = None,
    roots: DebugRoots | None = None,
) -> tuple[Struct, ...]:
    """Structs of a program that hold a sync object at any depth, or whose ``sizeof`` is ``size``.

    ``shown``: the path as the user knows it, for ``progress``.
    Of a large file only units that mention a sync type are read. ShmtuiError: see `read_structs`.
    """
    with debug_files.failures_told(path), ExitStack() as stack:
        reading = _Reading(stack, path, roots or DebugRoots(), progress, shown)
        units = reading.units(set() if reading.small else SYNC_TYPES)
        found = []
        for entry in reading.entries(units):
            fits = size is not None and entry.number("byte_size") == size
            if (fits or reading.types.holds_sync(Type(entry))) and reading.of_the_program(entry):
                found += reading.struct(entry)
        return _distinct(found)


def compiled_structs(
    path: Path, users_own: Callable[[str], bool]
) -> tuple[tuple[Struct, ...], tuple[str, ...]]:
    """Structs of an object file that the user's own files declare; and typedefs of templates that
    nothing makes, so that their layout is not told.

    ShmtuiError: it is damaged, or a struct has too many members.
    """
    with debug_files.failures_told(path), ExitStack() as stack:
        reading = _Reading(stack, path, DebugRoots(), None)
        reading.types.users_own = users_own
        found = []
        for entry in reading.entries(reading.units(())):
            if users_own(declared_in(entry)[0]):
                found.append(make_struct(reading.types, entry, ""))
        open_ = (n for n, e in reading.types.open_typedefs if users_own(declared_in(e)[0]))
        return tuple(struct for struct in found if struct is not None), tuple(open_)


def debug_bytes(path: Path, roots: DebugRoots | None = None) -> int:
    """Bytes of debug information that reading the file would go through; 0: it has none."""
    try:
        with debug_files.failures_told(path), debug_files.opened(path) as file:
            elf = debug_files.elf_of(file)
            found = _info_bytes(elf)
            other = None if found else debug_files.separate_file(elf, path, roots or DebugRoots())
            if other is None:
                return found
        with debug_files.failures_told(other), debug_files.opened(other) as file:
            return _info_bytes(debug_files.elf_of(file))
    except ShmtuiError:
        return 0


def _info_bytes(elf: "ELFFile") -> int:
    total = 0
    for name in (".debug_info", ".debug_types", ".zdebug_info"):
        section = elf.get_section_by_name(name)
        if section is not None and section["sh_type"] != "SHT_NOBITS":
            total += section.data_size
    return total


def _distinct(structs: Iterable[Struct]) -> tuple[Struct, ...]:
    """Each struct once, though every unit that includes its header declares it."""
    found: dict[object, Struct] = {}
    for struct in structs:
        found.setdefault((struct.names[-1], struct.size, struct.members), struct)
    return tuple(found.values())


class _Reading:
    """One file that is being read, with those that belong to it."""

    def __init__(
        self,
        stack: ExitStack,
        path: Path,
        roots: DebugRoots,
        progress: Progress | None,
        shown: str = "",
    ) -> None:
        self.path, self.roots = path, roots
        self._shown = shown or str(path)
        self._stack, self._progress = stack, progress
        self._started = time.monotonic()
        self.types = Types()
        self.file = self._main()
        self.small = len(self.file.info) + len(self.file.types) <= WHOLE_BYTES

    def _main(self) -> DebugFile:
        """The file with the debug information of the path."""
        if not is_elf(self.path):
            with debug_files.opened(self.path):
                pass
            raise ShmtuiError(
                _("{path} is no program, library or object file (ELF)").format(path=self.path)
            )
        budget = Budget()
        path: Path | None = self.path
        while path is not None:
            elf = debug_files.elf_of(self._stack.enter_context(debug_files.opened(path)))
            found = debug_files.load(elf, path, budget)
            if found is not None:
                other = debug_files.alternative_file(elf, path, self.roots)
                if other is not None:
                    file = self._stack.enter_context(debug_files.opened(other))
                    found.alternative = debug_files.load(debug_files.elf_of(file), other, budget)
                return found
            path = debug_files.separate_file(elf, path, self.roots) if path == self.path else None
        raise ShmtuiError(
            _(
                "{path} has no debug information: compile it with -g, or say the layout with "
                "--header or --layout"
            ).format(path=self.path)
        )

    # -- units ------------------------------------------------------------------------------------

    def units(self, names: Collection[str]) -> Iterator[Unit]:
        """Units that mention one of the names; all units, without names."""
        for section in self.file.sections():
            yield from _mentioning(section, names)
        for unit in self.file.sections()[0].units():
            other = debug_files.split_file(unit, self.path)
            if other is None:
                continue
            elf = debug_files.elf_of(self._stack.enter_context(debug_files.opened(other)))
            found = debug_files.load(elf, other, self.file.budget, split=True)
            if found is not None:
                found.skeleton = unit
                for section in found.sections():
                    yield from _mentioning(section, names)
        if self.file.alternative is not None:
            for section in self.file.alternative.sections():
                yield from _mentioning(section, names)

    def entries(self, units: Iterable[Unit]) -> Iterator[Entry]:
        """The structs that the units declare."""
        for unit in units:
            self._tell()
            top = unit.section.top(unit)
            folder = top.attributes.get("comp_dir")
            if isinstance(folder, str) and folder.startswith("/rustc/"):
                continue  # Rust's own library
            for section, offset in self.types.index(top):
                entry = section.at(offset)
                if entry.tag in AGGREGATES and entry.tag != "union_type" and self.names_of(entry):
                    yield entry

    def _tell(self) -> None:
        if self._progress is not None and time.monotonic() - self._started > _TOLD_AFTER:
            self._progress(
                _("reading the debug information of {path} ({size} MB)").format(
                    path=self._shown, size=round(len(self.file.info) / 1e6)
                )
            )
            self._progress = None

    # -- structs ----------------------------------------------------------------------------------

    def names_of(self, entry: Entry) -> tuple[str, ...]:
        """See `Struct.names`."""
        return struct_names(self.types, entry)

    def of_the_program(self, entry: Entry) -> bool:
        """Whether neither the system's headers nor a language's library declares it."""
        file, _line = declared_in(entry)
        name = self.types.name_of(entry)
        if (
            name.startswith(_FOREIGN)
            or name.startswith(("__", "_IO_", "typedef __va_list"))
            or name in SYNC_TYPES
        ):
            return False
        return not is_system(file)

    def struct(self, entry: Entry) -> list[Struct]:
        """The record of the struct; none where it cannot be shown."""
        try:
            made = make_struct(self.types, entry, str(self.path))
        except ShmtuiError:
            return []  # One giant of a program's hundreds hides none of the others.
        return [] if made is None else [made]


def struct_names(types: Types, entry: Entry) -> tuple[str, ...]:
    """See `Struct.names`."""
    name, typedefs = types.name_of(entry), types.typedefs_of(entry)
    if is_c(entry):
        return tuple(dict.fromkeys(each for each in (name, *typedefs) if each))
    short = [_short(each) for each in (name, *typedefs)]
    return tuple(dict.fromkeys(each for each in (*short, *typedefs, name) if each))


def _short(name: str) -> str:
    """``Ring<a::B>`` of ``ns::Ring<a::B>``."""
    head, bracket, rest = name.partition("<")
    return head.rpartition("::")[2] + bracket + rest


def make_struct(types: Types, entry: Entry, source: str) -> Struct | None:
    """The record of a struct; None: members lie outside of it, as in damaged files only.

    ShmtuiError: it has more members than are shown.
    """
    names = struct_names(types, entry)
    file, line = declared_in(entry)
    size = entry.number("byte_size") or 0
    place = f"{file or source or entry.unit.section.file.path}" + (f":{line}" if line else "")
    try:
        members = types.members(entry)
    except TooManyMembersError:
        raise ShmtuiError(
            _("{place}: {name} has more than {most} members").format(
                place=place, name=names[-1], most=MAX_MEMBERS
            )
        ) from None
    for member in members:
        if member.offset < 0 or member.offset + (member.shape.size if member.length else 0) > size:
            return None
    tag = types.name_of(entry)
    c_name = f"struct {tag}" if tag and is_c(entry) else names[-1] if not is_c(entry) else names[0]
    word = entry.unit.section.file.word_size
    return Struct(names, members, size, place, c_name, source, word)


# -- what a unit mentions -------------------------------------------------------------------------


def _mentioning(section: Section, names: Collection[str]) -> Iterator[Unit]:
    """Units whose bytes hold one of the names, or a reference to it in the string table.

    A string table may end one name with another: the reference may point into a longer string.
    Names are looked for without what qualifies them.
    """
    file = section.file
    if not names:
        yield from section.units()
        return
    raw = [_short(name).encode() + b"\0" for name in names]
    places = [at for name in raw for at in _all_of(file.strings, name)]
    references = [at.to_bytes(4, "little") for at in places]
    indexed = _indexed_ranges(file, places)
    for unit in section.units():
        if any(section.data.find(name, unit.first, unit.end) >= 0 for name in raw) or any(
            _names_a_type(unit, reference) for reference in references
        ):
            yield unit
        elif indexed is not None:
            base = section._strings_of(unit)
            if file.split or any(base <= at for at in indexed):
                yield unit


def _names_a_type(unit: Unit, reference: bytes) -> bool:
    """Whether ``reference``, to a string, is the name of a type in the unit.

    A reference of four bytes, such as 0x120, also stands by chance in many units that mention no
    such name. So the abbreviation code in front of it has to be that of a type.
    """
    data = unit.section.data
    at = data.find(reference, unit.first, unit.end)
    if at < 0:
        return False
    starts = unit.type_starts()
    if starts is None:
        return True
    while at >= 0:
        for code, between in starts:
            if data[at - between - len(code) : at - between] == code:
                return True
        at = data.find(reference, at + 1, unit.end)
    return False


def _indexed_ranges(file: DebugFile, places: list[int]) -> list[int] | None:
    """Where .debug_str_offsets refers to the strings; None: the file has no such table."""
    if not file.string_offsets:
        return None
    table = file.string_offsets
    return [at for place in places for at in _all_of(table, place.to_bytes(4, "little"))]


def _all_of(data: bytes, wanted: bytes) -> Iterator[int]:
    at = data.find(wanted)
    while at >= 0:
        yield at
        at = data.find(wanted, at + 1)
