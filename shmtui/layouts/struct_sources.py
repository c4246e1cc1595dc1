"""The layout by the types of a program: of the file that the user names, of the debug information
of the programs that map the segment, or of the headers beside them. The live bytes refuse a struct
that they contradict, and decide what it leaves open.
"""

import contextlib
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.layouts.lock_free import has_no_lock, semaphores_beside
from shmtui.layouts.locks_layout import locks_layout
from shmtui.layouts.mapping_programs import MappedSegment
from shmtui.layouts.member_roles import all_members, is_text_or_sync, listed
from shmtui.layouts.options import AmbiguousLayoutError, LayoutOptions, ResolvedLayout
from shmtui.layouts.program_types import TypeSource
from shmtui.layouts.struct_choice import assignable, paths_to, struct_name
from shmtui.layouts.struct_evidence import (
    as_values_leave_it,
    locks_shown,
    nothing_shows_it,
    require_covered,
    require_semaphores,
    said_capacities,
    semaphores_elsewhere,
    zeros_behind,
)
from shmtui.layouts.struct_layout import (
    OpenArrayError,
    StructLayout,
    index_holders,
    layout_of_structs,
    whole,
)
from shmtui.layouts.struct_members import Struct, sync_members
from shmtui.layouts.value_roles import by_values, roles_words
from shmtui.procfs.elf import word_size
from shmtui.shm.layout import Layout
from shmtui.shm.libc import Libc
from shmtui.shm.segment_info import LayoutSource


def by_header(segment: MappedSegment, file: Path) -> ResolvedLayout:
    """The layout by the file that the user names.

    ShmtuiError: it cannot be read, tells no buffer, or is not this segment's.
    """
    structs, libc = _types_of_header(segment, file)
    source = TypeSource(structs, LayoutSource.HEADER, "", str(file))
    try:
        found = _layout_from(segment, source)
    except ShmtuiError:
        other = _by_locks(segment, source) or _by_order(segment, source)
        if other is None:
            raise
        return other
    require_semaphores(segment.reader, source.path, found)
    require_covered(segment, found)
    resolved = _judged(segment, source, found)
    if libc is not segment.peers.libc:
        words = _(
            "compiled with glibc's headers: musl's sem_t has another alignment; with --cc musl-gcc "
            "it is musl's"
        )
        resolved = replace(resolved, assumptions=(*resolved.assumptions, words))
    return resolved


def _types_of_header(segment: MappedSegment, file: Path) -> tuple[tuple[Struct, ...], Libc]:
    """The structs of the user's file, and the C library whose layout theirs is."""
    from shmtui.layouts.compiler import compile_types  # noqa: PLC0415 - only for headers
    from shmtui.layouts.debug_info import read_structs  # noqa: PLC0415 - only for headers

    options, libc = segment.options, segment.peers.libc
    wanted = (struct_name(options.struct),) if options.struct else ()
    if word_size(file) is not None:
        structs = read_structs(file, progress=options.progress)
        if not all(any(name in struct.names for struct in structs) for name in wanted):
            structs += read_structs(file, names=wanted, progress=options.progress)
        return structs, libc
    with options.said_when_slow(_("compiling {file} …").format(file=file)):
        types = compile_types(file, libc, options.include, options.define, options.compiler, wanted)
    return types.structs, types.libc


def _layout_from(segment: MappedSegment, source: TypeSource) -> StructLayout:
    """The layout by one source's structs.

    ShmtuiError: none of them can be the buffer, or the segment is smaller than it.
    """
    options, libc, size = segment.options, segment.peers.libc, segment.size
    if any(struct.word_size == 4 for struct in source.structs):
        text = _(
            "{file} is a 32-bit program: its sem_t is 16 bytes, and only layouts of 64-bit "
            "programs can be read; --raw shows the bytes"
        )
        raise ShmtuiError(text.format(file=source.path))
    try:
        found = layout_of_structs(source.structs, options, libc, size)
    except OpenArrayError as error:
        room = range(1, error.found.layout.slots + 1)
        slots = next((n for n in said_capacities(segment.reader, error.found) if n in room), None)
        if slots is None:
            raise
        found = layout_of_structs(source.structs, options, libc, size, slots)
    if size < found.layout.size:
        text = _(
            "{name} is {size} bytes; {struct} in {header} needs {needed}: is this the header it "
            "was built with?"
        )
        raise ShmtuiError(text.format(
            name=segment.name, size=size, struct=found.struct.names[-1], header=source.path,
            needed=found.layout.size,
        ))  # fmt: skip
    if not found.layout.complete and not found.layout.names and segment.peers.semaphore_roles:
        named = replace(options, names=segment.peers.semaphore_roles)
        found = layout_of_structs(source.structs, named, libc, size, found.layout.slots)
    return found


