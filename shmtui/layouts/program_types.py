"""The structs in the debug information of the programs that map a segment.

A program's structs are read once and kept: the file is known by device, inode and time of change.
"""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from shmtui.errors import ShmtuiError
from shmtui.layouts.elf_sections import debug_size, section_sizes
from shmtui.layouts.mapping_programs import Peers, executable
from shmtui.layouts.options import LayoutOptions
from shmtui.procfs.maps import map_lines
from shmtui.procfs.process import process_name
from shmtui.procfs.process_libc import program_of
from shmtui.shm.layout import Layout
from shmtui.shm.segment_reader import SegmentReader
from shmtui.snapshot import LayoutSource

if TYPE_CHECKING:
    from shmtui.layouts.struct_members import Struct

_SYSTEM: Final = (b"/usr/lib", b"/lib", b"/usr/libexec")
"""Libraries here are not the program's own."""
_LIBRARY_BYTES: Final = 1 << 20
"""Debug information of a library that is read unasked. A larger one is a runtime's, such as
libpython's 9 MB, which hold no ring of the program and take 18 s of CPU to read."""
_MOST_PROGRAMS: Final = 8
_KEPT: Final = 32
_Key = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class TypeSource:
    """Structs that may describe a segment, and where they are from."""

    structs: "tuple[Struct, ...]"
    source: LayoutSource
    origin: str
    """The program or file, as it is shown."""
    path: str
    """The file, as ``--header`` takes it."""


@dataclass(frozen=True, slots=True)
class ProgramFile:
    """A program or library that maps a segment."""

    path: str
    """Where this process can read it."""
    shown: str
    """Its path as the user knows it."""
    pid: int
    library: bool = False


_structs: "dict[_Key, tuple[Struct, ...]]" = {}
"""Read structs, by file and size of the segment; those of the files that were read last."""


def sources(peers: Peers, size: int, options: LayoutOptions) -> list[TypeSource]:
    """The structs of each program that may describe a segment of ``size`` bytes."""
    found = []
    seen: set[tuple[int, int]] = set()
    for program in _files(peers):
        try:
            status = Path(program.path).stat()
        except OSError:
            continue
        if (status.st_dev, status.st_ino) in seen or len(seen) >= _MOST_PROGRAMS:
            continue
        seen.add((status.st_dev, status.st_ino))
        structs = structs_of(program, status, size, options)
        if structs:
            name = process_name(program.pid)
            found.append(TypeSource(structs, LayoutSource.DEBUG_INFO, name, program.shown))
    return found


def structs_of(
    program: ProgramFile, status: os.stat_result, size: int, options: LayoutOptions
) -> "tuple[Struct, ...]":
    """The program's structs that hold a sync object, or that have ``size`` bytes; none where it
    has no debug information.
    """
    key = (status.st_dev, status.st_ino, status.st_mtime_ns, size)
    if key not in _structs:
        _structs[key] = _read(program, size, options)
        while len(_structs) > _KEPT:
            del _structs[next(iter(_structs))]
    return _structs[key]


def _read(program: ProgramFile, size: int, options: LayoutOptions) -> "tuple[Struct, ...]":
    sizes = section_sizes(program.path)
    if not debug_size(sizes) and not _may_have_debug_file(sizes):
        return ()
    if program.library and debug_size(sizes) > _LIBRARY_BYTES:
        return ()
    from shmtui.layouts import debug_info  # noqa: PLC0415 - heavy

    try:
        return debug_info.ring_structs(
            Path(program.path), size=size, shown=program.shown, progress=options.progress
        )
    except ShmtuiError:
        return ()


def _may_have_debug_file(sizes: dict[bytes, int]) -> bool:
    """Whether a separate file may hold the debug information: the program names one, or there
    are files by build-id on this machine.
    """
    if b".gnu_debuglink" in sizes:
        return True
    if b".note.gnu.build-id" not in sizes:
        return False
    from shmtui.layouts.debug_files import DebugRoots  # noqa: PLC0415 - rarely needed

    roots = DebugRoots()
    return (roots.system / ".build-id").is_dir() or roots.cache.is_dir()


def _files(peers: Peers) -> list[ProgramFile]:
    """The programs of all peers, then the libraries of their own that they map."""
    programs, libraries = [], []
    for pid in peers.pids:
        own = executable(pid)
        if own:
            programs.append(ProgramFile(program_of(pid), own.removesuffix(" (deleted)"), pid))
        paths = {
            path
            for line in map_lines(pid) or ()
            if b" r-xp " in line and len(fields := line.split(maxsplit=5)) == 6
            and (path := fields[5]).startswith(b"/") and not path.startswith(_SYSTEM)
        }  # fmt: skip
        for path in sorted(paths):
            text = os.fsdecode(path)
            if text != own:
                libraries.append(ProgramFile(f"/proc/{pid}/root{text}", text, pid, library=True))
    return programs + libraries


class QuickTypes:
    """Layouts of segments by small programs' debug information, in ``seconds`` for all of them."""

    MOST_BYTES: Final = 1_000_000
    """Of debug information, for one program."""

    def __init__(self, folder: str, seconds: float) -> None:
        self._folder = folder
        self._left = seconds

    def layout(
        self, name: str, pids: Sequence[int], *, without_ring: bool = False
    ) -> tuple[Layout, str] | None:
        """The only layout that fits the segment, and the program that tells it; None: there is
        none, or no time is left to find it. ``without_ring``: that of locks alone will do.
        """
        sizes = {pid: debug_size(section_sizes(program_of(pid))) for pid in pids}
        small = [pid for pid, size in sizes.items() if 0 < size <= self.MOST_BYTES]
        if not small or self._left <= 0:
            return None
        from shmtui.layouts import debug_info, struct_sources  # noqa: F401, PLC0415 - heavy

        start = time.monotonic()
        try:
            return self._layout(name, small, without_ring=without_ring)
        except ShmtuiError:
            return None
        finally:
            self._left -= time.monotonic() - start

    def _layout(
        self, name: str, pids: Sequence[int], *, without_ring: bool
    ) -> tuple[Layout, str] | None:
        from shmtui.layouts import struct_sources  # noqa: PLC0415 - heavy

        reader = SegmentReader(name, self._folder)
        try:
            peers, options = Peers.among(pids, self._folder), LayoutOptions()
            types = sources(peers, reader.status().size, options)
            found = struct_sources.agreed(reader, options, peers, types)
            if found is not None:
                return found[1].layout, found[0].origin
            locks = struct_sources.by_locks(reader, options, peers, types) if without_ring else None
        finally:
            reader.close()
        return None if locks is None or locks.layout is None else (locks.layout, locks.origin)
