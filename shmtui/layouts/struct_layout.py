"""The layout that a struct's members make, refined by what the user says beside it. Pure."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import msgspec
from msgspec.structs import replace

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.layouts.member_roles import ABSENT, Roles, assign_roles, index_members, title
from shmtui.layouts.options import LayoutOptions
from shmtui.layouts.struct_choice import choose_struct
from shmtui.layouts.struct_members import Element, Member, Struct, sync_members
from shmtui.shm.item_shape import Array, Part, Record, Scalar
from shmtui.shm.layout import ITEM_TYPES, ItemType, Layout
from shmtui.shm.layout_spec import check, item_from_text, layout_text, parse_layout
from shmtui.shm.libc import Libc
from shmtui.shm.protocol import SemaphoreRole

_NO_INDICES = {"in": ABSENT, "out": ABSENT}


class StructLayout(msgspec.Struct, frozen=True):
    """A layout, the struct that it is from, and the members that play its roles."""

    struct: Struct
    roles: Roles
    layout: Layout


class OpenArrayError(ShmtuiError):
    """The struct leaves the number of slots open; ``found`` has as many as there is room for."""

    def __init__(self, text: str, found: StructLayout) -> None:
        super().__init__(text)
        self.found = found


def layout_of_structs(
    structs: Sequence[Struct],
    options: LayoutOptions,
    libc: Libc,
    size: int,
    capacity: int | None = None,
) -> StructLayout:
    """The layout of the struct that is the buffer of a segment of ``size`` bytes, by its roles
    and by ``options``. ``capacity``: slots of an array whose length the struct leaves open.

    ShmtuiError: no struct, or more than one, can be the buffer; or what the options say of it
    cannot be.
    """
    given = dict(options.mapping)
    room = [_filled(s, options, size, capacity) for s in structs]
    if options.index_segment:
        return _with_other_indices(room, options, libc, size)
    struct = choose_struct(room, options.struct, size, given)
    roles = assign_roles(struct, given)
    declared = next((s for s in structs if s.place == struct.place), struct)
    layout = buffer_layout(struct, roles, libc, options.names)
    layout = refined(layout, roles.data, struct, options, capacity)
    found = StructLayout(struct, roles, layout)
    _require_length(declared, found, options.slots or capacity)
    return found


def _open_array(struct: Struct) -> Member | None:
    """The last member, where it is an array whose length the header leaves open."""
    last = struct.members[-1] if struct.members else None
    if last is None or last.element is None or last.length or not last.element.shape.size:
        return None
    return last


def whole(struct: Struct, size: int) -> Struct:
    """The struct with as many elements in its open array as a segment of that size has room for."""
    return _filled(struct, LayoutOptions(), size, None)


def _filled(struct: Struct, options: LayoutOptions, size: int, capacity: int | None) -> Struct:
    """The struct with as many elements in its open array as are said, or as a segment of that
    size has room for; itself where it has none.
    """
    last = _open_array(struct)
    if last is None or last.element is None:
        return struct
    each, slots = last.element.shape.size, options.slots or capacity
    if slots is None or options.item is not None:
        slots = (size - last.offset) // each
    if slots < 1:
        return struct
    members = (*struct.members[:-1], replace(last, length=slots))
    return replace(struct, members=members, size=max(struct.size, last.offset + slots * each))


def _require_length(declared: Struct, found: StructLayout, slots: int | None) -> None:
    last = _open_array(declared)
    if last is not None and last.offset == found.layout.data and slots is None:
        text = _("{member} of {struct} has no length: say --slots N; there is room for {count}")
        raise OpenArrayError(
            text.format(member=last.name, struct=title(declared), count=found.layout.slots), found
        )


# -- what the user says beside the struct -------------------------------------------------------


def refined(
    layout: Layout,
    data: Member,
    struct: Struct,
    options: LayoutOptions,
    capacity: int | None = None,
) -> Layout:
    """The layout with the items and slots that ``options`` say.

    ShmtuiError: the array cannot hold them.
    """
    room = layout.slots * layout.item.size
    if options.item is not None:
        item = item_from_text(options.item)
        if layout.item.size not in {item.size, 1}:
            text = _(
                "{member} of {struct} is {type}: its items have {size} bytes, and --item {item} "
                "has {other}: leave out --item"
            )
            raise ShmtuiError(text.format(
                member=data.name, struct=title(struct), type=data.type_name,
                size=layout.item.size, item=options.item, other=item.size,
            ))  # fmt: skip
        slots = options.slots or capacity or room // item.size
        layout = replace(layout, item=item, slots=slots)
    elif options.slots is not None:
        layout = replace(layout, slots=options.slots)
    if layout.slots < 1 or layout.slots * layout.item.size > room:
        text = _(
            "{member} of {struct} has room for {count} slots of {item}, but --slots says {slots}"
        )
        raise ShmtuiError(text.format(
            member=data.name, struct=title(struct), count=room // layout.item.size,
            item=layout.item.name, slots=options.slots,
        ))  # fmt: skip
    return layout


# -- indices in another segment -----------------------------------------------------------------


def _with_other_indices(
    structs: Sequence[Struct], options: LayoutOptions, libc: Libc, size: int
) -> StructLayout:
    """The layout with the indices that another struct of the same file holds, in the segment
    ``index_segment``. Where no struct has an array of slots, the segment is an array of structs.
    """
    assert options.index_segment is not None
    given = {**dict(options.mapping), **_NO_INDICES}
    holder, in_, out = _index_struct(structs, dict(options.mapping))
    others = [struct for struct in structs if struct is not holder]
    try:
        struct = choose_struct(others, options.struct, size, given)
        roles = assign_roles(struct, given)
    except ShmtuiError:
        struct, roles = _array_of_structs(others, options.struct, size)
    layout = refined(buffer_layout(struct, roles, libc, options.names), roles.data, struct, options)
    assert isinstance(in_.shape, Scalar)
    layout = replace(
        layout, in_=in_.offset, out=out.offset, index_code=in_.shape.code,
        index_segment=options.index_segment,
    )  # fmt: skip
    _require_sound(struct, layout)
    return StructLayout(struct, replace(roles, in_=in_, out=out), layout)


def _index_struct(
    structs: Sequence[Struct], given: Mapping[str, str]
) -> tuple[Struct, Member, Member]:
    found = _pairs(structs, given)
    if len(found) == 1:
        return found[0]
    text = _(
        "--index-segment: {count} structs have integers that are in and out by their names: say "
        "which members they are, as --map in=…,out=…"
    )
    raise ShmtuiError(text.format(count=len(found)))


def index_holders(structs: Sequence[Struct], options: LayoutOptions) -> tuple[Struct, ...]:
    """The structs that hold in and out; none where the user does not say that these lie in another segment."""
    found = _pairs(structs, dict(options.mapping)) if options.index_segment else []
    return tuple(struct for struct, _in, _out in found)


def _pairs(
    structs: Sequence[Struct], given: Mapping[str, str]
) -> list[tuple[Struct, Member, Member]]:
    pairs = ((struct, index_members(struct, given)) for struct in structs)
    return [(struct, *pair) for struct, pair in pairs if pair is not None]


def _array_of_structs(
    structs: Sequence[Struct], name: str | None, size: int
) -> tuple[Struct, Roles]:
    wanted = [s for s in structs if (name in s.names if name else size % s.size == 0)]
    if len(wanted) != 1:
        raise ShmtuiError(
            _(
                "--index-segment: no struct has an array of slots, and it is not plain which one is "
                "an item: say which, as --header FILE:STRUCT"
            )
        )
    item = wanted[0]
    parts = tuple(Part(m.name, m.offset, m.shape) for m in item.members)
    name = item.c_name or item.names[0]
    shape = Record(parts, item.size)
    count = size // item.size
    data = Member(
        name, 0, Array(shape, count), f"{name}[{count}]", length=count, element=Element(name, shape)
    )
    return Struct(item.names, (data,), count * item.size, item.place), Roles(data, None, None)


def buffer_layout(
    struct: Struct, roles: Roles, libc: Libc, names: tuple[tuple[SemaphoreRole, str], ...] = ()
) -> Layout:
    """The struct as a layout; a semaphore that is named, or a lock that is none, has no offset.

    ShmtuiError: the indices differ in type, or members overlap, or an item cannot be carried.
    """
    in_, out = roles.in_, roles.out
    code = _index_code(struct, in_, out) if in_ is not None and out is not None else "i"
    named = {role for role, _name in names}
    mutex, empty, full = (
        None if member is None or member.system != "sem_t" or role in named else member.offset
        for role, member in zip(SemaphoreRole, (roles.mutex, roles.empty, roles.full), strict=True)
    )
    layout = Layout(
        roles.data.length or 0, _item(roles.data), roles.data.offset,
        None if in_ is None else in_.offset, None if out is None else out.offset,
        mutex, empty, full, struct.size, libc, code, names,
        lock=roles.mutex.offset if roles.mutex is not None and roles.pthread_mutex else None,
        sync=(*sync_members(struct.members), *struct.beside),
        index_names=() if in_ is None or out is None else (in_.name, out.name),
    )  # fmt: skip
    _require_sound(struct, layout)
    return layout


def _index_code(struct: Struct, in_: Member, out: Member) -> str:
    assert isinstance(in_.shape, Scalar)
    if in_.shape == out.shape:
        return in_.shape.code
    text = _(
        "{in_} of {struct} is {in_type} and {out} is {out_type}: in and out have to be of one type"
    )
    raise ShmtuiError(text.format(
        in_=in_.name, struct=title(struct), in_type=in_.type_name, out=out.name,
        out_type=out.type_name,
    ))  # fmt: skip


def _item(data: Member) -> ItemType:
    assert data.element is not None
    shape = data.element.shape
    other = ItemType(data.element.type_name, "", shape)
    code = shape.code if isinstance(shape, Scalar) else None
    return next((known for known in ITEM_TYPES.values() if known.code == code), other)


def _require_sound(struct: Struct, layout: Layout) -> None:
    """ShmtuiError: fields overlap, or the layout could not be written into a control block."""
    if any(at + size > after for (at, size), (after, _size) in pairwise(sorted(layout.spans))):
        text = _("members of {struct} overlap: a buffer's lie side by side")
        raise ShmtuiError(text.format(struct=title(struct)))
    try:
        check(layout)
        parse_layout(layout_text(layout))
    except ValueError:
        text = _("{struct} cannot be shown: its items or its slots are beyond what is understood")
        raise ShmtuiError(text.format(struct=title(struct))) from None
