"""The deadlock of a process that waits for a permit while it holds mutex. Pure."""

from collections.abc import Iterator, Sequence

import msgspec

from shmtui.diagnosis.history import History, living
from shmtui.diagnosis.holders import may_still_post
from shmtui.diagnosis.wording import names
from shmtui.i18n import _
from shmtui.shm.protocol import Role
from shmtui.snapshot import Certainty, Finding, Process, Status


class HeldMutex(msgspec.Struct, frozen=True):
    """A mutex at 0 while nothing moves, and what every process waits on."""

    history: History
    deficit: int | None
    """Permits that are neither in empty nor in full; None where the ring has no such semaphores."""
    waiting: tuple[Process, ...]
    """Asleep on mutex."""
    threads: int
    """How many threads those are: each has taken a permit, if it keeps to the order."""
    behind: tuple[Process, ...]
    """Foreign processes asleep on a permit: they do not hold mutex, if they keep to the order."""
    facts: tuple[str, ...]

    @property
    def explained_by_wrong_order(self) -> bool:
        """Whether one of those behind a permit may have mutex: nobody else has taken a permit and
        not passed it on.
        """
        inside = self.deficit is None or self.deficit > self.threads
        return bool(self.behind and self.waiting) and not inside


def waits_behind(held: HeldMutex) -> Iterator[str]:
    """That one of those who wait for a permit may have taken mutex first."""
    if held.behind:
        yield _("unless one of {who} took {mutex} before it waited for its permit").format(
            **held.history.names, who=names(held.behind)
        )


def recorded_wrong_order(held: HeldMutex, swapped: list[Process]) -> Finding:
    """The records of ``swapped`` say that they wait for a permit while they hold mutex."""
    history = held.history
    others = [p for p in living(history.now) if p not in swapped and may_still_post(p)]
    claim = _("deadlock: {mutex} is held by {who}, waiting for a permit").format(
        **history.names, who=names(swapped)
    )
    facts = history.assumptions
    if others:
        facts = (_("unless {who} still posts that permit").format(who=names(others)), *facts)
    sure = Certainty.LIKELY if others else history.certainty
    return _wrong_order(held, swapped, claim, facts, Status.CRITICAL, sure)


def inferred_wrong_order(held: HeldMutex, others: Sequence[Process] = ()) -> Finding:
    """One of the foreign processes asleep on a permit holds mutex: no other process that is seen
    can, or only ``others`` might, which sleep in another call. A warning: who has the lock may have
    let go of the segment meanwhile, and come back to post it.
    """
    claim = _("deadlock: one of {who} holds {mutex} and waits for a permit")
    if others:
        claim = _(
            "deadlock, unless {others} holds {mutex}: one of {who} does, and waits for a permit"
        )
    facts = [
        _("or its holder died, or left the critical section without posting {mutex}").format(
            **held.history.names
        ),
        _("unless a process took it and ended, and another is to post it"),
    ]
    if others:
        facts.append(_("asleep in another call: {who}").format(who=names(others)))
    sides = {p.role for p in (*held.behind, *held.waiting)} - {Role.UNKNOWN}
    if len(sides) < 2:
        facts.append(
            _("or those of the other side, none of whom is known to wait, need no {mutex}").format(
                **held.history.names
            )
        )
    claim = claim.format(**held.history.names, who=names(held.behind), others=names(others))
    return _wrong_order(held, held.behind, claim, tuple(facts), Status.WARNING, Certainty.LIKELY)


def _wrong_order(
    held: HeldMutex,
    who: Sequence[Process],
    claim: str,
    facts: tuple[str, ...],
    severity: Status,
    sure: Certainty,
) -> Finding:
    """The holder of mutex waits for a permit that no process can post without mutex."""
    return Finding(
        "wrong-order",
        severity,
        claim,
        (
            *held.facts,
            _("waiting for a permit: {who}").format(who=names(who)),
            _("permits taken and not posted on: {count}").format(count=held.deficit),
            *facts,
        ),
        sure,
        _(
            "in the program, wait for {empty} or {full} first and for {mutex} second; then restart all "
            "programs"
        ).format(**held.history.names),
    )
