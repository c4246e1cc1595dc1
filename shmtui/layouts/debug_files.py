"""Where the debug information of a program lies: in its own file, or in a separate one.

Separate files are found as gdb finds them: by build-id, by ``.gnu_debuglink``, in the cache of
debuginfod (the network is never asked), ``.gnu_debugaltlink`` for what dwz moved out.
"""

import contextlib
import io
import os
import struct
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from inspect import signature
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import msgspec

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.layouts.dwarf_entries import Budget, DebugFile, TooMuchError, Unit
from shmtui.layouts.dwarf_forms import DamagedError
from shmtui.procfs.elf import opened

if TYPE_CHECKING:
    from elftools.elf.elffile import ELFFile

_MAX_SECTION: Final = 1 << 30
_MAX_SECTIONS: Final = 100_000
_MAX_LINK: Final = 4096
"""Bytes of a section that names another file."""
_SECTIONS: Final = (
    ".debug_info", ".debug_abbrev", ".debug_str", ".debug_line", ".debug_line_str",
    ".debug_str_offsets", ".debug_types", ".gnu_debugaltlink",
)  # fmt: skip
_RELOCATED: Final = frozenset((".debug_info", ".debug_types", ".debug_line", ".debug_str_offsets"))


def _cache() -> Path:
    """Debuginfod's cache (debuginfod_find_debuginfo(3))."""
    given = os.environ.get("DEBUGINFOD_CACHE_PATH")
    if given:
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME")
    folder = Path(base) if base else Path(os.environ.get("HOME") or "/nonexistent") / ".cache"
    return folder / "debuginfod_client"


class DebugRoots(msgspec.Struct, frozen=True):
    """Where separate debug files are looked for."""

    system: Path = Path("/usr/lib/debug")
    cache: Path = msgspec.field(default_factory=_cache)


@contextlib.contextmanager
def failures_told(path: Path) -> Iterator[None]:
    """Have whatever a damaged file makes go wrong raised as ShmtuiError."""
    from elftools.common.exceptions import DWARFError, ELFError  # noqa: PLC0415 - see the package
    from elftools.construct import ConstructError  # noqa: PLC0415

    try:
        yield
    except TooMuchError:
        text = _("{path} has more debug information than is read: say the layout with --layout")
        raise ShmtuiError(text.format(path=path)) from None
    except OSError as error:
        text = _("{path} cannot be read: {reason}")
        raise ShmtuiError(text.format(path=path, reason=error.strerror or error)) from None
    except (
        ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError,
        ValueError, EOFError, MemoryError, zlib.error, struct.error, ConstructError, DWARFError, ELFError,
        DamagedError,
    ):  # fmt: skip
        text = _(
            "the debug information of {path} is damaged, or of a kind that is not understood: "
            "compile it again with -g, or say the layout with --layout"
        )
        raise ShmtuiError(text.format(path=path)) from None


def elf_of(file: IO[bytes]) -> "ELFFile":
    """The file by pyelftools. ValueError: another byte order, or sizes that cannot be."""
    from elftools.elf.elffile import ELFFile  # noqa: PLC0415 - 60 ms, for who needs it

    elf = ELFFile(file)
    length = file.seek(0, io.SEEK_END)
    count = elf.num_sections()
    if not elf.little_endian or count > _MAX_SECTIONS:
        raise ValueError
    if count * elf["e_shentsize"] > length or (count and elf["e_shentsize"] < 40):
        raise ValueError
    return elf


def forget_elf(elf: "ELFFile") -> None:
    """Let go of what pyelftools keeps of a file, as :meth:`DebugFile.forget` does of its debug information."""
    vars(elf.structs).clear()
    vars(elf).clear()


