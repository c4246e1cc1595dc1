"""Which member of a struct plays which role of a bounded buffer. Pure.

Roles are told by the members' types and their usual names, or given with ``--map``. What
is not plain from these is refused, with the option that settles it: a wrong member would
show wrong values as if they were right.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shmtui.errors import ShmtuiError
from shmtui.i18n import N_, _
from shmtui.layouts.header import Member, Struct
from shmtui.layouts.vocabulary import CONVENTION, ROLES, fitness
from shmtui.shm.layout import SEM_SIZE

ABSENT: Final = "-"
"""``--map mutex=-``: the struct has no such semaphore, whatever its members are called."""
_SEMAPHORES: Final = ("mutex", "empty", "full")
_MAX_ELEMENTS: Final = 16
"""Semaphores of an array that can be named one by one, as ``sems[2]``."""
_KINDS: Final = {
    "data": N_("an array"), "in": N_("an integer"), "out": N_("an integer"),
    "mutex": N_("a sem_t or a pthread_mutex_t"), "empty": N_("a sem_t"), "full": N_("a sem_t"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Roles:
    """The members of a bounded buffer; None: the struct does not hold that semaphore.

    Names are dotted where a member lies in an inner struct, and offsets are the buffer's.
    """

    data: Member
    in_: Member
    out: Member
    mutex: Member | None = None
    empty: Member | None = None
    full: Member | None = None
    by_convention: tuple[str, ...] = ()
    """Roles told by names that other programs use the other way round: ``head``, ``tail``."""

    @property
    def conventions(self) -> tuple[str, ...]:
        """The same as ``--map`` would say them: ``in=head``."""
        found = []
        for role in self.by_convention:
            member = {"in": self.in_, "out": self.out}[role]
            found.append(f"{role}={member.name}")
        return tuple(found)

    @property
    def pthread_mutex(self) -> bool:
        """Whether the lock is a ``pthread_mutex_t``: nothing that ``sem_wait`` could take."""
        return self.mutex is not None and self.mutex.system == "pthread_mutex_t"


# -- members --------------------------------------------------------------------------------------


def all_members(members: Sequence[Member], prefix: str = "") -> Iterator[tuple[str, Member]]:
    """Members with their dotted names, inner structs' after their own."""
    for member in members:
        name = prefix + member.name
        yield name, member
        yield from all_members(member.members, name + ".")
        if member.element is not None and member.element.type_name == "sem_t":
            for index in range(min(member.length or 0, _MAX_ELEMENTS)):
                at = member.offset + index * SEM_SIZE
                yield (
                    f"{name}[{index}]",
                    Member(name, at, member.element.shape, "sem_t", system="sem_t"),
                )


def _suits(member: Member, role: str) -> bool:
    """Whether the member's type can play the role."""
    if role == "data":
        return member.element is not None and bool(member.length) and member.element.shape.size > 0
    if role in {"in", "out"}:
        return member.integer
    return member.system == "sem_t" or (role == "mutex" and member.system == "pthread_mutex_t")


def title(struct: Struct) -> str:
    """A struct for an error text."""
    return f"{struct.names[-1]} ({struct.place})"


# -- roles ----------------------------------------------------------------------------------------


def assign_roles(struct: Struct, given: Mapping[str, str]) -> Roles:
    """Each role's member: as ``given``, else by type and name.

    ShmtuiError: a role is open or ambiguous, or what is given does not fit; with the members
    that there are and the ``--map`` that would settle it.
    """
    members = dict(all_members(struct.members))
    found: dict[str, str | None] = _given_roles(struct, members, given)
    taken = {name for name in found.values() if name is not None}
    by_convention = []
    for role in ROLES:
        if role in found:
            continue
        best, level = _best(members, role, taken)
        if len(best) > 1:
            raise ShmtuiError(_ambiguous(struct, role, best))
        found[role] = best[0] if best else None
        if best and level == CONVENTION:
            by_convention.append(role)
    _no_member_twice(struct, found)
    _none_left_out(struct, members, found, given)
    chosen = {role: members[name] if name else None for role, name in found.items()}
    data, in_, out = chosen["data"], chosen["in"], chosen["out"]
    assert data is not None
    assert in_ is not None
    assert out is not None
    mutex, empty, full = (chosen[role] for role in _SEMAPHORES)
    return Roles(data, in_, out, mutex, empty, full, tuple(by_convention))


