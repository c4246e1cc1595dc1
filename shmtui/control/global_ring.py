"""A ring in what the threads of a program have in common: global variables, and what was allocated before they started."""

from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from shmtui.control.global_variables import OWN, GlobalVariables
from shmtui.control.items import Ring
from shmtui.control.operation import ACCESSES
from shmtui.control.ring_by_use import ring_members, semaphore_members
from shmtui.control.run import Run, Step
from shmtui.layouts.member_roles import ABSENT, all_members
from shmtui.layouts.struct_members import Element, Member, Struct
from shmtui.shm.item_shape import Bytes

if TYPE_CHECKING:
    from shmtui.control.program import HeldProgram

_MOST_READINGS: Final = 64
"""Of the types that all blocks may have together."""


def ring_of_variables(run: Run, program: "HeldProgram") -> Ring | None:
    """The ring, by what the threads do with the variables. None: there is none, or more than one, or the program
    has no debug information. ``run``: an execution at loads and stores.

    ShmtuiError: as of `shmtui.layouts.debug_info.typed_variables`.
    """
    from shmtui.layouts.debug_info import typed_variables  # noqa: PLC0415 - heavy

    own, segment = program.globals, f"{OWN}{program.name}"
    steps = [
        step
        for step in run.steps
        if step.operation.place is not None and step.operation.place.segment == segment
    ]
    if own is None or not steps:
        return None
    path = Path(program.executable)
    allocated = {address for address, _size, _offset in own.blocks}
    places = [
        (own.offset(address), size, name)
        for address, size, name in own.variables
        if address not in allocated
    ]
    variables = typed_variables(path, places)
    found: dict[tuple[object, ...], Ring] = {}
    for blocks in _readings(path, own, steps):
        members = (*variables, *blocks)
        for ring in _rings(Struct((program.name,), members, 0, program.executable), steps):
            found.setdefault(
                (ring.data, ring.item_size, ring.in_, ring.out), replace(ring, segment=segment)
            )
    return next(iter(found.values())) if len(found) == 1 else None


def _rings(struct: Struct, steps: Sequence[Step]) -> Iterator[Ring]:
    """The rings that such variables and blocks may be; their segment is not told yet."""
    members = dict(all_members(struct.members))
    locks = {role: members[n].offset for role, n in semaphore_members(struct, steps) if n != ABSENT}
    names = tuple(
        (member.offset, member.shape.size, _spoken(name))
        for name, member in members.items()
        if not member.members
    )
    for parts in set(ring_members(struct, [s for s in steps if s.operation.kind in ACCESSES])):
        data, in_, out = (members[name] for name in parts)
        assert data.element is not None
        yield Ring(
            "", data.offset, data.length or 0, data.element.shape.size, in_.offset, out.offset,
            locks.get("mutex"), locks.get("empty"), locks.get("full"), members=names,
            index_size=min(in_.shape.size, out.shape.size),
        )  # fmt: skip


def _spoken(name: str) -> str:
    """``fila->in`` of ``*fila.in``, and ``buffer`` of ``*buffer``: as a program writes it."""
    if not name.startswith("*") or name.startswith("*("):
        return name
    return name[1:].replace(".", "->", 1)


def _readings(
    path: Path, own: GlobalVariables, steps: Sequence[Step]
) -> Iterator[tuple[Member, ...]]:
    """What the blocks may be, all together: structs of just their size, or arrays whose elements are as wide as what
    was loaded and stored there, or as a struct is.
    """
    from shmtui.layouts.debug_info import ring_structs  # noqa: PLC0415 - heavy

    all_types = []
    for _address, size, offset in own.blocks:
        used = [
            s.operation
            for s in steps
            if s.operation.place and offset <= s.operation.place.offset < offset + size
        ]
        if not used:
            continue
        name = own.name(offset)
        structs, sizes = ring_structs(path, size=size)
        types = {
            members: Member(name, offset, Bytes(size), struct.names[-1], members=members)
            for struct in structs
            if struct.size == size and (members := _shifted(struct.members, offset))
        }
        widths = {each.width for each in used if each.kind in ACCESSES} | sizes
        arrays = [
            Member(
                name,
                offset,
                Bytes(size),
                "",
                length=size // width,
                element=Element("", Bytes(width)),
            )
            for width in sorted(widths)
            if 0 < width < size and not size % width
        ]
        all_types.append(
            [*types.values(), *(() if types else arrays)] or [Member(name, offset, Bytes(size), "")]
        )
    for number, blocks in enumerate(product(*all_types)):
        if number == _MOST_READINGS:
            return
        yield blocks


def _shifted(members: Sequence[Member], by: int) -> tuple[Member, ...]:
    return tuple(
        replace(each, offset=each.offset + by, members=_shifted(each.members, by))
        for each in members
    )
