"""What the live bytes say of a struct: they refuse one that they contradict, and decide what it leaves open."""

from collections.abc import Iterator, Sequence, Set
from typing import Final

from msgspec.structs import replace

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.layouts.lock_free import flows, has_no_lock
from shmtui.layouts.locks_layout import LocksLayout
from shmtui.layouts.mapping_programs import MappedSegment
from shmtui.layouts.member_roles import all_members, listed
from shmtui.layouts.options import ResolvedLayout
from shmtui.layouts.plain_layouts import MAX_SIZE, signatures
from shmtui.layouts.ring_values import Reading, values_of
from shmtui.layouts.role_evidence import (
    STATES,
    DirectionEvidence,
    directions_by_count,
    judge_capacity,
    judge_count,
    judge_direction,
    judge_last,
    more_slots,
    states,
)
from shmtui.layouts.segment_readings import SegmentReadings
from shmtui.layouts.struct_layout import StructLayout
from shmtui.layouts.struct_members import Member, Struct, sync_members
from shmtui.layouts.vocabulary import CERTAIN, COUNT, fitness
from shmtui.shm.item_shape import Scalar
from shmtui.shm.layout import ITEM_TYPES, SEM_SIZE, Layout
from shmtui.shm.layout_spec import item_from_text, layout_option
from shmtui.shm.libc import Libc
from shmtui.shm.segment_reader import SegmentReader, integer_at
from shmtui.shm.semaphore import decode

EVIDENCE_SECONDS: Final = 0.3
"""How long the values are watched for what tells ``head`` from ``tail``."""


def locks_shown(segment: MappedSegment, found: LocksLayout) -> bool:
    """Whether the segment's bytes, or the words that threads sleep on, show one of the struct's
    locks; else it may hold another struct of that size.
    """
    waited_on = segment.peers.waits_on(segment.reader.identity)
    if any(each.contains(at) for each in found.layout.sync for at in waited_on):
        return True
    marked = signatures(segment.reader.read(0, MAX_SIZE), found.layout.libc)
    return bool(_semaphores(found.struct) & set(marked))


def nothing_shows_it(segment: MappedSegment, found: StructLayout) -> bool:
    """Whether the segment may as well hold another struct of that size: its bytes are set, and
    neither they nor a sleeper show one of the struct's semaphores.
    """
    own = _semaphores(found.struct)
    raw = segment.reader.read(0, MAX_SIZE)
    if not own or found.layout.libc is not Libc.GLIBC or not any(raw):
        return False
    shown = {*signatures(raw, Libc.GLIBC), *segment.peers.waits_on(segment.reader.identity)}
    return not (own & shown or _counts_sleepers(segment, own))


def _counts_sleepers(segment: MappedSegment, semaphores: Set[int]) -> bool:
    """Whether somebody sleeps on one of these semaphores, where it is hidden what he sleeps on: the kernel counts
    him, or together they count as many waiters as such threads sleep.
    """
    reader = segment.reader
    if any(reader.sleepers(at) for at in semaphores):
        return True
    raws = (reader.read(at, SEM_SIZE) for at in semaphores)
    words = [decode(raw, Libc.GLIBC) for raw in raws if len(raw) == SEM_SIZE]
    counted = sum(max(each.waiters or 0, 0) for each in words)
    return counted > 0 and counted in segment.peers.hidden_sleepers()


def zeros_behind(reader: SegmentReader, end: int) -> bool:
    """Whether all bytes from ``end`` on are zero, as far as the first megabyte behind it."""
    return not any(reader.read(end, MAX_SIZE))


def require_covered(segment: MappedSegment, found: StructLayout) -> None:
    """ShmtuiError: the segment goes on behind the struct with data that no field covers.

    Where the user names the struct, the rest of the segment may be something else.
    """
    options, end = segment.options, found.struct.size
    if options.struct or options.index_segment or zeros_behind(segment.reader, end):
        return
    text = _(
        "{name} is {size} bytes, and holds data behind the {end} of {struct}: this is not its "
        "header, or not all of it; --header {file}:{struct} accepts it anyway"
    )
    raise ShmtuiError(text.format(
        name=segment.name, size=segment.size, end=end, struct=found.struct.names[-1],
        file=options.header,
    ))  # fmt: skip


def require_semaphores(reader: SegmentReader, file: str, found: StructLayout) -> None:
    """ShmtuiError: the segment has shared semaphores where the struct has none, and none where it
    has one.
    """
    own = _semaphores(found.struct)
    there = _there(reader, found)
    if own.issubset(there):
        return
    further = _further_on(reader, found)
    if semaphores_elsewhere(reader, found) or (further is not None and len(own) > 1):
        text = _(
            "{struct} in {file} has semaphores at {own}, and {name} has them at {there}: it was "
            "built with another header"
        )
        if further is not None:
            text = _(
                "{struct} in {file} has semaphores at {own}, and {name} has them at {there}: where it begins later in "
                "the segment, say --layout {layout}"
            )
        raise ShmtuiError(text.format(
            struct=found.struct.names[-1], file=file, own=listed(map(str, sorted(own))),
            name=reader.name, there=listed(map(str, _shared(reader, found))),
            layout="" if further is None else layout_option(further),
        ))  # fmt: skip


