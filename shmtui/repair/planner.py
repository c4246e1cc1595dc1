"""Makes the plan that gets a stuck buffer going again, or says why there is none. Pure.

While every process that takes part is blocked, stopped or between two items, the ring's indices
and the permits in hand decide what the semaphores have to be. With ``k`` items in the ring, ``P``
producers and ``C`` consumers asleep on ``mutex`` with a permit in hand::

    mutex = 1    full = k - C    empty = N - k - P

``k`` is ``in - out`` modulo N. Where ``in == out`` it is 0 or N, and the permits that are left
tell which. A process that runs may be anywhere, so there is no plan until it stops.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from shmtui.diagnosis.history import uninitialised
from shmtui.i18n import _
from shmtui.repair.item_count import held_permits, resident_items
from shmtui.repair.plan import Change, Plan, Refusal
from shmtui.repair.plan_certainty import names, plan_certainty, plan_grounds, unseen_can_only_wait
from shmtui.repair.protocol_positions import Place, ProtocolPosition, eliminate
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.snapshot import (
    Finding,
    LayoutSource,
    SemaphoreState,
    Snapshot,
)

COVERED: Final = frozenset(
    {
        "never-initialised",
        "process-private",
        "dead-holder",
        "lost-permit",
        "extra-permits",
        "late-init",
        "mutex-overflow",
        "ghost-waiter",
    }
)
"""The findings that a repair ends."""


def make_plan(
    snapshot: Snapshot, findings: Sequence[Finding], positions: Sequence[ProtocolPosition]
) -> Plan | Refusal | None:
    """What to do about ``findings``; None where there are none.

    ``snapshot`` and ``positions`` are of the moment at which it is to be done.
    """
    wanted = tuple(finding for finding in findings if finding.code in COVERED)
    if not wanted:
        return _nothing_for(findings, snapshot)
    placed = eliminate(positions, snapshot)
    refusal = _unreadable(snapshot) or _unfinished(snapshot, placed or positions)
    if refusal is not None:
        return refusal
    if placed is None:
        return _hidden_waits(snapshot, positions)
    if snapshot.unseen and not unseen_can_only_wait(snapshot, placed):
        return _unseen(snapshot)
    codes = {finding.code for finding in wanted}
    resident = resident_items(snapshot, placed, codes)
    if isinstance(resident, Refusal):
        return resident
    held = held_permits(placed)
    values = {
        SemaphoreRole.MUTEX: 1,
        SemaphoreRole.EMPTY: snapshot.layout.slots - resident - held[Role.PRODUCER],
        SemaphoreRole.FULL: resident - held[Role.CONSUMER],
    }
    if min(values.values()) < 0:
        return Refusal(
            _("the indices say {resident} items, and more permits than that are in hand").format(
                resident=resident
            ),
            _("end every process that maps it, and start them again"),
        )
    changes = tuple(_changes(snapshot, placed, values))
    private = tuple(p for p in placed if p.private)
    if not changes and not private:
        return Refusal(
            _("every semaphore already has the right value: what was found is passing"),
            _("look again in a moment"),
            transient=True,
        )
    return Plan(
        wanted,
        changes,
        private,
        tuple(plan_grounds(snapshot, placed, resident, held)),
        plan_certainty(placed, codes, snapshot),
    )


def _nothing_for(findings: Sequence[Finding], snapshot: Snapshot) -> Refusal | None:
    """The refusal where setting semaphores ends none of the findings, or where there can be one
    that this user may not see.
    """
    if findings:
        # A user who sees what the processes wait on may find something else.
        remedy = _with_sight(snapshot) if snapshot.waits_hidden else findings[0].remedy
        names = ", ".join(finding.code for finding in findings)
        return Refusal(
            _("setting semaphores does not end this: {findings}").format(findings=names), remedy
        )
    mutex = snapshot.semaphores.get(SemaphoreRole.MUTEX)
    if snapshot.waits_hidden and mutex is not None and mutex.value == 0:
        return Refusal(
            _("mutex is 0, and this user may not read whether a live process can hold it"),
            _with_sight(snapshot),
            transient=True,
        )
    return None


def _with_sight(snapshot: Snapshot) -> str:
    """The commands that show what this user may not see."""
    command = _("sudo shmtui repair {name}, with the same options").format(
        name=snapshot.segment.name
    )
    if not snapshot.waits_hidden:
        return command
    return _(
        "{command}; or, where Yama forbids it: sudo sysctl kernel.yama.ptrace_scope=0, and again"
    ).format(command=command)


def _unreadable(snapshot: Snapshot) -> Refusal | None:
    """The refusal where the layout or an index cannot be read."""
    slots, layout = snapshot.layout.slots, snapshot.layout
    if layout.source is LayoutSource.RAW or len(snapshot.semaphores) != len(SemaphoreRole):
        return Refusal(
            _("its layout is not known, or a semaphore is missing"),
            _("say the layout with --header, --slots or --layout"),
        )
    if layout.disputed:
        return Refusal("; ".join(layout.assumptions), _("say the layout with --map or --layout"))
    if layout.offsets.in_ is None:
        return Refusal(
            _("in and out are not in the segment, so that the items are not known"),
            _("say where they are with --map or --index-segment"),
        )
    indices = (
        ("in", snapshot.in_, snapshot.slot_in),
        ("out", snapshot.out, snapshot.slot_out),
    )
    for name, index, slot in indices:
        if slot is None:
            return Refusal(
                _("{name} is {index}, outside 0…{last}").format(
                    name=name, index=index, last=slots - 1
                ),
                _(
                    "check the layout; if it is right, something wrote over the segment: start the "
                    "programs again"
                ),
            )
    return None


def _unseen(snapshot: Snapshot) -> Refusal:
    """The refusal where a process that cannot be read may hold what is missing."""
    return Refusal(
        _("a process that this user cannot read may take part: {limits}").format(
            limits="; ".join(snapshot.limits)
        ),
        _with_sight(snapshot),
    )


def _unfinished(snapshot: Snapshot, positions: Sequence[ProtocolPosition]) -> Refusal | None:
    """The refusal where a process may be in the middle of an item, or its side is not known."""
    running = [p for p in positions if p.place is Place.UNKNOWN]
    blind = [p for p in running if not p.readable]
    if blind:
        return _hidden_waits(snapshot, blind, transient=True)
    if running:
        return Refusal(
            _("{who} runs, and may be in the critical section").format(who=names(running)),
            _("pause it or wait until it blocks"),
            transient=True,
        )
    mutex = snapshot.semaphores[SemaphoreRole.MUTEX]
    elsewhere = [p for p in positions if p.place is Place.ELSEWHERE]
    if elsewhere and not mutex.value and not uninitialised(snapshot):
        return Refusal(
            _("{who} does not sleep on a semaphore and may hold mutex").format(
                who=names(elsewhere)
            ),
            _("wait until it blocks, or end it: a process that is gone holds nothing"),
            transient=True,
        )
    sideless = [p for p in positions if p.on_mutex and p.side is Role.UNKNOWN]
    if sideless:
        return Refusal(
            _("{who} waits for mutex, and may be a producer or a consumer").format(
                who=names(sideless)
            ),
            _("end PID {pid}, run shmtui repair {name}, and start it again").format(
                pid=sideless[0].process.pid, name=snapshot.segment.name
            ),
        )
    return None


def _hidden_waits(
    snapshot: Snapshot, positions: Sequence[ProtocolPosition], *, transient: bool = False
) -> Refusal:
    """The refusal where waits cannot be read, and the waiter counts do not tell them."""
    hidden = [p for p in positions if not p.readable]
    return Refusal(
        _("this user may not read what {who} waits on, and the waiter counts leave it open").format(
            who=names(hidden)
        ),
        _with_sight(snapshot),
        transient,
    )


def _changes(
    snapshot: Snapshot,
    positions: Sequence[ProtocolPosition],
    values: dict[SemaphoreRole, int],
) -> Iterator[Change]:
    """Each semaphore whose words are not what they have to be."""
    for role, value in values.items():
        before = snapshot.semaphores[role]
        asleep = sum(at is role for p in positions for at, _private in p.asleep)
        after = SemaphoreState(value, asleep, True)
        if after != before:
            yield Change(role, before, after)
