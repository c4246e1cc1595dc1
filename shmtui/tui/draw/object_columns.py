"""The columns of the list of shared objects, and which of them fit a width. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from shmtui.i18n import N_
from shmtui.monitor.shared_object import SharedObject
from shmtui.report.object_cells import (
    age_cell,
    health_cell,
    in_use_cell,
    mappers_text,
    mode_cell,
    owner_cell,
    shown_name,
    size_cell,
    waiting_cell,
)
from shmtui.tui.object_rows import USUAL_COLUMNS


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title, its width in cells, its alignment, the text of an object, and the order
    that a click on its title asks for.
    """

    title: str
    width: int
    align: str
    text: Callable[[SharedObject], str]
    order: str
    narrow: int = 0
    """Its width where there is little room; 0: the same."""


NAME = Column(N_("name"), 0, "<", shown_name, "name")
LOOKS = Column(N_("looks like"), 0, "<", lambda each: each.looks, "interest")
IN_USE = Column(N_("in use"), 9, ">", in_use_cell, "in-use")
MAPPED = Column(N_("mapped by"), 24, "<", mappers_text, "mappers", 16)
HEALTH = Column(N_("health"), 12, "<", health_cell, "health", 8)
COLUMNS: Final = {
    "name": NAME,
    "kind": Column(N_("kind"), 8, "<", lambda each: each.kind, "kind"),
    "size": Column(N_("size"), 8, ">", size_cell, "size"),
    "in-use": IN_USE,
    "owner": Column(N_("owner"), 8, "<", owner_cell, "owner"),
    "mode": Column(N_("mode"), 4, "<", mode_cell, "mode"),
    "age": Column(N_("age"), 6, ">", age_cell, "age"),
    "mappers": MAPPED,
    "waiting": Column(N_("waiting"), 7, ">", waiting_cell, "waiting"),
    "health": HEALTH,
    "looks": LOOKS,
}
"""By the names that ``--columns`` takes. The name comes first, and what it looks like last."""
_LEAVES_FIRST: Final = ("mode", "age", "owner", "waiting", "size", "kind", "mappers", "in-use")
"""Which columns make room for a name, in this order; the health is the last of all."""
_NAME_LEAST, _NAME_MOST, _LOOKS_LEAST = 16, 34, 18


@lru_cache(maxsize=32)
def columns_for(
    width: int, longest: int = 0, chosen: tuple[str, ...] = USUAL_COLUMNS
) -> tuple[Column, ...]:
    """The most useful of the chosen columns that fit; name and looks share what is left.

    ``longest``: how wide the longest name is. Names are often alike at the start, so other columns
    go before one of up to ``_NAME_MOST`` is cut.

    >>> [column.title for column in columns_for(48)]
    ['name', 'health', 'looks like']
    >>> [column.title for column in columns_for(112, 20)]
    ['name', 'kind', 'size', 'in use', 'mapped by', 'waiting', 'health', 'looks like']
    >>> [column.title for column in columns_for(48, 20, ("owner", "name", "age"))]
    ['name', 'owner', 'age']
    """
    looks = "looks" in chosen
    most = _NAME_MOST if looks else width
    wanted = min(max(longest, _NAME_LEAST), most)
    fixed = [key for key in chosen if key not in {"name", "looks"}]

    def sized(*, narrow: bool) -> tuple[Column, ...]:
        """Those that are left."""
        found = (COLUMNS[key] for key in fixed)
        return tuple(replace(c, width=(narrow and c.narrow) or c.width) for c in found)

    def room(columns: tuple[Column, ...]) -> int:
        return width - sum(column.width + 2 for column in columns) - 2 * looks

    least = min(wanted, _NAME_MOST) + _LOOKS_LEAST * looks
    columns = sized(narrow=False)
    for key in (*_LEAVES_FIRST, "health"):
        if room(columns) >= least:
            break
        if key == "waiting":  # What has many cells gives some of them before another goes.
            columns = sized(narrow=True)
            if room(columns) >= least:
                break
        if key in fixed:
            fixed.remove(key)
            columns = sized(narrow=key not in {"mode", "age", "owner"})
    left = room(columns)
    if not looks:
        return (replace(NAME, width=max(1, min(wanted, left))), *columns)
    name = max(1, min(wanted, max(left - _LOOKS_LEAST, left // 2)))
    return (replace(NAME, width=name), *columns, replace(LOOKS, width=max(0, left - name)))


def column_at(x: int, columns: tuple[Column, ...]) -> Column | None:
    """The column at a cell of the titles; None beside them.

    >>> column = column_at(20, columns_for(48))
    >>> column and column.title
    'health'
    """
    start = 0
    for column in columns:
        if start <= x < start + column.width:
            return column
        start += column.width + 2
    return None
