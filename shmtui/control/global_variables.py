"""What the threads of a program have in common: its global variables, and what it allocated before they started."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from operator import itemgetter
from typing import Any, Final

import msgspec

OWN: Final = "@"
"""What the segment of a `Place` begins with that is the global variables of a process."""
_PAGE: Final = 4096
_WORD: Final = 8
_LOCAL_OF_CPP: Final = re.compile(r"_ZL\d+([a-zA-Z]\w*)")
_LIBRARYS: Final = frozenset(
    {"stdin", "stdout", "stderr", "environ", "optarg", "optind", "opterr", "optopt"}
)
"""Those of the library that the linker copies into the executable."""


class GlobalVariables(msgspec.Struct, frozen=True):
    """Where they lie in a process. Each byte of them has a number, by which it is told in all its copies: for a variable
    its distance from ``begin``; blocks of allocated memory are numbered on from ``end``.
    """

    begin: int
    end: int
    """Whole pages that hold all variables."""
    variables: tuple[tuple[int, int, str], ...]
    """Address, bytes and name of each, blocks too, by address."""
    blocks: tuple[tuple[int, int, int], ...] = ()
    """Address, bytes and first number of each block."""

    @property
    def parts(self) -> Iterator[tuple[int, int, int]]:
        """Begin, end and first number of the variables, and of each block."""
        if self.end > self.begin:
            yield self.begin, self.end, 0
        for address, size, offset in self.blocks:
            yield address, address + size, offset

    @property
    def pages(self) -> dict[int, int]:
        """Begin and bytes of the ranges of whole pages that hold them all."""
        numbers = {
            n for begin, end, _offset in self.parts for n in range(begin // _PAGE, -(-end // _PAGE))
        }
        found: dict[int, int] = {}
        for first in sorted(n for n in numbers if n - 1 not in numbers):
            last = first
            while last + 1 in numbers:
                last += 1
            found[first * _PAGE] = (last + 1 - first) * _PAGE
        return found

    def offset(self, address: int) -> int:
        """The number of a byte."""
        parts = (p for p in self.parts if p[0] <= address < p[1])
        begin, _end, offset = next(parts, (self.begin, self.end, 0))
        return address - begin + offset

    def at(self, address: int) -> tuple[int, int, str] | None:
        """The variable or block that holds a byte."""
        number = bisect_right(self.variables, address, key=itemgetter(0))
        found = self.variables[number - 1] if number else None
        return found if found is not None and address < found[0] + found[1] else None

    def name(self, offset: int) -> str:
        """``count``, or ``queue + 12``, of a byte by its number; empty where there is none."""
        parts = (p for p in self.parts if p[2] <= offset < p[2] + p[1] - p[0])
        begin, _end, first = next(parts, (self.begin, self.end, 0))
        address = begin + offset - first
        found = self.at(address)
        if found is None:
            return ""
        return found[2] if address == found[0] else f"{found[2]} + {address - found[0]}"

    def with_blocks(
        self, blocks: Mapping[int, int], read: Callable[[int], int]
    ) -> "GlobalVariables":
        """The same with blocks of allocated memory, address and bytes, named by who points to them; ``read`` tells the
        word that lies at an address.
        """
        names: dict[int, str] = {}
        holders = [*self.variables, *((at, size, "") for at, size in sorted(blocks.items()))]
        for begin, size, name in holders:
            for at in range(begin, begin + size - _WORD + 1, _WORD):
                pointed, shift = read(at), at - begin
                own = name or names.get(begin, "")
                if pointed in blocks and own:
                    names.setdefault(pointed, f"*({own} + {shift})" if shift else f"*{own}")
        found, number = [], self.end - self.begin
        for at, size in sorted(blocks.items()):
            found.append((at, size, number))
            number += -(-size // _PAGE) * _PAGE
        named = ((at, size, names.get(at, f"malloc({size})")) for at, size in blocks.items())
        variables = tuple(sorted((*self.variables, *named)))
        return GlobalVariables(self.begin, self.end, variables, tuple(found))


NOTHING: Final = GlobalVariables(0, 0, ())


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
