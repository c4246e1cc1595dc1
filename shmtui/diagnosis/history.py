"""A short history of snapshots, and what moved or stood still in it. Pure."""

from collections.abc import Callable
from functools import cached_property
from typing import Final

import msgspec
from msgspec.structs import replace

from shmtui.i18n import _
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.shm.segment_info import LayoutSource, SemaphoreState
from shmtui.snapshot import Certainty, Moves, Origin, Process, ProcessState, Rest, Snapshot

POSTERS: Final = {SemaphoreRole.EMPTY: Role.CONSUMER, SemaphoreRole.FULL: Role.PRODUCER}
"""Whose side posts a permit."""
SETTLED_NS: Final = 900_000_000
"""How long nothing may have moved before a missing permit counts as lost."""
AT_REST_NS: Final = 2_000_000_000
"""How long nothing has to have moved before it is asked why."""


class History(msgspec.Struct, frozen=True, dict=True):
    """Snapshots of one segment, the oldest first; at least one. Many rules ask for the same of it, which is
    worked out once.
    """

    snapshots: tuple[Snapshot, ...]

    @property
    def now(self) -> Snapshot:
        """The last snapshot."""
        return self.snapshots[-1]

    def lasted_ns(self, holds: Callable[[Snapshot], bool]) -> int:
        """For how many ns, up to now, it held in every snapshot; -1 if it does not hold now."""
        since = None
        for snapshot in reversed(self.snapshots):
            if not holds(snapshot):
                break
            since = snapshot.monotonic_ns
        return -1 if since is None else self.now.monotonic_ns - since

    def agreeing(self, holds: Callable[[Snapshot], bool]) -> int:
        """In how many snapshots in a row, up to now, it held."""
        count = 0
        for snapshot in reversed(self.snapshots):
            if not holds(snapshot):
                break
            count += 1
        return count

    @property
    def watched_ns(self) -> int:
        """Nanoseconds from the first snapshot to the last."""
        return self.now.monotonic_ns - self.snapshots[0].monotonic_ns

    @property
    def items_moved(self) -> bool:
        """Whether an index changed between two snapshots."""
        return len({(s.in_, s.out) for s in self.snapshots}) > 1

    @property
    def steady(self) -> tuple[Snapshot, ...]:
        """The snapshots whose indices and semaphores are of one moment, whether items move or not."""
        return tuple(s for s in self.snapshots if s.steady)

    def unmoved_ns(self) -> int:
        """For how many ns nothing has moved: no index, semaphore value, step or wait."""
        return self._unmoved_ns

    @cached_property
    def _unmoved_ns(self) -> int:
        mark = position(self.now)
        return self.lasted_ns(lambda s: position(s) == mark)

    @cached_property
    def flow_unmoved_ns(self) -> int:
        """For how many ns no item was seen to move: no index, count of items, slot, ``empty`` or ``full`` has
        changed. Somebody may have taken and given the lock meanwhile, or looked for a permit again and again. The
        indices of a ring that went round between two looks stand where they stood; what lies in its slots tells.
        """
        permits = POSTERS.keys() & self.now.semaphores.keys()
        if not permits and self.now.count is None:
            return self._unmoved_ns

        def flow(s: Snapshot) -> tuple[object, ...]:
            states = [s.semaphores.get(role) for role in permits]
            return s.in_, s.out, s.count, *(state and state.value for state in states)

        mark, slots = flow(self.now), self.now.slots
        # A NaN equals none.
        return self.lasted_ns(
            lambda s: flow(s) == mark and (s.slots == slots or repr(s.slots) == repr(slots))
        )

    @property
    def at_rest(self) -> bool:
        """Whether no item has moved for long enough to ask why, or since the first snapshot."""
        return self.flow_unmoved_ns >= min(AT_REST_NS, self.watched_ns)

    @property
    def certainty(self) -> Certainty:
        """How sure a finding is that rests on what no process does: certain only where every
        process that could do it is seen.
        """
        unseen = self.now.unseen or self.now.waits_hidden or self.now.read_in_part
        seen = not unseen and not self.now.assumptions
        return Certainty.CERTAIN if seen else Certainty.LIKELY

    @property
    def assumptions(self) -> tuple[str, ...]:
        """The evidence lines that name what such a finding assumes."""
        return tuple(
            _("assumed: {assumption}").format(assumption=what) for what in self.now.assumptions
        )

    @property
    def ours(self) -> bool:
        """Whether shmtui made the segment; one that workers joined later has a control block too."""
        made = self.now.uptime is not None
        return made and self.now.layout.source is LayoutSource.CONTROL

    @cached_property
    def workers_only(self) -> bool:
        """Whether all processes are workers in a buffer of ours: then its protocol is known."""
        return self.ours and not self.now.guests and all(s.workers_only for s in self.snapshots)

    @property
    def by_protocol(self) -> Certainty:
        """How sure a finding is that rests on the exercise's protocol as well. Programs that take
        several permits at once, or post after their work, are healthy and keep to another.
        """
        return self.certainty if self.workers_only else Certainty.LIKELY

    @property
    def protocol_assumed(self) -> tuple[str, ...]:
        """The evidence lines of such a finding."""
        if self.workers_only:
            return self.assumptions
        return (
            _("assumed: each program takes one permit for an item, and posts one when it is done"),
            *self.assumptions,
        )

    @property
    def names(self) -> dict[str, str]:
        """`Snapshot.own_names`, as of now."""
        return self.now.own_names

    def semaphore(self, role: SemaphoreRole) -> SemaphoreState | None:
        return self.now.semaphores.get(role)

    def value(self, role: SemaphoreRole) -> int | None:
        state = self.semaphore(role)
        return None if state is None else state.value


