"""What a repair has changed: whether private sleepers wake, items move, and what is still found.

Threads asleep on a private futex cannot be woken by another process. A signal that stops and continues
their process restarts the wait, which reads the word anew: it returns if a permit is there. If not, the
thread sleeps privately again, and has to be interrupted once more.
"""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from shmtui.diagnosis.wording import names
from shmtui.procfs.clock import Clock
from shmtui.repair.dead_owners import waiting_for
from shmtui.repair.observation import Observation, moved_since
from shmtui.repair.plan import Plan
from shmtui.repair.protocol_positions import Place, ProtocolPosition
from shmtui.repair.report import RepairOutcome
from shmtui.repair.resume_guard import ResumeGuard
from shmtui.repair.stop_processes import interrupt_futex_wait
from shmtui.snapshot import Process, Snapshot

MOVING_SECONDS: Final = 4.0
"""How long is watched: do items move, and does a process still sleep privately?"""
AFTER_SECONDS: Final = 1.25
"""How long is watched for what is still found then."""
INTERRUPT_SECONDS: Final = 0.05
"""How often a process that sleeps privately is interrupted."""


def follow_up(observed: Observation, plan: Plan, guard: ResumeGuard, clock: Clock) -> RepairOutcome:
    """Interrupt the processes that still sleep privately, and watch whether items move.

    The first may move before the first sample: it counts from where they stood when the words were written.
    """
    sleepers = PrivateSleepers(plan.private_sleepers)
    interruptions, moved, waiting = 0, False, set(plan.waiting)
    sampler = observed.sampler
    end = clock.monotonic() + MOVING_SECONDS
    while clock.monotonic() < end:
        clock.sleep(INTERRUPT_SECONDS)
        snapshot = sampler.sample()
        moved = moved or moved_since(plan, snapshot)
        waiting &= set(waiting_for(plan.unlocks, snapshot))
        sleepers.update(observed.positions(snapshot), snapshot)
        for process in sleepers.wakeable(snapshot):
            interruptions += interrupt_futex_wait(process.pid, process.start_time, guard)
        over = moved or (plan.waiting and not waiting)
        if over and not sleepers.pending:
            break
    remaining = observed.watch(AFTER_SECONDS)
    # Those that waited may have been seen to wait no longer before an index was seen to move.
    last = sampler.sample()
    moved = moved or moved_since(plan, last)
    as_written = all(
        (state := last.semaphores.get(change.semaphore)) and state.value == change.after.value
        for change in plan.changes
    )
    still = tuple(names([p]) for p in sleepers.pending)
    went_on = len(plan.waiting) - len(waiting)
    return RepairOutcome(interruptions, moved, still, remaining, went_on, as_written)


class PrivateSleepers:
    """The processes of a repaired segment that still sleep privately, sample by sample.

    Where their waits cannot be read, one counts as asleep until as many sleep on the semaphores for others as
    there are that sleep; or until it was interrupted while a permit was there and no semaphore of its keeps both
    a permit and a waiter since.
    """

    def __init__(self, planned: Sequence[ProtocolPosition]) -> None:
        """``planned``: those that slept privately when the plan was made. Where it is open which of several sleeps
        on which semaphore, each is taken to sleep on all of them.
        """
        unsettled = dict.fromkeys(each for p in planned if p.unsettled for each in p.asleep)
        planned = [replace(p, asleep=(*unsettled,)) if p.unsettled else p for p in planned]
        self._asleep = tuple(planned)
        self._unreadable = {p.process.pid: p for p in planned if not p.readable}
        self._interrupted: set[int] = set()

    def update(self, positions: Sequence[ProtocolPosition], snapshot: Snapshot) -> None:
        """Take in a sample and where the processes stand in it."""
        found = []
        hidden = sum(p.process.threads or 1 for p in positions if p.place is Place.HIDDEN)
        all_shared = 0 < hidden <= sum(snapshot.sleepers.values())
        for position in positions:
            planned = self._unreadable.get(position.process.pid)
            if position.private:
                found.append(position)
            if planned is None or position.place is not Place.HIDDEN or all_shared:
                continue
            if position.process.pid not in self._interrupted or _wakeable(planned, snapshot):
                found.append(planned)
        self._asleep = tuple(found)

    def wakeable(self, snapshot: Snapshot) -> tuple[Process, ...]:
        """Those that an interruption lets go on, because a permit is there."""
        found = tuple(p.process for p in self._asleep if _wakeable(p, snapshot))
        self._interrupted.update(process.pid for process in found)
        return found

    @property
    def pending(self) -> tuple[Process, ...]:
        return tuple(p.process for p in self._asleep)


def _wakeable(position: ProtocolPosition, snapshot: Snapshot) -> bool:
    """Whether a semaphore that it sleeps on privately has a permit, and counts a waiter."""
    states = [snapshot.semaphores[role] for role, private in position.asleep if private]
    return any(state.value and state.waiters for state in states)
