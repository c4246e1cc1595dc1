"""A layout as text and back, for the control block. Pure.

Reading believes nothing: whatever does not make a sound layout is refused.
"""

import json
import struct
from typing import Any

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.shm.layout import ITEM_TYPES, MAX_SLOTS, ItemType, Layout
from shmtui.shm.libc import Libc
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.segment import segment_name

_INDEX_CODES = frozenset("bBhHiIqQ")


def layout_text(layout: Layout) -> str:
    """The layout on one line."""
    item: Any = layout.item.name
    if layout.item.shape is not None:
        from shmtui.shm.shape_text import shape_list  # noqa: PLC0415 - scalars do without

        item = [layout.item.name, shape_list(layout.item.shape)]
    record = {
        "slots": layout.slots,
        "item": item,
        "at": [layout.data, layout.in_, layout.out, layout.mutex, layout.empty, layout.full],
        "size": layout.size,
        "libc": layout.libc,
        "index": layout.index_code,
        "names": dict(layout.names),
        "lock": layout.lock,
    }
    return json.dumps(record, separators=(",", ":"))


def parse_layout(text: str) -> Layout:
    """The layout in ``text``; ValueError if it is not a sound one."""
    try:
        record = json.loads(text)
        data, in_, out, mutex, empty, full = record["at"]
        names = tuple((SemaphoreRole(k), str(v)) for k, v in record["names"].items())
        layout = Layout(
            slots=_count(record["slots"]),
            item=_item(record["item"]),
            data=_count(data),
            in_=_count(in_),
            out=_count(out),
            mutex=None if mutex is None else _count(mutex),
            empty=None if empty is None else _count(empty),
            full=None if full is None else _count(full),
            size=_count(record["size"]),
            libc=Libc(record["libc"]),
            index_code=str(record["index"]),
            names=names,
            lock=None if record.get("lock") is None else _count(record["lock"]),
        )
    except (KeyError, TypeError, AttributeError, RecursionError, struct.error) as error:
        raise ValueError(_("not a layout: {error}").format(error=error)) from None
    check(layout)
    return layout


def check(layout: Layout) -> None:
    """ValueError unless every field lies inside the segment and every name is a semaphore's."""
    if not 1 <= layout.slots <= MAX_SLOTS or layout.index_code not in _INDEX_CODES:
        raise ValueError(_("not a layout: slots or indices"))
    if layout.item.size < 1:
        raise ValueError(_("not a layout: an item without bytes"))
    ends = [
        layout.data + layout.slots * layout.item.size,
        layout.in_ + layout.index_size,
        layout.out + layout.index_size,
    ]
    ends += [at + size for at, size in layout.system_spans]
    if max(ends) > layout.size:
        raise ValueError(_("not a layout: a field lies beyond its end"))
    for _role, name in layout.names:
        _check_name(name)


def _check_name(name: str) -> None:
    """A name becomes a path: one that leads out of /dev/shm is none."""
    try:
        sound = segment_name(name) == name
    except (ShmtuiError, UnicodeError):
        sound = False
    if not sound:
        raise ValueError(_("not a layout: {name!a} is no semaphore's name").format(name=name))


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**62:
        raise ValueError(_("not a layout: {value!r} is no size").format(value=value))
    return value


def _item(value: Any) -> ItemType:
    if isinstance(value, str):
        return ITEM_TYPES[value]
    name, shape = value
    if not isinstance(name, str):
        raise TypeError(_("an item type's name"))
    from shmtui.shm.shape_text import parse_shape  # noqa: PLC0415 - scalars do without

    return ItemType(name, "", parse_shape(shape, 0))
