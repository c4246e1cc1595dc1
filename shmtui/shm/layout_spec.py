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
from typing import Any, Final

from msgspec.structs import replace

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.shm.layout import ITEM_TYPES, MAX_SLOTS, ItemType, Layout
from shmtui.shm.libc import Libc
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.segment import segment_name
from shmtui.shm.system_v import set_member

_INDEX_TYPES: Final = {t.code: t.name for t in ITEM_TYPES.values() if not t.is_float}
_INDEX_CODE_OF: Final = {name: code for code, name in _INDEX_TYPES.items()}
_ARRAY: Final = re.compile(r"(char|byte)\[(\d{1,9})\]")


def layout_option(layout: Layout) -> str:
    """The layout as the value of ``--layout``.

    >>> from shmtui.shm.layout import seed_layout
    >>> layout_option(seed_layout(5, ITEM_TYPES["int32"], Libc.GLIBC))
    'data=0:5xint32,in=20:int32,out=24,mutex=32,empty=64,full=96'
    """
    parts = [f"data={layout.data}:{layout.slots}x{layout.item.name}"]
    segment = f"{layout.index_segment}:" if layout.index_segment else ""
    width = f":{_INDEX_TYPES[layout.index_code]}"
    for role, offset, kind in (("in", layout.in_, width), ("out", layout.out, "")):
        if offset is not None:
            last = ":last" if role in layout.last else ""
            parts.append(f"{role}={segment}{offset}{kind}{last}")
    for semaphore in SemaphoreRole:
        at = layout.semaphore_name(semaphore) or layout.semaphore_offset(semaphore)
        if at is not None:
            parts.append(f"{semaphore}={at}")
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


_INDEX: Final = re.compile(
    r"(?:(?P<segment>/[^:]*):)?(?P<offset>[^:]+)(?::(?P<type>(?!last$)[^:]+))?(?P<last>:last)?"
)
"""What the option says of one index: ``20``, ``20:int32``, ``/ptr:0``, ``20:last``."""
_EXAMPLE: Final = "data=0:5xint32,in=20:int32,out=24,mutex=32,empty=64,full=96"


def parse_layout_option(text: str, libc: Libc) -> Layout:
    """The layout that ``text`` describes. Its size is the end of its last field.

    ShmtuiError: it is not understood, or the layout is not a sound one.

    >>> parse_layout_option("data=0:5xint32,in=20:int32,out=24", Libc.GLIBC).slots
    5
    >>> parse_layout_option("data=0:5xint32,in=/ptr:0,out=/ptr:4", Libc.GLIBC).index_segment
    '/ptr'
    """
    try:
        parts = [part.partition("=") for part in text.split(",")]
        bare = next((key for key, sign, _value in parts if not sign), None)
        if bare is not None:
            raise ValueError(_("{part!r} has no =").format(part=bare))
        layout = _layout_of({key: value for key, _sign, value in parts}, libc)
        check(layout)
    except ValueError as error:
        raise ShmtuiError(
            _("--layout {text!r} is not understood ({error}): write it like {example}").format(
                text=text, error=error, example=_EXAMPLE
            )
        ) from None
    return layout


def _layout_of(parts: dict[str, str], libc: Libc) -> Layout:
    """The layout of the option's parts. ValueError: one is missing, or not understood."""
    data, _mark, array = parts.pop("data", "").partition(":")
    count, _mark, item = array.partition("x")
    if not item:
        raise ValueError(_("the slots are missing, as in data=0:5xint32"))
    indices = {role: _index(parts.pop(role)) for role in ("in", "out") if role in parts}
    if len(indices) == 1 or len({index["segment"] for index in indices.values()}) > 1:
        raise ValueError(_("in and out have to be given both, in one segment"))
    given_size = _number(parts.pop("size", "0"))
    places = {role: parts.pop(role) for role in (*SemaphoreRole, "lock") if role in parts}
    if parts:
        raise ValueError(_("there is no part {part!r}").format(part=next(iter(parts))))
    names = tuple((r, places.pop(r)) for r in SemaphoreRole if places.get(r, "").startswith("/"))
    places |= {role: index["offset"] for role, index in indices.items()}
    offsets = {role: _number(place) for role, place in places.items()}
    types = [index["type"] for index in indices.values() if index["type"]]
    layout = Layout(
        _number(count), item_from_text(item), _number(data), offsets.get("in"), offsets.get("out"),
        offsets.get("mutex"), offsets.get("empty"), offsets.get("full"), given_size, libc,
        _INDEX_CODE_OF[types[0]] if types else "i", names, offsets.get("lock"),
        indices["in"]["segment"] or "" if indices else "",
        tuple(role for role, index in indices.items() if index["last"]),
    )  # fmt: skip
    return layout if given_size else replace(layout, size=max(at + n for at, n in layout.spans))