def moves_until(now: Snapshot, before: Snapshot | None) -> Moves:
    """How the indices have moved up to ``now``; ``before``: the sample before it, None if it is the first."""
    if before is None:
        return Moves()
    moves = before.moves
    if (now.in_, now.out) == (before.in_, before.out):
        return moves
    since = now.monotonic_ns - moves.last_ns if moves.count else 0
    return Moves(moves.count + 1, max(moves.longest_ns, since), now.monotonic_ns)


def rest_until(now: Snapshot, before: Snapshot | None) -> Rest:
    """The rest that ``now`` is part of; ``before``: the sample before it, None if it is the first."""
    if before is not None and position(now) == position(before):
        return before.rest
    free_ns = now.mutex_free_ns
    return Rest(free_ns is not None and now.came_ns >= free_ns)


def still_asleep(snapshots: tuple[Snapshot, ...]) -> tuple[Snapshot, ...]:
    """The same, with the workers asleep in the last that slept in their wait a moment ago, where nothing has
    moved since. A worker wakes up now and then to read its orders, and on a busy machine it waits
    for its turn to fall asleep again: that is no progress.
    """
    now = snapshots[-1]
    woken = [p for p in now.participants if _waits_awake(p)]
    if not woken:
        return snapshots
    asleep: set[int] = set()
    for before in reversed(snapshots[:-1]):
        recent = now.monotonic_ns - before.monotonic_ns <= SETTLED_NS
        if not recent or position(before) != position(now):
            break
        asleep |= {p.pid for p in before.participants if not _waits_awake(p)}
    resting = {p.pid for p in woken} & asleep
    crew = tuple(replace(p, letter="S") if p.pid in resting else p for p in now.processes)
    return (*snapshots[:-1], replace(now, processes=crew))


def _waits_awake(process: Process) -> bool:
    """Whether a worker runs, by the kernel's state letter, in a wait that it has recorded."""
    blocked = process.origin is Origin.WORKER and process.state is ProcessState.BLOCKED
    return blocked and process.letter in {"R", "D"}


def position(s: Snapshot) -> tuple[object, ...]:
    """All that moves. Between two snapshots of the same position nothing was seen to move."""
    return s.position


def living(snapshot: Snapshot) -> tuple[Process, ...]:
    """The live processes that take part."""
    return snapshot.participants


def deficit_of(s: Snapshot) -> int | None:
    """Permits that are neither in ``empty`` nor in ``full``; None where a value is unknown."""
    return s.deficit


def mutex_taken(s: Snapshot) -> bool:
    """Whether mutex is 0."""
    state = s.semaphores.get(SemaphoreRole.MUTEX)
    return state is not None and state.value == 0


def lock_taken(s: Snapshot) -> bool:
    """Whether mutex is 0, or the lock that is mutex is held."""
    held = any(each.role is SemaphoreRole.MUTEX and each.value == 0 for each in s.sync)
    return held or mutex_taken(s)


def lacks_permits(s: Snapshot) -> bool:
    """Whether mutex is 0, or a permit is in neither ``empty`` nor ``full``: somebody has it, or it is lost."""
    return mutex_taken(s) or (deficit_of(s) or 0) > 0


def vanished(history: History) -> list[Process]:
    """Foreign processes that took part in an earlier snapshot and were seen to end. One that has let go of the
    segment and lives on is none.
    """
    ended = {p.pid: p for p in history.now.processes if not p.alive}
    before = {p.pid for s in history.snapshots for p in living(s) if p.origin is not Origin.WORKER}
    return [p for pid, p in ended.items() if pid in before]
