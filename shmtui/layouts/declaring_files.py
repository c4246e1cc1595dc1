"""The source files that a unit's entries name by number (``DW_AT_decl_file``)."""

import posixpath
from pathlib import PurePath
from typing import Any, Final

from msgspec.structs import replace

from shmtui.layouts.dwarf_entries import Entry, Section, Unit
from shmtui.layouts.dwarf_forms import DamagedError

_MAX_FILES: Final = 65_536
_SYSTEM: Final = ("/usr/include/", "/usr/lib/", "/usr/lib64/", "/lib/", "/rustc/", "/usr/share/")
_SYSTEM_PARTS: Final = ("/include/c++/", "/lib/gcc/", "/.cargo/registry/", "/musl/include/")
_SYNC_HEADERS: Final = frozenset(
    ("semaphore.h", "pthread.h", "pthreadtypes.h", "alltypes.h", "pthread_types.h")
)
_PATH, _FOLDER = 1, 2
"""DW_LNCT_path and DW_LNCT_directory_index: what a field of a DWARF 5 table is."""
_STRING, _UDATA = 0x08, 0x0F
"""DW_FORM_string and DW_FORM_udata."""


def declared_in(entry: Entry) -> tuple[str, int]:
    """File and line of the entry's declaration; ("", 0) where it has none."""
    number = entry.number("decl_file")
    if number is None:
        return "", 0
    unit = entry.unit.section.file.skeleton or entry.unit
    if unit.files is None:
        unit.files = _files_of(unit)
    name = unit.files[number] if number < len(unit.files) else ""
    return name, entry.number("decl_line") or 0


def is_system(file: str) -> bool:
    """Whether the file belongs to a compiler or to the system, and not to a program."""
    return file.startswith(_SYSTEM) or any(part in file for part in _SYSTEM_PARTS)


def declares_sync_types(file: str) -> bool:
    """Whether a C library declares its semaphores and locks in a file of that name."""
    return not file or PurePath(file).name in _SYNC_HEADERS


def _files_of(unit: Unit) -> tuple[str, ...]:
    at = unit.top.number("stmt_list")
    if at is None or not unit.section.file.data[".debug_line"]:
        return ()
    base = str(unit.top.attributes.get("comp_dir") or "")
    return tuple(
        posixpath.normpath(posixpath.join(base, name)) if name else ""
        for name in _LineTable(unit, at).names()
    )


class _LineTable:
    """The lists at the start of a line number program, DWARF 2 to 5 (section 6.2.4 of each)."""

    def __init__(self, unit: Unit, at: int) -> None:
        file = unit.section.file
        data = file.data[".debug_line"]
        wide = data[at : at + 4] == b"\xff" * 4  # which the unit's own size does not tell
        self._unit = replace(unit, offset_size=8 if wide else 4)
        self._section = Section(file, ".debug_line", data)
        at += 12 if wide else 4
        self._version = int.from_bytes(data[at : at + 2], "little")
        at += 4 if self._version >= 5 else 2  # DWARF 5: sizes of an address and of a segment
        at += (8 if wide else 4) + (6 if self._version >= 4 else 5)
        self._at = at + max(data[at - 1] - 1, 0)  # operand counts of the standard opcodes

    def names(self) -> list[str]:
        """The files by number, with their folders."""
        if self._version >= 5:
            folders = [name for name, _folder in self._table()]
            found = self._table()
        else:  # Names that an empty one ends; both lists count from 1.
            folders = ["", *iter(lambda: self._next(_STRING), "")]
            found = [("", 0)]
            while name := self._next(_STRING):
                folder, _time, _length = (self._next(_UDATA) for _each in range(3))
                found.append((name, folder))
        return [
            posixpath.join(folders[folder] if folder < len(folders) else "", name)
            for name, folder in found
        ]

    def _table(self) -> list[tuple[str, int]]:
        """DWARF 5: names and numbers of folders, in forms that the table states itself."""
        self._at += 1
        width = self._section.data[self._at - 1]
        formats = [(self._next(_UDATA), self._next(_UDATA)) for _each in range(width)]
        count = self._next(_UDATA)
        if count > _MAX_FILES or (count and not formats):
            raise DamagedError
        rows = [{kind: self._next(form) for kind, form in formats} for _each in range(count)]
        return [(row.get(_PATH, ""), row.get(_FOLDER, 0)) for row in rows]

    def _next(self, form: int) -> Any:
        value, self._at = self._section.formed(form, self._unit, self._at)
        return value