def _number(text: str) -> int:
    """A number of bytes or slots. ValueError: it is none."""
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(_("{text!r} is not a number").format(text=text))
    return int(text)


def _index(text: str) -> "re.Match[str]":
    match = _INDEX.fullmatch(text)
    if match is None or (match["type"] and match["type"] not in _INDEX_CODE_OF):
        raise ValueError(_("{text!r} is no place of an index").format(text=text))
    return match


# -- as JSON, for the control block ---------------------------------------------------------------


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
        "index_segment": layout.index_segment,
        "last": list(layout.last),
    }
    return json.dumps(record, separators=(",", ":"))


def parse_layout(text: str) -> Layout:
    """The layout in ``text``; ValueError if it is not a sound one."""
    try:
        record = json.loads(text)
        data, in_, out, mutex, empty, full = record["at"]
        names = tuple((SemaphoreRole(k), str(v)) for k, v in record["names"].items())
        layout = Layout(
            _count(record["slots"]), _item(record["item"]), _count(data), _offset(in_),
            _offset(out), _offset(mutex), _offset(empty), _offset(full), _count(record["size"]),
            Libc(record["libc"]), str(record["index"]), names, _offset(record.get("lock")),
            str(record.get("index_segment", "")),
            tuple(role for role in ("in", "out") if role in record.get("last", ())),
        )  # fmt: skip
    except (KeyError, TypeError, AttributeError, RecursionError, struct.error) as error:
        raise ValueError(_("not a layout: {error}").format(error=error)) from None
    check(layout)
    return layout


def check(layout: Layout) -> None:
    """ValueError unless every field lies inside the segment and every name is a semaphore's."""
    if not 1 <= layout.slots <= MAX_SLOTS or layout.index_code not in _INDEX_TYPES:
        raise ValueError(_("not a layout: slots or indices"))
    if layout.item.size < 1:
        raise ValueError(_("not a layout: an item without bytes"))
    if (layout.in_ is None) != (layout.out is None):
        raise ValueError(_("not a layout: one index without the other"))
    if min(at for at, _size in layout.spans) < 0 or min(layout.in_ or 0, layout.out or 0) < 0:
        raise ValueError(_("not a layout: a field lies before its start"))
    if max(at + size for at, size in layout.spans) > layout.size:
        raise ValueError(_("not a layout: a field lies beyond its end"))
    indices = [layout.index_segment] if layout.index_segment else []
    for name in (*indices, *(name for _role, name in layout.names)):
        try:  # A name becomes a path: one that leads out of /dev/shm is none.
            sound = set_member(name) is not None or segment_name(name) == name
        except (ShmtuiError, UnicodeError):
            sound = False
        if not sound:
            raise ValueError(
                _("not a layout: {name!a} is not the name of a semaphore").format(name=name)
            )


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**62:
        raise ValueError(_("not a layout: {value!r} is not a size").format(value=value))
    return value


def _offset(value: Any) -> int | None:
    return None if value is None else _count(value)


def _item(value: Any) -> ItemType:
    if isinstance(value, str):
        return ITEM_TYPES[value]
    name, shape = value
    if not isinstance(name, str):
        raise TypeError(_("an item type's name"))
    from shmtui.shm.item_shape import parse_shape  # noqa: PLC0415 - scalars do without

    return ItemType(name, "", parse_shape(shape, 0))
