"""The layout by the types of a program: of the file that the user names, of the debug information
of the programs that map the segment, or of the headers beside them. The live bytes refuse a struct
that they contradict, and decide what it leaves open.
"""

import contextlib
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from struct import unpack
from typing import Final

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.layouts.inference import MAX_SIZE, signatures
from shmtui.layouts.lock_free import flows, has_no_lock, semaphores_beside
from shmtui.layouts.locks_layout import LocksLayout, locks_layout
from shmtui.layouts.mapping_programs import MappedSegment
from shmtui.layouts.member_roles import all_members, listed
from shmtui.layouts.options import AmbiguousLayoutError, LayoutOptions, ResolvedLayout
from shmtui.layouts.program_types import TypeSource
from shmtui.layouts.role_evidence import (
    STATES,
    DirectionEvidence,
    Reading,
    judge_capacity,
    judge_count,
    judge_direction,
    judge_last,
    states,
    values_of,
)
from shmtui.layouts.segment_readings import SegmentReadings
from shmtui.layouts.struct_choice import assignable, paths_to, struct_name
from shmtui.layouts.struct_layout import OpenArrayError, StructLayout, layout_of_structs
from shmtui.layouts.struct_members import Struct, sync_members
from shmtui.layouts.value_roles import by_values, roles_words
from shmtui.procfs.elf import word_size
from shmtui.shm.item_shape import Scalar
from shmtui.shm.layout import Layout
from shmtui.shm.libc import Libc
from shmtui.shm.segment_reader import SegmentReader
from shmtui.snapshot import LayoutSource