def load(elf: "ELFFile", path: Path, budget: Budget, *, split: bool = False) -> DebugFile | None:
    """The debug sections of an open ELF file; None: it has none. ``split``: it is a ``.dwo``."""
    from elftools.dwarf.dwarfinfo import DebugSectionDescriptor, DwarfConfig, DWARFInfo  # noqa: PLC0415 - see the package

    # An object file has a .debug_info, or .debug_types, for each type unit.
    sections = list(elf.iter_sections()) if elf["e_type"] == "ET_REL" else []
    data: defaultdict[str, bytes] = defaultdict(bytes)
    for name in _SECTIONS:
        found = _named(elf, name + (".dwo" if split else ""), sections)
        if found:
            data[name] = b"".join(_content(elf, each, sections) for each in found)
    if ".debug_info" not in data or ".debug_abbrev" not in data:
        return None
    given: dict[str, Any] = dict.fromkeys(signature(DWARFInfo).parameters)
    given["config"] = DwarfConfig(True, elf.get_machine_arch(), elf.elfclass // 8)
    for name in (".debug_info", ".debug_abbrev", ".debug_types"):
        if name in data:
            content = data[name]
            section = DebugSectionDescriptor(io.BytesIO(content), name, 0, len(content), 0)
            given[f"{name[1:]}_sec"] = section
    return DebugFile(str(path), DWARFInfo(**given), data, elf.elfclass // 8, budget, split)


def _named(elf: "ELFFile", name: str, sections: Sequence[Any]) -> list[Any]:
    names = (name, ".z" + name[1:])
    if sections:
        found = [each for each in sections if each.name in names]
    else:
        found = [each for each in map(elf.get_section_by_name, names) if each is not None][:1]
    return [each for each in found if each["sh_type"] != "SHT_NOBITS"]


def _content(elf: "ELFFile", section: Any, sections: Sequence[Any]) -> bytes:
    """A section's bytes, decompressed and, in an object file, relocated."""
    from elftools.elf.relocation import RelocationHandler, RelocationSection  # noqa: PLC0415 - see the package

    if section.data_size > _MAX_SECTION:
        raise TooMuchError
    if section.compressed and getattr(section, "_compression_type", "") != "ELFCOMPRESS_ZLIB":
        text = _(
            "the debug information of {path} is compressed with zstd, which Python cannot "
            "undo: undo it with objcopy --decompress-debug-sections"
        )
        raise ShmtuiError(text.format(path=getattr(elf.stream, "name", section.name)))
    data: bytes = section.data()
    if section.name.startswith(".z") and data[:4] == b"ZLIB":  # GNU's, before SHF_COMPRESSED
        size = int.from_bytes(data[4:12], "big")
        if size > _MAX_SECTION:
            raise TooMuchError
        data = zlib.decompressobj().decompress(data[12:], size)
    if section.name not in _RELOCATED:
        return data
    for each in sections:
        if isinstance(each, RelocationSection) and sections[each["sh_info"]] is section:
            quick = _relocated(elf, data, each)
            if quick is not None:
                return quick
            stream = io.BytesIO(data)
            RelocationHandler(elf).apply_section_relocations(stream, each)
            return stream.getvalue()
    return data


_ABSOLUTE: Final = {"EM_X86_64": {1: 8, 10: 4}, "EM_AARCH64": {257: 8, 258: 4}}
"""Bytes that R_X86_64_64 and _32, R_AARCH64_ABS64 and _ABS32 store: symbol plus addend."""


def _relocated(elf: "ELFFile", data: bytes, relocations: Any) -> bytes | None:
    """The section with relocations applied, where all are of the plain kinds; else None.

    pyelftools takes 250 µs for each of the tens of thousands that a C++ object file has.
    """
    widths = _ABSOLUTE.get(elf["e_machine"])
    symbols = elf.get_section(relocations["sh_link"])
    if widths is None or not relocations.is_RELA() or elf.elfclass != 64:
        return None
    raw, table, result = relocations.data(), symbols.data(), bytearray(data)
    for at, kind, symbol, addend in struct.iter_unpack("<QIIq", raw[: len(raw) // 24 * 24]):
        width = widths.get(kind)
        if width is None or at + width > len(result):
            return None
        value = struct.unpack_from("<Q", table, 24 * symbol + 8)[0]
        result[at : at + width] = (value + addend).to_bytes(9, "little", signed=True)[:width]
    return bytes(result)


# -- separate files -------------------------------------------------------------------------------


def _link(elf: "ELFFile", name: str) -> bytes:
    """The bytes of a section that names another file; none where there is no such section."""
    section = elf.get_section_by_name(name)
    return b"" if section is None or section["sh_size"] > _MAX_LINK else section.data()


def _build_id(elf: "ELFFile") -> str:
    raw = _link(elf, ".note.gnu.build-id")
    size = int.from_bytes(raw[4:8], "little")
    return raw[16 : 16 + size].hex() if raw[12:16] == b"GNU\0" and 2 <= size <= 64 else ""


def separate_file(elf: "ELFFile", path: Path, roots: DebugRoots) -> Path | None:
    """The file that holds the debug information of a stripped program; None: none is in place."""
    identity = _build_id(elf)
    for candidate in _by_build_id(identity, roots):
        if _has_build_id(candidate, identity):
            return candidate
    raw = _link(elf, ".gnu_debuglink")
    name = os.fsdecode(raw.split(b"\0", 1)[0])
    if not name or "/" in name or len(raw) < 8:
        return None
    checksum, folder = int.from_bytes(raw[-4:], "little"), path.resolve().parent
    for place in (folder, folder / ".debug", roots.system / str(folder).lstrip("/")):
        candidate = place / name
        if candidate.resolve() != path.resolve() and _has_checksum(candidate, checksum):
            return candidate
    return None


def _by_build_id(identity: str, roots: DebugRoots) -> tuple[Path, ...]:
    if not identity:
        return ()
    return (
        roots.system / ".build-id" / identity[:2] / f"{identity[2:]}.debug",
        roots.cache / identity / "debuginfo",
    )


def _has_build_id(path: Path, identity: str) -> bool:
    try:
        with failures_told(path), opened(path) as file:
            return _build_id(elf_of(file)) == identity
    except ShmtuiError:
        return False


def _has_checksum(path: Path, wanted: int) -> bool:
    checksum = 0
    try:
        with opened(path) as file:
            while block := file.read(1 << 20):
                checksum = zlib.crc32(block, checksum)
    except OSError:
        return False
    return checksum == wanted


def alternative_file(elf: "ELFFile", path: Path, roots: DebugRoots) -> Path | None:
    """What ``.gnu_debugaltlink`` names: a path and a build-id, which has to match."""
    name, _zero, identity = _link(elf, ".gnu_debugaltlink").partition(b"\0")
    if not name:
        return None
    named, wanted = Path(os.fsdecode(name)), identity.hex()
    candidates = [path.resolve().parent / named, *_by_build_id(wanted, roots)]
    candidates.append(roots.system / ".dwz" / named.name)
    return next((each for each in candidates if _has_build_id(each, wanted)), None)


def split_file(unit: Unit, path: Path) -> Path | None:
    """The ``.dwo`` that holds what a skeleton unit leaves out; None: the unit is whole."""
    attributes = unit.top.attributes
    name = attributes.get("dwo_name") or attributes.get("GNU_dwo_name")
    if not isinstance(name, str) or not name:
        return None
    folder = str(attributes.get("comp_dir") or ".")
    places = [Path(folder) / name, path.resolve().parent / Path(name).name]
    return next((place for place in places if place.is_file()), None)
