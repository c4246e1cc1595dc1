"""Which layout a segment has, and where that is known from.

From the surest source down: ``--header``, ``--layout`` and ``--slots`` are the user's word; then
the debug information of a program that maps the segment, a header beside that program, and the
live bytes. The control block of a segment of ours comes before all of them (the sampler reads
it). What the values contradict is refused; what they leave open is assumed, and said.
"""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.layouts.describe import layout_words
from shmtui.layouts.inference import Elimination, Inference
from shmtui.layouts.lock_free import with_lock_free
from shmtui.layouts.mapping_programs import MappedSegment, Peers
from shmtui.layouts.moving_words import proposed
from shmtui.layouts.nearby_headers import header_types
from shmtui.layouts.options import AmbiguousLayoutError, LayoutOptions, ResolvedLayout
from shmtui.layouts.plain_layouts import MAX_SIZE
from shmtui.layouts.program_types import QuickTypes, TypeSource, debug_types
from shmtui.layouts.segment_readings import SegmentReadings
from shmtui.layouts.semaphore_set_roles import with_sets
from shmtui.layouts.slots_layout import by_slots
from shmtui.procfs.maps import mapped_by
from shmtui.shm.layout import SEED_NAME, SEED_SLOTS, Layout, seed_layout
from shmtui.shm.layout_spec import item_from_text, layout_option, parse_layout_option
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.segment import identity_at, segment_path
from shmtui.shm.segment_info import LayoutSource
from shmtui.shm.segment_reader import SegmentReader
from shmtui.shm.semaphore import named_semaphore_path
from shmtui.shm.system_v import member_words

WATCH_SECONDS: Final = 1.2
"""How long an ambiguous segment is watched for what tells its layouts apart."""
COMPARE_SECONDS: Final = 0.5
"""How long the user's layout is compared with the debug information of small programs."""


def resolve(reader: SegmentReader, options: LayoutOptions) -> ResolvedLayout:
    """The layout of the segment, by what the user says of it or by what is found.

    With ``options.raw`` none, and the plain layouts that fit as candidates; none either of a
    named semaphore, and while it has 0 bytes: nobody called ftruncate, or nobody has yet. AmbiguousLayoutError:
    several layouts fit. ShmtuiError: what the user says cannot be.
    """
    if reader.semaphore and options.given and not options.raw:
        text = _("{name} is a named semaphore, and has no layout: leave out the options")
        raise ShmtuiError(text.format(name=reader.name))
    if reader.semaphore or reader.status().size == 0:
        return ResolvedLayout(None, LayoutSource.RAW)
    if options.quick is not None:
        quick = QuickTypes(reader.folder, COMPARE_SECONDS)
        found = quick.resolved(reader.name, options.quick, reader.status().size)
        return found or ResolvedLayout(None, LayoutSource.RAW)
    segment = MappedSegment(reader, Peers.among(mapped_by(reader.identity), reader.folder), options)
    if options.raw:
        try:
            candidates = _by_inference(replace(segment, options=LayoutOptions())).candidates
        except AmbiguousLayoutError as error:
            candidates = error.candidates
        return ResolvedLayout(None, LayoutSource.RAW, candidates=candidates)
    found = with_lock_free(segment, with_sets(segment, _resolve(segment)))
    if options.given and found.layout is not None:
        contradicted = _contradictions(segment, found.layout)
        if options.header is None and options.layout is None:
            # A number alone is soon mistyped: nothing is written by it.
            return replace(found, disputes=(*contradicted, *found.disputes))
        found = replace(found, assumptions=(*found.assumptions, *contradicted))
    return found


