"""A struct's layout beside the live bytes: what refuses it, and what the values decide of it."""

from collections.abc import Sequence
from dataclasses import replace
from struct import unpack
from typing import Final

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.layouts.describe import direction_words, last_words
from shmtui.layouts.inference import MAX_SIZE
from shmtui.layouts.member_roles import all_members, listed
from shmtui.layouts.options import LayoutOptions, ResolvedLayout
from shmtui.layouts.plain_layouts import signatures
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
from shmtui.layouts.struct_layout import StructLayout
from shmtui.layouts.struct_members import Member
from shmtui.shm.item_shape import Scalar
from shmtui.shm.layout import Layout
from shmtui.shm.segment_reader import SegmentReader

EVIDENCE_SECONDS: Final = 0.3
"""How long the values are watched for what tells ``head`` from ``tail``."""
STATES: Final = 3
"""So many different states contradict a name before it is doubted."""


def zeros_behind(reader: SegmentReader, end: int) -> bool:
    """Whether all bytes from ``end`` on are zero, as far as the first megabyte behind it."""
    return not any(reader.read(end, MAX_SIZE))


def require_covered(reader: SegmentReader, options: LayoutOptions, found: StructLayout) -> None:
    """ShmtuiError: the segment goes on behind the struct with data that no field covers.

    Where the user names the struct, the rest of the segment may be something else.
    """
    end = found.struct.size
    if options.struct or options.index_segment or zeros_behind(reader, end):
        return
    raise ShmtuiError(
        _(
            "{name} is {size} bytes, and holds data behind the {end} of {struct}: this is not its "
            "header, or not all of it; --header {file}:{struct} accepts it anyway"
        ).format(
            name=reader.name, size=reader.status().size, end=end, struct=found.struct.names[-1],
            file=options.header,
        )
    )  # fmt: skip


def require_semaphores(reader: SegmentReader, file: str, found: StructLayout) -> None:
    """ShmtuiError: the segment has shared semaphores, and none is where the struct has one."""
    members = all_members(found.struct.members)
    own = sorted({member.offset for _name, member in members if member.system == "sem_t"})
    end = found.struct.size
    there = [at for at in signatures(reader.read(0, MAX_SIZE), found.layout.libc) if at < end]
    if own and there and not set(own) & set(there):
        raise ShmtuiError(
            _(
                "{struct} in {file} has semaphores at {own}, and {name} has them at {there}: it was "
                "built with another header"
            ).format(
                struct=found.struct.names[-1], file=file, own=listed(list(map(str, own))),
                name=reader.name, there=listed(list(map(str, there))),
            )
        )  # fmt: skip


# -- slots --------------------------------------------------------------------------------------


def said_capacity(reader: SegmentReader, found: StructLayout) -> int | None:
    """The number of slots by a member that says it, for an array without a length."""
    for slots in _capacities(reader, found):
        if 1 <= slots <= found.layout.slots:
            return slots
    return None


def _capacities(reader: SegmentReader, found: StructLayout) -> list[int]:
    """The values of the members that may say how many slots are used, the likeliest first."""
    values = [_integer(reader, member) for member in found.roles.capacity]
    return [value for value in values if value is not None]


def _integer(reader: SegmentReader, member: Member) -> int | None:
    if not isinstance(member.shape, Scalar):
        return None
    raw = reader.read(member.offset, member.shape.size)
    return int(unpack("=" + member.shape.code, raw)[0]) if len(raw) == member.shape.size else None


# -- indices ------------------------------------------------------------------------------------


def judge(
    reader: SegmentReader,
    options: LayoutOptions,
    found: StructLayout,
    resolved: ResolvedLayout,
    *,
    mapped: bool,
) -> ResolvedLayout:
    """``resolved`` as the values of the segment leave it: slots by a member that says them,
    indices that hold the last slot, the direction of the ring. ``mapped``: the values may move.
    """
    layout = found.layout
    if not layout.has_indices:
        return resolved
    watch = mapped and found.roles.by_convention
    readings = _readings(reader, layout, EVIDENCE_SECONDS if watch else 0.0)
    if options.slots is None:
        for slots in _capacities(reader, found):
            layout = judge_capacity(layout, slots, readings)
    resolved = replace(resolved, layout=layout)
    last = None if found.roles.by_convention else judge_last(layout, readings)
    if last is not None:
        words = (*resolved.assumptions, last_words(last.last))
        return replace(resolved, layout=last, assumptions=words)
    return _with_direction(found, layout, readings, resolved)


def _with_direction(
    found: StructLayout, layout: Layout, readings: Sequence[Reading], resolved: ResolvedLayout
) -> ResolvedLayout:
    """The direction that the values allow; both where they allow both."""
    by_name, other_way = found.roles.directions
    verdict = judge_direction(layout, readings)
    if found.roles.by_convention:
        if not verdict.others:
            return replace(resolved, layout=verdict.layout)
        shown = by_name if verdict.layout == layout else other_way
        resolved = replace(resolved, layout=verdict.layout)
    elif verdict.layout == layout or _states(layout, readings) < STATES:
        return resolved
    else:
        # The names say it plainly, and the values fit the other way: neither is believed.
        shown = by_name
    words = direction_words(shown, other_way if shown == by_name else by_name)
    return replace(resolved, by_convention=shown, disputes=(words,))


def _states(layout: Layout, readings: Sequence[Reading]) -> int:
    values = [values_of(layout, reading) for reading in readings]
    return len({(value.in_, value.out) for value in values})


def _readings(reader: SegmentReader, layout: Layout, seconds: float) -> list[Reading]:
    """Readings until one direction is contradicted and the other is not, or time is up."""
    ways = (layout, swapped(layout))
    readings = []
    missed = [0, 0]
    for reading in SegmentReadings.of_layout(reader, layout).until(seconds):
        readings.append(reading)
        for way, each in enumerate(ways):
            missed[way] += excess(each, values_of(each, reading))
        if min(missed) == 0 < max(missed):
            break
    return readings
