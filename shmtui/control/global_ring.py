"""A ring in the global variables of a program whose threads produce and consume."""

from pathlib import Path
from typing import TYPE_CHECKING

from shmtui.control.global_variables import OWN
from shmtui.control.items import Ring
from shmtui.control.operation import ACCESSES
from shmtui.control.ring_by_use import ring_members, semaphore_members
from shmtui.control.run import Run
from shmtui.layouts.member_roles import ABSENT, all_members
from shmtui.layouts.struct_members import Struct

if TYPE_CHECKING:
    from shmtui.control.program import HeldProgram


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
    places = [(address - own.begin, size, name) for address, size, name in own.variables]
    variables = typed_variables(Path(program.executable), places)
    struct = Struct((program.name,), variables, own.end - own.begin, program.executable)
    found = set(ring_members(struct, [s for s in steps if s.operation.kind in ACCESSES]))
    if len(found) != 1:
        return None
    members = dict(all_members(variables))
    data, in_, out = (members[name] for name in next(iter(found)))
    assert data.element is not None
    locks = {role: members[n].offset for role, n in semaphore_members(struct, steps) if n != ABSENT}
    return Ring(
        segment, data.offset, data.length or 0, data.element.shape.size, in_.offset, out.offset,
        locks.get("mutex"), locks.get("empty"), locks.get("full"),
    )  # fmt: skip
