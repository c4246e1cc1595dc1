"""The rows of the live list of what processes share: their order, and what has changed of each.
Pure: the time comes in as an argument.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from shmtui.monitor.shared_object import SharedObject
from shmtui.report.segment_table import SORTS, by_interest, matches

MARKED_SECONDS: Final = 5.0
"""How long a change is marked, and what is gone stays on show."""
ORDERS: Final = ("interest", *SORTS)
"""What can be attached to first, or by a column."""


class Change(Enum):
    """What happened to a row lately."""

    NONE = ""
    NEW = "+"
    GROWN = "^"
    GONE = "-"


@dataclass(frozen=True, slots=True)
class ObjectRow:
    """One row."""

    each: SharedObject
    change: Change = Change.NONE


@dataclass(slots=True)
class _Seen:
    each: SharedObject
    change: Change = Change.NONE
    changed: float = field(default=float("-inf"))


class ObjectRows:
    """What the looks so far have shown, by target."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] | None = None

    @property
    def total(self) -> int | None:
        """How many there are; None before the first look."""
        return None if self._seen is None else len(self._seen)

    def take(self, objects: Iterable[SharedObject], now: float) -> None:
        """Note a look of the moment ``now``, in seconds. Nothing is new in the first."""
        first = self._seen is None
        seen = self._seen or {}
        present = {each.target: each for each in objects}
        for target, each in present.items():
            known = seen.get(target)
            if known is None or known.change is Change.GONE:
                change = Change.NONE if first else Change.NEW
                seen[target] = _Seen(each, change, now)
                continue
            if _amount(each) > _amount(known.each):
                known.change, known.changed = Change.GROWN, now
            known.each = each
        for target, known in [*seen.items()]:
            if target not in present and known.change is not Change.GONE:
                known.change, known.changed = Change.GONE, now
            elif now - known.changed >= MARKED_SECONDS:
                if known.change is Change.GONE:
                    del seen[target]
                else:
                    known.change = Change.NONE
        self._seen = seen

    def rows(self, wanted: str, order: str) -> tuple[ObjectRow, ...]:
        """Those that match the words of ``wanted``, in one of `ORDERS`."""
        key = SORTS.get(order, by_interest)
        chosen = (s for s in (self._seen or {}).values() if matches(s.each, wanted))
        return tuple(ObjectRow(s.each, s.change) for s in sorted(chosen, key=lambda s: key(s.each)))


def _amount(each: SharedObject) -> int:
    return (each.size or 0) + (each.in_use or 0)
