"""Which layout a segment has, from the surest source down, and from which source that is.

Control block, then the user's header, then options, then inference from the
bytes; what none of them explains is shown raw. A guess is never shown as a fact:
where several layouts fit, they are refused with the option that picks each. Only the
exercise's own name and size settle it, and then it is said that others fit too.
"""

import time
from dataclasses import replace
from typing import Final

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.layouts.guesses import Look
from shmtui.layouts.inference import MAX_SIZE, Elimination, Inference
from shmtui.layouts.options import AmbiguousLayoutError, LayoutOptions, Resolved
from shmtui.layouts.semaphore_names import roles_by_name
from shmtui.procfs.maps import Mapping, mappers, named_semaphores_of
from shmtui.procfs.process import thread_count
from shmtui.procfs.process_libc import libc_of
from shmtui.shm.layout import Layout, seed_layout
from shmtui.shm.layout_spec import item_from_text, layout_option, parse_layout_option
from shmtui.shm.libc import Libc, running_libc
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.segment import FileIdentity
from shmtui.shm.segment_reader import SegmentReader, read_semaphore_file
from shmtui.shm.semaphore import SemaphoreWords, decode, named_semaphore_path
from shmtui.snapshot import LayoutSource

WATCH_SECONDS: Final = 1.2
"""How long an ambiguous segment is watched for what tells its layouts apart."""
LOOK_SECONDS: Final = 0.004
AGREE: Final = 8
"""Readings of named semaphores before one is taken as it is."""
_SHOWN: Final = 6
SEED_NAME: Final = "/shm_buffer"
SEED_SLOTS: Final = 5
"""The course's exercise: where a segment of that name has its size, and nothing that is seen
speaks against its layout, that is the one to begin with. Those that fit too stay beside it.
"""


def resolve(reader: SegmentReader, options: LayoutOptions) -> Resolved:
    """The layout by the user's word, or by inference.

    AmbiguousLayoutError: several fit. ShmtuiError: what the user said cannot be.
    """
    size = reader.status().size
    if options.raw:
        return Resolved(None, LayoutSource.RAW)
    if options.header is not None:
        return _from_header(reader, options, size)
    if options.layout is not None:
        layout = parse_layout_option(options.layout, peers_libc(reader.identity))
        if not layout.complete and not layout.names:
            layout = replace(layout, names=options.names or _found_names(reader))
        _check_size(reader.name, layout, size)
        return Resolved(layout, LayoutSource.OPTIONS)
    if options.slots is not None:
        return Resolved(_from_slots(reader, options, size), LayoutSource.OPTIONS)
    return _by_inference(reader, options)


def peers_libc(identity: FileIdentity) -> Libc:
    """The C library of those who map the segment; this interpreter's where nobody does.

    ShmtuiError: they disagree, so that no layout of ``sem_t`` fits both.
    """
    found = {libc for pid in mappers(identity) if (libc := libc_of(pid)) is not None}
    return found.pop() if len(found) == 1 else running_libc()


def _from_header(reader: SegmentReader, options: LayoutOptions, size: int) -> Resolved:
    from shmtui.layouts import header  # noqa: PLC0415 - heavy, and only for headers
    from shmtui.layouts import member_paths as inner  # noqa: PLC0415 - heavy, and only for headers
    from shmtui.layouts import struct_choice as fields  # noqa: PLC0415 - heavy, and only for headers

    assert options.header is not None
    libc = peers_libc(reader.identity)
    structs = header.read_structs(options.header, libc, options.include)
    given = dict(options.mapping)
    whole = [inner.with_length(s, options.slots or inner.room_for(s, size)) for s in structs]
    struct = fields.choose_struct(whole, options.struct, size, given)
    roles = fields.assign_roles(struct, given)
    declared = next((s for s in structs if s.place == struct.place), struct)
    inner.check_length(declared, roles.data, options.slots, reader.name, size)
    layout = fields.buffer_layout(struct, roles, libc, options.names)
    if size < layout.size:
        shown = struct.names[0] if struct.names else _("the struct")
        raise ShmtuiError(
            _(
                "{name} is {size} bytes; {struct} in {header} needs {needed}: is this the header it "
                "was built with?"
            ).format(
                name=reader.name,
                size=size,
                struct=shown,
                header=options.header,
                needed=layout.size,
            )
        )
    if not layout.complete and not layout.names:
        layout = fields.buffer_layout(struct, roles, libc, _found_names(reader))
    return Resolved(layout, LayoutSource.HEADER, by_convention=roles.conventions)


def _from_slots(reader: SegmentReader, options: LayoutOptions, size: int) -> Layout:
    assert options.slots is not None
    item = item_from_text(options.item or "int32")
    libc = peers_libc(reader.identity)
    names = options.names
    layout = seed_layout(options.slots, item, libc, names)
    if size < layout.size and not names:
        # Semaphores beside the segment, or those of a libc that the mappers do not show.
        found = _found_names(reader)
        others = [seed_layout(options.slots, item, other) for other in Libc]
        if len(found) == len(SemaphoreRole):
            others.append(seed_layout(options.slots, item, libc, found))
        layout = next((other for other in others if other.size == size), layout)
    _check_size(reader.name, layout, size)
    return layout


