"""Which member of a struct plays which role of a bounded buffer. Pure.

The members' types and usual names propose the roles, or ``--map`` gives them. Where they do not
tell, the struct is refused with the option that settles it.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from shmtui.errors import ShmtuiError
from shmtui.i18n import N_, _
from shmtui.layouts.struct_members import Member, Struct
from shmtui.layouts.vocabulary import CAPACITY, CERTAIN, CONVENTION, COUNT, ROLES, fitness
from shmtui.shm.item_shape import INTEGER_CODES, Bits, Scalar
from shmtui.shm.layout import ITEM_TYPES, SEM_SIZE

ABSENT: Final = "-"
"""``--map mutex=-``: the struct has no such member, whatever its members are called."""
SEMAPHORES: Final = ("mutex", "empty", "full")
_INDICES: Final = ("in", "out")
_MAX_ELEMENTS: Final = 16
"""Semaphores of an array that can be named one by one, as ``sems[2]``."""
_KINDS: Final = {
    "data": N_("an array"), "in": N_("an integer"), "out": N_("an integer"),
    "mutex": N_("a sem_t or a pthread_mutex_t"), "empty": N_("a sem_t"), "full": N_("a sem_t"),
    COUNT: N_("an integer"),
}  # fmt: skip


class Roles(msgspec.Struct, frozen=True):
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
    counts: tuple[Member, ...] = ()
    """Members that may count the full slots, the likeliest first."""
    told_by_names: bool = True
    """Whether the array, too, is the slots by its name or the user's word; else it is the only one."""

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


def all_members(members: Sequence[Member], prefix: str = "") -> Iterator[tuple[str, Member]]:
    """Members with their dotted names, inner structs' after their own."""
    for member in members:
        name = prefix + member.name
        yield name, member
        yield from all_members(member.members, name + ".")
        if member.element is not None and member.element.system == "sem_t":
            for index in range(min(member.length or 0, _MAX_ELEMENTS)):
                own, at = f"{member.name}[{index}]", member.offset + index * SEM_SIZE
                element = Member(own, at, member.element.shape, "sem_t", system="sem_t")
                yield prefix + own, element


def _suits(member: Member, role: str) -> bool:
    if role == "data":
        return member.element is not None and bool(member.length) and member.element.shape.size > 0
    if role in {*_INDICES, CAPACITY, COUNT}:
        return member.integer
    return member.system == "sem_t" or (role == "mutex" and member.system == "pthread_mutex_t")


def _suiting(members: Mapping[str, Member], role: str, used: Collection[str] = ()) -> list[str]:
    """The members whose type can play the role, but for those that are used."""
    return [name for name, m in members.items() if name not in used and _suits(m, role)]


def title(struct: Struct) -> str:
    """A struct for an error text."""
    return f"{struct.names[-1]} ({struct.place})"


def listed(names: Iterable[str]) -> str:
    """Names for an error text, cut where they are many."""
    shown = list(names)
    more = len(shown) - 12
    return ", ".join(shown[:12]) + (_(" and {count} more").format(count=more) if more > 0 else "")


def assign_roles(struct: Struct, given: Mapping[str, str]) -> Roles:
    """Each role's member: as ``given``, else by type and name.

    ShmtuiError: a role is open or ambiguous, or what is given does not fit; with the members
    that there are and the ``--map`` that would settle it.
    """
    members = dict(all_members(struct.members))
    members |= {name: m for name in given.values() if (m := _integer_element(members, name))}
    found = _given_roles(struct, members, given)
    taken = set(filter(None, found.values()))
    levels = {}
    for role in ROLES:
        if role in found:
            continue
        best, levels[role] = _best(members, role, taken)
        if len(best) > 1:
            options = _(" or ").join(f"--map {role}={name}" for name in best)
            text = _("{struct} has {count} members that may be {role}: say {options}")
            raise ShmtuiError(
                text.format(struct=title(struct), count=len(best), role=role, options=options)
            )
        found[role] = best[0] if best else None
    _no_member_twice(struct, found)
    used = set(filter(None, found.values()))
    _none_left_out(struct, members, found, given, used)
    # By their whole names, as --map takes them.
    chosen = {
        role: replace(members[name], name=name) if name else None for role, name in found.items()
    }
    data = chosen["data"]
    assert data is not None
    in_, out, mutex, empty, full = (chosen[role] for role in (*_INDICES, *SEMAPHORES))
    both_ways = all(levels.get(role) == CONVENTION for role in _INDICES)
    capacity = _ranked(members, CAPACITY, used)
    counts = _ranked(members, COUNT, used)
    if COUNT in found:
        counts = () if chosen[COUNT] is None else (chosen[COUNT],)
    told = levels.get("data", CERTAIN) > 0
    return Roles(data, in_, out, mutex, empty, full, both_ways, capacity, counts, told)


