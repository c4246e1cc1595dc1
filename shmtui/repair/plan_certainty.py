"""What a plan rests on, and how sure that makes it. Pure."""

from collections.abc import Iterator, Sequence

from shmtui.diagnosis.history import uninitialised
from shmtui.i18n import _, ngettext
from shmtui.repair.item_count import DEATHS, item_bounds
from shmtui.repair.protocol_positions import Place, ProtocolPosition
from shmtui.shm.libc import Libc
from shmtui.shm.protocol import Role
from shmtui.snapshot import Certainty, Snapshot


def unseen_can_only_wait(snapshot: Snapshot, positions: Sequence[ProtocolPosition]) -> bool:
    """Whether a process that cannot be read holds nothing, wherever it is.

    So it is in a ring that nobody initialised: no process has passed a semaphore of it. A waiter
    that is not seen would be left out of the counts, so every counted one has to be seen. In
    musl the zeros of such a ring prove less.
    """
    if snapshot.layout.libc is Libc.MUSL or not uninitialised(snapshot):
        return False
    counted = [state.waiters for state in snapshot.semaphores.values()]
    return sum(count or 0 for count in counted) == sum(len(p.asleep) for p in positions)


def plan_grounds(
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
    if snapshot.unseen:
        yield _("assumed: at most a process that cannot be read waits as well ({limits})").format(
            limits="; ".join(snapshot.limits)
        )
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
            yield text.format(who=names(chosen))


def plan_certainty(
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
    if snapshot.layout.assumed or snapshot.assumptions or snapshot.unseen:
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


def names(positions: Sequence[ProtocolPosition]) -> str:
    """The processes, by name and PID."""
    return ", ".join(f"{p.process.name} (PID {p.process.pid})" for p in positions)
