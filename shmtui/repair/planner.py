"""Makes the plan that gets a stuck buffer going again, or says why there is none. Pure.

The lock: once it is known that nobody is to post ``mutex``, ``mutex`` is 1. The death of its holder that
was seen tells, or the user's word. That no live process that is seen can hold it does not suffice, even
where a permit is gone with it: its holder may map nothing for now, run another program, or have left
it to one that comes much later.

The permits: while every process that takes part is blocked, stopped or between two items, the
ring's indices and the permits in hand decide what ``empty`` and ``full`` have to be, if every
program keeps to the protocol. With ``k`` items in the ring, ``P`` producers and ``C`` consumers
asleep on ``mutex`` with a permit in hand::

    full = k - C    empty = N - k - P

``k`` is ``in - out`` modulo N. Where ``in == out`` it is 0 or N, and the permits that are left
tell which. A process that runs may be anywhere, so there is no plan until it stops.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec.structs import replace

from shmtui.diagnosis.holders import waits_for_good
from shmtui.diagnosis.rules.initialisation import uninitialised, unmarked
from shmtui.diagnosis.wording import target
from shmtui.i18n import _
from shmtui.repair import refusals
from shmtui.repair.consent import NO_WORD, Consent
from shmtui.repair.item_count import DEATHS, held_permits, resident_items
from shmtui.repair.missing_consent import (
    left_to_takers,
    lock_not_agreed,
    not_agreed,
    side_unknown,
    sides_do_not_fit,
    too_early,
    uncounted,
    zeros_not_agreed,
)
from shmtui.repair.plan import Change, Plan, Refusal, slots_digest
from shmtui.repair.plan_certainty import (
    held_by_record,
    may_hold,
    plan_certainty,
    plan_grounds,
    unseen_can_only_wait,
    words_are_known,
)
from shmtui.repair.protocol_positions import ProtocolPosition, eliminate
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.shm.segment_info import LayoutSource, SemaphoreState
from shmtui.snapshot import Certainty, Finding, Origin, Snapshot

COVERED: Final = frozenset(
    {"never-initialised", "process-private", "late-init", "dead-holder", "lost-permit",
     "extra-permits", "mutex-overflow"}
)  # fmt: skip
"""The findings that a repair ends. ``ghost-waiter`` is none: a count that is too high harms nobody. By the
user's word on a process it ends ``stalled`` too, and by that on the lock ``wrong-order``, which may be a dead holder:
who waits for the lock need not have taken a permit.
"""


def make_plan(
    snapshot: Snapshot,
    findings: Sequence[Finding],
    positions: Sequence[ProtocolPosition],
    consent: Consent = NO_WORD,
) -> Plan | Refusal | None:
    """What to do about ``findings``; None where there are none.

    ``snapshot`` and ``positions`` are of the moment at which it is to be done.
    """
    if not consent.command:
        consent = replace(consent, command=f"shmtui repair {target(snapshot)}")
    ends = COVERED | ({"stalled"} if consent.assume_idle else set())
    if consent.lock and not held_by_record(snapshot):
        ends |= {"wrong-order"}
    wanted = tuple(finding for finding in findings if finding.code in ends)
    placed = eliminate(consent.applied(positions), snapshot)
    if not wanted:
        return refusals.nothing_for(findings, snapshot, placed or positions, consent)
    soon = all(f.code == "never-initialised" for f in wanted)
    if soon and not (consent.permits or waits_for_good(snapshot)):
        return too_early(snapshot, consent)
    refusal = refusals.nameless(snapshot) or refusals.of_a_set(snapshot)
    refusal = refusal or refusals.unreadable(snapshot) or refusals.no_semaphores(snapshot)
    refusal = refusal or _strangers(snapshot, positions, consent)
    if refusal is not None:
        return refusal
    stand = placed or consent.applied(positions)
    freed = _is_proved_free(snapshot, stand, wanted)
    refusal = refusals.unfinished(snapshot, stand, consent, freed=freed)
    if refusal is not None:
        return refusal
    if placed is None:
        return refusals.hidden_waits(snapshot, consent.applied(positions), consent)
    covered = consent.covers_unseen(snapshot) or unseen_can_only_wait(snapshot, placed)
    if snapshot.unseen and not covered:
        return refusals.unseen(snapshot, consent)
    return _plan(snapshot, wanted, placed, consent)


def _strangers(
    snapshot: Snapshot, positions: Sequence[ProtocolPosition], consent: Consent
) -> Refusal | None:
    """The refusal where something is said of a process that takes no part."""
    known = {p.process.pid for p in positions} | set(snapshot.unseen_pids)
    strangers = sorted(consent.pids - known)
    if not strangers:
        return None
    return Refusal(
        _("PID {pid} takes no part in {name}, or has ended").format(
            pid=strangers[0], name=snapshot.segment.name
        ),
        _("see who does: shmtui stat {name}").format(name=target(snapshot)),
    )


def _plan(
    snapshot: Snapshot,
    wanted: tuple[Finding, ...],
    placed: Sequence[ProtocolPosition],
    consent: Consent,
) -> Plan | Refusal:
    """The plan where everybody stands at a known place."""
    codes = {finding.code for finding in wanted}
    lower = words_are_known(snapshot, placed, consent)
    lock = _change(snapshot, placed, SemaphoreRole.MUTEX, 1, lower=lower)
    proved = consent.permits or _permits_are_proved(snapshot, placed)
    private = tuple(p for p in placed if p.private)
    resident = _resident(snapshot, placed, codes, consent)
    values = _values(snapshot, placed, resident)
    if consent.roles and not codes - DEATHS and not isinstance(values, Refusal):
        values = _fitting(snapshot, values)
    if "extra-permits" in codes and "late-init" not in codes and not isinstance(values, Refusal):
        values = _lowered(snapshot, values)
    permits: tuple[Change, ...] = ()
    undecided = values if isinstance(values, Refusal) else None
    if not isinstance(values, Refusal):
        found = [_change(snapshot, placed, *item, lower=lower) for item in values.items()]
        permits = tuple(change for change in found if change is not None)
        if not proved:
            undecided = not_agreed(permits, consent)
            permits = tuple(change for change in permits if not change.permits_added)
    if not (proved or private) and any(map(_marks_alone, (lock, *permits))):
        # Marks and waiter counts rest on no protocol, and are set all the same where somebody sleeps
        # as sem_wait does on what is private. Else the words may be the program's own.
        lock, permits = None if _marks_alone(lock) else lock, ()
        undecided = undecided or uncounted(consent)
    if undecided is not None and unmarked(snapshot) and uninitialised(snapshot):
        # mutex alone would revive nobody, and hide that there were never any permits.
        return undecided if consent.permits else zeros_not_agreed(consent)
    if not proved and lock is not None and (lock.before.value or 0) > 1:
        # It may let several in at once because it is meant to.
        undecided, lock = not_agreed((lock,), consent), None
    if lock is not None and not (lock.before.value or consent.lock):
        takers = [p for p in placed if SemaphoreRole.MUTEX in p.process.timed_waits]
        if takers:
            return left_to_takers(takers, consent)
        holding = may_hold(snapshot, placed, consent)
        # The word on a process says that it does not hold mutex, and not that nobody comes to post it.
        if not _is_proved_free(snapshot, placed, wanted):
            return lock_not_agreed(holding, consent)
    freed = lock is not None and not lock.before.value
    by_death = freed and not consent.lock and not _rights_are_known(snapshot, placed)
    if codes == {"process-private"} and not any(p.private_for_good for p in placed):
        return refusals.nobody_stuck()
    wakes = any(
        snapshot.semaphores[role].value for p in private for role, private_ in p.asleep if private_
    )
    if lock is None and not permits and not (wakes or (private and undecided is None)):
        return undecided or Refusal(
            _("every semaphore already has the right value: what was found is passing"),
            _("look again in a moment"),
            transient=True,
        )
    return Plan(
        findings=wanted,
        lock=() if lock is None else (lock,),
        permits=permits,
        private_sleepers=private,
        rests_on=(
            *(_by_a_death(snapshot, wanted) if by_death else ()),
            *plan_grounds(snapshot, placed, resident, consent),
        ),
        certainty=Certainty.LIKELY
        if by_death
        else plan_certainty(placed, codes, snapshot, consent),
        permits_left=""
        if undecided is None
        else _("the permits are left as they are: {why}; {remedy}").format(
            why=undecided.why, remedy=undecided.remedy
        ),
        needs_permits=undecided is not None and undecided.needs_permits,
        needs_role=() if undecided is None else undecided.needs_role,
        indices=(snapshot.in_, snapshot.out),
        slots=slots_digest(snapshot),
        names=snapshot.own_names,
        participants=tuple(p.process for p in placed),
        watched_first=by_death,
    )


def _resident(
    snapshot: Snapshot, placed: Sequence[ProtocolPosition], codes: set[str], consent: Consent
) -> int | Refusal:
    """How many items the ring holds, where permits can be told from that."""
    refusal = refusals.without_indices(snapshot) or side_unknown(placed, consent)
    return resident_items(snapshot, placed, codes) if refusal is None else refusal


def _values(
    snapshot: Snapshot, placed: Sequence[ProtocolPosition], resident: int | Refusal
) -> dict[SemaphoreRole, int] | Refusal:
    """What ``empty`` and ``full`` have to be, if every program keeps to the protocol."""
    if snapshot.semaphores.keys() <= {SemaphoreRole.MUTEX}:
        return {}  # A ring of one lock alone has no permits.
    if isinstance(resident, Refusal):
        return resident
    held = held_permits(placed)
    values = {
        SemaphoreRole.EMPTY: snapshot.layout.slots - resident - held[Role.PRODUCER],
        SemaphoreRole.FULL: resident - held[Role.CONSUMER],
    }
    if min(values.values()) >= 0:
        return values
    return Refusal(
        _("the indices say {resident} items, and more permits than that are in hand").format(
            resident=resident
        ),
        _("end every process that maps it, and start them again"),
    )


def _fitting(
    snapshot: Snapshot, values: dict[SemaphoreRole, int]
) -> dict[SemaphoreRole, int] | Refusal:
    """The values, where none is below what is there: who dies takes permits along, and leaves none."""
    for role, after in values.items():
        before = snapshot.semaphores[role].value or 0
        if after < before:
            return sides_do_not_fit(role, before, after, snapshot.own_names)
    return values


def _lowered(
    snapshot: Snapshot, values: dict[SemaphoreRole, int]
) -> dict[SemaphoreRole, int] | Refusal:
    """The values, where none is above what is there: a post too many adds one. Where it has been used, an item was
    taken that nobody put, or put into a slot that was not free: the indices have passed each other, and no longer say
    how many items there are.
    """
    for role, after in values.items():
        before = snapshot.semaphores[role].value or 0
        if after > before:
            return Refusal(
                _(
                    "a permit is too many, and {semaphore} would rise from {before} to {after}: the permit may have been "
                    "used, so that in and out no longer say how many items there are"
                ).format(semaphore=snapshot.own_names[role], before=before, after=after),
                _("end every process that maps it, and start them again"),
            )
    return values


def _permits_are_proved(snapshot: Snapshot, placed: Sequence[ProtocolPosition]) -> bool:
    """Whether no program can have a permit aside: nobody has ever passed a semaphore, or the
    buffer is ours and all that take part are our workers, which keep to the protocol. Zeros that
    nothing marks prove nothing: they may be a gate, which somebody who comes later opens.
    """
    marked = uninitialised(snapshot) and not unmarked(snapshot)
    ours = snapshot.layout.source is LayoutSource.CONTROL and snapshot.uptime is not None
    return marked or (ours and all(p.process.origin is Origin.WORKER for p in placed))


def _marks_alone(change: Change | None) -> bool:
    """Whether a change leaves the value as it is."""
    return change is not None and change.before.value == change.after.value


def _is_proved_free(
    snapshot: Snapshot, placed: Sequence[ProtocolPosition], findings: Sequence[Finding]
) -> bool:
    """Whether nobody is to post mutex, which is 0: its holder was seen to die, or nobody has ever
    passed a semaphore, or only our workers take part.
    """
    return _rights_are_known(snapshot, placed) or any(map(proves_a_death, findings))


def _rights_are_known(snapshot: Snapshot, placed: Sequence[ProtocolPosition]) -> bool:
    """Whether nobody has ever passed a semaphore, or only our workers take part."""
    return uninitialised(snapshot) or _permits_are_proved(snapshot, placed)


def proves_a_death(finding: Finding) -> bool:
    """Whether the holder of mutex was seen to die, and nobody else can hold it. What rests only on processes that
    root alone can see refuses nothing.
    """
    sure = finding.certainty is Certainty.CERTAIN or finding.death_seen
    return finding.code == "dead-holder" and sure


def _by_a_death(snapshot: Snapshot, findings: Sequence[Finding]) -> Iterator[str]:
    """What a lock rests on whose holder was seen to die."""
    yield from (finding.claim for finding in findings if proves_a_death(finding))
    yield _("assumed: none that waits for {mutex} has it already, and waits for itself").format(
        **snapshot.own_names
    )


def with_deaths_seen(findings: Sequence[Finding], seen: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings; in place of a dead holder the one that another watch has ``seen`` to die."""
    proof = {finding.code: finding for finding in seen if proves_a_death(finding)}
    return tuple(proof.get(finding.code, finding) for finding in findings)


def _change(
    snapshot: Snapshot,
    positions: Sequence[ProtocolPosition],
    role: SemaphoreRole,
    value: int,
    *,
    lower: bool,
) -> Change | None:
    """What to write to one semaphore; None where it is right.

    A waiter count that is too low loses wake-ups, so it is always raised. One that is too high
    harms nobody: it is lowered along with the value, where every sleeper is known (``lower``).
    """
    before = snapshot.semaphores[role]
    asleep = sum(at is role for p in positions for at, _private in p.asleep)
    counted = before.waiters or 0
    right = before.value == value and before.shared is True and counted >= asleep
    if right:
        return None
    waiters = asleep if lower else max(asleep, counted)
    return Change(role, before, SemaphoreState(value, waiters, True), snapshot.own_names[role])