def _ranked(members: Mapping[str, Member], role: str, used: Collection[str]) -> tuple[Member, ...]:
    """The members whose type and name suit the role, the likeliest first."""
    ranked = [(-fitness(name, role), name) for name in _suiting(members, role, used)]
    return tuple(replace(members[name], name=name) for fit, name in sorted(ranked) if fit)


def index_members(struct: Struct, given: Mapping[str, str]) -> tuple[Member, Member] | None:
    """The members that are ``in`` and ``out`` by name, or as ``given``; None: it has no such two."""
    members = dict(all_members(struct.members))
    found = []
    for role in _INDICES:
        names, _level = _best(members, role, ())
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
        if role not in (*ROLES, COUNT):
            text = _("--map {role}={name}: there is no role {role}: use {roles}")
            roles = listed((*ROLES, COUNT))
            raise ShmtuiError(text.format(role=role, name=name, roles=roles))
        if name == ABSENT and role != "data":
            found[role] = None
            continue
        if name not in members:
            text = _("--map {role}={name}: {struct} has no member {name}: it has {members}")
            raise ShmtuiError(
                text.format(role=role, name=name, struct=title(struct), members=listed(members))
            )
        if not _suits(members[name], role):
            text = _(
                "--map {role}={name}: {name} is {type}, and {role} has to be {kind}: {struct} has "
                "{fitting}"
            )
            raise ShmtuiError(text.format(
                role=role, name=name, type=_type_words(members[name]), kind=_(_KINDS[role]),
                struct=title(struct), fitting=listed(_suiting(members, role)) or _("none"),
            ))  # fmt: skip
        found[role] = name
    return found


def _integer_element(members: Mapping[str, Member], name: str) -> Member | None:
    """The integer ``idx[1]`` of an array of them, which only the user can name."""
    match = re.fullmatch(r"(.+)\[(\d{1,4})\]", name)
    array = members.get(match[1]) if match else None
    if match is None or array is None or array.element is None:
        return None
    index, shape = int(match[2]), array.element.shape
    if not isinstance(shape, Scalar) or shape.code not in INTEGER_CODES or array.element.system:
        return None
    at = array.offset + index * shape.size
    fits = index < (array.length or 0)
    return Member(name, at, shape, array.element.type_name, integer=True) if fits else None


def _type_words(member: Member) -> str:
    if not isinstance(member.shape, Bits):
        return member.type_name
    return _("a bit-field of {type}").format(type=member.type_name)


def _best(
    members: Mapping[str, Member], role: str, taken: Collection[str]
) -> tuple[list[str], int]:
    """The names that suit the role best, and how surely; those in outer structs go first."""
    suited = _suiting(members, role, taken)
    ranked = [
        (fit, -name.count("."), name)
        for name in suited
        if not name.endswith("]") and (fit := fitness(name, role))
    ]
    if ranked:
        top = max(rank[:2] for rank in ranked)
        return [name for *rank, name in ranked if tuple(rank) == top], top[0]
    # An array of any name may be the slots where it is the only one: text may not. A lock by its
    # type needs no name where nothing else can be: condition variables need a mutex.
    unnamed = {
        "data": [name for name in suited if not is_text_or_sync(members[name])],
        "mutex": [] if any(m.system == "sem_t" for m in members.values()) else suited,
    }.get(role, [])
    return (unnamed, 0) if len(unnamed) == 1 else ([], 0)


def is_text_or_sync(array: Member) -> bool:
    """Whether an array holds text, or locks."""
    kind = "" if array.element is None else array.element.type_name
    return kind in {"char", "sem_t", "pthread_mutex_t"}


