"""Names of places and lines of sources: what a step is about, in the program's own words."""

import os
from bisect import bisect_right
from functools import cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, Protocol

from shmtui.control.global_variables import OWN, GlobalVariables
from shmtui.control.operation import ACCESSES, SILENT, STARTING, WAKES, Kind, Operation, Place
from shmtui.control.semaphore_sets import PREFIX
from shmtui.i18n import _

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shmtui.control.items import Ring

Row = tuple[int, str, int]
"""An address, and the path and line of the source that the code from there on is of; 0 where it is of none."""
_WORD: Final = 4


@cache
def line_table(path: str) -> tuple[int, tuple[Row, ...]]:
    """The rows of an executable's line table by address, and the address that its first byte has in it."""
    from elftools.elf.elffile import ELFFile  # noqa: PLC0415 - heavy

    rows: list[Row] = []
    with open(path, "rb") as file:
        elf = ELFFile(file)
        loads = [
            s["p_vaddr"] - s["p_offset"] for s in elf.iter_segments() if s["p_type"] == "PT_LOAD"
        ]
        if elf.has_dwarf_info():
            dwarf = elf.get_dwarf_info()
            for unit in dwarf.iter_CUs():
                program = dwarf.line_program_for_CU(unit)
                if program is None:
                    continue
                names, first = _source_paths(unit, program), int(program["version"] < 5)
                for entry in program.get_entries():
                    state = entry.state
                    if state is not None:
                        name = names[state.file - first]
                        rows.append((state.address, name, 0 if state.end_sequence else state.line))
    return min(loads, default=0), tuple(sorted(rows, key=itemgetter(0)))


def _source_paths(unit: Any, program: Any) -> list[str]:
    """The paths of a unit's sources, in the order of its table of files."""
    top = unit.get_top_DIE().attributes.get("DW_AT_comp_dir")
    home = b"" if top is None else top.value
    folders = list(program["include_directory"])
    if program["version"] < 5:  # Its folder 0 is the one that it was compiled in.
        folders.insert(0, home)
    paths = []
    for file in program["file_entry"]:
        folder = folders[file.dir_index] if file.dir_index < len(folders) else b""
        paths.append(os.fsdecode(os.path.join(home, folder, file.name)))  # noqa: PTH118 - bytes
    return paths


class LoadedProgram(Protocol):
    """A program whose code is loaded, held from its start or found as it runs."""

    @property
    def name(self) -> str: ...

    @property
    def executable(self) -> str: ...

    @property
    def bases(self) -> dict[str, int]: ...

    @property
    def globals(self) -> GlobalVariables | None: ...


class Names:
    """The names of one search: of the ring's fields, of other places, and of the programs' lines."""

    def __init__(self, ring: "Ring | None", programs: "Sequence[LoadedProgram]") -> None:
        self._ring = ring
        self._programs = {program.name: program for program in programs}

    def place(self, place: Place | None) -> str:
        """``in``, ``data[3]``, ``mutex``, ``/name`` of a named semaphore, or a byte of a segment."""
        if place is None:
            return ""
        if place.segment.startswith("sem."):
            return f"/{place.segment.removeprefix('sem.')}"
        if place.segment.startswith(PREFIX):
            key = place.segment.removeprefix(PREFIX)
            return _("semaphore {number} of set {key}").format(number=place.offset, key=key)
        ring = self._ring
        if place.segment.startswith(OWN):
            return self._own_place(place)
        if ring is not None and place.segment == ring.segment:
            for name in ("in", "out", "count", "mutex", "empty", "full"):
                if place.offset == getattr(ring, "in_" if name == "in" else name):
                    return name
            for begin, size, name in ring.members:
                if begin <= place.offset < begin + size:
                    return name if place.offset == begin else f"{name} + {place.offset - begin}"
            slot = ring.slot(place.offset)
            if slot is not None:
                return f"data[{slot}]"
        return _("byte {offset} of {segment}").format(offset=place.offset, segment=place.segment)

    def _own_place(self, place: Place) -> str:
        """The name of a byte that the threads of a process have in common."""
        ring = self._ring
        held = self._programs[place.segment.removeprefix(OWN).partition(".")[0]].globals
        if held is not None and ring is not None and place.segment == ring.segment:
            data = next((name for at, _size, name in ring.members if at == ring.data), "")
            slot = ring.slot(place.offset)
            if slot is not None:
                return f"{data or held.name(ring.data)}[{slot}]"
            for begin, size, name in ring.members:
                if begin <= place.offset < begin + size:
                    return name if place.offset == begin else f"{name} + {place.offset - begin}"
        return (held.name(place.offset) if held else "") or _("its memory")

    def line(self, program: str, operation: Operation) -> str:
        """``produtor.c:18``; empty where no debug information says it."""
        path, line = self.source(program, operation)
        return f"{path.rpartition('/')[2]}:{line}" if path else ""

    def source(self, program: str, operation: Operation) -> tuple[str, int]:
        """Path and line of a step's source; empty and 0 where no debug information says them."""
        held = self._programs[program.partition(".")[0]]
        base = held.bases.get(held.executable)
        if base is None or not operation.site:
            return "", 0
        first, rows = line_table(held.executable)
        call = operation.kind not in ACCESSES
        at = operation.site - base + first - call
        number = bisect_right(rows, at, key=itemgetter(0))
        if not number or not rows[number - 1][2] or number == len(rows):
            return "", 0
        return rows[number - 1][1:]

    def step(self, operation: Operation, before: int | None, after: int | None) -> str:
        """``sem_wait(mutex)``, ``loads in = 3``, ``stores data[2] = 7``."""
        name, kind = self.place(operation.place), operation.kind
        if kind is Kind.LOAD:
            return _("loads {name} = {value}").format(name=name, value=_signed(before, operation))
        if kind is Kind.STORE:
            return _("stores {name} = {value}").format(name=name, value=_signed(after, operation))
        if kind is Kind.UPDATE:
            text = _("changes {name} from {before} to {value}")
            return text.format(
                name=name, before=_signed(before, operation), value=_signed(after, operation)
            )
        if kind in STARTING:
            return f"{kind}({name})"
        if kind in SILENT:
            return {
                Kind.START: _("starts"),
                Kind.SLEEP: _("sleeps"),
                Kind.JOIN: _("waits for the end of another"),
                Kind.SPIN: _("runs on"),
                Kind.EXIT: _("ends its process, with all threads"),
            }.get(kind, _("sleeps in the kernel"))
        if operation.changes:
            each = (f"{self.place(place)} {change:+d}" for place, change in operation.changes)
            return f"semop({', '.join(each)})"
        if kind is Kind.WAKE_UNSIGNALLED:
            return _("wakes though nobody has signalled, and locks {name}").format(name=name)
        if kind is Kind.PASS:
            return _("goes on behind {name}, as all have come").format(name=name)
        if kind in WAKES:
            return _("wakes, and locks {name}").format(name=name)
        return f"{kind}({name})"


def _signed(value: int | None, operation: Operation) -> str:
    if value is None:
        return "?"
    bits = 8 * min(operation.width or _WORD, 8)
    return str(value - (1 << bits) if value >> (bits - 1) else value)
