"""The structs of the programs that map a segment, by their debug information.

A program's structs are read once and kept: the file is known by device, inode and time of change.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
from msgspec.structs import replace

from shmtui.errors import ShmtuiError
from shmtui.layouts.mapping_programs import MappedSegment, Peers
from shmtui.layouts.options import LayoutOptions, ResolvedLayout
from shmtui.layouts.program_files import FileVersion, ProgramFile, ProgramFiles
from shmtui.procfs.elf import debug_size, section_sizes
from shmtui.procfs.process import process_name
from shmtui.procfs.target import open_target
from shmtui.shm.layout import Layout
from shmtui.shm.segment import segment_path
from shmtui.shm.segment_info import LayoutSource

if TYPE_CHECKING:
    from shmtui.layouts.struct_members import Struct

Told = TypeVar("Told")

_LIBRARY_BYTES: Final = 1 << 20
"""Debug information of a library that is read unasked. A larger one is a runtime's, such as
libpython's 9 MB, which hold no ring of the program and take 18 s of CPU to read."""
KEPT: Final = 64
KEPT_STRUCTS: Final = 2000
"""So many programs, and so many structs of theirs, are kept: of those that were asked for last. A struct
takes some 4 KB.
"""


class TypeSource(msgspec.Struct, frozen=True):
    """Structs that may describe a segment, and where they are from."""

    structs: "tuple[Struct, ...]"
    source: LayoutSource
    origin: str
    """The program or file, as it is shown."""
    path: str
    """The file, as ``--header`` takes it."""


class _FileTypes(msgspec.Struct):
    """What was read of one program."""

    sizes: frozenset[int]
    """``sizeof`` of each of its structs."""
    structs: "dict[int | tuple[int, int] | None, tuple[Struct, ...]]"
    """Those that hold a sync object or have a size, by that, or by the least and the most; None: a size that none has."""


_types: dict[FileVersion, _FileTypes] = {}
"""Of the files that were asked for last, the last one at the end."""


def debug_types(segment: MappedSegment) -> list[TypeSource]:
    """The structs of each program that may describe the segment."""
    peers, options = segment.peers, segment.options
    programs = tuple(peers.files.programs(peers.pids))
    found = types_for(segment.size, programs, options.progress)
    if options.index_segment is None:
        return found
    size = Path(segment_path(options.index_segment, segment.reader.folder)).stat().st_size
    beside = {each.path: each.structs for each in types_for(size, programs, options.progress)}
    return [
        replace(each, structs=tuple(dict.fromkeys((*each.structs, *beside.get(each.path, ())))))
        for each in found
    ]


def types_for(
    size: int,
    programs: Iterable[ProgramFile],
    progress: Callable[[str], None] | None = None,
    least: int | None = None,
) -> list[TypeSource]:
    """The structs of each of the programs that may describe a segment of that size, or of ``least`` bytes to so many."""
    found = []
    for program in programs:
        structs = _structs_for(size, program, progress, least)
        if structs:
            name = process_name(program.pid)
            found.append(TypeSource(structs, LayoutSource.DEBUG_INFO, name, program.shown))
    return found


def _structs_for(
    size: int, program: ProgramFile, progress: Callable[[str], None] | None, least: int | None
) -> "tuple[Struct, ...]":
    known = _types.pop(program.version, None)
    asked: int | tuple[int, int] | None = (least, size) if least else size
    if not least and known is not None and size not in known.sizes:
        asked = None
    if known is None or asked not in known.structs:
        structs, sizes = _read(program, None if asked is None else size, progress, least)
        known = known or _FileTypes(sizes, {})
        asked = asked if least or size in sizes else None
        known.structs[asked] = structs
    _types[program.version] = known
    while len(_types) > 1 and (len(_types) > KEPT or _kept_structs() > KEPT_STRUCTS):
        del _types[next(iter(_types))]
    return known.structs[asked]


def _kept_structs() -> int:
    return sum(len(structs) for its in _types.values() for structs in its.structs.values())