def _resolve(segment: MappedSegment) -> ResolvedLayout:
    options = segment.options
    _require_named(segment)
    if options.layout is not None:
        return _from_option(segment, options.layout)
    disputes = segment.peers.require_one_word_size(segment.name)
    if options.header is not None:
        from shmtui.layouts.struct_sources import by_header  # noqa: PLC0415 - heavy

        found = by_header(segment, options.header)
    elif options.slots is not None and not options.mapping:
        found = _by_slots_or_types(segment, options.slots)
    else:
        typed, missed, types = _by_types(segment)
        if typed is None and (options.mapping or options.index_segment or options.item) and missed:
            raise ShmtuiError("; ".join(missed))
        if typed is None and options.item is not None:
            text = _(
                "--item {item}: no struct of {name} is known whose items it could be: say --slots N beside it, "
                "or --header FILE"
            )
            raise ShmtuiError(text.format(item=options.item, name=segment.name))
        if typed is None and options.index_segment:
            text = _(
                "--index-segment {other}: no struct of {name} is known that has its indices there: say it with "
                "--header FILE, or where the fields lie with --layout data=…,in={other}:0,out={other}:4"
            )
            raise ShmtuiError(text.format(other=options.index_segment, name=segment.name))
        if typed is None and options.mapping:
            names = ", ".join(f"{role}={member}" for role, member in options.mapping)
            text = _(
                "{names}: no struct of {name} is known that has such members: say it with --header "
                "FILE, or where the fields lie with --layout"
            )
            raise ShmtuiError(text.format(names=names, name=segment.name))
        found = _by_bytes(segment, types, missed) if typed is None else typed
    return replace(found, disputes=(*disputes, *found.disputes))


def _by_bytes(
    segment: MappedSegment, types: Sequence[TypeSource], missed: tuple[str, ...]
) -> ResolvedLayout:
    """The layout by the live bytes; or the locks of the program's own struct, where its roles are not told and
    the bytes tell no ring that it could be. AmbiguousLayoutError: several rings fit.
    """
    try:
        found = _by_inference(segment)
        readings = found.candidates if found.layout is None else (found.layout,)
    except AmbiguousLayoutError as error:
        found, readings = None, error.candidates
        ambiguous = AmbiguousLayoutError(str(error), readings, missed)
    if missed:
        from shmtui.layouts.struct_sources import by_locks, contradicted  # noqa: PLC0415 - heavy

        if all(contradicted(layout, types, segment.size) for layout in readings):
            locks = by_locks(segment, types, maybe_ring=True)
            if locks is not None:
                return replace(locks, disputes=missed)
            if found is not None and found.layout is not None:
                # The bytes and the program contradict each other: nothing is read by either.
                found = replace(found, layout=None, source=LayoutSource.RAW, assumptions=())
    if found is None:
        raise ambiguous
    return replace(found, disputes=missed) if found.layout is None else found


def _require_named(segment: MappedSegment) -> None:
    """ShmtuiError: a named semaphore or the index segment that the user gives is not there."""
    other = segment.options.index_segment
    if other is not None and identity_at(segment_path(other, segment.reader.folder)) is None:
        text = _("--index-segment: there is no {name}: shmtui ls shows the segments there are")
        raise ShmtuiError(text.format(name=other))
    for _role, name in segment.options.names:
        if name.startswith("semset:"):
            if member_words(name) is None:
                text = _(
                    "there is no {name}, or this user may not read it: shmtui ls --kind semset"
                )
                raise ShmtuiError(text.format(name=name))
        elif name.startswith("/pid:"):
            text = _(
                "{name} is a semaphore that was unlinked, and its value can no longer be read (Python's "
                "multiprocessing unlinks its own at once): leave the option out, who waits for it is shown all the same; or "
                "let the programs make it with sem_open and keep its name"
            )
            raise ShmtuiError(text.format(name=name[1:]))
        elif identity_at(named_semaphore_path(name, segment.reader.folder)) is None:
            text = _(
                "there is no named semaphore {name}: shmtui ls --kind sem shows those there are"
            )
            raise ShmtuiError(text.format(name=name))


def _by_types(
    segment: MappedSegment,
) -> tuple[ResolvedLayout | None, tuple[str, ...], Sequence[TypeSource]]:
    """The layout by the programs' debug information, or by a header beside them; None: neither
    tells one. With it why structs of the segment's size are not taken, and those. AmbiguousLayoutError: several
    structs fit.
    """
    missed: list[str] = []
    found: Sequence[TypeSource] = ()
    for types in (debug_types, header_types) if segment.peers.pids else ():
        found = types(segment)
        if found:
            from shmtui.layouts import struct_sources  # noqa: PLC0415 - heavy

            resolved = struct_sources.by_sources(segment, found)
            if resolved is not None:
                return resolved, (), ()
            missed += struct_sources.near_misses(segment, found)
            if missed:
                break  # Files beside a program are of other programs as well: its own struct is at hand.
    return None, tuple(dict.fromkeys(missed)), found