def may_describe(sources: Sequence[TypeSource], size: int, libc: Libc) -> bool:
    """Whether a struct of theirs may be a segment of that size, whatever bytes it holds."""
    return any(
        struct.size == size or _may_be_laid_out(struct, size, libc)
        for source in sources
        for struct in source.structs
    )


def _may_be_laid_out(struct: Struct, size: int, libc: Libc) -> bool:
    """Whether a struct holds a ring, with fewer bytes than the segment or an open array."""
    try:
        return layout_of_structs((struct,), LayoutOptions(), libc, size).layout.size <= size
    except OpenArrayError:
        return True
    except ShmtuiError:
        return False


def by_sources(segment: MappedSegment, sources: Sequence[TypeSource]) -> ResolvedLayout | None:
    """The layout that the sources agree on, as the values leave it; None: no struct fits.

    AmbiguousLayoutError: several fit.
    """
    try:
        found = agreed(segment, sources)
    except AmbiguousLayoutError:
        locks = by_locks(segment, sources)
        if locks is None or locks.layout is None:
            raise
        if all(each.in_an_element for each in locks.layout.sync):
            raise  # They are those of the rings.
        return locks
    if found is not None and found[1].struct.size == segment.size:
        return _judged(segment, *found)
    # A struct of the segment's size goes before a smaller one with zeros behind it.
    locks = by_locks(segment, sources)
    if locks is None and found is not None:
        return _judged(segment, *found)
    if locks is None:
        orders = [each for source in sources if (each := _by_order(segment, source)) is not None]
        return orders[0] if len({each.layout for each in orders}) == 1 else None
    return locks


def _by_order(segment: MappedSegment, source: TypeSource) -> ResolvedLayout | None:
    """The layout of the struct of the segment's size whose semaphores have their roles by their
    values; None: the source has no such struct, or several.
    """

    def build(struct: Struct, options: LayoutOptions) -> StructLayout:
        return _layout_from(replace(segment, options=options), replace(source, structs=(struct,)))

    structs = [struct for struct in source.structs if struct.size == segment.size]
    ways = [way for each in structs if (way := by_values(segment, each, build)) is not None]
    if len(ways) != 1:
        return None
    resolved = _judged(segment, source, ways[0])
    return replace(resolved, assumptions=(*resolved.assumptions, roles_words(ways[0])))


def by_locks(
    segment: MappedSegment, sources: Sequence[TypeSource], *, maybe_ring: bool = False
) -> ResolvedLayout | None:
    """The layout that the sources agree on where none knows a ring; None: no struct of the
    segment's size holds locks, or more than one does. ``maybe_ring``: whatever else it holds.
    """
    size = segment.size
    equal = [s for s in sources if any(struct.size == size for struct in s.structs)]
    locks = [_by_locks(segment, source, maybe_ring=maybe_ring) for source in equal]
    layouts = {each and each.layout and (each.layout, each.layout.sync) for each in locks}
    return locks[0] if len(layouts) == 1 else None


def _by_locks(
    segment: MappedSegment, source: TypeSource, *, maybe_ring: bool = False
) -> ResolvedLayout | None:
    """The layout of a struct that holds locks and no ring; None: the source has no such struct."""
    reader, libc = segment.reader, segment.peers.libc
    found = locks_layout(source.structs, segment.options, segment.size, libc, maybe_ring=maybe_ring)
    if found is None or not zeros_behind(reader, found.struct.size):
        return None
    assumptions = found.assumptions
    if source.source is not LayoutSource.HEADER and not locks_shown(segment, found):
        text = _("{struct} is the only struct of {file} that has locks and the segment's size")
        text = text.format(struct=found.struct.names[-1], file=source.path)
        assumptions = (text, *assumptions)
    return ResolvedLayout(found.layout, source.source, source.origin, assumptions=assumptions)


