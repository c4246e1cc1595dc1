"""Structs from the debug information of ELF files: of a program, a library or an object file.

C, C++ and Rust, DWARF 2 to 5, type units, split and separate files. Large files are read in
those units only that mention a type that processes wait on.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.layouts import debug_files
from shmtui.layouts.debug_files import DebugRoots
from shmtui.layouts.declaring_files import declared_in, is_system
from shmtui.layouts.dwarf_entries import Budget, DebugFile, Entry, Unit
from shmtui.layouts.dwarf_members import MAX_MEMBERS, Members, TooManyMembersError
from shmtui.layouts.dwarf_names import AGGREGATES, Names, is_c
from shmtui.layouts.dwarf_search import mentioning
from shmtui.layouts.dwarf_types import Type
from shmtui.layouts.struct_members import SYNC_TYPES, Member, Struct
from shmtui.procfs.elf import opened, word_size

if TYPE_CHECKING:
    from elftools.elf.elffile import ELFFile

WHOLE_BYTES: Final = 1 << 20
"""Debug information up to this size is read in all its units."""
_TOLD_AFTER: Final = 0.5
"""Seconds."""
_FOREIGN: Final = ("std::", "core::", "alloc::", "libc::", "hashbrown::", "__gnu_cxx::", "boost::",
                   "__cxxabiv1::", "compiler_builtins::", "gimli::", "addr2line::",
                   "__", "_IO_", "typedef __va_list")  # fmt: skip

Progress = Callable[[str], None]


def read_structs(
    path: Path,
    *,
    names: Collection[str] = (),
    progress: Progress | None = None,
    roots: DebugRoots | None = None,
) -> tuple[Struct, ...]:
    """Structs that the file's own sources declare, or those of these names, in order.

    Over `WHOLE_BYTES` and without names: those that hold a sync object. ShmtuiError: it is no ELF
    file, has no debug information in any of the usual places, or it is damaged or too large.
    """
    bare = {name.removeprefix("struct ").strip() for name in names}

    def wanted(reading: _Reading, entry: Entry) -> bool:
        if bare:
            return not bare.isdisjoint(struct_names(reading.names, entry))
        return reading.small or reading.members.holds_sync(Type(entry))

    with _reading(path, roots, progress) as reading:
        return _structs(reading, wanted, bare)


def ring_structs(
    path: Path,
    *,
    size: int | None = None,
    least: int | None = None,
    shown: str = "",
    progress: Progress | None = None,
    roots: DebugRoots | None = None,
) -> tuple[tuple[Struct, ...], frozenset[int]]:
    """Structs of a program that hold a sync object at any depth, or whose ``sizeof`` is ``size``; and
    every ``sizeof`` that would give more of them.

    ``least``: theirs may be less than ``size``, down to this.
    ``shown``: the path as the user knows it, for ``progress``.
    Of a large file only units that mention a sync type are read. ShmtuiError: see `read_structs`.
    """
    sizes = set()

    def wanted(reading: _Reading, entry: Entry) -> bool:
        its = entry.number("byte_size")
        sizes.add(its)
        fits = size is not None and its is not None and (least or size) <= its <= size
        return fits or reading.members.holds_sync(Type(entry))

    with _reading(path, roots, progress, shown) as reading:
        found = _structs(reading, wanted)
    return found, frozenset(each for each in sizes if each is not None)


def compiled_structs(
    path: Path, users_own: Callable[[str], bool]
) -> tuple[tuple[Struct, ...], tuple[str, ...]]:
    """Structs of an object file that the user's own files declare; and typedefs of templates that
    nothing makes, so that their layout is not told.

    ShmtuiError: it is damaged, or a struct has too many members.
    """
    with _reading(path) as reading:
        reading.members.types.users_own = users_own
        own = (e for e in reading.entries(reading.units()) if users_own(declared_in(e)[0]))
        found = [made for entry in own if (made := _struct(reading, entry)) is not None]
        open_ = [n for n, entry in reading.names.open_typedefs if users_own(declared_in(entry)[0])]
        return tuple(found), tuple(open_)


def typed_variables(path: Path, variables: Iterable[tuple[int, int, str]]) -> tuple[Member, ...]:
    """Global variables of a program, given by offset, bytes and name, with their types: as members of a struct.

    Those whose type is not told once are left out. ShmtuiError: see `read_structs`.
    """
    wanted = {(name, size): offset for offset, size, name in variables}
    found: dict[str, list[Member]] = {}
    with _reading(path) as reading:
        for unit in reading.units():
            for entry in unit.top.below():
                if entry.tag != "variable" or "type" not in entry.attributes:
                    continue
                of = reading.members.types.type_of(entry)
                offset = wanted.get((entry.name, reading.members.types.size(of)))
                if offset is not None:
                    made = reading.members.member(entry.name, of, offset)
                    known = found.setdefault(made.name, [])
                    known += [made] if made not in known else []
    return tuple(each for (each, *others) in found.values() if not others)


def _structs(
    reading: "_Reading", wanted: Callable[["_Reading", Entry], bool], names: Collection[str] = ()
) -> tuple[Struct, ...]:
    """The structs that are wanted, each once, though every unit that includes its header declares
    it; without ``names`` the program's own.
    """
    found: dict[object, Struct] = {}
    units = reading.units(names or (() if reading.small else SYNC_TYPES))
    for entry in reading.entries(units):
        if not (wanted(reading, entry) and (names or _of_the_program(reading.names, entry))):
            continue
        try:
            made = _struct(reading, entry)
        except ShmtuiError:
            continue  # One giant of a program's hundreds hides none of the others.
        if made is not None:
            found.setdefault((made.names[-1], made.size, made.members), made)
    return tuple(found.values())


@contextmanager
def _reading(
    path: Path, roots: DebugRoots | None = None, progress: Progress | None = None, shown: str = ""
) -> Iterator["_Reading"]:
    with debug_files.failures_told(path), ExitStack() as stack:
        yield _Reading(stack, path, roots or DebugRoots(), progress, shown or str(path))


class _Reading:
    """One file that is being read, with those that belong to it."""

    def __init__(
        self, stack: ExitStack, path: Path, roots: DebugRoots, progress: Progress | None, shown: str
    ) -> None:
        self._path, self._roots, self._shown = path, roots, shown
        self._stack, self._progress = stack, progress
        self._started = time.monotonic()
        self.members = Members()
        self.names = self.members.types.names
        self._file = self._main()
        data = self._file.data
        self.small = len(data[".debug_info"]) + len(data[".debug_types"]) <= WHOLE_BYTES

    def _main(self) -> DebugFile:
        with opened(self._path):
            pass
        if word_size(self._path) is None:
            text = _("{path} is not a program, library or object file (ELF)")
            raise ShmtuiError(text.format(path=self._path))
        budget = Budget()
        path: Path | None = self._path
        while path is not None:
            elf = self._elf(path)
            found = self._load(elf, path, budget)
            if found is not None:
                other = debug_files.alternative_file(elf, path, self._roots)
                if other is not None:
                    found.alternative = self._load(self._elf(other), other, budget)
                return found
            path = debug_files.separate_file(elf, path, self._roots) if path == self._path else None
        text = _(
            "{path} has no debug information: compile it with -g, or say the layout with "
            "--header or --layout"
        )
        raise ShmtuiError(text.format(path=self._path))

    def _elf(self, path: Path) -> "ELFFile":
        elf = debug_files.elf_of(self._stack.enter_context(opened(path)))
        self._stack.callback(debug_files.forget_elf, elf)
        return elf

    def _load(
        self, elf: "ELFFile", path: Path, budget: Budget, *, split: bool = False
    ) -> DebugFile | None:
        found = debug_files.load(elf, path, budget, split=split)
        if found is not None:
            self._stack.callback(found.forget)
        return found

    def units(self, names: Collection[str] = ()) -> Iterator[Unit]:
        """Units that mention one of the names; all units, without names."""
        for file in self._files():
            for section in file.sections:
                yield from mentioning(section, [*map(_short, names)])

    def _files(self) -> Iterator[DebugFile]:
        yield self._file
        for unit in self._file.sections[0].units:
            place = debug_files.split_file(unit, self._path)
            if place is None:
                continue
            found = self._load(self._elf(place), place, self._file.budget, split=True)
            if found is not None:
                found.skeleton = unit
                yield found
        if self._file.alternative is not None:
            yield self._file.alternative

    def entries(self, units: Iterable[Unit]) -> Iterator[Entry]:
        for unit in units:
            self._tell()
            folder = unit.top.attributes.get("comp_dir")
            if isinstance(folder, str) and folder.startswith("/rustc/"):
                continue  # Rust's own library
            for section, offset in self.names.index(unit.top):
                entry = section.at(offset)
                named = entry.tag != "union_type" and struct_names(self.names, entry)
                if entry.tag in AGGREGATES and named:
                    yield entry

    def _tell(self) -> None:
        if self._progress is not None and time.monotonic() - self._started > _TOLD_AFTER:
            self._progress(
                _("reading the debug information of {path} ({size} MB)").format(
                    path=self._shown, size=round(len(self._file.data[".debug_info"]) / 1e6)
                )
            )
            self._progress = None


def _of_the_program(names: Names, entry: Entry) -> bool:
    """Whether neither the system's headers nor a language's library declares it."""
    name = names.name_of(entry)
    if name.startswith(_FOREIGN) or name in SYNC_TYPES:
        return False
    return not is_system(declared_in(entry)[0])


def struct_names(known: Names, entry: Entry) -> tuple[str, ...]:
    """See `Struct.names`."""
    names = [known.name_of(entry), *known.typedefs_of(entry)]
    if not is_c(entry):
        names = [*map(_short, names), *names[1:], names[0]]
    return tuple(dict.fromkeys(filter(None, names)))


def _short(name: str) -> str:
    """``Ring<a::B>`` of ``ns::Ring<a::B>``."""
    head, bracket, rest = name.partition("<")
    return head.rpartition("::")[2] + bracket + rest


def _struct(reading: _Reading, entry: Entry) -> Struct | None:
    """The record of a struct; None: members lie outside of it, as in damaged files only.

    ShmtuiError: it has more members than are shown.
    """
    names = struct_names(reading.names, entry)
    file, line = declared_in(entry)
    size = entry.number("byte_size") or 0
    debug_file = entry.unit.section.file
    place = f"{file or debug_file.path}" + (f":{line}" if line else "")
    try:
        members = reading.members.members(entry)
    except TooManyMembersError:
        text = _("{place}: {name} has more than {most} members")
        raise ShmtuiError(text.format(place=place, name=names[-1], most=MAX_MEMBERS)) from None
    for member in members:
        if member.offset < 0 or member.offset + (member.shape.size if member.length else 0) > size:
            return None
    tag, c = reading.names.name_of(entry), is_c(entry)
    c_name = f"struct {tag}" if tag and c else names[0 if c else -1]
    return Struct(names, members, size, place, c_name, debug_file.word_size)
