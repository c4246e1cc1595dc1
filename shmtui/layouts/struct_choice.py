"""Which of the structs in a header or a program is the buffer. Pure.

It may be a member of another struct, or one of an array of them: ``Segment.rings[1]`` names the
second ring of a segment, offsets counted from its start.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from msgspec.structs import replace

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.layouts.member_roles import all_members, assign_roles, listed, title
from shmtui.layouts.struct_members import Member, Struct, row_of, sync_members

_STEP: Final = re.compile(r"(\w+)((?:\[\d{1,9}\])*)")
_MAX_PATHS: Final = 64


def choose_struct(
    structs: Sequence[Struct], name: str | None, segment_size: int, given: Mapping[str, str]
) -> Struct:
    """The buffer's struct: by its tag or typedef, and the path from it to a member; else the only one in which roles can be
    assigned; else the one of those that the segment's size fits, an equal size first.

    ShmtuiError: there is none, or more than one is left.
    """
    if not structs:
        raise ShmtuiError(_("the header declares no struct: is this the buffer's header?"))
    if name is not None:
        wanted = struct_name(name)
        path = name.partition(wanted)[2].split(".")[1:]
        for struct in reversed(structs):
            if wanted in struct.names:
                return _at_path(struct, path, structs)
        text = _("the header has no struct {wanted}: it has {structs}")
        raise ShmtuiError(text.format(wanted=wanted, structs=_names(structs)))
    if len(structs) == 1:
        return structs[0]
    likely = [struct for struct in structs if assignable(struct, given)]
    if not likely:
        equal = [struct for struct in structs if struct.size == segment_size]
        if len(equal) == 1:
            return equal[0]
        text = _(
            "none of the header's structs has the members of a buffer by their names: {structs}, "
            "with --map data=…,in=…,out=…"
        )
        raise ShmtuiError(text.format(structs=_options(structs)))
    chosen = _fitting(likely, segment_size)
    for ring in likely:
        # A struct of several rings is none: its members' names would tell one by chance.
        if len(list(paths_to(ring, [chosen]))) > 1:
            chosen = ring
    return chosen if chosen.size == segment_size else _where(chosen, structs, segment_size)


def struct_name(path: str) -> str:
    """The struct that a path begins with; its template arguments may hold dots.

    >>> struct_name("struct all.rings[1]"), struct_name("ipc::Ring<double, Pool<2>>.slots")
    ('all', 'ipc::Ring<double, Pool<2>>')
    """
    name = path.removeprefix("struct ").strip()
    depth = 0
    for at, letter in enumerate(name):
        depth += (letter == "<") - (letter == ">")
        if letter == "." and depth <= 0:
            return name[:at]
    return name


def _where(struct: Struct, structs: Sequence[Struct], segment_size: int) -> Struct:
    """The struct as the segment holds it: by itself, or inside one of the header's others."""
    paths = [(s, path) for s, path in paths_to(struct, structs) if s.size <= segment_size]
    if not paths:
        return struct
    whole = [(s, path) for s, path in paths if s.size == segment_size]
    if len(whole) == 1:
        outer, path = whole[0]
        return _at_path(outer, path.split(".")[1:], structs)
    file = struct.place.rpartition(":")[0]
    options = [f"{file}:{path}" for _outer, path in whole or paths]
    if not whole:
        options.append(f"{file}:{struct.names[-1]}")
    text = _("{struct} is part of another struct: say which, as --header {options}")
    raise ShmtuiError(text.format(struct=title(struct), options=listed(options)))


def _fitting(likely: Sequence[Struct], size: int) -> Struct:
    if len(likely) == 1:
        return likely[0]
    outer = [s for s in likely if not any(_holds(other, s) for other in likely if other is not s)]
    for group in (
        [struct for struct in likely if struct.size == size],
        [struct for struct in outer if struct.size <= size],
        outer,
    ):
        if len(group) == 1:
            return group[0]
    text = _("more than one struct of the header may be the buffer: {structs}")
    raise ShmtuiError(text.format(structs=_options(likely)))


def assignable(struct: Struct, given: Mapping[str, str]) -> bool:
    """Whether the struct's members can play the roles of a bounded buffer."""
    try:
        assign_roles(struct, given)
    except ShmtuiError:
        return False
    return True


def _holds(outer: Struct, inner: Struct) -> bool:
    return any(
        member.type_name in _spellings(inner) for _name, member in all_members(outer.members)
    )


def _names(structs: Sequence[Struct]) -> str:
    return listed(
        _("{name} ({size} bytes)").format(name=struct.names[-1], size=struct.size)
        for struct in structs
    )


