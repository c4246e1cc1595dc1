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
from shmtui.i18n import _, ngettext
from shmtui.repair.item_count import DEATHS, held_permits, item_bounds, resident_items
from shmtui.repair.plan import Change, Plan, Refusal
from shmtui.repair.positions import Place, ProtocolPosition, eliminate
from shmtui.shm.libc import Libc
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.snapshot import (
    Certainty,
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
        return _nothing_for(findings)
    placed = eliminate(positions, snapshot)
    refusal = _unreadable(snapshot) or _unfinished(snapshot, placed or positions)
    if refusal is not None:
        return refusal
    if placed is None:
        return _hidden_waits(snapshot, positions)
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
        tuple(_grounds(snapshot, placed, resident, held)),
        _certainty(placed, codes, snapshot),
    )


def _nothing_for(findings: Sequence[Finding]) -> Refusal | None:
    """The refusal where setting semaphores ends none of the findings."""
    if not findings:
        return None
    names = ", ".join(finding.code for finding in findings)
    return Refusal(
        _("setting semaphores does not end this: {findings}").format(findings=names),
        findings[0].remedy,
    )


def _unreadable(snapshot: Snapshot) -> Refusal | None:
    """The refusal where the layout, an index or a process cannot be read."""
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
    if snapshot.unseen:
        return Refusal(
            _("a process that this user cannot read may take part: {limits}").format(
                limits="; ".join(snapshot.limits)
            ),
            _("sudo shmtui repair {name}, with the same options").format(
                name=snapshot.segment.name
            ),
        )
    return None


def _unfinished(snapshot: Snapshot, positions: Sequence[ProtocolPosition]) -> Refusal | None:
    """The refusal where a process may be in the middle of an item, or its side is not known."""
    running = [p for p in positions if p.place is Place.UNKNOWN]
    blind = [p for p in running if not p.readable]
    if blind:
        return _hidden_waits(snapshot, blind, transient=True)
    if running:
        return Refusal(
            _("{who} runs, and may be in the critical section").format(who=_names(running)),
            _("pause it or wait until it blocks"),
            transient=True,
        )
    mutex = snapshot.semaphores[SemaphoreRole.MUTEX]
    elsewhere = [p for p in positions if p.place is Place.ELSEWHERE]
    if elsewhere and not mutex.value and not uninitialised(snapshot):
        return Refusal(
            _("{who} does not sleep on a semaphore and may hold mutex").format(
                who=_names(elsewhere)
            ),
            _("wait until it blocks, or end it: a process that is gone holds nothing"),
            transient=True,
        )
    sideless = [p for p in positions if p.on_mutex and p.side is Role.UNKNOWN]
    if sideless:
        return Refusal(
            _("{who} waits for mutex, and may be a producer or a consumer").format(
                who=_names(sideless)
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
            who=_names(hidden)
        ),
        _(
            "sudo shmtui repair {name}, with the same options; or, where Yama forbids it: sudo "
            "sysctl kernel.yama.ptrace_scope=0, and again"
        ).format(name=snapshot.segment.name),
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


def _grounds(
    snapshot: Snapshot,
    positions: Sequence[ProtocolPosition],
    resident: int,
    held: dict[Role, int],
) -> Iterator[str]:
    """What the plan rests on, a sentence each."""
    slots = snapshot.layout.slots
    yield _("in {in_}, out {out}: {resident} of {slots} slots hold an item").format(
        in_=snapshot.in_, out=snapshot.out, resident=resident, slots=slots
    )
    if uninitialised(snapshot):
        yield _("all three semaphores are zero: no process has ever passed one of them")
    for count, text in (
        (
            held[Role.PRODUCER],
            ngettext(
                "{count} producer sleeps on mutex with a permit in hand",
                "{count} producers sleep on mutex with a permit in hand",
                held[Role.PRODUCER],
            ),
        ),
        (
            held[Role.CONSUMER],
            ngettext(
                "{count} consumer sleeps on mutex with a permit in hand",
                "{count} consumers sleep on mutex with a permit in hand",
                held[Role.CONSUMER],
            ),
        ),
    ):
        if count:
            yield text.format(count=count)
    if not positions:
        yield _("no live process maps it")
    for assumption in (*snapshot.layout.assumptions, *snapshot.assumptions):
        yield _("assumed: {assumption}").format(assumption=assumption)
    for chosen, text in (
        (
            [p for p in positions if p.on_mutex and p.process.role is Role.UNKNOWN],
            _("producer or consumer by its name alone: {who}"),
        ),
        (
            [p for p in positions if p.place is Place.ELSEWHERE],
            _("asleep in a system call and not on a semaphore: {who}"),
        ),
        (
            [p for p in positions if not p.readable and p.asleep],
            _("on which semaphore it sleeps follows from the waiter counts alone: {who}"),
        ),
    ):
        if chosen:
            yield text.format(who=_names(chosen))


def _certainty(
    positions: Sequence[ProtocolPosition], codes: set[str], snapshot: Snapshot
) -> Certainty:
    """Certain where every position is read and the permits agree with the indices."""
    if any(
        p.place is Place.ELSEWHERE
        or not p.readable
        or (p.on_mutex and p.process.role is Role.UNKNOWN)
        for p in positions
    ):
        return Certainty.LIKELY
    if snapshot.layout.assumed or snapshot.assumptions:
        return Certainty.LIKELY
    if uninitialised(snapshot):
        return Certainty.LIKELY if snapshot.layout.libc is Libc.MUSL else Certainty.CERTAIN
    if not codes & DEATHS:
        return Certainty.CERTAIN
    low, high = item_bounds(snapshot, positions)
    assert snapshot.in_ is not None
    assert snapshot.out is not None
    between = (snapshot.in_ - snapshot.out) % snapshot.layout.slots
    agree = not between or low <= between <= high
    return Certainty.CERTAIN if agree and high - low <= 1 else Certainty.LIKELY


def _names(positions: Sequence[ProtocolPosition]) -> str:
    return ", ".join(f"{p.process.name} (PID {p.process.pid})" for p in positions)
