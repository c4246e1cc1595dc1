"""A layout in words, for a person who has to choose one. Pure."""

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.shm.layout import Layout
from shmtui.shm.layout_spec import parse_layout_option
from shmtui.shm.libc import Libc
from shmtui.shm.protocol import SemaphoreRole


def layout_words(layout: Layout) -> str:
    """Where everything lies.

    >>> from shmtui.shm.layout import ITEM_TYPES, seed_layout
    >>> layout_words(seed_layout(5, ITEM_TYPES["int32"], Libc.GLIBC))
    '5 × 4-byte items at 0, in at 20, out at 24, mutex 32, empty 64, full 96'
    """
    item = layout.item
    plain = item.shape is None and not item.is_float
    text = _("{slots:,} × {size}-byte items at {offset}")
    if not plain:
        text = _("{slots:,} × {item} items at {offset}")
    parts = [
        text.format(slots=layout.slots, size=item.size, item=item.name, offset=layout.data),
        _("{index} at {offset}").format(index="in", offset=layout.in_),
        _("{index} at {offset}").format(index="out", offset=layout.out),
    ]
    for role in SemaphoreRole:
        place = layout.semaphore_name(role) or layout.semaphore_offset(role)
        if place is not None:
            parts.append(f"{role} {place}")
    if layout.lock is not None:
        parts.append(f"pthread_mutex_t {layout.lock}")
    if layout.index_size != 4:
        parts.append(_("{size}-byte indices").format(size=layout.index_size))
    return ", ".join(parts)


def convention_words(by_convention: tuple[str, ...]) -> str:
    """That some members' parts rest on a convention, and how to say it otherwise.

    >>> convention_words(("in=head", "out=tail"))
    'in=head and out=tail by convention: programs use these names both ways; --map says it otherwise'
    """
    return _(
        "{members} by convention: programs use these names both ways; --map says it otherwise"
    ).format(members=_(" and ").join(by_convention))


def assumed_words() -> str:
    """That the layout is not sure, and what makes it so."""
    return _(
        "taken for the exercise's 5 × int32 by its name and size; others fit too: "
        "--slots or --header says for sure"
    )


def option_words(option: str) -> str:
    """The value of ``--layout`` in words; the value itself where it is not understood.

    >>> option_words("data=0:7xint32,in=28:int64,out=36,mutex=/m,empty=/e,full=/f")
    '7 × 4-byte items at 0, in at 28, out at 36, mutex /m, empty /e, full /f, 8-byte indices'
    """
    try:
        return layout_words(parse_layout_option(option, Libc.GLIBC))
    except ShmtuiError:
        return option