def _given_roles(
    struct: Struct, members: Mapping[str, Member], given: Mapping[str, str]
) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for role, name in given.items():
        if role not in ROLES:
            raise ShmtuiError(
                _("--map {role}={name}: there is no role {role}: use {roles}").format(
                    role=role, name=name, roles=listed(ROLES)
                )
            )
        if name == ABSENT and role in _SEMAPHORES:
            found[role] = None
            continue
        if name not in members:
            raise ShmtuiError(
                _("--map {role}={name}: {struct} has no member {name}: it has {members}").format(
                    role=role, name=name, struct=title(struct), members=listed(members)
                )
            )
        if not _suits(members[name], role):
            fitting = [other for other, member in members.items() if _suits(member, role)]
            raise ShmtuiError(
                _(
                    "--map {role}={name}: {name} is {type}, and {role} has to be {kind}: {struct} has "
                    "{fitting}"
                ).format(
                    role=role,
                    name=name,
                    type=members[name].type_name,
                    kind=_(_KINDS[role]),
                    struct=title(struct),
                    fitting=listed(fitting) or _("none"),
                )
            )
        found[role] = name
    return found


def _best(members: Mapping[str, Member], role: str, taken: set[str]) -> tuple[list[str], int]:
    """The names that suit the role best, and how surely; those in outer structs go first."""
    suited = [
        name for name, member in members.items() if name not in taken and _suits(member, role)
    ]
    ranked = [(fitness(name.rpartition(".")[2], role), -name.count("."), name) for name in suited]
    ranked = [rank for rank in ranked if rank[0] > 0 and not rank[2].endswith("]")]
    if ranked:
        top = max(rank[:2] for rank in ranked)
        return [name for *rank, name in ranked if tuple(rank) == top], top[0]
    if role == "data":
        arrays = [name for name in suited if _could_be_items(members[name])]
        return (arrays, 0) if len(arrays) == 1 else ([], 0)
    return [], 0


def _could_be_items(member: Member) -> bool:
    """Whether an array of any name may be the slots where it is the only one: text may not."""
    element = member.element
    return element is not None and element.type_name not in {"char", "sem_t", "pthread_mutex_t"}


def _ambiguous(struct: Struct, role: str, names: Sequence[str]) -> str:
    options = _(" or ").join(f"--map {role}={name}" for name in names)
    return _("{struct} has {count} members that may be {role}: say {options}").format(
        struct=title(struct), count=len(names), role=role, options=options
    )


def _no_member_twice(struct: Struct, found: Mapping[str, str | None]) -> None:
    by_name: dict[str, str] = {}
    for role, name in found.items():
        if name is None:
            continue
        if name in by_name:
            other = by_name[name]
            raise ShmtuiError(
                _(
                    "{name} of {struct} may be {other} and {role}: say which member is what, as --map "
                    "{other}=…,{role}=…"
                ).format(name=name, struct=title(struct), other=other, role=role)
            )
        by_name[name] = role


def _none_left_out(
    struct: Struct,
    members: Mapping[str, Member],
    found: Mapping[str, str | None],
    given: Mapping[str, str],
) -> None:
    """ShmtuiError: a role is open, and the member that plays it cannot be told."""
    used = {name for name in found.values() if name is not None}
    for role in ("data", "in", "out"):
        if found[role] is None:
            left = [n for n, member in members.items() if n not in used and _suits(member, role)]
            kind = _(_KINDS[role])
            what = (
                _("say --map {role}=… with one of {left}").format(role=role, left=listed(left))
                if left
                else _("it needs {kind}").format(kind=kind)
            )
            raise ShmtuiError(
                _("{struct} has no member that is {role} by its name: {what}").format(
                    struct=title(struct), role=role, what=what
                )
            )
    open_ = [role for role in _SEMAPHORES if found[role] is None and given.get(role) != ABSENT]
    left = [
        name
        for name, member in members.items()
        if name not in used and any(_suits(member, role) for role in open_)
    ]
    if open_ and left:
        options = ",".join(f"{role}=…" for role in open_)
        raise ShmtuiError(
            _(
                "{struct} has semaphores whose roles are not told by their names: say --map "
                "{options} with {left}, or {absent} for none"
            ).format(struct=title(struct), options=options, left=listed(left), absent=ABSENT)
        )


def listed(names: Sequence[str] | Mapping[str, object]) -> str:
    """Names for an error text, cut where they are many."""
    shown = list(names)
    return ", ".join(shown[:12]) + (
        _(" and {count} more").format(count=len(shown) - 12) if len(shown) > 12 else ""
    )
