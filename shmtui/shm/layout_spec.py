"""A layout as the option ``--layout`` writes it, and back. Pure.

``data=0:5xint32,in=20:int32,out=24,mutex=32,empty=64,full=96,size=128``: byte
offsets; the data's slots and item type; the indices' type; semaphores by offset,
or by name where they are named ones (``mutex=/jobs.mutex``); ``lock=40`` is a
``pthread_mutex_t`` in the mutex's place. Every candidate of
an ambiguous segment is refused with the option that picks it.
"""

import re
import struct
from dataclasses import replace
from typing import Final

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.shm.layout import ITEM_TYPES, ItemType, Layout
from shmtui.shm.layout_text import check
from shmtui.shm.libc import Libc
from shmtui.shm.protocol import SemaphoreRole

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
