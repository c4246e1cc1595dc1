"""Since when nobody can come to have a segment but by opening it, which is seen."""

from collections.abc import Callable, Collection, Set
from typing import Final

from shmtui.procfs.lent_files import may_be_sent, may_lend
from shmtui.shm.segment import FileIdentity

LOOK_NS: Final = 500_000_000
"""How often those that take part are asked for descriptors, as long as one is there."""
REST: Final = 200
"""Where all sockets of the machine were looked at: so many times as long as it took is none of them looked at."""


class LentSegment:
    """Looks for descriptors of a segment's files, until there are none. Who uses the segment has to be known in full
    then: one that has received a descriptor may have mapped it since.
    """

    def __init__(self, clock_ns: Callable[[], int], search: Callable[[], None]) -> None:
        """``search``: look at all of /proc for who uses the segment."""
        self._clock_ns = clock_ns
        self._search = search
        self._clear_ns = -1
        """When there were none last; -1: at no time."""
        self._looked_ns = 0
        self._rests_until_ns = 0
        self.lent_ns: int | None = None
        """As `Snapshot.lent_ns`."""

    def look(
        self,
        users: Callable[[], Collection[int]],
        files: Set[FileIdentity],
        opened_ns: int,
        now_ns: int,
    ) -> int | None:
        """Look again where one of the files was opened since there was no descriptor of it; returns ``lent_ns``.
        ``opened_ns``: when one was last; ``now_ns``: of the sample.
        """
        if opened_ns < self._clear_ns:
            return self.lent_ns
        self.lent_ns = now_ns
        if now_ns - self._looked_ns < LOOK_NS:
            return now_ns
        self._looked_ns = now_ns
        if may_lend(users(), files) or self._clock_ns() < self._rests_until_ns:
            return now_ns
        begun = self._clock_ns()
        free = not may_be_sent()
        self._search()
        free = free and not may_lend(users(), files)
        ended = self._clock_ns()
        self._rests_until_ns = ended + REST * (ended - begun)
        if free:
            self._clear_ns = begun
        return now_ns
