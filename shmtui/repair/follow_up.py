"""What a repair has changed: whether private sleepers wake, items move, and what is still found."""

from typing import Final

from shmtui.diagnosis.wording import names
from shmtui.procfs.clock import Clock
from shmtui.repair.dead_owners import waiting_for
from shmtui.repair.observation import Observation, indices
from shmtui.repair.plan import Plan
from shmtui.repair.private_sleepers import PrivateSleepers
from shmtui.repair.report import Outcome
from shmtui.repair.resume_guard import ResumeGuard
from shmtui.repair.stop_processes import interrupt_futex_wait

MOVING_SECONDS: Final = 4.0
"""How long is watched: do items move, and does a process still sleep privately?"""
AFTER_SECONDS: Final = 1.25
"""How long is watched for what is still found then."""
INTERRUPT_SECONDS: Final = 0.05
"""How often a process that sleeps privately is interrupted."""


def follow_up(observed: Observation, plan: Plan, guard: ResumeGuard, clock: Clock) -> Outcome:
    """Interrupt the processes that still sleep privately, and watch whether items move."""
    sleepers = PrivateSleepers(plan.private_sleepers)
    interruptions, moved, waiting = 0, False, set(plan.waiting)
    sampler = observed.sampler
    first = sampler.sample()
    end = clock.monotonic() + MOVING_SECONDS
    while clock.monotonic() < end:
        clock.sleep(INTERRUPT_SECONDS)
        snapshot = sampler.sample()
        moved = moved or indices(snapshot) != indices(first)
        waiting &= set(waiting_for(plan.unlocks, snapshot))
        sleepers.update(observed.positions(snapshot), snapshot)
        for process in sleepers.wakeable(snapshot):
            interruptions += interrupt_futex_wait(process.pid, process.start_time, guard)
        over = moved or (plan.waiting and not waiting)
        if over and not sleepers.pending:
            break
    remaining = observed.watch(AFTER_SECONDS)
    # Those that waited may have been seen to wait no longer before an index was seen to move.
    moved = moved or indices(sampler.sample()) != indices(first)
    still = tuple(names([p]) for p in sleepers.pending)
    return Outcome(interruptions, moved, still, remaining, len(plan.waiting) - len(waiting))
