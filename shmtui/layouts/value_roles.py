"""Roles of semaphores that no name tells, by their values: every order of them is tried on the
live bytes, and the only one that they allow is likely.
"""

import contextlib
from collections.abc import Callable, Iterator
from itertools import permutations

from msgspec.structs import replace

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.layouts.mapping_programs import MappedSegment
from shmtui.layouts.member_roles import ABSENT, SEMAPHORES, all_members
from shmtui.layouts.options import LayoutOptions
from shmtui.layouts.semaphore_set_roles import never_contradicted
from shmtui.layouts.struct_layout import StructLayout
from shmtui.layouts.struct_members import Struct
from shmtui.layouts.vocabulary import fitness

Build = Callable[[Struct, LayoutOptions], StructLayout]


def by_values(segment: MappedSegment, struct: Struct, build: Build) -> StructLayout | None:
    """The layout of a struct by the only order of its semaphores that the values allow; None: they
    allow none, or several. ``build`` lays it out as options say; ShmtuiError: it cannot be.
    """
    ways = []
    for order in _orders(struct, dict(segment.options.mapping)):
        said = replace(segment.options, mapping=(*segment.options.mapping, *order))
        with contextlib.suppress(ShmtuiError):
            ways.append(build(struct, said))
    left = never_contradicted(segment, [way.layout for way in ways])
    return next(way for way in ways if way.layout == left[0]) if len(left) == 1 else None


def roles_words(found: StructLayout) -> str:
    """Which semaphore has which role, as an assumption."""
    roles = found.roles
    members = zip(SEMAPHORES, (roles.mutex, roles.empty, roles.full), strict=True)
    told = ", ".join(f"{role}={member.name}" for role, member in members if member is not None)
    return _("by their values: {roles}").format(roles=told)


def _orders(struct: Struct, given: dict[str, str]) -> Iterator[tuple[tuple[str, str], ...]]:
    """Roles as ``--map`` gives them: each of the semaphores has one, and a name that tells a role
    has that one. Two semaphores are empty and full, beside a lock or none.
    """
    members = dict(all_members(struct.members))
    free = [n for n, m in members.items() if m.system == "sem_t" and n not in given.values()]
    locks = [name for name, m in members.items() if m.system == "pthread_mutex_t"]
    open_ = [role for role in SEMAPHORES if role not in given]
    beside: tuple[tuple[str, str], ...] = ()
    if len(free) == len(open_) - 1 and "mutex" in open_ and len(locks) < 2:
        open_.remove("mutex")
        beside = (("mutex", locks[0] if locks else ABSENT),)
    if len(free) != len(open_):
        return
    for order in permutations(free):
        told = list(zip(open_, order, strict=True))
        if all(_may_play(name, role) for role, name in told):
            yield (*beside, *told)


def _may_play(name: str, role: str) -> bool:
    own = [each for each in SEMAPHORES if fitness(name, each)]
    return not own or role in own