def _read(
    program: ProgramFile,
    size: int | None,
    progress: Callable[[str], None] | None,
    least: int | None = None,
) -> "tuple[tuple[Struct, ...], frozenset[int]]":
    """The program's structs that hold a sync object, or that have the segment's size, and the sizes of
    all; none where it has no debug information.
    """
    nothing: tuple[tuple[Struct, ...], frozenset[int]] = (), frozenset()
    sizes = section_sizes(program.path)
    if not debug_size(sizes) and not _may_have_debug_file(sizes):
        return nothing
    if program.library and debug_size(sizes) > _LIBRARY_BYTES:
        return nothing
    from shmtui.layouts import debug_info  # noqa: PLC0415 - heavy

    path, shown = Path(program.path), program.shown
    try:
        return debug_info.ring_structs(path, size=size, least=least, shown=shown, progress=progress)
    except ShmtuiError:
        return nothing


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


class QuickTypes:
    """Layouts of segments by small programs' debug information, in ``seconds`` of CPU for all of them.
    ``files``: what is known of the programs.
    """

    MOST_BYTES: Final = 1_000_000
    """Of debug information, for one program."""

    def __init__(self, folder: str, seconds: float, files: ProgramFiles | None = None) -> None:
        self._folder = folder
        self._left = seconds
        self._files = files or ProgramFiles()

    @property
    def spent(self) -> bool:
        """Whether no time is left: who was not asked for may still be told."""
        return self._left <= 0

    def may_tell(self, pids: Sequence[int], size: int) -> bool:
        """Whether a segment of that size may be a struct of theirs, whatever bytes it holds; True, too, where no time
        is left to find out.
        """
        small = self._small(pids)
        if not small:
            return False
        if self.spent:
            return True
        from shmtui.layouts import struct_sources  # noqa: PLC0415 - heavy

        start = time.thread_time()
        try:
            types = types_for(size, self._files.programs(small))
            libc = Peers.among(small, self._folder, self._files).libc
            return struct_sources.may_describe(types, size, libc)
        except ShmtuiError:
            return True
        finally:
            self._left -= time.thread_time() - start

    def _small(self, pids: Sequence[int]) -> list[int]:
        return [pid for pid in pids if 0 < self._files.debug_size(pid) <= self.MOST_BYTES]

    def layout(
        self, name: str, pids: Sequence[int], size: int, *, without_ring: bool = False
    ) -> tuple[Layout, str] | None:
        """The only layout that fits a segment of that size, and the program that tells it; None: there
        is none, or no time is left to find it. ``without_ring``: that of locks alone will do.
        """

        def told(segment: MappedSegment, types: list[TypeSource]) -> tuple[Layout, str] | None:
            from shmtui.layouts import struct_sources  # noqa: PLC0415 - heavy

            found = struct_sources.agreed(segment, types)
            if found is not None:
                return found[1].layout, found[0].origin
            locks = struct_sources.by_locks(segment, types) if without_ring else None
            return None if locks is None or locks.layout is None else (locks.layout, locks.origin)

        return self._told(name, pids, size, told)

    def resolved(self, name: str, pids: Sequence[int], size: int) -> ResolvedLayout | None:
        """The same as the values leave it, a ring or locks."""

        def told(segment: MappedSegment, types: list[TypeSource]) -> ResolvedLayout | None:
            from shmtui.layouts import struct_sources  # noqa: PLC0415 - heavy
            from shmtui.layouts.semaphore_set_roles import with_sets  # noqa: PLC0415 - heavy

            found = struct_sources.by_sources(segment, types)
            return None if found is None else with_sets(segment, found)

        return self._told(name, pids, size, told)

    def _told(
        self,
        name: str,
        pids: Sequence[int],
        size: int,
        told: Callable[[MappedSegment, list["TypeSource"]], Told | None],
    ) -> Told | None:
        """What the small ones among the programs tell, by their types; ``pids``: all that have it."""
        small = self._small(pids)
        if not small or self.spent:
            return None
        from shmtui.layouts import debug_info, struct_sources  # noqa: F401, PLC0415 - heavy

        start = time.thread_time()
        try:
            types = types_for(size, self._files.programs(small))
            if not types:
                return None
            with contextlib.closing(open_target(name, self._folder, among=pids)) as reader:
                peers = Peers.among(small, self._folder, self._files)
                return told(MappedSegment(reader, peers, LayoutOptions()), types)
        except ShmtuiError:
            return None
        finally:
            self._left -= time.thread_time() - start
