"""Which members of a struct are the ring's, by what the programs do with them: names do not count."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from shmtui.control.access import REGISTER
from shmtui.control.operation import ACCESSES, Kind
from shmtui.control.run import Run, Step
from shmtui.layouts.options import LayoutOptions

if TYPE_CHECKING:
    from shmtui.layouts.program_types import TypeSource
    from shmtui.layouts.struct_members import Member, Struct


class _Use(msgspec.Struct):
    """Who does what with a range of bytes, once all have been set up."""

    storing: set[str] = msgspec.field(default_factory=set)
    loading: set[str] = msgspec.field(default_factory=set)
    most: int = 0
    """The highest value that was stored."""


def options_by_use(run: Run, segment: str, sources: "Sequence[TypeSource]") -> LayoutOptions | None:
    """What a user would say of the layout: an array that some tasks store and others load, an index that the first
    alone move, and one that the others alone move. None: there is no such struct, or more than one.

    ``run``: one execution at loads and stores.
    """
    begin = len(run.steps) - len(run.choices)
    here = [
        step
        for step in run.steps[begin:]
        if step.operation.place is not None and step.operation.place.segment == segment
    ]
    steps = [step for step in here if step.operation.kind in ACCESSES]
    found = [
        LayoutOptions(
            header=Path(source.path),
            struct=struct.names[-1],
            mapping=(("data", data), ("in", in_), ("out", out), *semaphore_members(struct, here)),
        )
        for source in sources
        for struct in source.structs
        for data, in_, out in ring_members(struct, steps)
    ]
    different = {(each.struct, each.mapping): each for each in found}
    return next(iter(different.values())) if len(different) == 1 else None


def ring_members(struct: "Struct", steps: Sequence[Step]) -> Iterator[tuple[str, str, str]]:
    """The names of an array, and of the indices that those who store in it and the others move."""
    from shmtui.layouts.member_roles import all_members  # noqa: PLC0415 - rarely needed

    members = list(all_members(struct.members))
    for name, array in members:
        size = 0 if array.element is None else array.element.shape.size
        if not size or (array.length or 0) < 2 or array.element is None or array.element.system:
            continue
        used = _use(steps, array.offset, size * (array.length or 0))
        takers = used.loading - used.storing
        indices = {
            other: _use(steps, member.offset, member.shape.size)
            for other, member in members
            if member.integer
        }
        offsets = {other: member.offset for other, member in members if member.integer}
        in_, out = (
            _one(
                {
                    other: use
                    for other, use in _moved_by(indices, tasks).items()
                    if _names_slots(steps, offsets[other], array, tasks)
                },
                array,
            )
            for tasks in (used.storing, takers)
        )
        if in_ and out:
            yield name, in_, out


def semaphore_members(struct: "Struct", steps: Sequence[Step]) -> Iterator[tuple[str, str]]:
    """The roles of its semaphores, by who waits and who posts: nobody does both with empty or full."""
    from shmtui.layouts.member_roles import ABSENT, all_members  # noqa: PLC0415 - rarely needed

    names = {m.offset: name for name, m in all_members(struct.members) if m.system == "sem_t"}
    if not names:
        return
    waiting: dict[str, set[str]] = {}
    posting: dict[str, set[str]] = {}
    storing = {s.task for s in steps if s.operation.kind in ACCESSES and _is_data(struct, s)}
    for step in steps:
        place, kind = step.operation.place, step.operation.kind
        name = None if place is None else names.get(place.offset)
        if name is not None and kind in {Kind.WAIT, Kind.POST}:
            users = posting if kind is Kind.POST else waiting
            users.setdefault(name, set()).add(step.task)
    found: dict[str, list[str]] = {"mutex": [], "empty": [], "full": []}
    for name, waiters in waiting.items():
        posters = posting.get(name, set())
        apart = not waiters & posters
        role = ("empty" if waiters <= storing else "full") if apart else "mutex"
        found[role].append(name)
    for role, fitting in found.items():
        yield role, fitting[0] if len(fitting) == 1 else ABSENT


def _is_data(struct: "Struct", step: Step) -> bool:
    """Whether a step stores in an array of the struct."""
    place, kind = step.operation.place, step.operation.kind
    arrays = (m for m in struct.members if m.element is not None and not m.element.system)
    inside = (m.offset <= place.offset < m.offset + m.shape.size for m in arrays if place)
    return kind is not Kind.LOAD and any(inside)


def _use(steps: Sequence[Step], offset: int, size: int) -> _Use:
    use = _Use()
    for step in steps:
        place, kind = step.operation.place, step.operation.kind
        if place is None or not offset <= place.offset < offset + size:
            continue
        if kind is not Kind.STORE:
            use.loading.add(step.task)
        if kind is not Kind.LOAD and step.value != step.after:
            use.storing.add(step.task)
            use.most = max(use.most, step.after or 0)
    return use


def _moved_by(indices: dict[str, _Use], tasks: set[str]) -> dict[str, _Use]:
    return {name: use for name, use in indices.items() if use.storing and use.storing <= tasks}


def _names_slots(steps: Sequence[Step], offset: int, array: "Member", tasks: set[str]) -> bool:
    """Whether the index there always names the slot that these tasks use, or always the one after it: it may be moved
    before the slot is used.
    """
    assert array.element is not None
    size, slots = array.element.shape.size, array.length or 0
    index: int | None = None
    first = False
    ahead: set[int] = set()
    for step in steps:
        place = step.operation.place
        if place is None:
            continue
        # As of a function for strings: it looks behind its string, too.
        wide = step.operation.width > REGISTER
        if place.offset == offset and not wide:
            index = step.value if step.operation.kind is Kind.LOAD else step.after
            first = True
        elif step.task in tasks and index is not None and (first or not wide):
            first = False
            slot, rest = divmod(place.offset - array.offset, size)
            if 0 <= slot < slots and not rest:
                ahead.add((index - slot) % slots)
    return len(ahead) == 1 and ahead <= {0, 1}


def _one(indices: dict[str, _Use], array: "Member") -> str:
    """The only index; of several, the only one that names slots of the array and no others."""
    within = [name for name, use in indices.items() if use.most < (array.length or 0)]
    names = list(indices) if len(indices) == 1 else within
    return names[0] if len(names) == 1 else ""
