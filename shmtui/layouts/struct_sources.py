"""The layout by the types of a program: of the file that the user names, of the debug information
of the programs that map the segment, or of the headers beside them.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from struct import unpack
from typing import Final

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.layouts.describe import direction_words, nearby_words, protocol_words
from shmtui.layouts.inference import MAX_SIZE, signatures
from shmtui.layouts.member_roles import all_members, listed
from shmtui.layouts.options import AmbiguousLayoutError, LayoutOptions, ResolvedLayout
from shmtui.layouts.peers import Peers
from shmtui.layouts.role_evidence import (
    Reading,
    excess,
    judge_capacity,
    judge_direction,
    judge_last,
    swapped,
    values_of,
)
from shmtui.layouts.segment_readings import SegmentReadings
from shmtui.layouts.struct_layout import OpenArrayError, StructLayout, layout_of_structs
from shmtui.layouts.struct_members import Member, Struct
from shmtui.shm.item_shape import Scalar
from shmtui.shm.segment_reader import SegmentReader
from shmtui.snapshot import LayoutSource

EVIDENCE_SECONDS: Final = 0.3
"""How long the values are watched for what tells ``head`` from ``tail``."""
SLOW_SECONDS: Final = 1.0
STATES: Final = 3
"""So many different states contradict a name before it is doubted."""


@dataclass(frozen=True, slots=True)
class TypeSource:
    """Structs that may describe a segment, and where they are from."""

    structs: tuple[Struct, ...]
    source: LayoutSource
    origin: str
    """The program or file, as it is shown."""
    path: str
    """The file, as ``--header`` takes it."""


def resolve(reader: SegmentReader, options: LayoutOptions, peers: Peers) -> ResolvedLayout | None:
    """The layout by the header that the user names, by the programs' debug information, or by a
    header beside them; None: none of these tells one.

    ShmtuiError: the header cannot be read, or is not this segment's. AmbiguousLayoutError: several
    structs fit.
    """
    from shmtui.layouts import nearby_headers, program_types  # noqa: PLC0415

    if options.header is not None:
        return _by_header(reader, options, peers)
    for sources in (program_types.sources, nearby_headers.sources):
        found = _by_sources(reader, options, peers, sources(peers, reader.status().size, options))
        if found is not None:
            return found
    return None


def _by_header(reader: SegmentReader, options: LayoutOptions, peers: Peers) -> ResolvedLayout:
    from shmtui.layouts.compiler import compile_types  # noqa: PLC0415 - only for headers

    assert options.header is not None
    reading = _("compiling {file} …").format(file=options.header)
    wanted = (options.struct.split(".")[0],) if options.struct else ()
    with said_when_slow(options.progress, reading):
        types = compile_types(
            options.header, peers.libc, options.include, options.define, options.compiler, wanted
        )
    source = TypeSource(types.structs, LayoutSource.HEADER, "", str(options.header))
    found = _layout_from(reader, options, peers, source)
    _require_covered(reader, options, found)
    _require_semaphores(reader, source, found)
    resolved = judge(reader, options, peers, source, found)
    if types.libc is not peers.libc:
        words = _(
            "compiled with glibc's headers: musl's sem_t has another alignment, and no musl-gcc is "
            "at hand"
        )
        resolved = replace(resolved, assumptions=(*resolved.assumptions, words))
    return resolved


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
                "{file} is of a 32-bit program: its sem_t is 16 bytes, and layouts of 64-bit "
                "programs alone are understood; --raw shows the bytes"
            ).format(file=source.path)
        )
    try:
        found = layout_of_structs(source.structs, options, peers.libc, size)
    except OpenArrayError as error:
        slots = _said_capacity(reader, error.found)
        if slots is None:
            raise
        found = layout_of_structs(source.structs, options, peers.libc, size, slots)
    if size < found.layout.size:
        raise ShmtuiError(
            _(
                "{name} is {size} bytes; {struct} in {header} needs {needed}: is this the header it "
                "was built with?"
            ).format(
                name=reader.name,
                size=size,
                struct=found.struct.names[-1],
                header=source.path,
                needed=found.layout.size,
            )
        )
    if not found.layout.complete and not found.layout.names and peers.semaphore_roles:
        named = replace(options, names=peers.semaphore_roles)
        found = layout_of_structs(source.structs, named, peers.libc, size, found.layout.slots)
    return found


def _said_capacity(reader: SegmentReader, found: StructLayout) -> int | None:
    """The number of slots by a member that says it, for an array without a length."""
    for member in found.roles.capacity:
        slots = _integer(reader, member)
        if slots is not None and 1 <= slots <= found.layout.slots:
            return slots
    return None


def _integer(reader: SegmentReader, member: Member) -> int | None:
    if not isinstance(member.shape, Scalar):
        return None
    raw = reader.read(member.offset, member.shape.size)
    return int(unpack("=" + member.shape.code, raw)[0]) if len(raw) == member.shape.size else None


@contextmanager
def said_when_slow(progress: Callable[[str], None] | None, text: str) -> Iterator[None]:
    """Say what is waited for, once it has taken a second."""
    if progress is None:
        yield
        return
    timer = threading.Timer(SLOW_SECONDS, progress, (text,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


# -- sizes --------------------------------------------------------------------------------------


def covers(reader: SegmentReader, end: int) -> bool:
    """Whether all bytes from ``end`` on are zero, as far as the first megabyte behind it."""
    return not any(reader.read(end, MAX_SIZE))


def _require_covered(reader: SegmentReader, options: LayoutOptions, found: StructLayout) -> None:
    """ShmtuiError: the segment goes on behind the struct with data that no field covers."""
    end = found.struct.size
    if options.struct or options.index_segment or covers(reader, end):
        return
    file = options.header
    raise ShmtuiError(
        _(
            "{name} is {size} bytes, and holds data behind the {end} of {struct}: this is not its "
            "header, or not all of it; --header {file}:{struct} takes it all the same"
        ).format(
            name=reader.name, size=reader.status().size, end=end, struct=found.struct.names[-1],
            file=file,
        )
    )  # fmt: skip


def _require_semaphores(reader: SegmentReader, source: TypeSource, found: StructLayout) -> None:
    """ShmtuiError: the segment has shared semaphores, and none is where the struct has one."""
    own = {
        member.offset for _name, member in all_members(found.struct.members)
        if member.system == "sem_t"
    }  # fmt: skip
    end = found.struct.size
    there = [at for at in signatures(reader.read(0, MAX_SIZE), found.layout.libc) if at < end]
    if own and there and not own & set(there):
        raise ShmtuiError(
            _(
                "{struct} in {file} has semaphores at {own}, and {name} has them at {there}: it was "
                "built with another header"
            ).format(
                struct=found.struct.names[-1], file=source.path, own=listed(list(map(str, own))),
                name=reader.name, there=listed(list(map(str, there))),
            )
        )  # fmt: skip


# -- several sources ----------------------------------------------------------------------------


def _by_sources(
    reader: SegmentReader, options: LayoutOptions, peers: Peers, sources: Sequence[TypeSource]
) -> ResolvedLayout | None:
    """The layout that the sources agree on, as the values leave it; None: no struct fits.

    AmbiguousLayoutError: several fit.
    """
    found = agreed(reader, options, peers, sources)
    return None if found is None else judge(reader, options, peers, *found)


def agreed(
    reader: SegmentReader, options: LayoutOptions, peers: Peers, sources: Sequence[TypeSource]
) -> tuple[TypeSource, StructLayout] | None:
    """The layout that the sources agree on, with the first one that tells it."""
    fitting = [each for source in sources for each in _fitting(reader, options, peers, source)]
    size = reader.status().size
    exact = [each for each in fitting if each[1].struct.size == size]
    fitting = exact or fitting
    if not fitting:
        return None
    source, found = fitting[0]
    others = [each for each in fitting if each[1].layout != found.layout]
    if others:
        several = [fitting[0], *others]
        texts = [f"--header {s.path}:{f.struct.names[-1]}" for s, f in several]
        raise AmbiguousLayoutError(
            _("several structs fit {name}: say which, as {options}").format(
                name=reader.name, options=listed(list(dict.fromkeys(texts)))
            )
        )
    return source, found


def _fitting(
    reader: SegmentReader, options: LayoutOptions, peers: Peers, source: TypeSource
) -> list[tuple[TypeSource, StructLayout]]:
    """The structs of one source that can be the whole segment, each with its layout."""
    found = []
    for struct in source.structs:
        alone = replace(source, structs=(struct,))
        try:
            layout = _layout_from(reader, options, peers, alone)
            _require_semaphores(reader, alone, layout)
        except ShmtuiError:
            continue
        if covers(reader, layout.struct.size):
            found.append((source, layout))
    return found


# -- what the values say ------------------------------------------------------------------------


def judge(
    reader: SegmentReader,
    options: LayoutOptions,
    peers: Peers,
    source: TypeSource,
    found: StructLayout,
) -> ResolvedLayout:
    """The layout as the values of the segment leave it: slots by a member that says them, the
    direction by what moves, and what they leave open as assumptions.
    """
    layout, roles = found.layout, found.roles
    assumptions = (nearby_words(source.origin),) if source.source is LayoutSource.NEARBY else ()
    resolved = ResolvedLayout(layout, source.source, source.origin, assumptions=assumptions)
    if not layout.has_indices:
        return resolved
    readings = _readings(reader, peers, found)
    if options.slots is None:
        for member in roles.capacity:
            slots = _integer(reader, member)
            if slots is not None:
                layout = judge_capacity(layout, slots, readings)
    last = judge_last(layout, readings)
    if last is not None and not roles.by_convention:
        words = protocol_words(last.last)
        return replace(resolved, layout=last, assumptions=(*assumptions, words))
    verdict = judge_direction(layout, readings)
    by_name, other = roles.directions
    shown = layout
    named: tuple[str, ...] = ()
    if roles.by_convention:
        shown = verdict.layout
        if verdict.others:
            named = by_name if shown == layout else other
    elif verdict.layout != layout and _states(readings, found) >= STATES:
        named = by_name
    if not named:
        return replace(resolved, layout=shown)
    words = direction_words(named, other if named == by_name else by_name)
    return replace(
        resolved,
        layout=shown,
        by_convention=named,
        disputes=(words,),
    )


def _states(readings: Sequence[Reading], found: StructLayout) -> int:
    values = [values_of(found.layout, reading) for reading in readings]
    return len({(value.in_, value.out) for value in values})


def _readings(reader: SegmentReader, peers: Peers, found: StructLayout) -> list[Reading]:
    """Readings until one direction is contradicted and the other is not, or time is up."""
    layout = found.layout
    ways = (layout, swapped(layout))
    seconds = EVIDENCE_SECONDS if peers.maps and found.roles.by_convention else 0.0
    readings = []
    missed = [0, 0]
    for reading in SegmentReadings.of_layout(reader, layout).until(seconds):
        readings.append(reading)
        for way, each in enumerate(ways):
            missed[way] += excess(each, values_of(each, reading))
        if min(missed) == 0 < max(missed):
            break
    return readings
