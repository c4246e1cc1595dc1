"""Which member of a struct plays which role of a bounded buffer. Pure.

The members' types and usual names propose the roles, or ``--map`` gives them. Where they do not
tell, the struct is refused with the option that settles it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shmtui.errors import ShmtuiError
from shmtui.i18n import N_, _
from shmtui.layouts.struct_members import Member, Struct
from shmtui.layouts.vocabulary import CAPACITY, CONVENTION, ROLES, fitness
from shmtui.shm.layout import SEM_SIZE

ABSENT: Final = "-"
"""``--map mutex=-``: the struct has no such member, whatever its members are called."""
_SEMAPHORES: Final = ("mutex", "empty", "full")
_INDICES: Final = ("in", "out")
_MAX_ELEMENTS: Final = 16
"""Semaphores of an array that can be named one by one, as ``sems[2]``."""
_KINDS: Final = {
    "data": N_("an array"), "in": N_("an integer"), "out": N_("an integer"),
    "mutex": N_("a sem_t or a pthread_mutex_t"), "empty": N_("a sem_t"), "full": N_("a sem_t"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Roles:
    """The members of a bounded buffer; None: the struct does not hold that one.

    ``in_`` and ``out`` are both None or neither. Names are dotted where a member lies in an
    inner struct, and offsets are the buffer's.
    """

    data: Member
    in_: Member | None
    out: Member | None
    mutex: Member | None = None
    empty: Member | None = None
    full: Member | None = None
    by_convention: bool = False
    """Whether both indices have names that programs use both ways: ``head`` and ``tail``."""
    capacity: tuple[Member, ...] = ()
    """Members that may say how many slots of the array are used, the likeliest first."""

    @property
    def directions(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The indices as ``--map`` writes them, in both directions: ``in=head``, ``out=tail``."""
        names = [member.name for member in (self.in_, self.out) if member is not None]
        if not names:
            return (), ()
        one, other = names
        return (f"in={one}", f"out={other}"), (f"in={other}", f"out={one}")

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
        if member.element is not None and member.element.system == "sem_t":
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
    if role in {*_INDICES, CAPACITY}:
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
    by_convention = set()
    for role in ROLES:
        if role in found:
            continue
        best, level = _best(members, role, taken)
        if len(best) > 1:
            raise ShmtuiError(_ambiguous(struct, role, best))
        found[role] = best[0] if best else None
        if best and level == CONVENTION:
            by_convention.add(role)
    _no_member_twice(struct, found)
    _none_left_out(struct, members, found, given)
    chosen = {role: members[name] if name else None for role, name in found.items()}
    data = chosen["data"]
    assert data is not None
    in_, out, mutex, empty, full = (chosen[role] for role in (*_INDICES, *_SEMAPHORES))
    both_ways = by_convention == set(_INDICES)
    used = {name for name in found.values() if name}
    return Roles(data, in_, out, mutex, empty, full, both_ways, _capacities(members, used))


def _capacities(members: Mapping[str, Member], used: set[str]) -> tuple[Member, ...]:
    ranked = [
        (-fitness(name.rpartition(".")[2], CAPACITY), name)
        for name, member in members.items()
        if name not in used and _suits(member, CAPACITY)
    ]
    return tuple(members[name] for fit, name in sorted(ranked) if fit)


def index_members(struct: Struct, given: Mapping[str, str]) -> tuple[Member, Member] | None:
    """The members that are ``in`` and ``out`` by name, or as ``given``; None: it has no such two."""
    members = dict(all_members(struct.members))
    found = []
    for role in _INDICES:
        names, _level = _best(members, role, set())
        name = given.get(role, names[0] if len(names) == 1 else "")
        name = name.removeprefix(f"{struct.names[-1]}.")
        if name not in members or not _suits(members[name], role):
            return None
        found.append(members[name])
    in_, out = found
    return (in_, out) if in_ is not out and in_.shape == out.shape else None


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
        if name == ABSENT and role != "data":
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
    for role in ("data", *(() if _indices_absent(members, found, given) else _INDICES)):
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


def _indices_absent(
    members: Mapping[str, Member], found: Mapping[str, str | None], given: Mapping[str, str]
) -> bool:
    """Whether the struct holds no indices: by ``--map in=-,out=-``, or since no integer is left
    and its semaphores make it a buffer all the same.
    """
    if any(found[role] is not None for role in _INDICES):
        return False
    if all(given.get(role) == ABSENT for role in _INDICES):
        return True
    used = {name for name in found.values() if name is not None}
    left = any(_suits(member, "in") for name, member in members.items() if name not in used)
    return not left and any(found[role] for role in _SEMAPHORES)


def listed(names: Sequence[str] | Mapping[str, object]) -> str:
    """Names for an error text, cut where they are many."""
    shown = list(names)
    return ", ".join(shown[:12]) + (
        _(" and {count} more").format(count=len(shown) - 12) if len(shown) > 12 else ""
    )
