"""The structs of the programs that map a segment, by their debug information.

A program's structs are read once and kept: the file is known by device, inode and time of change.
"""

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from shmtui.errors import ShmtuiError
from shmtui.layouts.mapping_programs import MappedSegment, Peers, executable
from shmtui.layouts.options import LayoutOptions, ResolvedLayout
from shmtui.procfs.elf import debug_size, section_sizes
from shmtui.procfs.maps import map_lines
from shmtui.procfs.process import process_name
from shmtui.procfs.process_libc import program_of
from shmtui.procfs.target import open_target
from shmtui.shm.layout import Layout
from shmtui.shm.segment_info import LayoutSource

if TYPE_CHECKING:
    from shmtui.layouts.struct_members import Struct

Told = TypeVar("Told")

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


def debug_types(segment: MappedSegment) -> list[TypeSource]:
    """The structs of each program that may describe the segment."""
    found = []
    seen: set[tuple[int, int]] = set()
    for program in _programs(segment.peers):
        try:
            status = Path(program.path).stat()
        except OSError:
            continue
        if (status.st_dev, status.st_ino) in seen or len(seen) >= _MOST_PROGRAMS:
            continue
        seen.add((status.st_dev, status.st_ino))
        key = (status.st_dev, status.st_ino, status.st_mtime_ns, segment.size)
        if key not in _structs:
            _structs[key] = _read(program, segment)
            while len(_structs) > _KEPT:
                del _structs[next(iter(_structs))]
        structs = _structs[key]
        if structs:
            name = process_name(program.pid)
            found.append(TypeSource(structs, LayoutSource.DEBUG_INFO, name, program.shown))
    return found


def _read(program: ProgramFile, segment: MappedSegment) -> "tuple[Struct, ...]":
    """The program's structs that hold a sync object, or that have the segment's size; none where it
    has no debug information.
    """
    sizes = section_sizes(program.path)
    if not debug_size(sizes) and not _may_have_debug_file(sizes):
        return ()
    if program.library and debug_size(sizes) > _LIBRARY_BYTES:
        return ()
    from shmtui.layouts import debug_info  # noqa: PLC0415 - heavy

    try:
        return debug_info.ring_structs(
            Path(program.path),
            size=segment.size,
            shown=program.shown,
            progress=segment.options.progress,
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


def _programs(peers: Peers) -> list[ProgramFile]:
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
    """Layouts of segments by small programs' debug information, in ``seconds`` of CPU for all of them."""

    MOST_BYTES: Final = 1_000_000
    """Of debug information, for one program."""

    def __init__(self, folder: str, seconds: float) -> None:
        self._folder = folder
        self._left = seconds
        self._sizes: dict[int, int] = {}
        """Bytes of debug information by PID."""
        self._of_files: dict[tuple[int, int], int] = {}
        """The same by device and inode."""

    @property
    def spent(self) -> bool:
        """Whether no time is left: who was not asked for may still be told."""
        return self._left <= 0

    def layout(
        self, name: str, pids: Sequence[int], *, without_ring: bool = False
    ) -> tuple[Layout, str] | None:
        """The only layout that fits the segment, and the program that tells it; None: there is
        none, or no time is left to find it. ``without_ring``: that of locks alone will do.
        """

        def told(segment: MappedSegment, types: list[TypeSource]) -> tuple[Layout, str] | None:
            from shmtui.layouts import struct_sources  # noqa: PLC0415 - heavy

            found = struct_sources.agreed(segment, types)
            if found is not None:
                return found[1].layout, found[0].origin
            locks = struct_sources.by_locks(segment, types) if without_ring else None
            return None if locks is None or locks.layout is None else (locks.layout, locks.origin)

        return self._told(name, pids, told)

    def resolved(self, name: str, pids: Sequence[int]) -> ResolvedLayout | None:
        """The same as the values leave it, a ring or locks."""

        def told(segment: MappedSegment, types: list[TypeSource]) -> ResolvedLayout | None:
            from shmtui.layouts import struct_sources  # noqa: PLC0415 - heavy
            from shmtui.layouts.set_roles import with_sets  # noqa: PLC0415 - heavy

            found = struct_sources.by_sources(segment, types)
            return None if found is None else with_sets(segment, found)

        return self._told(name, pids, told)

    def _told(
        self,
        name: str,
        pids: Sequence[int],
        told: Callable[[MappedSegment, list["TypeSource"]], Told | None],
    ) -> Told | None:
        """What the small ones among the programs tell, by their types."""
        small = [pid for pid in pids if 0 < self._debug_size(pid) <= self.MOST_BYTES]
        if not small or self._left <= 0:
            return None
        from shmtui.layouts import debug_info, struct_sources  # noqa: F401, PLC0415 - heavy

        start = time.thread_time()
        try:
            with contextlib.closing(open_target(name, self._folder)) as reader:
                segment = MappedSegment(reader, Peers.among(small, self._folder), LayoutOptions())
                return told(segment, debug_types(segment))
        except ShmtuiError:
            return None
        finally:
            self._left -= time.thread_time() - start

    def _debug_size(self, pid: int) -> int:
        if pid not in self._sizes:
            program = program_of(pid)
            try:
                status = os.stat(program)  # noqa: PTH116 - one for each process
            except OSError:
                return 0
            file = status.st_dev, status.st_ino
            if file not in self._of_files:
                self._of_files[file] = debug_size(section_sizes(program))
            self._sizes[pid] = self._of_files[file]
        return self._sizes[pid]
