"""What a plan rests on, and how sure that makes it. Pure."""

from collections.abc import Iterator, Sequence

from shmtui.diagnosis.history import living, mutex_taken
from shmtui.diagnosis.rules.initialisation import uninitialised, unmarked
from shmtui.diagnosis.wording import names as process_names
from shmtui.i18n import _, ngettext
from shmtui.repair.consent import Consent
from shmtui.repair.item_count import DEATHS, held_permits, item_bounds
from shmtui.repair.plan import Refusal
from shmtui.repair.protocol_positions import Place, ProtocolPosition
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.snapshot import Certainty, Origin, Snapshot


def unseen_can_only_wait(snapshot: Snapshot, positions: Sequence[ProtocolPosition]) -> bool:
    """Whether a process that cannot be read holds nothing, wherever it is.

    So it is in a ring that nobody initialised: no process has passed a semaphore of it. A waiter
    that is not seen would be left out of the counts, so every counted one has to be seen. In
    musl the zeros of such a ring prove less.
    """
    if unmarked(snapshot) or not uninitialised(snapshot):
        return False
    counted = [state.waiters for state in snapshot.semaphores.values()]
    return sum(count or 0 for count in counted) == sum(len(p.asleep) for p in positions)


def words_are_known(
    snapshot: Snapshot, positions: Sequence[ProtocolPosition], consent: Consent
) -> bool:
    """Whether every process that may sleep on a semaphore is seen to, or seen not to."""
    return (
        not snapshot.unseen
        and not consent.assume_idle
        and all(position.readable for position in positions)
    )


def plan_grounds(
    snapshot: Snapshot,
    positions: Sequence[ProtocolPosition],
    resident: int | Refusal | None,
    consent: Consent,
) -> Iterator[str]:
    """What the plan rests on, a sentence each. ``resident``: items in the ring, where known."""
    slots = snapshot.layout.slots
    if isinstance(resident, int):
        yield _("in {in_}, out {out}: {resident} of {slots} slots hold an item").format(
            in_=snapshot.in_, out=snapshot.out, resident=resident, slots=slots
        )
    yield from consent.lines
    held = held_permits(positions)
    waiting = behind(snapshot, positions)
    if waiting:
        yield _("assumed: the permit is waited for before {mutex} by {who}").format(
            **snapshot.own_names, who=names(waiting)
        )
    if uninitialised(snapshot):
        yield _("all three semaphores are zero: no process has ever passed one of them")
    if count := held[Role.PRODUCER]:
        yield ngettext(
            "{count} producer sleeps on {mutex} with a permit in hand",
            "{count} producers sleep on {mutex} with a permit in hand",
            count,
        ).format(**snapshot.own_names, count=count)
    if count := held[Role.CONSUMER]:
        yield ngettext(
            "{count} consumer sleeps on {mutex} with a permit in hand",
            "{count} consumers sleep on {mutex} with a permit in hand",
            count,
        ).format(**snapshot.own_names, count=count)
    if not positions:
        yield _("no live process maps it")
    if snapshot.unseen and not consent.covers_unseen(snapshot):
        yield _("assumed: at most a process that cannot be read waits as well ({limits})").format(
            limits="; ".join(snapshot.limits)
        )
    for assumption in (*snapshot.layout.assumptions, *snapshot.assumptions):
        yield _("assumed: {assumption}").format(assumption=assumption)
    if elsewhere := [p for p in positions if p.place is Place.ELSEWHERE]:
        yield _("asleep in a system call and not on a semaphore: {who}").format(
            who=names(elsewhere)
        )
    if counted := [p for p in positions if not p.readable and p.asleep]:
        yield _("on which semaphore it sleeps follows from the waiter counts alone: {who}").format(
            who=names(counted)
        )


def behind(
    snapshot: Snapshot, positions: Sequence[ProtocolPosition]
) -> tuple[ProtocolPosition, ...]:
    """Programs asleep on a permit while mutex is taken: one may hold it, against the usual order."""
    if not mutex_taken(snapshot) or uninitialised(snapshot):
        return ()
    permits = {Place.EMPTY, Place.FULL}
    any_unsettled = any(p.unsettled and p.place in permits for p in positions)
    return tuple(
        p
        for p in positions
        if p.process.origin is not Origin.WORKER
        and (p.place in permits or (p.unsettled and any_unsettled))
    )


def held_by_record(snapshot: Snapshot) -> bool:
    """Whether a live worker's record says that it holds mutex."""
    return any(p.holds_mutex for p in living(snapshot))


def may_hold(
    snapshot: Snapshot, positions: Sequence[ProtocolPosition], consent: Consent
) -> tuple[ProtocolPosition, ...]:
    """Processes `behind` that have run since mutex was free, so that one may hold it, and for which the
    user does not vouch.
    """
    return tuple(
        p
        for p in behind(snapshot, positions)
        if not (p.process.idle_since_free or p.process.pid in consent.assume_idle)
    )


def plan_certainty(
    positions: Sequence[ProtocolPosition], codes: set[str], snapshot: Snapshot, consent: Consent
) -> Certainty:
    """Certain where every position is read and the permits agree with the indices."""
    if consent.pids or any(
        p.place is Place.ELSEWHERE
        or not p.readable
        or (p.on_mutex and p.process.role is Role.UNKNOWN)
        for p in positions
    ):
        return Certainty.LIKELY
    if behind(snapshot, positions):
        return Certainty.LIKELY
    if snapshot.layout.assumed or snapshot.assumptions or snapshot.unseen:
        return Certainty.LIKELY
    if uninitialised(snapshot):
        return Certainty.LIKELY if unmarked(snapshot) else Certainty.CERTAIN
    if not codes & DEATHS:
        return Certainty.CERTAIN
    if len(snapshot.semaphores) != len(SemaphoreRole) or snapshot.in_ is None:
        return Certainty.LIKELY
    low, high = item_bounds(snapshot, positions)
    assert snapshot.out is not None
    between = (snapshot.in_ - snapshot.out) % snapshot.layout.slots
    agree = not between or low <= between <= high
    return Certainty.CERTAIN if agree and high - low <= 1 else Certainty.LIKELY


def names(positions: Sequence[ProtocolPosition]) -> str:
    """The processes, by name and PID."""
    return process_names([p.process for p in positions])
