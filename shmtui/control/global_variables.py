"""The global variables of a program, which its threads have in common."""

import re
from bisect import bisect_right
from functools import cache
from operator import itemgetter
from typing import Any, Final

import msgspec

OWN: Final = "@"
"""What the segment of a `Place` begins with that is the global variables of a process."""
_PAGE: Final = 4096
_LOCAL_OF_CPP: Final = re.compile(r"_ZL\d+([a-zA-Z]\w*)")
_LIBRARYS: Final = frozenset(
    {"stdin", "stdout", "stderr", "environ", "optarg", "optind", "opterr", "optopt"}
)
"""Those of the library that the linker copies into the executable."""


class GlobalVariables(msgspec.Struct, frozen=True):
    """Where they lie in a process."""

    begin: int
    end: int
    """Whole pages that hold them all."""
    variables: tuple[tuple[int, int, str], ...]
    """Address, bytes and name of each, by address."""

    def at(self, address: int) -> tuple[int, int, str] | None:
        """The variable that holds a byte."""
        number = bisect_right(self.variables, address, key=itemgetter(0))
        found = self.variables[number - 1] if number else None
        return found if found is not None and address < found[0] + found[1] else None

    def name(self, offset: int) -> str:
        """``count``, or ``queue + 12``, of a byte by its distance from the first one; empty where there is none."""
        address = self.begin + offset
        found = self.at(address)
        if found is None:
            return ""
        return found[2] if address == found[0] else f"{found[2]} + {address - found[0]}"


def global_variables(path: str, base: int) -> GlobalVariables | None:
    """Those of an executable that is loaded at ``base``; None where it has none, or names none.

    OSError: it cannot be read. ELFError: it is none.
    """
    found = tuple((base + at, size, name) for at, size, name in _variables(path))
    if not found:
        return None
    last = max(at + size for at, size, _name in found)
    return GlobalVariables(found[0][0] // _PAGE * _PAGE, -(-last // _PAGE) * _PAGE, found)


@cache
def _variables(path: str) -> tuple[tuple[int, int, str], ...]:
    """Begin from where the file is loaded, bytes and name of each variable that the program may store."""
    from elftools.elf.elffile import ELFFile  # noqa: PLC0415 - heavy

    with open(path, "rb") as file:
        elf: Any = ELFFile(file)
        table = elf.get_section_by_name(".symtab")
        loads = [s for s in elf.iter_segments() if s["p_type"] == "PT_LOAD"]
        if table is None or not loads:
            return ()
        base = min(s["p_vaddr"] - s["p_offset"] for s in loads)
        sections = {n for n, s in enumerate(elf.iter_sections()) if s.name in {".data", ".bss"}}
        found = []
        for symbol in table.iter_symbols():
            own = symbol["st_info"]["type"] == "STT_OBJECT" and symbol["st_shndx"] in sections
            name = _LOCAL_OF_CPP.sub(r"\1", symbol.name)
            if own and symbol["st_size"] and name[:1] != "_" and not _is_librarys(name):
                found.append((symbol["st_value"] - base, symbol["st_size"], name))
    return tuple(sorted(found))


def _is_librarys(name: str) -> bool:
    return "@" in name or name in _LIBRARYS or name.startswith("completed.")