def _options(structs: Sequence[Struct]) -> str:
    file = structs[0].place.rpartition(":")[0]
    return _("{structs}: say which, as --header {file}:{name}").format(
        structs=_names(structs), file=file, name=structs[0].names[-1]
    )


# -- structs within structs -----------------------------------------------------------------------


def _spellings(struct: Struct) -> set[str]:
    return {*struct.names, *(f"struct {name}" for name in struct.names)}


def paths_to(inner: Struct, structs: Sequence[Struct]) -> Iterator[tuple[Struct, str]]:
    """Each struct that holds ``inner``, with the path from it: ``Segment.rings[1]``."""
    names = _spellings(inner)
    for outer in structs:
        for name, member in all_members(outer.members):
            path = f"{outer.names[-1]}.{name}"
            if member.type_name in names:
                yield outer, path
            else:
                elements = _elements(path, member, names)
                yield from ((outer, each) for each in islice(elements, _MAX_PATHS))


def _elements(path: str, member: Member, names: Collection[str]) -> Iterator[str]:
    """The elements of an array, and of one of arrays, that have one of these types."""
    row = row_of(member)
    if row is None and (member.element is None or member.element.type_name not in names):
        return
    for index in range(member.length or 0):
        own = f"{path}[{index}]"
        if row is None:
            yield own
        else:
            yield from _elements(own, row, names)


def _at_path(struct: Struct, steps: Sequence[str], structs: Sequence[Struct]) -> Struct:
    """The struct at the end of the path, its members where they lie in ``struct``.

    ShmtuiError: there is no such member, or it is no struct.
    """
    path, whole = struct.names[-1], struct
    for step in steps:
        match = _STEP.fullmatch(step)
        members = {member.name: member for member in struct.members}
        member = None if match is None else members.get(match[1])
        if match is None or member is None:
            text = _("{path} has no member {step}: it has {members}")
            raise ShmtuiError(text.format(path=path, step=step, members=listed(list(members))))
        path, of = f"{path}.{match[1]}", member
        row: Member | None = member
        for index in re.findall(r"\d+", match[2]) or (None,):
            path += "" if index is None else f"[{index}]"
            if row is None:
                raise _no_struct(path, of)
            struct = _inside(struct, row, index, path, structs)
            row = next((each for each in struct.members if not each.name), None)
        if row is not None:
            raise _which(path, row.length or 0)
    own = {each.offset for each in sync_members(struct.members)}
    beside = (each for each in sync_members(whole.members) if each.offset not in own)
    return replace(struct, beside=tuple(beside))


def _element_of(member: Member, structs: Sequence[Struct]) -> Struct | None:
    """The struct of an array's elements; None where they are none of these."""
    kind = "" if member.element is None else member.element.type_name
    return next((other for other in structs if kind in _spellings(other)), None)


def _inside(
    struct: Struct, member: Member, index: str | None, path: str, structs: Sequence[Struct]
) -> Struct:
    if index is None and member.members:
        end = member.offset + member.shape.size
        return Struct((path,), member.members, end, struct.place)
    inner, length = _element_of(member, structs), member.length or 0
    if inner is None and member.element is not None and member.element.members:
        # A struct without a name is none of ``structs``.
        held = _shifted(member.element.members, -member.offset)
        inner = Struct((path,), held, member.element.shape.size, struct.place)
    if inner is not None and index is not None and int(index) >= length:
        text = _("{path} does not exist: {member} has {count}, from [0] to [{last}]")
        name = member.name or path.rpartition("[")[0]
        raise ShmtuiError(text.format(path=path, member=name, count=length, last=length - 1))
    if inner is None:
        raise _no_struct(path, member)
    if index is None:
        raise _which(path, length)
    start = member.offset + int(index) * inner.size
    return Struct((path,), _shifted(inner.members, start), start + inner.size, struct.place)


def _no_struct(path: str, member: Member) -> ShmtuiError:
    text = _("{path} is not a struct: {member} is {type}")
    return ShmtuiError(text.format(path=path, member=member.name, type=member.type_name))


def _which(path: str, count: int) -> ShmtuiError:
    text = _("{path} has {count} of them: say which, as {path}[0]")
    return ShmtuiError(text.format(path=path, count=count))


def _shifted(members: Sequence[Member], by: int) -> tuple[Member, ...]:
    return tuple(
        replace(
            m,
            offset=m.offset + by,
            members=_shifted(m.members, by),
            element=m.element and replace(m.element, members=_shifted(m.element.members, by)),
        )
        for m in members
    )
