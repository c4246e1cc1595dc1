"""Structs within structs: a ring that is a member of another struct, or one of an array of them;
and an array whose length the header leaves open. Pure.

``Segment.rings[1]`` names the second ring of a segment, offsets counted from its start.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.layouts.member_roles import all_members, listed
from shmtui.layouts.struct_members import Element, Member, Struct

_STEP: Final = re.compile(r"(\w+)(?:\[(\d{1,9})\])?")
_MAX_PATHS: Final = 64


def spellings(struct: Struct) -> set[str]:
    """What the struct is called where it is a member's type."""
    return {*struct.names, *(f"struct {name}" for name in struct.names)}


def paths_to(inner: Struct, structs: Sequence[Struct]) -> Iterator[tuple[Struct, str]]:
    """Each struct that holds ``inner``, with the path from it: ``Segment.rings[1]``."""
    names = spellings(inner)
    for outer in structs:
        for name, member in all_members(outer.members):
            path = f"{outer.names[-1]}.{name}"
            if member.type_name in names:
                yield outer, path
            elif member.element is not None and member.element.type_name in names:
                for index in range(min(member.length or 0, _MAX_PATHS)):
                    yield outer, f"{path}[{index}]"


def at_path(struct: Struct, steps: Sequence[str], structs: Sequence[Struct]) -> Struct:
    """The struct at the end of the path, its members where they lie in ``struct``.

    ShmtuiError: there is no such member, or it is no struct.
    """
    path = struct.names[-1]
    for step in steps:
        match = _STEP.fullmatch(step)
        members = {member.name: member for member in struct.members}
        member = None if match is None else members.get(match[1])
        if match is None or member is None:
            raise ShmtuiError(
                _("{path} has no member {step}: it has {members}").format(
                    path=path, step=step, members=listed(list(members))
                )
            )
        path = f"{path}.{step}"
        struct = _inside(struct, member, match[2], path, structs)
    return struct


def _inside(
    struct: Struct, member: Member, index: str | None, path: str, structs: Sequence[Struct]
) -> Struct:
    if index is None and member.members:
        end = member.offset + member.shape.size
        return Struct((path,), member.members, end, struct.place)
    element, length = member.element, member.length or 0
    inner = None if element is None else _of_element(element, structs)
    if inner is not None and index is not None and int(index) >= length:
        raise ShmtuiError(
            _("{path} does not exist: {member} has {count}, from [0] to [{last}]").format(
                path=path, member=member.name, count=length, last=length - 1
            )
        )
    if inner is None:
        raise ShmtuiError(
            _("{path} is no struct: {member} is {type}").format(
                path=path, member=member.name, type=member.type_name
            )
        )
    if index is None:
        raise ShmtuiError(
            _("{path} has {count} of them: say which, as {path}[0]").format(path=path, count=length)
        )
    start = member.offset + int(index) * inner.size
    return Struct((path,), _shifted(inner.members, start), start + inner.size, struct.place)


def _of_element(element: Element, structs: Sequence[Struct]) -> Struct | None:
    return next((s for s in structs if element.type_name in spellings(s)), None)


def _shifted(members: Sequence[Member], by: int) -> tuple[Member, ...]:
    return tuple(replace(m, offset=m.offset + by, members=_shifted(m.members, by)) for m in members)


# -- arrays of no length --------------------------------------------------------------------------


def open_array(struct: Struct) -> Member | None:
    """The last member, where it is an array whose length the header leaves open."""
    last = struct.members[-1] if struct.members else None
    if last is None or last.element is None or last.length or not last.element.shape.size:
        return None
    return last


def room_for(struct: Struct, segment_size: int) -> int:
    """How many elements of its open array a segment of that size holds."""
    last = open_array(struct)
    if last is None or last.element is None:
        return 0
    return max(segment_size - last.offset, 0) // last.element.shape.size


def with_length(struct: Struct, length: int) -> Struct:
    """The struct with so many elements in its open array; itself where it has none."""
    last = open_array(struct)
    if last is None or last.element is None or length < 1:
        return struct
    longer = replace(last, length=length)
    size = max(struct.size, last.offset + length * last.element.shape.size)
    return replace(struct, members=(*struct.members[:-1], longer), size=size)
