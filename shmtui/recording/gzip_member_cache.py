"""A cache of what was read of a recording's members: the least recently used is dropped first."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class MemberCache(Generic[T]):
    """Values by member: ``most`` of them, and of ``heaviest`` weight together, but always the last.

    >>> cache = MemberCache[str](2, 10)
    >>> for member, weight in ((1, 4), (2, 4), (3, 4), (4, 20)):
    ...     cache.add(member, "x", weight)
    ...     print(*cache)
    1
    1 2
    2 3
    4
    """

    def __init__(self, most: int, heaviest: int) -> None:
        self._most, self._heaviest = most, heaviest
        self._values: OrderedDict[int, tuple[T, int]] = OrderedDict()
        self._weight = 0

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[int]:
        return iter(self._values)

    def get(self, member: int) -> T | None:
        """The value of a member; None where it is not kept."""
        found = self._values.get(member)
        if found is None:
            return None
        self._values.move_to_end(member)
        return found[0]

    def add(self, member: int, value: T, weight: int) -> None:
        self._values[member] = value, weight
        self._weight += weight
        while len(self) > 1 and (len(self) > self._most or self._weight > self._heaviest):
            self._weight -= self._values.popitem(last=False)[1][1]
