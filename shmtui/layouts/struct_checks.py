"""A struct's layout beside the live bytes: what refuses it, and what the values decide of it."""

from collections.abc import Sequence
from dataclasses import replace
from struct import unpack
from typing import Final

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.layouts.inference import MAX_SIZE
from shmtui.layouts.member_roles import all_members, listed
from shmtui.layouts.options import LayoutOptions, ResolvedLayout
from shmtui.layouts.plain_layouts import signatures
from shmtui.layouts.role_evidence import (
    STATES,
    DirectionEvidence,
    Reading,
    judge_capacity,
    judge_direction,
    judge_last,
    states,
    values_of,
)
from shmtui.layouts.segment_readings import SegmentReadings
from shmtui.layouts.struct_layout import StructLayout
from shmtui.shm.item_shape import Scalar
from shmtui.shm.layout import Layout
from shmtui.shm.segment_reader import SegmentReader

EVIDENCE_SECONDS: Final = 0.3
"""How long the values are watched for what tells ``head`` from ``tail``."""


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
                struct=found.struct.names[-1], file=file, own=listed(map(str, own)),
                name=reader.name, there=listed(map(str, there)),
            )
        )  # fmt: skip


def said_capacities(reader: SegmentReader, found: StructLayout) -> list[int]:
    """The values of the members that may say how many slots are used, the likeliest first."""
    shapes = [(m.offset, m.shape) for m in found.roles.capacity if isinstance(m.shape, Scalar)]
    read = [(shape.code, reader.read(at, shape.size), shape.size) for at, shape in shapes]
    return [int(unpack("=" + code, raw)[0]) for code, raw, size in read if len(raw) == size]


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
        for slots in said_capacities(reader, found):
            layout = judge_capacity(layout, slots, readings)
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
