"""A layout as the option ``--layout`` writes it, and back. Pure.

``data=0:5xint32,in=20:int32,out=24,mutex=32,empty=64,full=96,size=128``: byte
offsets; the data's slots and item type; the indices' type; semaphores by offset,
or by name where they are named ones (``mutex=/jobs.mutex``); ``lock=40`` is a
``pthread_mutex_t`` in the mutex's place. Every candidate of
an ambiguous segment is refused with the option that picks it.
"""

import json
import re
import struct
from dataclasses import replace
from typing import Any, Final

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.shm.layout import ITEM_TYPES, MAX_SLOTS, ItemType, Layout
from shmtui.shm.libc import Libc
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.segment import segment_name

_INDEX_TYPES: Final = {t.code: t.name for t in ITEM_TYPES.values() if not t.is_float}
_ARRAY: Final = re.compile(r"(char|byte)\[(\d{1,9})\]")


def layout_option(layout: Layout) -> str:
    """The layout as the value of ``--layout``.

    >>> from shmtui.shm.layout import seed_layout
    >>> layout_option(seed_layout(5, ITEM_TYPES["int32"], Libc.GLIBC))
    'data=0:5xint32,in=20:int32,out=24,mutex=32,empty=64,full=96'
    """
    parts = [
        f"data={layout.data}:{layout.slots}x{layout.item.name}",
        f"in={layout.in_}:{_INDEX_TYPES[layout.index_code]}",
        f"out={layout.out}",
    ]
    for role in SemaphoreRole:
        place = layout.semaphore_name(role) or layout.semaphore_offset(role)
        if place is not None:
            parts.append(f"{role}={place}")
    if layout.lock is not None:
        parts.append(f"lock={layout.lock}")
    return ",".join(parts)


def item_from_text(text: str) -> ItemType:
    """A scalar's name, ``char[N]`` for text or ``byte[N]`` for bytes.

    >>> item_from_text("char[16]").size
    16
    """
    if text in ITEM_TYPES:
        return ITEM_TYPES[text]
    match = _ARRAY.fullmatch(text)
    if match is None or not 0 < int(match[2]) < 2**31:
        known = " ".join(ITEM_TYPES)
        raise ShmtuiError(
            _("unknown item type {text!r}: use one of {known} char[N] byte[N]").format(
                text=text, known=known
            )
        )
    from shmtui.shm.item_shape import Bytes, Text  # noqa: PLC0415 - scalars do without

    size = int(match[2])
    shape = Text(size) if match[1] == "char" else Bytes(size)
    return ItemType(text, "", shape)


def parse_layout_option(text: str, libc: Libc) -> Layout:
    """The layout that ``text`` describes; ShmtuiError where it is not one.

    >>> parse_layout_option("data=0:5xint32,in=20:int32,out=24", Libc.GLIBC).slots
    5
    """
    example = "data=0:5xint32,in=20:int32,out=24,mutex=32,empty=64,full=96"
    try:
        parts = dict(part.split("=", 1) for part in text.split(","))
        data, _mark, array = parts.pop("data").partition(":")
        count, _mark, item_name = array.partition("x")
        in_, _mark, index = parts.pop("in").partition(":")
        codes = {name: code for code, name in _INDEX_TYPES.items()}
        item = item_from_text(item_name)
        code = codes[index or "int32"]
        offsets: dict[str, int] = {}
        names = []
        out = int(parts.pop("out"))
        size = int(parts.pop("size", "0"))
        lock = int(parts.pop("lock")) if "lock" in parts else None
        for role in SemaphoreRole:
            place = parts.pop(role, None)
            if place is not None and place.startswith("/"):
                names.append((role, place))
            elif place is not None:
                offsets[role] = int(place)
        if parts:
            raise KeyError(next(iter(parts)))
        slots = int(count)
        width = struct.calcsize("=" + code)
        end = max(int(data) + slots * item.size, int(in_) + width, out + width)
        layout = Layout(
            slots, item, int(data), int(in_), out,
            offsets.get("mutex"), offsets.get("empty"), offsets.get("full"), size, libc, code, tuple(names), lock,
        )  # fmt: skip
        if not size:
            end = max(end, *(at + length for at, length in [*layout.system_spans, (0, 0)]))
            layout = replace(layout, size=end)
        check(layout)
    except (KeyError, ValueError) as error:
        raise ShmtuiError(
            _("--layout {text!r} is not understood ({error}): write it like {example}").format(
                text=text, error=error, example=example
            )
        ) from None
    return layout


# -- as JSON, for the control block ---------------------------------------------------------------

_INDEX_CODES: Final = frozenset("bBhHiIqQ")


def layout_text(layout: Layout) -> str:
    """The layout on one line."""
    item: Any = layout.item.name
    if layout.item.shape is not None:
        from shmtui.shm.item_shape import shape_list  # noqa: PLC0415 - scalars do without

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
    from shmtui.shm.item_shape import parse_shape  # noqa: PLC0415 - scalars do without

    return ItemType(name, "", parse_shape(shape, 0))