def _check_size(name: str, layout: Layout, size: int) -> None:
    if size < layout.size:
        raise ShmtuiError(
            _(
                "{name} is {size} bytes; {slots} slots of {item} with {kind} semaphores need "
                "{needed}: check --slots and --item"
            ).format(
                name=name,
                size=size,
                slots=layout.slots,
                item=layout.item.name,
                kind=layout.kind,
                needed=layout.size,
            )
        )


def _found_names(reader: SegmentReader) -> tuple[tuple[SemaphoreRole, str], ...]:
    """Named semaphores that the segment's mappers map too, with the roles their names tell."""
    names: set[str] = set()
    for pid in mappers(reader.identity):
        names.update(named_semaphores_of(pid, reader.folder))
    return roles_by_name(sorted(names))


# -- inference ----------------------------------------------------------------------------------


def _by_inference(reader: SegmentReader, options: LayoutOptions) -> Resolved:
    maps = mappers(reader.identity)
    libcs = {libc for pid in maps if (libc := libc_of(pid)) is not None} or {running_libc()}
    if len(libcs) > 1:
        raise AmbiguousLayoutError(
            _(
                "programs of both glibc and musl map {name}, and their sem_t differ: say the layout "
                "with --header or --layout"
            ).format(name=reader.name),
            (),
        )
    libc = libcs.pop()
    result = _watch(reader, libc, maps, options)
    if result.layout is not None:
        return Resolved(result.layout, LayoutSource.INFERRED, result.candidates)
    if not result.candidates:
        return Resolved(None, LayoutSource.RAW)
    exercise = seed_layout(SEED_SLOTS, item_from_text("int32"), libc)
    if reader.name == SEED_NAME and exercise in result.candidates:
        others = tuple(layout for layout in result.candidates if layout != exercise)
        return Resolved(exercise, LayoutSource.INFERRED, (exercise, *others), assumed=True)
    raise AmbiguousLayoutError(refusal(reader.name, result.candidates), result.candidates)


def refusal(name: str, candidates: tuple[Layout, ...]) -> str:
    """The one line that refuses a guess and shows how to decide."""
    shown = [f"--layout {layout_option(layout)}" for layout in candidates[:_SHOWN]]
    more = len(candidates) - len(shown)
    rest = ""
    if more > 0:
        rest = " | … " + _("{count} more, all in stat --raw --json").format(count=more)
    return _(
        "the layout of {name} is not sure: {count} fit so far; give --header FILE, --slots N, "
        "or one of {options}, or --raw"
    ).format(name=name, count=len(candidates), options=" | ".join(shown) + rest)


def candidates_of(reader: SegmentReader, options: LayoutOptions) -> tuple[Layout, ...]:
    """The layouts that fit a segment shown raw."""
    try:
        resolved = _by_inference(reader, options)
    except AmbiguousLayoutError as error:
        return error.candidates
    return resolved.candidates


def _watch(
    reader: SegmentReader,
    libc: Libc,
    maps: dict[int, tuple[Mapping, ...]],
    options: LayoutOptions,
) -> Inference:
    """Look until one layout is left and sure, or patience ends."""
    size = reader.status().size
    if size == 0 or size > MAX_SIZE:
        return Inference((), sure=False)
    takers = max(sum(thread_count(pid) for pid in maps), 1)
    names = _named_candidates(reader.folder, maps, options)
    last = _look(reader, size, names, libc)
    known = options.names if len(options.names) == len(SemaphoreRole) else ()
    deadline = time.monotonic() + WATCH_SECONDS
    elimination = Elimination(last, libc, takers, known, odd=True)
    # Where nobody maps it, nothing will move; a single look makes nothing sure.
    while maps and time.monotonic() < deadline:
        if elimination.settled and elimination.looks > 1:
            break
        time.sleep(LOOK_SECONDS)
        look = _look(reader, size, names, libc)
        if look != last:
            elimination.add(look)
            last = look
    return elimination.result


def _named_candidates(
    folder: str, maps: dict[int, tuple[Mapping, ...]], options: LayoutOptions
) -> tuple[str, ...]:
    if options.names:
        return tuple(name for _, name in options.names)
    found: set[str] = set()
    for pid in maps:
        found.update(named_semaphores_of(pid, folder))
    return tuple(sorted(found)) if len(found) == 3 else ()


def _look(reader: SegmentReader, size: int, names: tuple[str, ...], libc: Libc) -> Look:
    """The segment with its named semaphores, which lie in files of their own: again until
    those were the same before and after, or patience ends.
    """
    before = _named_words(names, reader.folder, libc)
    for _look in range(AGREE if names else 0):
        look = Look(reader.read_stable([(0, size)])[0], before)
        after = _named_words(names, reader.folder, libc)
        if after == before:
            return look
        before = after
    return Look(reader.read_stable([(0, size)])[0], before)


def _named_words(
    names: tuple[str, ...], folder: str, libc: Libc
) -> tuple[tuple[str, SemaphoreWords], ...]:
    words = []
    for name in names:
        data = read_semaphore_file(named_semaphore_path(name, folder))
        if len(data) >= 12:
            words.append((name, decode(data, libc)))
    return tuple(words)