def _contradictions(segment: MappedSegment, layout: Layout) -> tuple[str, ...]:
    """That a program's debug information contradicts the user's layout, in words. Where the
    fields lie is compared: what the user says of their meaning is not in it.
    """
    quick = QuickTypes(segment.reader.folder, COMPARE_SECONDS)
    types = quick.layout(segment.name, segment.peers.pids, segment.size)
    if types is None:
        return ()
    found, program = types
    if layout.index_segment:
        found = replace(found, in_=layout.in_, out=layout.out)
    if _places(found) == _places(layout):
        return ()
    text = _("the debug information of {program} says otherwise: {layout}")
    return (text.format(program=program, layout=layout_words(found)),)


def _places(layout: Layout) -> tuple[object, ...]:
    indices = {layout.in_, layout.out}
    return (layout.data, indices, layout.mutex, layout.empty, layout.full, layout.lock)


def _from_option(segment: MappedSegment, text: str) -> ResolvedLayout:
    options, peers, size = segment.options, segment.peers, segment.size
    layout = parse_layout_option(text, peers.libc)
    if not layout.complete and not layout.names:
        layout = replace(layout, names=options.names or peers.semaphore_roles)
    if options.index_segment and layout.has_indices:
        layout = replace(layout, index_segment=options.index_segment)
    if size < layout.size:
        raise ShmtuiError(
            _("{name} is {size} bytes, and the fields of --layout end at {end}").format(
                name=segment.name, size=size, end=layout.size
            )
        )
    return ResolvedLayout(layout, LayoutSource.OPTIONS)


def _by_slots_or_types(segment: MappedSegment, slots: int) -> ResolvedLayout:
    """So many slots of the exercise's struct; where the segment is no such struct, of the one that
    the types tell. ShmtuiError: neither.
    """
    try:
        return by_slots(segment, slots)
    except ShmtuiError:
        typed, _missed, _types = _by_types(segment)
        if typed is None or typed.layout is None:
            raise
        return typed


def _by_inference(segment: MappedSegment) -> ResolvedLayout:
    if len(segment.peers.libcs) > 1:
        text = _(
            "programs of both glibc and musl map {name}, and their sem_t differ: say the layout "
            "with --header or --layout"
        )
        raise AmbiguousLayoutError(text.format(name=segment.name))
    result = _watch(segment)
    layout, candidates = result.layout, result.candidates
    exercise = seed_layout(SEED_SLOTS, item_from_text("int32"), segment.peers.libc)
    if layout is not None:
        words = _(
            "read from the live bytes: the only plain layout that fits; --header says for sure"
        )
    elif not candidates:
        return ResolvedLayout(None, LayoutSource.RAW, candidates=proposed(segment))
    elif segment.name == SEED_NAME and exercise in candidates:
        layout = exercise
        candidates = (exercise, *(other for other in candidates if other != exercise))
        words = _(
            "taken for the exercise's 5 × int32 by its name and size; others fit too: "
            "--slots or --header says for sure"
        )
    else:
        shown = " | ".join(f"--layout {layout_option(layout)}" for layout in candidates)
        raise AmbiguousLayoutError(
            _(
                "the layout of {name} is not sure: {count} fit so far; give --header FILE, --slots N, "
                "or one of {options}, or --raw"
            ).format(name=segment.name, count=len(candidates), options=shown),
            candidates,
        )
    return ResolvedLayout(
        layout, LayoutSource.INFERRED, candidates=candidates, assumptions=(words,)
    )


def _watch(segment: MappedSegment) -> Inference:
    """Read until one layout is left and the values could have contradicted it, or time is up.

    Where nobody maps the segment nothing moves, and one reading is all there is to learn.
    """
    options, peers, size = segment.options, segment.peers, segment.size
    if size == 0 or size > MAX_SIZE:
        return Inference(())
    found = peers.semaphores
    names = tuple(name for _role, name in options.names) or (found if len(found) == 3 else ())
    known = options.names if len(options.names) == len(SemaphoreRole) else ()
    readings = SegmentReadings(segment.reader, peers.libc, [(0, size)], names).until(
        WATCH_SECONDS if peers.pids else 0.0
    )
    elimination = Elimination(next(readings), peers.libc, peers.threads, known)
    while not elimination.settled and (reading := next(readings, None)) is not None:
        elimination.add(reading)
    return elimination.result
