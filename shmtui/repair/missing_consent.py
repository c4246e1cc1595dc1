"""Why something stays as it is without the user's word, and the option that gives it. Pure."""

import re
from collections.abc import Mapping, Sequence

from shmtui.diagnosis.wording import target
from shmtui.i18n import _
from shmtui.repair.consent import Consent
from shmtui.repair.plan import Change, Refusal
from shmtui.repair.plan_certainty import names as position_names
from shmtui.repair.protocol_positions import ProtocolPosition
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.snapshot import Snapshot


def lock_not_agreed(waiting: Sequence[ProtocolPosition], consent: Consent) -> Refusal:
    """Why mutex stays at 0 without the user's word; ``waiting``: who waits for a permit, and may
    have mutex.
    """
    if waiting:
        why = _(
            "nobody was seen to die with {mutex}: one that waits for a permit may have taken {mutex} first "
            "({who}); or a program that has ended may have left it to another to post"
        ).format(**consent.names, who=position_names(waiting))
    else:
        why = _(
            "nobody was seen to die with {mutex}: a program that has ended, or now runs another, may "
            "have left it to be posted later"
        ).format(**consent.names)
    return Refusal(
        why,
        _("if you know that its holder is dead, and nobody is yet to post it: {command}").format(
            command=consent.with_option("--lock")
        ),
        needs_lock=True,
    )


def left_to_takers(takers: Sequence[ProtocolPosition], consent: Consent) -> Refusal:
    """Why mutex stays at 0 while a wait for it has a timeout: the program may have its own way to
    take over from a dead holder.
    """
    return Refusal(
        _(
            "the wait of {who} for {mutex} has a timeout: it may take over from the dead holder by "
            "itself, and undo what was half done"
        ).format(**consent.names, who=position_names(takers)),
        _("if you know that it does not: {command}").format(command=consent.with_option("--lock")),
        needs_lock=True,
    )


def left_to_others(others: Sequence[int], consent: Consent) -> Refusal:
    """Why a lock stays where the program has live processes that do not have the segment now."""
    return Refusal(
        _(
            "other processes of the same program live on: {pids}. One may open the segment again, and "
            "unlock it or mend what was half done"
        ).format(pids=", ".join(f"PID {pid}" for pid in others)),
        _("if you know that none does: {command}").format(command=consent.with_option("--lock")),
        needs_lock=True,
    )


def not_agreed(changes: Sequence[Change], consent: Consent) -> Refusal | None:
    """Why permits that would change stay as they are without the user's consent."""
    texts = [change.text for change in changes if change.permits_added]
    if not texts:
        return None
    return Refusal(
        _(
            "setting them ({changes}) is right only if every program keeps to the protocol: one permit "
            "for each item, none kept aside, and every slot in use"
        ).format(changes="; ".join(texts)),
        _("{command} sets them").format(command=consent.with_option("--permits")),
        needs_permits=True,
    )


def uncounted(consent: Consent) -> Refusal:
    """Why marks and waiter counts stay as they are: who sleeps on a word for all processes may do so as no sem_wait does."""
    return Refusal(
        _("a waiter that no semaphore counts may wait by futex(2), which nobody has to count"),
        _("{command} counts it").format(command=consent.with_option("--permits")),
        needs_permits=True,
    )


def zeros_not_agreed(consent: Consent) -> Refusal:
    """Why zeros that nothing marks, as musl's and sem_open's, stay as they are without the user's word."""
    return Refusal(
        _(
            "all semaphores are 0: nobody initialised them, or they are a gate that a program is yet "
            "to open"
        ),
        _("if you know that none opens it: {command}").format(
            command=consent.with_option("--permits")
        ),
        needs_permits=True,
    )


def too_early(snapshot: Snapshot, consent: Consent) -> Refusal:
    """The refusal where nobody called sem_init, and nobody waits for good: it may come a moment
    later, and would set the permits again that programs had taken meanwhile.
    """
    return Refusal(
        _("nobody waits for good yet, and a program may be about to call sem_init"),
        _(
            "look again once a program waits: shmtui check {name}; or, if you know that none calls "
            "it: {command}"
        ).format(name=target(snapshot), command=consent.with_option("--permits")),
        needs_permits=True,
    )


def side_unknown(positions: Sequence[ProtocolPosition], consent: Consent) -> Refusal | None:
    """The refusal of the permits where one that waits for mutex holds a permit of either kind."""
    waiting = [p for p in positions if p.on_mutex and p.side is Role.UNKNOWN]
    if not waiting:
        return None
    sideless = waiting
    if any(p.unsettled for p in waiting):
        sideless = [p for p in positions if p.unsettled and p.side is Role.UNKNOWN]
    sides = {p.process.pid: _side_by_name(p) for p in sideless}
    text = _(
        "say which, as their names suggest here, though these prove nothing: {command}; or repair it again once items have moved and show it"
    )
    if Role.UNKNOWN in sides.values():
        text = _(
            "say which, with producer or consumer in the place of SIDE: {command}; or repair it again once items have moved and show it"
        )
    said = (
        f"--role {pid}={'SIDE' if side is Role.UNKNOWN else side}" for pid, side in sides.items()
    )
    return Refusal(
        _("waiting for {mutex}, and perhaps a producer, perhaps a consumer: {who}").format(
            **consent.names, who=position_names(waiting)
        ),
        text.format(
            command=consent.with_option(*said, *(() if consent.permits else ("--permits",)))
        ),
        needs_role=tuple(sides),
    )


def _side_by_name(position: ProtocolPosition) -> Role:
    """The side that the name of a program and its arguments suggest."""
    own = (word for word in position.process.name.split() if not word.startswith("/"))
    words = re.findall("[a-z]+", " ".join(own).lower())
    suggested = {
        side
        for word in words
        for side, beginning in ((Role.PRODUCER, "prod"), (Role.CONSUMER, "cons"))
        if word == beginning or word.startswith((f"{beginning}u",))
    }
    return suggested.pop() if len(suggested) == 1 else Role.UNKNOWN


def sides_do_not_fit(
    role: SemaphoreRole, before: int, after: int, names: Mapping[str, str]
) -> Refusal:
    """The refusal where the sides that the user said take permits away that nobody has lost."""
    return Refusal(
        _(
            "the sides that were said do not fit the permits: {semaphore} would fall from {before} to {after}"
        ).format(semaphore=names[role], before=before, after=after),
        _("say another side of one that waits for {mutex}, or none").format(**names),
    )
