"""The plan for what is observed now: locks that name their dead owner first, then semaphores."""

from collections.abc import Sequence

from msgspec.structs import replace

from shmtui.i18n import _
from shmtui.procfs.forks import others_of_program
from shmtui.repair.consent import Consent
from shmtui.repair.dead_owners import unlock_plan
from shmtui.repair.missing_consent import left_to_others
from shmtui.repair.observation import Observation
from shmtui.repair.plan import Plan, Refusal
from shmtui.repair.planner import make_plan
from shmtui.repair.protocol_positions import ProtocolPosition
from shmtui.repair.record import RepairRecord
from shmtui.shm.protocol import Role
from shmtui.snapshot import Finding, Snapshot


def plan_now(
    observed: Observation,
    snapshot: Snapshot,
    findings: tuple[Finding, ...],
    earlier: RepairRecord | None,
    consent: Consent,
    positions: Sequence[ProtocolPosition] | None = None,
) -> Plan | Refusal | None:
    """The plan; an interrupted repair (``earlier``) is finished: the user had agreed to all of its
    words.

    Locks whose owner is known come first: nobody gets to a semaphore that they guard.
    """
    consent = replace(consent, names=snapshot.own_names)
    begun = () if earlier is None else earlier.unlocks
    found = unlock_plan(snapshot, findings, observed.sampler.read, consent, begun)
    if found is None:
        known = observed.positions(snapshot) if positions is None else positions
        found = _semaphore_plan(snapshot, findings, known, earlier, consent)
    if isinstance(found, Plan) and found.watched_first:
        others = others_of_program({process.pid for process in found.participants})
        if others:
            return left_to_others(others, consent)
    if earlier is not None and isinstance(found, Plan):
        text = _("a repair that was interrupted is finished: it is kept in {file}")
        return replace(found, rests_on=(text.format(file=earlier.path), *found.rests_on))
    return found


def _semaphore_plan(
    snapshot: Snapshot,
    findings: tuple[Finding, ...],
    positions: Sequence[ProtocolPosition],
    earlier: RepairRecord | None,
    consent: Consent,
) -> Plan | Refusal | None:
    """The plan for semaphores, whose holders do not stand in them."""
    if earlier is None:
        return make_plan(snapshot, findings, positions, consent)
    sides = earlier.sides_of(p.process for p in positions if p.process.role is Role.UNKNOWN)
    agreed = replace(consent, permits=True, lock=True, roles=(*sides, *consent.roles))
    plan = make_plan(earlier.taken_back(snapshot), findings, positions, agreed)
    if not isinstance(plan, Plan):
        return plan
    unsaid = set(agreed.lines) - set(consent.lines)  # Agreed to then, or seen: not the user's word.
    return replace(plan, rests_on=tuple(line for line in plan.rests_on if line not in unsaid))