EVIDENCE_SECONDS: Final = 0.3
"""How long the values are watched for what tells ``head`` from ``tail``."""


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
    _require_covered(segment, found)
    _require_semaphores(segment.reader, source.path, found)
    resolved = _judged(segment, source, found)
    if libc is not segment.peers.libc:
        words = _(
            "compiled with glibc's headers: musl's sem_t has another alignment, and no musl-gcc is "
            "at hand"
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
        slots = next((n for n in _said_capacities(segment.reader, error.found) if n in room), None)
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


def by_sources(segment: MappedSegment, sources: Sequence[TypeSource]) -> ResolvedLayout | None:
    """The layout that the sources agree on, as the values leave it; None: no struct fits.

    AmbiguousLayoutError: several fit.
    """
    try:
        found = agreed(segment, sources)
    except AmbiguousLayoutError:
        locks = by_locks(segment, sources)
        if locks is None:
            raise
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


def by_locks(segment: MappedSegment, sources: Sequence[TypeSource]) -> ResolvedLayout | None:
    """The layout that the sources agree on where none knows a ring; None: no struct of the
    segment's size holds locks, or more than one does.
    """
    size = segment.size
    whole = [s for s in sources if any(struct.size == size for struct in s.structs)]
    locks = [_by_locks(segment, source) for source in whole]
    layouts = {each and each.layout and (each.layout, each.layout.sync) for each in locks}
    return locks[0] if len(layouts) == 1 else None


def _by_locks(segment: MappedSegment, source: TypeSource) -> ResolvedLayout | None:
    """The layout of a struct that holds locks and no ring; None: the source has no such struct."""
    reader, peers = segment.reader, segment.peers
    found = locks_layout(source.structs, segment.options, segment.size, peers.libc)
    if found is None or not _zeros_behind(reader, found.struct.size):
        return None
    assumptions = found.assumptions
    if source.source is not LayoutSource.HEADER and not _locks_shown(segment, found):
        text = _("{struct} is the only struct of {file} that has locks and the segment's size")
        text = text.format(struct=found.struct.names[-1], file=source.path)
        assumptions = (text, *assumptions)
    return ResolvedLayout(found.layout, source.source, source.origin, assumptions=assumptions)


def _locks_shown(segment: MappedSegment, found: LocksLayout) -> bool:
    """Whether the segment's bytes, or the words that threads sleep on, show one of the struct's
    locks; else it may hold another struct of that size.
    """
    waited_on = segment.peers.waits_on(segment.reader.identity)
    if any(each.contains(at) for each in found.layout.sync for at in waited_on):
        return True
    marked = signatures(segment.reader.read(0, MAX_SIZE), found.layout.libc)
    return bool(_semaphores(found.struct) & set(marked))


def _judged(segment: MappedSegment, source: TypeSource, found: StructLayout) -> ResolvedLayout:
    assumptions: tuple[str, ...] = ()
    if source.source is LayoutSource.NEARBY:
        text = _("{file} lies beside the program, which is assumed to be built from it")
        assumptions = (text.format(file=source.origin),)
    resolved = ResolvedLayout(found.layout, source.source, source.origin, assumptions=assumptions)
    resolved = _by_values(segment, found, resolved)
    if not _nothing_shows_it(segment, found):
        return resolved
    # It may be another struct of that size: nothing is written by it unless the user says it.
    text = _("no semaphore of {struct} is marked as shared, and nobody is seen to wait on one")
    doubt = text.format(struct=found.struct.names[-1])
    return replace(resolved, disputes=(doubt, *resolved.disputes))


def _nothing_shows_it(segment: MappedSegment, found: StructLayout) -> bool:
    """Whether the segment may as well hold another struct of that size: its bytes are set, and
    neither they nor a sleeper show one of the struct's semaphores.
    """
    own = _semaphores(found.struct)
    raw = segment.reader.read(0, MAX_SIZE)
    if not own or found.layout.libc is not Libc.GLIBC or not any(raw):
        return False
    shown = {*signatures(raw, Libc.GLIBC), *segment.peers.waits_on(segment.reader.identity)}
    return not own & shown


def agreed(
    segment: MappedSegment, sources: Sequence[TypeSource]
) -> tuple[TypeSource, StructLayout] | None:
    """The layout that the sources agree on, with the first one that tells it."""
    fitting = [each for source in sources for each in _fitting(segment, source)]
    fitting = [each for each in fitting if each[1].struct.size == segment.size] or fitting
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
        whole = [struct for struct in source.structs if struct.size == size]
        rings = [struct for struct in source.structs if assignable(struct, given)]
        paths = [path for ring in rings for _outer, path in paths_to(ring, whole)]
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
    for struct in source.structs:
        with contextlib.suppress(ShmtuiError):
            layout = _layout_from(segment, replace(source, structs=(struct,)))
            _require_semaphores(segment.reader, source.path, layout)
            if _may_be(segment, layout) and _zeros_behind(segment.reader, layout.struct.size):
                yield source, layout


def near_misses(segment: MappedSegment, sources: Sequence[TypeSource]) -> Iterator[str]:
    """Why the structs that hold locks and have the segment's size are no layout of it, with the
    options that would settle it.
    """
    for source in sources:
        for struct in source.structs:
            if struct.size != segment.size or not any(
                True for _lock in sync_members(struct.members)
            ):
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


# -- beside the live bytes ---------------------------------------------------------------------------


def _zeros_behind(reader: SegmentReader, end: int) -> bool:
    """Whether all bytes from ``end`` on are zero, as far as the first megabyte behind it."""
    return not any(reader.read(end, MAX_SIZE))


def _require_covered(segment: MappedSegment, found: StructLayout) -> None:
    """ShmtuiError: the segment goes on behind the struct with data that no field covers.

    Where the user names the struct, the rest of the segment may be something else.
    """
    options, end = segment.options, found.struct.size
    if options.struct or options.index_segment or _zeros_behind(segment.reader, end):
        return
    text = _(
        "{name} is {size} bytes, and holds data behind the {end} of {struct}: this is not its "
        "header, or not all of it; --header {file}:{struct} accepts it anyway"
    )
    raise ShmtuiError(text.format(
        name=segment.name, size=segment.size, end=end, struct=found.struct.names[-1],
        file=options.header,
    ))  # fmt: skip


def _require_semaphores(reader: SegmentReader, file: str, found: StructLayout) -> None:
    """ShmtuiError: the segment has shared semaphores, and none is where the struct has one."""
    own, end = _semaphores(found.struct), found.struct.size
    there = [at for at in signatures(reader.read(0, MAX_SIZE), found.layout.libc) if at < end]
    if own and there and own.isdisjoint(there):
        text = _(
            "{struct} in {file} has semaphores at {own}, and {name} has them at {there}: it was "
            "built with another header"
        )
        raise ShmtuiError(text.format(
            struct=found.struct.names[-1], file=file, own=listed(map(str, sorted(own))),
            name=reader.name, there=listed(map(str, there)),
        ))  # fmt: skip


def _semaphores(struct: Struct) -> set[int]:
    """The bytes of the segment where the struct has semaphores."""
    members = all_members(struct.members)
    return {member.offset for _name, member in members if member.system == "sem_t"}


def _said_capacities(reader: SegmentReader, found: StructLayout) -> list[int]:
    """The values of the members that may say how many slots are used, the likeliest first."""
    shapes = [(m.offset, m.shape) for m in found.roles.capacity if isinstance(m.shape, Scalar)]
    read = [(shape.code, reader.read(at, shape.size), shape.size) for at, shape in shapes]
    return [int(unpack("=" + code, raw)[0]) for code, raw, size in read if len(raw) == size]


def _by_values(
    segment: MappedSegment, found: StructLayout, resolved: ResolvedLayout
) -> ResolvedLayout:
    """``resolved`` as the values of the segment leave it: slots by a member that says them,
    indices that hold the last slot, the direction of the ring.
    """
    layout = found.layout
    if not layout.has_indices:
        return resolved
    watch = segment.peers.pids and found.roles.by_convention  # Where nobody maps it nothing moves.
    readings = _readings(segment.reader, layout, EVIDENCE_SECONDS if watch else 0.0)
    if segment.options.slots is None:
        for slots in _said_capacities(segment.reader, found):
            layout = judge_capacity(layout, slots, readings)
    unlocked = has_no_lock(layout)
    if (unlocked or layout.lock is not None) and not {layout.empty, layout.full} - {None}:
        members = ((m.offset, m.shape) for m in found.roles.counts)
        counts = [(at, shape.code) for at, shape in members if isinstance(shape, Scalar)]
        layout = judge_count(layout, counts, readings)
    resolved = replace(resolved, layout=layout)
    last = None if found.roles.by_convention else judge_last(layout, readings)
    if last is None:
        return _with_direction(found, layout, readings, resolved)
    words = _("by its values, {index} holds the slot that was used last, not the next one").format(
        index=_(" and ").join(last.last)
    )
    return replace(resolved, layout=last, assumptions=(*resolved.assumptions, words))


def _with_direction(
    found: StructLayout, layout: Layout, readings: Sequence[Reading], resolved: ResolvedLayout
) -> ResolvedLayout:
    """The direction that the values allow; both where they allow both."""
    shown, other = found.roles.directions
    first, *others = judge_direction(layout, readings)
    if others and has_no_lock(layout):
        seen = [way for way in (first, *others) if flows(way, readings)]
        first, *others = seen if len(seen) == 1 else (first, *others)
    if found.roles.by_convention:
        resolved = replace(resolved, layout=first)
        if not others:
            return resolved
        if first != layout:
            shown, other = other, shown
    elif first == layout or len(states(layout, readings)) < STATES:
        return resolved
    # Where the names say it plainly, and the values fit the other way, neither is believed.
    words = _("shown with {shown}; {other} fits the values, too: say which with --map").format(
        shown=",".join(shown), other=",".join(other)
    )
    return replace(resolved, by_convention=shown, disputes=(words,))


def _readings(reader: SegmentReader, layout: Layout, seconds: float) -> list[Reading]:
    """Readings until one direction of a ring that moves is left, or time is up."""
    evidence, readings = DirectionEvidence(layout), []
    for reading in SegmentReadings.of_layout(reader, layout).until(seconds):
        readings.append(reading)
        evidence.add(values_of(layout, reading))
        if evidence.states > 1 and evidence.left is not None:
            break
    return readings
