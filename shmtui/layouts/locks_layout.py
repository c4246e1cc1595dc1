"""The layout of a struct that holds locks and no ring: its locks are known, the rest is bytes."""

from collections.abc import Iterator, Sequence

import msgspec

from shmtui.i18n import _
from shmtui.layouts.member_roles import all_members, index_members, is_text_or_sync
from shmtui.layouts.options import LayoutOptions
from shmtui.layouts.struct_choice import struct_name
from shmtui.layouts.struct_members import Struct, sync_members
from shmtui.layouts.vocabulary import fitness
from shmtui.shm.layout import ITEM_TYPES, Layout
from shmtui.shm.libc import Libc
from shmtui.shm.sync_object import SyncKind, SyncMember

_RING_ROLES = frozenset({"data", "in", "out", "empty", "full"})
_LOCKS = (SyncKind.SEMAPHORE, SyncKind.MUTEX)


class LocksLayout(msgspec.Struct, frozen=True):
    """A layout of no slots, and the struct that its locks are from."""

    struct: Struct
    layout: Layout
    assumptions: tuple[str, ...] = ()


def locks_layout(
    structs: Sequence[Struct],
    options: LayoutOptions,
    size: int,
    libc: Libc,
    *,
    maybe_ring: bool = False,
) -> LocksLayout | None:
    """The only one of the structs that may be a segment of ``size`` bytes, holds locks, and can be no
    ring. None: there is none, or more than one, or the user says of a ring what it has, or a path to one.
    ``maybe_ring``: the only one of just that size, which may be a ring as well.
    """
    given = dict(options.mapping)
    said = options.slots is not None or options.item is not None or options.index_segment
    path = (options.struct or "").removeprefix("struct ").strip()
    if said or path != struct_name(path) or _RING_ROLES & set(given):
        return None
    name = struct_name(options.struct) if options.struct else ""
    found = [s for s in structs if _may_be(s, size, name, maybe_ring=maybe_ring)]
    whole = [struct for struct in found if struct.size == size]
    found = whole if maybe_ring else whole or found
    layouts = {s.members: _layout(s, libc, given.get("mutex")) for s in found}
    return layouts.popitem()[1] if len(layouts) == 1 else None


def _may_be(struct: Struct, size: int, name: str, *, maybe_ring: bool) -> bool:
    wanted = name in struct.names if name else True
    fits = struct.word_size == 8 and struct.size <= size
    locks = any(True for _member in sync_members(struct.members))
    return wanted and fits and locks and (maybe_ring or not _may_be_ring(struct))


def _may_be_ring(struct: Struct) -> bool:
    """Whether it has what a ring needs, whatever its members are called: slots and two indices; or
    a semaphore that counts, by its name.
    """
    members = dict(all_members(struct.members))
    slots = any(m.element and m.length and not is_text_or_sync(m) for m in members.values())
    integers = sum(m.integer for m in members.values())
    counts = any(
        each.kind is SyncKind.SEMAPHORE and fitness(each.name, role)
        for each in sync_members(struct.members)
        if not each.in_an_element
        for role in ("empty", "full")
    )
    return counts or (slots and integers > 1) or index_members(struct, {}) is not None


def _layout(struct: Struct, libc: Libc, given: str | None) -> LocksLayout:
    sync = tuple(sync_members(struct.members))
    named = [each for each in sync if each.name == given] if given else list(_by_name(sync))
    mutex = named[0] if len(named) == 1 and named[0].kind in _LOCKS else None
    semaphore = mutex is not None and mutex.kind is SyncKind.SEMAPHORE
    layout = Layout(
        0, ITEM_TYPES["uint8"], 0, None, None, mutex.offset if mutex and semaphore else None, None,
        None, struct.size, libc, lock=mutex.offset if mutex and not semaphore else None, sync=sync,
    )  # fmt: skip
    if mutex is None or not semaphore or given:
        return LocksLayout(struct, layout)
    text = _("{member} is a lock by its name").format(member=mutex.name)
    return LocksLayout(struct, layout, (text,))


def _by_name(sync: Sequence[SyncMember]) -> Iterator[SyncMember]:
    """The locks that are ``mutex`` by their names."""
    return (each for each in sync if fitness(each.name, "mutex"))