def _judged(segment: MappedSegment, source: TypeSource, found: StructLayout) -> ResolvedLayout:
    assumptions: tuple[str, ...] = ()
    if source.source is LayoutSource.NEARBY:
        text = _("{file} lies beside the program, which is assumed to be built from it")
        assumptions = (text.format(file=source.origin),)
    resolved = ResolvedLayout(found.layout, source.source, source.origin, assumptions=assumptions)
    resolved = as_values_leave_it(segment, found, resolved)
    if not nothing_shows_it(segment, found):
        return resolved
    # It may be another struct of that size: nothing is written by it unless the user says it.
    text = _("no semaphore of {struct} is marked as shared, and nobody is seen to wait on one")
    doubt = text.format(struct=found.struct.names[-1])
    return replace(resolved, disputes=(doubt, *resolved.disputes))


def agreed(
    segment: MappedSegment, sources: Sequence[TypeSource]
) -> tuple[TypeSource, StructLayout] | None:
    """The layout that the sources agree on, with the first one that tells it."""
    fitting = [each for source in sources for each in _fitting(segment, source)]
    fitting = [each for each in fitting if each[1].struct.size == segment.size] or fitting
    reader = segment.reader
    fitting = [each for each in fitting if not semaphores_elsewhere(reader, each[1])] or fitting
    if not fitting:
        _require_one_ring(segment, sources)
        return None
    first = fitting[0]
    others = [each for each in fitting if each[1].layout != first[1].layout]
    if others:
        texts = [f"--header {s.path}:{f.struct.names[-1]}" for s, f in (first, *others)]
        text = _("several structs fit {name}: say which, as {options}")
        raise AmbiguousLayoutError(
            text.format(name=segment.name, options=listed(dict.fromkeys(texts)))
        )
    return first


def _require_one_ring(segment: MappedSegment, sources: Sequence[TypeSource]) -> None:
    """AmbiguousLayoutError: a struct of the segment's size holds rings, and each is a layout."""
    size, given = segment.size, dict(segment.options.mapping)
    for source in sources:
        equal = [struct for struct in source.structs if struct.size == size]
        rings = [struct for struct in source.structs if assignable(struct, given)]
        paths = [path for ring in rings for _outer, path in paths_to(ring, equal)]
        if paths:
            raise AmbiguousLayoutError(
                _("{name} holds several rings: say which, as {options}").format(
                    name=segment.name,
                    options=listed(f"--header {source.path}:{path}" for path in paths),
                )
            )


def _fitting(
    segment: MappedSegment, source: TypeSource
) -> Iterator[tuple[TypeSource, StructLayout]]:
    holders = index_holders(source.structs, segment.options)
    for struct in source.structs:
        with contextlib.suppress(ShmtuiError):
            own = (struct, *(each for each in holders if each is not struct))
            layout = _layout_from(segment, replace(source, structs=own))
            require_semaphores(segment.reader, source.path, layout)
            if _may_be(segment, layout) and zeros_behind(segment.reader, layout.struct.size):
                yield source, layout


def contradicted(layout: Layout, sources: Sequence[TypeSource], size: int) -> bool:
    """Whether a reading of the bytes has more slots, or indices elsewhere, than every struct of the segment's size."""
    structs = [whole(struct, size) for source in sources for struct in source.structs]
    structs = [struct for struct in structs if struct.size == size]
    return not any(_has_ring_at(struct, layout) for struct in structs)


def _has_ring_at(struct: Struct, layout: Layout) -> bool:
    members = [member for _name, member in all_members(struct.members)]
    room = (
        (m.length or 0) * m.element.shape.size
        for m in members
        if m.offset == layout.data and m.element is not None and not is_text_or_sync(m)
    )
    integers = {m.offset for m in members if m.integer}
    taken = layout.slots * layout.item.size
    return taken <= max(room, default=0) and {layout.in_, layout.out} <= {None, *integers}


def near_misses(segment: MappedSegment, sources: Sequence[TypeSource]) -> Iterator[str]:
    """Why the structs that hold locks and have the segment's size, or an open array that fills it, are no
    layout of it, with the options that would settle it.
    """
    for source in sources:
        for struct in source.structs:
            its = whole(struct, segment.size)
            if its.size != segment.size or not any(True for _lock in sync_members(its.members)):
                continue
            try:
                _layout_from(segment, replace(source, structs=(struct,)))
            except ShmtuiError as error:
                name = f"{source.path}:{struct.names[-1]}"
                yield f"{error} (--header {shlex.quote(name)})"


def _may_be(segment: MappedSegment, found: StructLayout) -> bool:
    """Whether a struct says enough to be the segment's: one without a lock takes the segment's size, and
    an array that has the name of one of slots, or the user's word.
    """
    if segment.options.mapping or not has_no_lock(found.layout) or semaphores_beside(segment):
        return True
    return found.struct.size == segment.size and found.roles.told_by_names
