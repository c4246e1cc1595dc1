"""The columns of the list of shared objects, and which of them fit a width. Pure."""

from functools import lru_cache
from typing import Final

import msgspec
from msgspec.structs import replace

from shmtui.i18n import N_
from shmtui.report.segment_table import SORTS
from shmtui.tui.object_rows import ORDERS, USUAL_COLUMNS


class ObjectColumn(msgspec.Struct, frozen=True):
    """A column: the name that ``--columns`` takes, its title, its width in cells, its alignment."""

    key: str
    title: str
    width: int
    align: str = "<"
    narrow: int = 0
    """Its width where there is little room; 0: the same."""

    @property
    def order(self) -> str:
        """The order that a click on its title asks for."""
        return self.key if self.key in SORTS else ORDERS[0]


COLUMNS: Final = {
    column.key: column
    for column in (
        ObjectColumn("name", N_("name"), 0),
        ObjectColumn("kind", N_("kind"), 8),
        ObjectColumn("size", N_("size"), 9, ">"),
        ObjectColumn("in-use", N_("in use"), 9, ">"),
        ObjectColumn("owner", N_("owner"), 8),
        ObjectColumn("mode", N_("mode"), 4),
        ObjectColumn("age", N_("age"), 6, ">"),
        ObjectColumn("mappers", N_("mapped by"), 24, narrow=16),
        ObjectColumn("waiting", N_("waiting"), 7, ">"),
        ObjectColumn("health", N_("health"), 12, narrow=8),
        ObjectColumn("looks", N_("looks like"), 0),
    )
}
"""By the names that ``--columns`` takes. The name comes first, and what it looks like last."""
_LEAVES_FIRST: Final = ("mode", "age", "owner", "waiting", "size", "kind", "mappers", "in-use")
"""Which columns make room for a name, in this order; the health is the last of all."""
_NAME_LEAST, _NAME_MOST, _LOOKS_LEAST = 16, 34, 18


@lru_cache(maxsize=32)
def columns_for(
    width: int, longest: int = 0, chosen: tuple[str, ...] = USUAL_COLUMNS
) -> tuple[ObjectColumn, ...]:
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

    def sized(*, narrow: bool) -> tuple[ObjectColumn, ...]:
        """Those that are left."""
        found = (COLUMNS[key] for key in fixed)
        return tuple(replace(c, width=(narrow and c.narrow) or c.width) for c in found)

    def room(columns: tuple[ObjectColumn, ...]) -> int:
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
        return (replace(COLUMNS["name"], width=max(1, min(wanted, left))), *columns)
    name = max(1, min(wanted, max(left - _LOOKS_LEAST, left // 2)))
    return (
        replace(COLUMNS["name"], width=name),
        *columns,
        replace(COLUMNS["looks"], width=max(0, left - name)),
    )


def column_at(x: int, columns: tuple[ObjectColumn, ...]) -> ObjectColumn | None:
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