def _no_member_twice(struct: Struct, found: Mapping[str, str | None]) -> None:
    by_name: dict[str | None, str] = {}
    for role, name in found.items():
        other = by_name.setdefault(name, role)
        if name is not None and other != role:
            text = _(
                "{name} of {struct} may be {other} and {role}: say which member is what, as --map "
                "{other}=…,{role}=…"
            )
            raise ShmtuiError(text.format(name=name, struct=title(struct), other=other, role=role))


def _none_left_out(
    struct: Struct,
    members: Mapping[str, Member],
    found: Mapping[str, str | None],
    given: Mapping[str, str],
    used: Collection[str],
) -> None:
    """ShmtuiError: a role is open, and the member that plays it cannot be told."""
    needed = ("data",) if _indices_absent(members, found, given, used) else ("data", *_INDICES)
    for role in needed:
        if found[role] is None:
            left = _suiting(members, role, used)
            if role in _INDICES and (name := _bit_field(members, role)):
                text = _(
                    "{name} of {struct} is a bit-field, and indices are integers of their own: show it without them, "
                    "by --map in={absent},out={absent}"
                )
                raise ShmtuiError(text.format(name=name, struct=title(struct), absent=ABSENT))
            if role in _INDICES and not left:
                names = (f"{name}[{index}]" for name in members for index in (0, 1))
                left = [each for each in names if _integer_element(members, each)]
                left = [each for each in left if each.partition("[")[0] not in used]
            text = _("say --map {role}=… with one of {left}") if left else _("it needs {kind}")
            if role == "data" and not left and found["in"] and found["out"]:
                text = _(
                    "it needs {kind}; where the slots lie behind it, say how many and what they are: --layout {layout}"
                )
            what = text.format(
                role=role,
                left=listed(left),
                kind=_(_KINDS[role]),
                layout=_slots_behind(struct, members, found),
            )
            raise ShmtuiError(
                _("{struct} has no member that is {role} by its name: {what}").format(
                    struct=title(struct), role=role, what=what
                )
            )
    open_ = [role for role in SEMAPHORES if found[role] is None and given.get(role) != ABSENT]
    fitting = {name for role in open_ for name in _suiting(members, role, used)}
    if fitting:
        text = _(
            "{struct} has semaphores whose roles are not told by their names: say --map "
            "{options} with {left}, or {absent} for none"
        )
        if len(open_) == len(fitting) == 1:
            text = _(
                "{struct} has a semaphore whose role is not told by its name: say --map {options}={left}, or --map "
                "{options}={absent} if it is another's"
            )
        raise ShmtuiError(text.format(
            struct=title(struct), options=",".join(
                role if len(open_) == len(fitting) == 1 else f"{role}=…" for role in open_
            ),
            left=listed(name for name in members if name in fitting), absent=ABSENT,
        ))  # fmt: skip


def _slots_behind(
    struct: Struct, members: Mapping[str, Member], found: Mapping[str, str | None]
) -> str:
    """The option for slots that begin where the struct ends, with the places of the members that play roles."""
    codes = {item.code: name for name, item in ITEM_TYPES.items()}
    parts = [f"data={struct.size}:COUNTxTYPE"]
    for role in (*_INDICES, *SEMAPHORES):
        member = members.get(found.get(role) or "")
        if member is not None and member.system in {"", "sem_t"}:
            width = f":{codes[member.shape.code]}" if isinstance(member.shape, Scalar) else ""
            parts.append(f"{role}={member.offset}{width}")
    return ",".join(parts)


def _bit_field(members: Mapping[str, Member], role: str) -> str | None:
    """The bit-field that plays the role by its name."""
    fitting = (
        name for name, m in members.items() if isinstance(m.shape, Bits) and fitness(name, role)
    )
    return next(fitting, None)


def _indices_absent(
    members: Mapping[str, Member],
    found: Mapping[str, str | None],
    given: Mapping[str, str],
    used: Collection[str],
) -> bool:
    """Whether the struct holds no indices: by ``--map in=-,out=-``, or since no integer is left
    and its semaphores make it a buffer all the same.
    """
    if any(found[role] is not None for role in _INDICES):
        return False
    if all(given.get(role) == ABSENT for role in _INDICES):
        return True
    return not _suiting(members, "in", used) and any(found[role] for role in SEMAPHORES)
