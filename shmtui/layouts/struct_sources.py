"""The layout by the types of a program: of the file that the user names, of the debug information
of the programs that map the segment, or of the headers beside them.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.layouts.elf_sections import word_size
from shmtui.layouts.inference import MAX_SIZE
from shmtui.layouts.locks_layout import locks_layout, shows
from shmtui.layouts.mapping_programs import Peers
from shmtui.layouts.member_roles import all_members, listed
from shmtui.layouts.options import AmbiguousLayoutError, LayoutOptions, ResolvedLayout
from shmtui.layouts.plain_layouts import signatures
from shmtui.layouts.program_types import TypeSource
from shmtui.layouts.struct_checks import (
    judge,
    require_covered,
    require_semaphores,
    said_capacities,
    zeros_behind,
)
from shmtui.layouts.struct_choice import assignable, paths_to, struct_name
from shmtui.layouts.struct_layout import OpenArrayError, StructLayout, layout_of_structs
from shmtui.layouts.struct_members import Struct
from shmtui.shm.libc import Libc
from shmtui.shm.segment_reader import SegmentReader
from shmtui.snapshot import LayoutSource


def by_header(
    reader: SegmentReader, file: Path, options: LayoutOptions, peers: Peers
) -> ResolvedLayout:
    """The layout by the file that the user names.

    ShmtuiError: it cannot be read, tells no buffer, or is not this segment's.
    """
    structs, libc = _types_of_header(file, options, peers)
    source = TypeSource(structs, LayoutSource.HEADER, "", str(file))
    try:
        found = _layout_from(reader, options, peers, source)
    except ShmtuiError:
        locks = _by_locks(reader, options, peers, source)
        if locks is None:
            raise
        return locks
    require_covered(reader, options, found)
    require_semaphores(reader, source.path, found)
    resolved = _judged(reader, options, peers, source, found)
    if libc is not peers.libc:
        words = _(
            "compiled with glibc's headers: musl's sem_t has another alignment, and no musl-gcc is "
            "at hand"
        )
        resolved = replace(resolved, assumptions=(*resolved.assumptions, words))
    return resolved


def _types_of_header(
    file: Path, options: LayoutOptions, peers: Peers
) -> tuple[tuple[Struct, ...], Libc]:
    """The structs of the user's file, and the C library whose layout theirs is."""
    from shmtui.layouts.compiler import compile_types  # noqa: PLC0415 - only for headers
    from shmtui.layouts.debug_info import read_structs  # noqa: PLC0415 - only for headers

    wanted = (struct_name(options.struct),) if options.struct else ()
    if word_size(file) is not None:
        structs = read_structs(file, progress=options.progress)
        if not all(any(name in struct.names for struct in structs) for name in wanted):
            structs += read_structs(file, names=wanted, progress=options.progress)
        return structs, peers.libc
    with options.said_when_slow(_("compiling {file} …").format(file=file)):
        types = compile_types(
            file, peers.libc, options.include, options.define, options.compiler, wanted
        )
    return types.structs, types.libc


def _layout_from(
    reader: SegmentReader, options: LayoutOptions, peers: Peers, source: TypeSource
) -> StructLayout:
    """The layout by one source's structs.

    ShmtuiError: none of them can be the buffer, or the segment is smaller than it.
    """
    size = reader.status().size
    if any(struct.word_size == 4 for struct in source.structs):
        raise ShmtuiError(
            _(
                "{file} is a 32-bit program: its sem_t is 16 bytes, and only layouts of 64-bit "
                "programs can be read; --raw shows the bytes"
            ).format(file=source.path)
        )
    try:
        found = layout_of_structs(source.structs, options, peers.libc, size)
    except OpenArrayError as error:
        room = range(1, error.found.layout.slots + 1)
        slots = next((n for n in said_capacities(reader, error.found) if n in room), None)
        if slots is None:
            raise
        found = layout_of_structs(source.structs, options, peers.libc, size, slots)
    if size < found.layout.size:
        raise ShmtuiError(
            _(
                "{name} is {size} bytes; {struct} in {header} needs {needed}: is this the header it "
                "was built with?"
            ).format(
                name=reader.name, size=size, struct=found.struct.names[-1], header=source.path,
                needed=found.layout.size,
            )
        )  # fmt: skip
    if not found.layout.complete and not found.layout.names and peers.semaphore_roles:
        named = replace(options, names=peers.semaphore_roles)
        found = layout_of_structs(source.structs, named, peers.libc, size, found.layout.slots)
    return found


def by_sources(
    reader: SegmentReader, options: LayoutOptions, peers: Peers, sources: Sequence[TypeSource]
) -> ResolvedLayout | None:
    """The layout that the sources agree on, as the values leave it; None: no struct fits.

    AmbiguousLayoutError: several fit.
    """
    try:
        found = agreed(reader, options, peers, sources)
    except AmbiguousLayoutError:
        locks = by_locks(reader, options, peers, sources)
        if locks is None:
            raise
        return locks
    if found is not None and found[1].struct.size == reader.status().size:
        return _judged(reader, options, peers, *found)
    # A struct of the segment's size goes before a smaller one with zeros behind it.
    locks = by_locks(reader, options, peers, sources)
    if locks is None and found is not None:
        return _judged(reader, options, peers, *found)
    return locks


