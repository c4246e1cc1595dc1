"""The rows of the live list of what processes share: their order, and what has changed of each.
Pure: the time comes in as an argument.
"""

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Final

import msgspec
from msgspec.structs import replace

from shmtui.monitor.shared_object import Judged, SharedObject
from shmtui.report.object_groups import GROUPINGS, ObjectGroup, grouped
from shmtui.report.segment_table import SORTS, by_interest, matches
from shmtui.snapshot import Health

MARKED_SECONDS: Final = 5.0
"""How long a change is marked, and what is gone stays on show."""
ORDERS: Final = ("interest", *SORTS)
"""What can be attached to first, or by a column."""
USUAL_COLUMNS: Final = (
    "name", "kind", "size", "in-use", "owner", "age", "mappers", "waiting", "health", "looks",
)  # fmt: skip
"""All but the mode."""
GROUP_CYCLE: Final = ("", *GROUPINGS)
"""No groups first."""


class Change(Enum):
    """What happened to a row lately."""

    NONE = ""
    NEW = "+"
    GROWN = "^"
    GONE = "-"


class ObjectRow(msgspec.Struct, frozen=True):
    """One row."""

    each: SharedObject
    change: Change = Change.NONE
    group: str = ""
    """The key of the group that it stands under."""
    id: object = None
    """What tells its object from the others; None: its identity."""
    last: bool | None = None
    """Whether it is the last row of its group; None: there are no groups."""

    @property
    def key(self) -> tuple[str, object]:
        """What tells it from the other rows, at this look and the next."""
        return self.group, self.id or self.each.identity


class GroupRow(msgspec.Struct, frozen=True):
    """The line of a group, above its rows; folded, without them."""

    group: ObjectGroup
    folded: bool = False

    @property
    def key(self) -> tuple[str, object]:
        """As of a row."""
        return self.group.key, None


Row = ObjectRow | GroupRow


class ListChoices(msgspec.Struct):
    """How the list is shown. It is kept while shmtui runs, whether the list is open or not."""

    order: str = ORDERS[0]
    group: str = ""
    """One of `GROUP_CYCLE`."""
    columns: tuple[str, ...] = USUAL_COLUMNS
    """As many of them as fit are shown, and always the name."""
    folded: set[tuple[str, str]] = msgspec.field(default_factory=set)
    """Groups without their rows, by what they group and their key."""


class _Seen(msgspec.Struct):
    each: SharedObject
    change: Change = Change.NONE
    changed: float = msgspec.field(default=float("-inf"))


class ObjectRows:
    """What the looks so far have shown, by target."""

    def __init__(self) -> None:
        self._seen: dict[object, _Seen] | None = None
        self._health: dict[Judged, Health] = {}

    @property
    def total(self) -> int | None:
        """How many there are; None before the first look."""
        return None if self._seen is None else len(self._seen)

    def take(self, objects: Iterable[SharedObject], now: float) -> None:
        """Note a look of the moment ``now``, in seconds. Nothing is new in the first."""
        first = self._seen is None
        seen = self._seen or {}
        present: dict[object, SharedObject] = {}
        for each in objects:
            # A file can have two names.
            doubled = each.identity in present
            its_key = (each.identity, each.target) if doubled else each.identity
            present[its_key] = self._judged(each)
        for key, each in present.items():
            known = seen.get(key)
            if known is None or known.change is Change.GONE:
                change = Change.NONE if first else Change.NEW
                seen[key] = _Seen(each, change, now)
                continue
            if _grew(known.each, each):
                known.change, known.changed = Change.GROWN, now
            known.each = each
        for key, known in [*seen.items()]:
            if key not in present and known.change is not Change.GONE:
                known.change, known.changed = Change.GONE, now
            elif now - known.changed >= MARKED_SECONDS:
                if known.change is Change.GONE:
                    del seen[key]
                else:
                    known.change = Change.NONE
        self._seen = seen

    def judge(self, health: dict[Judged, Health]) -> bool:
        """Take the verdicts, until the next ones. Whether any is another than before."""
        if health == self._health:
            return False
        self._health = health
        for known in (self._seen or {}).values():
            known.each = self._judged(known.each)
        return True

    def _judged(self, each: SharedObject) -> SharedObject:
        health = self._health.get(each.judged_as) if self._health or each.health else None
        return each if health is each.health else replace(each, health=health)

    def rows(self, wanted: str, order: str) -> tuple[ObjectRow, ...]:
        """Those that match the words of ``wanted``, in one of `ORDERS`."""
        key = SORTS.get(order, by_interest)
        chosen = (
            ObjectRow(seen.each, seen.change, id=at)
            for at, seen in (self._seen or {}).items()
            if matches(seen.each, wanted)
        )
        return tuple(sorted(chosen, key=lambda row: key(row.each)))


def in_groups(rows: Sequence[ObjectRow], choices: ListChoices) -> tuple[Row, ...]:
    """The rows, in their order, each under the groups that it belongs to."""
    if not choices.group:
        return tuple(rows)
    shown: list[Row] = []
    for key, its in grouped(rows, choices.group, lambda row: row.each).items():
        there = tuple(row.each for row in its if row.change is not Change.GONE)
        folded = (choices.group, key) in choices.folded
        shown.append(GroupRow(ObjectGroup(choices.group, key, there), folded))
        if not folded:
            shown += [replace(row, group=key, last=row is its[-1]) for row in its]
    return tuple(shown)


def _grew(before: SharedObject, now: SharedObject) -> bool:
    """Whether it has more bytes, memory or messages than before, as far as both are known: what is only
    learned now was not less before.
    """
    pairs = [(before.messages, now.messages)]
    if before.size_mapped is now.size_mapped:
        pairs.append((before.size, now.size))
    if before.in_use_at_least is now.in_use_at_least:
        pairs.append((before.in_use, now.in_use))
    return any(old is not None and new is not None and new > old for old, new in pairs)
