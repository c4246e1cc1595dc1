"""A layout in words, for a person who has to choose one. Pure."""

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.shm.layout import Layout
from shmtui.shm.layout_spec import parse_layout_option
from shmtui.shm.libc import Libc
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.segment_info import LayoutSource
from shmtui.snapshot import word


def layout_words(layout: Layout) -> str:
    """Where everything lies.

    >>> from shmtui.shm.layout import ITEM_TYPES, seed_layout
    >>> layout_words(seed_layout(5, ITEM_TYPES["int32"], Libc.GLIBC))
    '5 × 4-byte items at 0, in at 20, out at 24, mutex 32, empty 64, full 96'
    """
    item = layout.item
    text = _("{slots:,} × {size}-byte items at {offset}")
    if item.shape is not None or item.is_float:
        text = _("{slots:,} × {item} items at {offset}")
    parts = [text.format(slots=layout.slots, size=item.size, item=item.name, offset=layout.data)]
    for index, offset in (("in", layout.in_), ("out", layout.out)):
        if offset is None:
            continue
        where = f"{layout.index_segment} {offset}" if layout.index_segment else offset
        parts.append(_("{index} at {offset}").format(index=index, offset=where))
    if not layout.has_indices:
        parts.append(_("no indices"))
    for role in SemaphoreRole:
        place = layout.semaphore_name(role) or layout.semaphore_offset(role)
        if place is not None:
            parts.append(f"{role} {place}")
    if layout.lock is not None:
        parts.append(f"pthread_mutex_t {layout.lock}")
    if layout.index_size != 4:
        parts.append(_("{size}-byte indices").format(size=layout.index_size))
    return ", ".join(parts)


def source_words(source: LayoutSource, origin: str) -> str:
    """Where a layout is known from, with the program or file.

    >>> source_words(LayoutSource.DEBUG_INFO, "produtor"), source_words(LayoutSource.HEADER, "")
    ('from the debug information of produtor', 'header')
    """
    if source is LayoutSource.DEBUG_INFO:
        return _("from the debug information of {program}").format(program=origin)
    if source is LayoutSource.NEARBY:
        return _("from {file}").format(file=origin)
    return word(source)


def option_words(option: str) -> str:
    """The value of ``--layout`` in words; the value itself where it is not understood.

    >>> option_words("data=0:7xint32,in=28:int64,out=36,mutex=/m,empty=/e,full=/f")
    '7 × 4-byte items at 0, in at 28, out at 36, mutex /m, empty /e, full /f, 8-byte indices'
    """
    try:
        return layout_words(parse_layout_option(option, Libc.GLIBC))
    except ShmtuiError:
        return option