def by_locks(
    reader: SegmentReader, options: LayoutOptions, peers: Peers, sources: Sequence[TypeSource]
) -> ResolvedLayout | None:
    """The layout that the sources agree on where none knows a ring; None: no struct of the
    segment's size holds locks, or more than one does.
    """
    size = reader.status().size
    whole = [s for s in sources if any(struct.size == size for struct in s.structs)]
    locks = [_by_locks(reader, options, peers, source) for source in whole]
    return locks[0] if len({each and each.layout for each in locks}) == 1 else None


def _by_locks(
    reader: SegmentReader, options: LayoutOptions, peers: Peers, source: TypeSource
) -> ResolvedLayout | None:
    """The layout of a struct that holds locks and no ring; None: the source has no such struct."""
    size = reader.status().size
    found = locks_layout(source.structs, options, size, peers.libc)
    if found is None or not zeros_behind(reader, found.struct.size):
        return None
    assumptions = found.assumptions
    if source.source is not LayoutSource.HEADER and not shows(
        found, reader.read(0, MAX_SIZE), peers.waits_on(reader.identity)
    ):
        text = _("{struct} is the only struct of {file} that has locks and the segment's size")
        text = text.format(struct=found.struct.names[-1], file=source.path)
        assumptions = (text, *assumptions)
    return ResolvedLayout(found.layout, source.source, source.origin, assumptions=assumptions)


def _judged(
    reader: SegmentReader,
    options: LayoutOptions,
    peers: Peers,
    source: TypeSource,
    found: StructLayout,
) -> ResolvedLayout:
    assumptions: tuple[str, ...] = ()
    if source.source is LayoutSource.NEARBY:
        text = _("{file} lies beside the program, which is assumed to be built from it")
        assumptions = (text.format(file=source.origin),)
    resolved = ResolvedLayout(found.layout, source.source, source.origin, assumptions=assumptions)
    resolved = judge(reader, options, found, resolved, mapped=bool(peers.pids))
    if not _nothing_shows_it(reader, peers, found):
        return resolved
    # It may be another struct of that size: nothing is written by it unless the user says it.
    text = _("no semaphore of {struct} is marked as shared, and nobody is seen to wait on one")
    doubt = text.format(struct=found.struct.names[-1])
    return replace(resolved, disputes=(doubt, *resolved.disputes))


def _nothing_shows_it(reader: SegmentReader, peers: Peers, found: StructLayout) -> bool:
    """Whether the segment may as well hold another struct of that size: its bytes are set, and
    neither they nor a sleeper show one of the struct's semaphores.
    """
    members = all_members(found.struct.members)
    own = {member.offset for _name, member in members if member.system == "sem_t"}
    raw = reader.read(0, MAX_SIZE)
    if not own or found.layout.libc is not Libc.GLIBC or not any(raw):
        return False
    return not (own & set(signatures(raw, Libc.GLIBC)) or own & peers.waits_on(reader.identity))


def agreed(
    reader: SegmentReader, options: LayoutOptions, peers: Peers, sources: Sequence[TypeSource]
) -> tuple[TypeSource, StructLayout] | None:
    """The layout that the sources agree on, with the first one that tells it."""
    fitting = [each for source in sources for each in _fitting(reader, options, peers, source)]
    size = reader.status().size
    fitting = [each for each in fitting if each[1].struct.size == size] or fitting
    if not fitting:
        _require_one_ring(reader, options, sources)
        return None
    first = fitting[0]
    others = [each for each in fitting if each[1].layout != first[1].layout]
    if others:
        texts = [f"--header {s.path}:{f.struct.names[-1]}" for s, f in (first, *others)]
        raise AmbiguousLayoutError(
            _("several structs fit {name}: say which, as {options}").format(
                name=reader.name, options=listed(dict.fromkeys(texts))
            )
        )
    return first


def _require_one_ring(
    reader: SegmentReader, options: LayoutOptions, sources: Sequence[TypeSource]
) -> None:
    """AmbiguousLayoutError: a struct of the segment's size holds rings, and each is a layout."""
    size, given = reader.status().size, dict(options.mapping)
    for source in sources:
        whole = [struct for struct in source.structs if struct.size == size]
        rings = [struct for struct in source.structs if assignable(struct, given)]
        paths = [path for ring in rings for _outer, path in paths_to(ring, whole)]
        if paths:
            raise AmbiguousLayoutError(
                _("{name} holds several rings: say which, as {options}").format(
                    name=reader.name,
                    options=listed(f"--header {source.path}:{path}" for path in paths),
                )
            )


def _fitting(
    reader: SegmentReader, options: LayoutOptions, peers: Peers, source: TypeSource
) -> Iterator[tuple[TypeSource, StructLayout]]:
    for struct in source.structs:
        with contextlib.suppress(ShmtuiError):
            layout = _layout_from(reader, options, peers, replace(source, structs=(struct,)))
            require_semaphores(reader, source.path, layout)
            if zeros_behind(reader, layout.struct.size):
                yield source, layout
