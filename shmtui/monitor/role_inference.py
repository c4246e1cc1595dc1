"""Who moved the ring, told by who ran. Pure, but for `RoleInference`, which remembers.

A process that never has to wait for a permit never shows its role by what it waits on: beside
a full ring a slow consumer only sleeps and takes. But an index that has moved was moved by
somebody who ran meanwhile; where only one process that can have done it ran, it did.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from shmtui.shm.protocol import Role

RunStamp = bytes | None
"""What the kernel counts of a process's turns on a processor; it changes with each, and is None
where that cannot be told."""

ENOUGH: Final = 2
"""Deeds of one kind, and none of the other, from which on a process has a role."""


@dataclass(frozen=True, slots=True)
class ContextSwitchSample:
    """One look: the run_stamps of everybody who maps the ring, the indices, and the run_stamps again."""

    before: Mapping[int, RunStamp]
    in_: int | None
    out: int | None
    after: Mapping[int, RunStamp]


def movers(
    last: ContextSwitchSample, now: ContextSwitchSample, roles: Mapping[int, Role]
) -> tuple[tuple[int, Role], ...]:
    """Who of those without a role moved ``in``, as a producer does, or ``out``, as a consumer.

    Whoever ran at some time between the looks can have done it, unless its role is another.

    >>> last = ContextSwitchSample({1: b"5", 2: b"8"}, 3, 0, {1: b"5", 2: b"8"})
    >>> now = ContextSwitchSample({1: b"6", 2: b"8"}, 3, 1, {1: b"6", 2: b"8"})
    >>> movers(last, now, {1: Role.UNKNOWN, 2: Role.CONSUMER})
    ((1, <Role.CONSUMER: 'consumer'>),)
    >>> movers(last, ContextSwitchSample(now.before, 3, 1, {1: b"6", 2: b"9"}), {2: Role.CONSUMER})
    ()
    """
    everybody = last.before.keys() | now.after.keys()
    ran = [
        pid
        for pid in everybody
        if now.after.get(pid) is None or last.before.get(pid) != now.after[pid]
    ]
    found = []
    for role, was, became in (
        (Role.PRODUCER, last.in_, now.in_),
        (Role.CONSUMER, last.out, now.out),
    ):
        if was is None or became is None or was == became:
            continue
        able = [pid for pid in ran if roles.get(pid, Role.UNKNOWN) in {role, Role.UNKNOWN}]
        if len(able) == 1 and roles.get(able[0]) is Role.UNKNOWN:
            found.append((able[0], role))
    return tuple(found)


class RoleInference:
    """Learns roles from deeds, look by look."""

    def __init__(self) -> None:
        self._last: ContextSwitchSample | None = None
        self._moves: Counter[tuple[int, Role]] = Counter()

    def forget(self) -> None:
        """Let nothing be concluded across a gap in what was seen."""
        self._last = None

    def add(self, now: ContextSwitchSample, roles: Mapping[int, Role]) -> dict[int, Role]:
        """Take a look in; returns the roles that have just become plain, by PID."""
        last, self._last = self._last, now
        if last is None:
            return {}
        for pid, _ in self._moves.keys() - {(p, r) for p in roles for r in Role}:
            for role in Role:
                self._moves.pop((pid, role), None)
        done = movers(last, now, roles)
        self._moves.update(done)
        return {pid: role for pid, role in done if self._settled(pid, role)}

    def _settled(self, pid: int, role: Role) -> bool:
        other = Role.CONSUMER if role is Role.PRODUCER else Role.PRODUCER
        return self._moves[pid, role] >= ENOUGH and not self._moves[pid, other]