def _further_on(reader: SegmentReader, found: StructLayout) -> Layout | None:
    """The layout where the struct begins later in the segment, as its shared semaphores say; None: they say no such thing."""
    own, layout = _semaphores(found.struct), found.layout
    there = _shared(reader, found)
    shift = min(there, default=0) - min(own, default=0)
    if shift <= 0 or {at + shift for at in own} != set(there):
        return None
    places = (layout.in_, layout.out, layout.mutex, layout.empty, layout.full)
    in_, out, mutex, empty, full = (None if at is None else at + shift for at in places)
    known = ITEM_TYPES.get(layout.item.name)
    item = known or item_from_text(f"byte[{layout.item.size}]")
    data = layout.data + shift
    return replace(
        layout, data=data, in_=in_, out=out, mutex=mutex, empty=empty, full=full, item=item
    )


def semaphores_elsewhere(reader: SegmentReader, found: StructLayout) -> bool:
    """Whether a shared semaphore lies in the struct where it has no lock."""
    struct = found.struct
    locks = {each.offset for each in (*sync_members(struct.members), *struct.beside)}
    return not locks.issuperset(_there(reader, found))


def _there(reader: SegmentReader, found: StructLayout) -> list[int]:
    """The shared semaphores that the bytes show, as far as the struct goes."""
    return [at for at in _shared(reader, found) if at < found.struct.size]


def _shared(reader: SegmentReader, found: StructLayout) -> list[int]:
    return list(signatures(reader.read(0, MAX_SIZE), found.layout.libc))


def _semaphores(struct: Struct) -> set[int]:
    """The bytes of the segment where the struct has semaphores."""
    members = all_members(struct.members)
    return {member.offset for _name, member in members if member.system == "sem_t"}


def said_capacities(reader: SegmentReader, found: StructLayout) -> list[int]:
    """The values of the members that may say how many slots are used, the likeliest first."""
    return [slots for _place, slots in _capacities(reader, found)]


def _capacities(
    reader: SegmentReader, found: StructLayout
) -> Iterator[tuple[tuple[int, str], int]]:
    """The same, each with its byte and its letter in :mod:`struct`."""
    for place in _integers(found.roles.capacity):
        if (value := integer_at(reader, place)) is not None:
            yield place, value


def as_values_leave_it(
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
    given = segment.options.slots is not None
    whole = replace(layout, slots=found.roles.data.length or 0) if given else layout
    for slots in said_capacities(segment.reader, found):
        whole = judge_capacity(whole, slots, readings)
    length = whole.slots
    if not given:
        layout = whole
    elif more_slots(layout, length, readings):
        # A number alone is soon mistyped: nothing is written by it.
        text = _("--slots {slots}: by its values, the ring uses {length} slots of {array}")
        text = text.format(slots=layout.slots, length=length, array=found.roles.data.name)
        resolved = replace(resolved, disputes=(text, *resolved.disputes))
    if not ({layout.empty, layout.full} - {None} or layout.names):
        counts = found.roles.counts
        named = [m for m in counts if fitness(m.name, COUNT) == CERTAIN]
        layout = judge_count(layout, _integers(counts), readings, _integers(named))
    resolved = replace(resolved, layout=layout, slots_at=_place_of_slots(segment, found, layout))
    last = None if found.roles.by_convention else judge_last(layout, readings)
    if last is None:
        return _with_direction(found, layout, readings, resolved)
    words = _("by its values, {index} holds the slot that was used last, not the next one").format(
        index=_(" and ").join(last.last)
    )
    return replace(resolved, layout=last, assumptions=(*resolved.assumptions, words))


def _place_of_slots(
    segment: MappedSegment, found: StructLayout, layout: Layout
) -> tuple[int, str] | None:
    """Where the member is that says this number of slots; None: none does, or the user says the number."""
    if segment.options.slots is not None:
        return None
    said = _capacities(segment.reader, found)
    return next((place for place, slots in said if slots == layout.slots), None)


def _integers(members: Sequence[Member]) -> list[tuple[int, str]]:
    """Where they are, and their letters in :mod:`struct`."""
    return [(m.offset, m.shape.code) for m in members if isinstance(m.shape, Scalar)]


def _with_direction(
    found: StructLayout, layout: Layout, readings: Sequence[Reading], resolved: ResolvedLayout
) -> ResolvedLayout:
    """The direction that the values allow; both where they allow both."""
    shown, other = found.roles.directions
    first, *others = directions_by_count(judge_direction(layout, readings), readings)
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
    words = _("shown with --map {shown}; --map {other} fits the values, too: say which").format(
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
