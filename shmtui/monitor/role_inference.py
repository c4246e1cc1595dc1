"""The roles of foreign processes, inferred from which process ran while an index moved.

A process that never waits for a permit does not show its role by its waits: a slow consumer of
a full ring only sleeps and takes. But an index that moved was moved by a process that ran
meanwhile. Where a single process that could have moved it ran, that process moved it.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Final

import msgspec

from shmtui.shm.protocol import Role

RunStamp = bytes | tuple[bytes, ...] | None
"""What changes each time a process runs; None where that is not known."""

_SIDES: Final = (Role.PRODUCER, Role.CONSUMER)
ENOUGH: Final = 2
"""Moves of one index, and none of the other, after which a process has a role."""


class ContextSwitchSample(msgspec.Struct, frozen=True):
    """The run stamps of all processes that map the ring, the indices, and the run stamps again."""

    before: Mapping[int, RunStamp]
    in_: int | None
    out: int | None
    after: Mapping[int, RunStamp]


def movers(
    last: ContextSwitchSample, now: ContextSwitchSample, roles: Mapping[int, Role]
) -> tuple[tuple[int, Role], ...]:
    """Which processes without a role moved ``in``, as a producer does, or ``out``, as a consumer.

    Every process that ran between the samples could have moved it, unless its role is another. One of several threads,
    which has no stamp, may have a thread for each side.

    >>> last = ContextSwitchSample({1: b"5", 2: b"8"}, 3, 0, {1: b"5", 2: b"8"})
    >>> now = ContextSwitchSample({1: b"6", 2: b"8"}, 3, 1, {1: b"6", 2: b"8"})
    >>> movers(last, now, {1: Role.UNKNOWN, 2: Role.CONSUMER})
    ((1, <Role.CONSUMER: 'consumer'>),)
    >>> movers(last, ContextSwitchSample(now.before, 3, 1, {1: b"6", 2: b"9"}), {2: Role.CONSUMER})
    ()
    >>> movers(last, ContextSwitchSample(now.before, 3, 1, {1: b"6", 2: None}), {2: Role.PRODUCER})
    ()
    """
    present = last.before.keys() | now.after.keys()
    ran = [
        pid
        for pid in present
        if now.after.get(pid) is None or last.before.get(pid) != now.after[pid]
    ]
    found = []
    for role, was, became in (
        (Role.PRODUCER, last.in_, now.in_),
        (Role.CONSUMER, last.out, now.out),
    ):
        if was is None or became is None or was == became:
            continue
        able = [
            pid
            for pid in ran
            if now.after.get(pid) is None or roles.get(pid, Role.UNKNOWN) in {role, Role.UNKNOWN}
        ]
        if len(able) == 1 and roles.get(able[0]) is Role.UNKNOWN:
            found.append((able[0], role))
    return tuple(found)


class RoleInference:
    """Learns roles from moves, sample by sample."""

    def __init__(self) -> None:
        self._last: ContextSwitchSample | None = None
        self._moves: Counter[tuple[int, Role]] = Counter()

    def forget(self) -> None:
        """Conclude nothing across a gap between samples."""
        self._last = None

    def acted(self, pid: int) -> tuple[Role, ...]:
        """The sides for which a process was seen to move an index."""
        return tuple(role for role in _SIDES if self._moves[pid, role])

    def add(self, now: ContextSwitchSample, roles: Mapping[int, Role]) -> dict[int, Role]:
        """Take in a sample; returns the roles that have just become known, by PID."""
        last, self._last = self._last, now
        if last is None:
            return {}
        for pid, _role in self._moves.keys() - {(p, r) for p in roles for r in Role}:
            for role in Role:
                self._moves.pop((pid, role), None)
        done = movers(last, now, roles)
        self._moves.update(done)
        return {pid: role for pid, role in done if self._settled(pid, role)}

    def _settled(self, pid: int, role: Role) -> bool:
        other = Role.CONSUMER if role is Role.PRODUCER else Role.PRODUCER
        return self._moves[pid, role] >= ENOUGH and not self._moves[pid, other]
