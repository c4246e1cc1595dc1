"""Which struct of a header is the buffer, and what its members make of a layout. Pure."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.layouts.header import Member, Struct
from shmtui.layouts.member_paths import at_path, paths_to, spellings
from shmtui.layouts.member_roles import Roles, all_members, assign_roles, listed, title
from shmtui.shm.item_shape import Scalar
from shmtui.shm.layout import ITEM_TYPES, ItemType, Layout
from shmtui.shm.layout_spec import check, layout_text, parse_layout
from shmtui.shm.libc import Libc
from shmtui.shm.protocol import SemaphoreRole

__all__ = ["Roles", "assign_roles", "buffer_layout", "choose_struct"]

# -- structs --------------------------------------------------------------------------------------


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
        wanted, *path = name.removeprefix("struct ").strip().split(".")
        for struct in reversed(structs):
            if wanted in struct.names:
                return at_path(struct, path, structs)
        raise ShmtuiError(
            _("the header has no struct {wanted}: it has {structs}").format(
                wanted=wanted, structs=_names(structs)
            )
        )
    if len(structs) == 1:
        return structs[0]
    likely = [struct for struct in structs if _assignable(struct, given)]
    if not likely:
        equal = [struct for struct in structs if struct.size == segment_size]
        if len(equal) == 1:
            return equal[0]
        raise ShmtuiError(
            _(
                "none of the header's structs has the members of a buffer by their names: {structs}, "
                "with --map data=…,in=…,out=…"
            ).format(structs=_options(structs))
        )
    chosen = _fitting(likely, segment_size)
    for ring in likely:
        # A struct of several rings is none: its members' names would tell one by chance.
        if len(list(paths_to(ring, [chosen]))) > 1:
            chosen = ring
    return chosen if chosen.size == segment_size else _where(chosen, structs, segment_size)


def _where(struct: Struct, structs: Sequence[Struct], segment_size: int) -> Struct:
    """The struct as the segment holds it: by itself, or inside one of the header's others."""
    paths = [(s, path) for s, path in paths_to(struct, structs) if s.size <= segment_size]
    if not paths:
        return struct
    whole = [(s, path) for s, path in paths if s.size == segment_size]
    if len(whole) == 1:
        outer, path = whole[0]
        return at_path(outer, path.split(".")[1:], structs)
    file = struct.place.rpartition(":")[0]
    options = [f"{file}:{path}" for _outer, path in whole or paths]
    if not whole:
        options.append(f"{file}:{struct.names[-1]}")
    raise ShmtuiError(
        _("{struct} is part of another struct: say which, as --header {options}").format(
            struct=title(struct), options=listed(options)
        )
    )


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
    raise ShmtuiError(
        _("more than one struct of the header may be the buffer: {structs}").format(
            structs=_options(likely)
        )
    )


def _assignable(struct: Struct, given: Mapping[str, str]) -> bool:
    try:
        assign_roles(struct, given)
    except ShmtuiError:
        return False
    return True


def _holds(outer: Struct, inner: Struct) -> bool:
    return any(member.type_name in spellings(inner) for _name, member in all_members(outer.members))


def _names(structs: Sequence[Struct]) -> str:
    return listed(
        [
            _("{name} ({size} bytes)").format(name=struct.names[-1], size=struct.size)
            for struct in structs
        ]
    )


def _options(structs: Sequence[Struct]) -> str:
    file = structs[0].place.rpartition(":")[0]
    return _("{structs}: say which, as --header {file}:{name}").format(
        structs=_names(structs), file=file, name=structs[0].names[-1]
    )


# -- layout ---------------------------------------------------------------------------------------


def buffer_layout(
    struct: Struct,
    roles: Roles,
    libc: Libc,
    names: tuple[tuple[SemaphoreRole, str], ...] = (),
) -> Layout:
    """The struct as a layout; a semaphore that is named, or a lock that is none, has no offset.

    ShmtuiError: the indices differ in type, or members overlap, or an item cannot be carried.
    """
    in_, out = roles.in_.shape, roles.out.shape
    assert isinstance(in_, Scalar)
    if in_ != out:
        raise ShmtuiError(
            _(
                "{in_} of {struct} is {in_type} and {out} is {out_type}: in and out have to "
                "be of one type"
            ).format(
                in_=roles.in_.name,
                struct=title(struct),
                in_type=roles.in_.type_name,
                out=roles.out.name,
                out_type=roles.out.type_name,
            )
        )
    named = {role for role, _ in names}
    offsets: dict[str, int | None] = {
        role.value: None
        if member is None or member.system != "sem_t" or role in named
        else member.offset
        for role, member in (
            (SemaphoreRole.MUTEX, roles.mutex),
            (SemaphoreRole.EMPTY, roles.empty),
            (SemaphoreRole.FULL, roles.full),
        )
    }
    layout = Layout(
        slots=roles.data.length or 0,
        item=_item(roles.data),
        data=roles.data.offset,
        in_=roles.in_.offset,
        out=roles.out.offset,
        size=struct.size,
        libc=libc,
        index_code=in_.code,
        names=names,
        lock=roles.mutex.offset if roles.mutex is not None and roles.pthread_mutex else None,
        **offsets,
    )
    _require_sound(struct, layout)
    return layout


def _item(data: Member) -> ItemType:
    assert data.element is not None
    shape = data.element.shape
    if isinstance(shape, Scalar):
        for known in ITEM_TYPES.values():
            if known.code == shape.code:
                return known
    return ItemType(data.element.type_name, "", shape)


def _require_sound(struct: Struct, layout: Layout) -> None:
    spans = [
        (layout.data, layout.slots * layout.item.size),
        (layout.in_, layout.index_size),
        (layout.out, layout.index_size),
    ]
    spans += layout.system_spans
    spans.sort()
    if any(at + size > after for (at, size), (after, _) in pairwise(spans)):
        raise ShmtuiError(
            _("members of {struct} overlap: a buffer's lie side by side").format(
                struct=title(struct)
            )
        )
    try:
        check(layout)
        parse_layout(layout_text(layout))
    except ValueError:
        raise ShmtuiError(
            _(
                "{struct} cannot be shown: its items or its slots are beyond what is understood"
            ).format(struct=title(struct))
        ) from None
