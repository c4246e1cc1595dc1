"""The source files that a unit's entries name by number (``DW_AT_decl_file``)."""

import io
import posixpath
from pathlib import PurePath
from typing import IO, TYPE_CHECKING, Any, Final

from shmtui.layouts.dwarf_entries import DamagedError, Entry, Unit

if TYPE_CHECKING:
    from elftools.dwarf.structs import DWARFStructs

_MAX_FILES: Final = 65_536
_SYSTEM: Final = ("/usr/include/", "/usr/lib/", "/usr/lib64/", "/lib/", "/rustc/", "/usr/share/")
_SYSTEM_PARTS: Final = ("/include/c++/", "/lib/gcc/", "/.cargo/registry/", "/musl/include/")
_SYNC_HEADERS: Final = frozenset(
    ("semaphore.h", "pthread.h", "pthreadtypes.h", "alltypes.h", "pthread_types.h")
)


def declared_in(entry: Entry) -> tuple[str, int]:
    """File and line of the entry's declaration; ("", 0) where it has none."""
    number = entry.number("decl_file")
    if number is None:
        return "", 0
    unit = entry.unit
    if unit.section.file.split and unit.section.file.skeleton is not None:
        unit = unit.section.file.skeleton
    files = files_of(unit)
    name = files[number] if number < len(files) else ""
    return name, entry.number("decl_line") or 0


def is_system(file: str) -> bool:
    """Whether the file belongs to a compiler or to the system, and not to a program."""
    return file.startswith(_SYSTEM) or any(part in file for part in _SYSTEM_PARTS)


def declares_sync_types(file: str) -> bool:
    """Whether a C library declares its semaphores and locks in a file of that name."""
    return not file or PurePath(file).name in _SYNC_HEADERS


def files_of(unit: Unit) -> tuple[str, ...]:
    """The unit's files by number, with their folders."""
    if unit._files is None:
        unit._files = ()
        top = unit.section.top(unit)
        at = top.number("stmt_list")
        section = unit.section.file.dwarf.debug_line_sec
        if at is not None and section is not None:
            folder = top.attributes.get("comp_dir")
            names = _read(unit, section.stream, at)
            unit._files = tuple(
                posixpath.normpath(posixpath.join(str(folder or ""), name)) if name else ""
                for name in names
            )
    return unit._files


def _read(unit: Unit, stream: IO[bytes], at: int) -> list[str]:
    """The list at the start of a line number program, DWARF 2 to 5 (section 6.2.4 of each)."""
    from elftools.dwarf.structs import DWARFStructs  # noqa: PLC0415 - loaded when a file is read

    stream.seek(at)
    wide = _exactly(stream, 4) == b"\xff\xff\xff\xff"
    stream.seek(8 if wide else 0, io.SEEK_CUR)
    structs = DWARFStructs(True, 64 if wide else 32, unit.address_size, unit.version)
    version = structs.the_Dwarf_uint16.parse_stream(stream)
    if version >= 5:
        stream.seek(2, io.SEEK_CUR)  # sizes of an address and of a segment
    structs.the_Dwarf_offset.parse_stream(stream)
    fields = _exactly(stream, 6 if version >= 4 else 5)
    _exactly(stream, max(fields[-1] - 1, 0))  # operand counts of the standard opcodes
    if version >= 5:
        folders = [_path(unit, entry) for entry in _table(structs, stream)]
        return [
            posixpath.join(
                _of(folders, entry.get("DW_LNCT_directory_index", 0)), _path(unit, entry)
            )
            for entry in _table(structs, stream)
        ]
    return _old(structs, stream)


def _old(structs: "DWARFStructs", stream: IO[bytes]) -> list[str]:
    """DWARF 2 to 4: names that an empty one ends; files count from 1."""
    folders = [""]
    while name := _c_string(stream):
        folders.append(name)
    found = [""]
    while name := _c_string(stream):
        folder = structs.the_Dwarf_uleb128.parse_stream(stream)
        structs.the_Dwarf_uleb128.parse_stream(stream)
        structs.the_Dwarf_uleb128.parse_stream(stream)
        found.append(posixpath.join(_of(folders, folder), name))
    return found


def _table(structs: "DWARFStructs", stream: IO[bytes]) -> list[dict[str, Any]]:
    """DWARF 5: entries whose form the table states itself."""
    from elftools.dwarf.enums import (  # noqa: PLC0415 - loaded when a file is read
        ENUM_DW_LNCT,
        DW_FORM_raw2name,
    )

    kinds = {code: name for name, code in ENUM_DW_LNCT.items()}
    number = structs.the_Dwarf_uleb128.parse_stream
    formats = []
    for _index in range(_exactly(stream, 1)[0]):
        kind, form = number(stream), number(stream)
        formats.append((kinds.get(kind, ""), DW_FORM_raw2name[form]))
    count = number(stream)
    if count > _MAX_FILES or (count and not formats):
        raise DamagedError
    forms: Any = structs.Dwarf_dw_form
    return [
        {kind: (form, forms[form].parse_stream(stream)) for kind, form in formats}
        for _index in range(count)
    ]


def _path(unit: Unit, entry: dict[str, Any]) -> str:
    """The name in a DWARF 5 entry."""
    form, value = entry.get("DW_LNCT_path", ("", 0))
    file = unit.section.file
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    source = {"DW_FORM_line_strp": file.line_strings, "DW_FORM_strp": file.strings}.get(form, b"")
    return source[value : value + 4096].split(b"\0", 1)[0].decode("utf-8", "replace")


def _of(folders: list[str], index: Any) -> str:
    number = index[1] if isinstance(index, tuple) else index
    return folders[number] if number < len(folders) else ""


def _exactly(stream: IO[bytes], count: int) -> bytes:
    raw = stream.read(count)
    if len(raw) < count:
        raise DamagedError
    return raw


def _c_string(stream: IO[bytes]) -> str:
    raw = bytearray()
    while (byte := _exactly(stream, 1)) != b"\0":
        raw += byte
    return raw.decode("utf-8", "replace")
