"""Why a plan is refused, each with the command that settles it. Pure."""

from collections.abc import Sequence

from shmtui.diagnosis.at_rest import LONGER_S, stopped
from shmtui.diagnosis.health import HARMLESS
from shmtui.diagnosis.history import lacks_permits, living
from shmtui.diagnosis.rules.conditions import lock_of
from shmtui.diagnosis.rules.initialisation import by_own_futex
from shmtui.diagnosis.wording import names as process_names
from shmtui.diagnosis.wording import overwritten, target
from shmtui.i18n import _, ngettext
from shmtui.procfs.target import has_name
from shmtui.repair.consent import Consent
from shmtui.repair.plan import Refusal
from shmtui.repair.plan_certainty import held_by_record, may_hold, names
from shmtui.repair.protocol_positions import Place, ProtocolPosition
from shmtui.repair.segment_lock import NAMELESS, NAMELESS_WAY
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.segment_info import LayoutSource
from shmtui.snapshot import Finding, Origin, Snapshot


def nothing_for(
    findings: Sequence[Finding],
    snapshot: Snapshot,
    positions: Sequence[ProtocolPosition],
    consent: Consent,
) -> Refusal | None:
    """The refusal where setting semaphores ends none of the findings, or where there can be one
    that this user may not see.
    """
    harmful = [finding for finding in findings if finding.code not in HARMLESS]
    if findings and not harmful:
        claims = "; ".join(finding.claim for finding in findings)
        return Refusal(_("{claims}: that harms nobody").format(claims=claims), "", harmless=True)
    if harmful:
        return _not_by_semaphores(harmful, snapshot, positions, consent)
    mutex = snapshot.semaphores.get(SemaphoreRole.MUTEX)
    unsaid = [p.pid for p in living(snapshot) if p.pid not in consent.assume_idle]
    if snapshot.waits_hidden and mutex is not None and mutex.value == 0:
        sight = with_sight(snapshot, consent)
        return Refusal(
            _("{mutex} is 0, and this user may not read whether a live process can hold it").format(
                **snapshot.own_names
            ),
            if_idle(unsaid, consent, sight) if unsaid else sight,
            transient=True,
        )
    if snapshot.layout.lock_free:
        return Refusal(
            _("no lock and no semaphore of it is known, so there is none to set"),
            _("start its programs again, if they are stuck"),
        )
    if snapshot.health.undecided and not snapshot.health.early:
        return Refusal(
            _("nothing was found, and something is undecided: {what}").format(
                what="; ".join(snapshot.health.undecided)
            ),
            _more_to_know(snapshot, unsaid, consent),
        )
    return None


def _more_to_know(snapshot: Snapshot, unsaid: Sequence[int], consent: Consent) -> str:
    """What settles what is undecided: what the user knows of the layout or of processes, or a longer watch."""
    if not snapshot.layout.has_ring or snapshot.layout.disputed:
        return _("say the layout with --map or --layout")
    if not (snapshot.semaphores or lock_of(snapshot)):
        return _("shmtui repair {name} with --mutex, --empty and --full").format(
            name=target(snapshot)
        )
    for text in stopped(living(snapshot)):
        return text
    rates = snapshot.throughput
    if (rates.produced_per_s or rates.consumed_per_s) and lacks_permits(snapshot):
        return _(
            "see in the source whether a program keeps a permit for a while; if none does, end them and start them again"
        )
    check = f"shmtui check {target(snapshot)} --for {LONGER_S}"
    return if_idle(unsaid, consent, check) if unsaid and lacks_permits(snapshot) else check


def nameless(snapshot: Snapshot) -> Refusal | None:
    """The refusal of memory without a file."""
    name = snapshot.segment.name
    if has_name(name):
        return None
    return Refusal(_(NAMELESS).format(name=name), _(NAMELESS_WAY))


def _not_by_semaphores(
    findings: Sequence[Finding],
    snapshot: Snapshot,
    positions: Sequence[ProtocolPosition],
    consent: Consent,
) -> Refusal:
    """The refusal; with the way that is left where a process may hold mutex, and may not."""
    text = _("setting semaphores does not end this: {findings}")
    why = text.format(findings=", ".join(finding.code for finding in findings))
    # A user who sees what the processes wait on may find something else.
    remedy = with_sight(snapshot, consent) if snapshot.waits_hidden else findings[0].remedy
    suspects = [
        p
        for p in positions
        if p.place in {Place.ELSEWHERE, Place.UNKNOWN, Place.HIDDEN}
        and p.process.origin is not Origin.WORKER
    ]
    codes = {finding.code for finding in findings}
    stalled = "stalled" in codes
    if "wrong-order" in codes and not (consent.lock or held_by_record(snapshot)):
        return unreadable(snapshot) or Refusal(why, if_dead(consent, remedy), needs_lock=True)
    if not suspects or not stalled or SemaphoreRole.MUTEX not in snapshot.semaphores:
        return Refusal(why, remedy)
    suspects += may_hold(snapshot, positions, consent)
    # The user's word would be refused for the layout.
    return unreadable(snapshot) or Refusal(
        _("{who} may hold {mutex}, and its holder may be dead: that cannot be told apart").format(
            **snapshot.own_names, who=names(suspects)
        ),
        if_free(_pids(suspects), consent, remedy),
        needs_idle=_pids(suspects),
    )


def if_idle(pids: Sequence[int], consent: Consent, otherwise: str) -> str:
    """The command for a user who knows that these hold nothing, or what to do otherwise."""
    return ngettext(
        "if you know that it holds nothing: {command}; otherwise: {otherwise}",
        "if you know that they hold nothing: {command}; otherwise: {otherwise}",
        len(pids),
    ).format(command=consent.assuming_idle(pids), otherwise=otherwise)


def if_dead(consent: Consent, otherwise: str) -> str:
    """The command for a user who knows that the holder of mutex is dead, or what to do otherwise."""
    return _(
        "if you know that the holder of {mutex} is dead, and nobody is yet to post it: {command}; otherwise: {otherwise}"
    ).format(**consent.names, command=consent.with_option("--lock"), otherwise=otherwise)


def if_free(pids: Sequence[int], consent: Consent, otherwise: str) -> str:
    """The command for a user who knows that these hold nothing, and that nobody is to post mutex."""
    return ngettext(
        "if you know that it holds nothing, and that no program is yet to post {mutex}: {command}; "
        "otherwise: {otherwise}",
        "if you know that they hold nothing, and that no program is yet to post {mutex}: {command}; "
        "otherwise: {otherwise}",
        len(pids),
    ).format(
        **consent.names,
        command=consent.assuming_idle(pids) + ("" if consent.lock else " --lock"),
        otherwise=otherwise,
    )


def blocked_or_ended() -> str:
    """What to do about a process that may hold something."""
    return _("wait until it blocks, or end it: a process that is gone holds nothing")


def nobody_stuck() -> Refusal:
    """The refusal where marks alone would change: programs that look again after a while go on as they are."""
    return Refusal(
        _("nobody waits for good where no other process can wake it"),
        _(
            "in the program, pass 1 as sem_init's second argument; look again once something is stuck"
        ),
    )


def with_sight(snapshot: Snapshot, consent: Consent) -> str:
    """The commands that show what this user may not see."""
    command = f"sudo {consent.command}"
    if not snapshot.waits_hidden:
        return command
    return _(
        "{command}; or, where Yama forbids it: sudo sysctl kernel.yama.ptrace_scope=0, and again"
    ).format(command=command)


def unreadable(snapshot: Snapshot) -> Refusal | None:
    """The refusal where the layout is not known, or an index shows that it is wrong."""
    slots, layout = snapshot.layout.slots, snapshot.layout
    if layout.source is LayoutSource.RAW or SemaphoreRole.MUTEX not in snapshot.semaphores:
        return Refusal(
            _("its layout is not known, or a semaphore is missing"),
            _("say the layout with --header, --slots or --layout"),
        )
    if layout.disputed:
        return disputed(snapshot)
    if snapshot.index_outside is not None:
        name, index = snapshot.index_outside
        return Refusal(
            _("{name} is {index}, outside 0…{last}").format(name=name, index=index, last=slots - 1),
            overwritten(),
        )
    return None


def disputed(snapshot: Snapshot) -> Refusal:
    """The refusal where values or programs fit another layout as well."""
    assumptions = snapshot.layout.assumptions
    return Refusal("; ".join(assumptions), _("say the layout with --map or --layout"))


def of_a_set(snapshot: Snapshot) -> Refusal | None:
    """The refusal where the semaphores are those of a System V set: no two of their values can be set
    as one, and who waits goes on at once.
    """
    if snapshot.layout.semaphores != "system-v":
        return None
    return Refusal(
        _("its semaphores are of a System V set, which a repair does not write"),
        _(
            "end its processes and start them again, or set the values by semctl(2); SEM_UNDO in semop "
            "gives back what a process dies with"
        ),
    )


def no_semaphores(snapshot: Snapshot) -> Refusal | None:
    """The refusal where somebody waits as no sem_wait does."""
    strangers = by_own_futex(snapshot)
    if not strangers:
        return None
    return Refusal(
        _("waiting as no sem_wait does, so that the words are no sem_t: {who}").format(
            who=process_names(strangers)
        ),
        _("look into the program: how it posts them is not known"),
    )


def without_indices(snapshot: Snapshot) -> Refusal | None:
    """The refusal of the permits where nothing says how many items the ring holds."""
    if len(snapshot.semaphores) != len(SemaphoreRole):
        return Refusal(
            _("{empty} or {full} is not known").format(**snapshot.own_names),
            _("say the layout with --header, --slots or --layout"),
        )
    if snapshot.in_ is None or snapshot.out is None:
        return Refusal(
            _("in and out are not in the segment, so that the items are not known"),
            _("say where they are with --map or --index-segment"),
        )
    return None


def unseen(snapshot: Snapshot, consent: Consent) -> Refusal:
    """The refusal where a process that cannot be read may hold what is missing."""
    sight, pids = with_sight(snapshot, consent), snapshot.unseen_pids
    why = _("a process that this user cannot read may take part: {limits}").format(
        limits="; ".join(snapshot.limits)
    )
    if not pids:
        outside = _(
            "outside the container, with the PID that one of its processes has there: {command} --pid PID"
        )
        return Refusal(why, outside.format(command=consent.command) if snapshot.outside else sight)
    return Refusal(
        why,
        _("{sight}; or, if you know that it takes no part: {command}").format(
            sight=sight, command=consent.assuming_idle(pids)
        ),
        needs_idle=pids,
    )


def unfinished(
    snapshot: Snapshot, positions: Sequence[ProtocolPosition], consent: Consent, *, freed: bool
) -> Refusal | None:
    """The refusal where a process may be in the middle of an item; ``freed``: none is to post mutex."""
    running = [p for p in positions if p.place is Place.UNKNOWN]
    blind = [p for p in running if not p.readable]
    if blind:
        return hidden_waits(snapshot, blind, consent, transient=True)
    taken = not snapshot.semaphores[SemaphoreRole.MUTEX].value
    waiting = may_hold(snapshot, positions, consent) if taken else ()
    if running:
        wait = _("pause it or wait until it blocks")
        foreign = all(p.process.origin is not Origin.WORKER for p in running)
        pids = _pids((*running, *waiting)) if foreign else ()
        return Refusal(
            _("running, and perhaps in the critical section: {who}").format(who=names(running)),
            if_idle(pids, consent, wait) if pids else wait,
            transient=True,
            needs_idle=pids,
        )
    elsewhere = [p for p in positions if p.place is Place.ELSEWHERE]
    if elsewhere and taken:
        pids = _pids((*elsewhere, *waiting))
        return Refusal(
            _("{mutex} is 0, and may be held by {who}").format(
                **snapshot.own_names, who=names((*elsewhere, *waiting))
            ),
            (if_idle if freed or consent.lock else if_free)(pids, consent, blocked_or_ended()),
            transient=True,
            needs_idle=pids,
        )
    return None


def hidden_waits(
    snapshot: Snapshot,
    positions: Sequence[ProtocolPosition],
    consent: Consent,
    *,
    transient: bool = False,
) -> Refusal:
    """The refusal where waits cannot be read, and the waiter counts do not tell them."""
    hidden = [p for p in positions if not p.readable and p.process.pid not in consent.assume_idle]
    sight = with_sight(snapshot, consent)
    return Refusal(
        _("this user may not read what {who} waits on, and the waiter counts leave it open").format(
            who=names(hidden)
        ),
        _("{sight}; or, if you know that it holds nothing: {command}").format(
            sight=sight, command=consent.assuming_idle(_pids(hidden))
        ),
        transient,
        needs_idle=_pids(hidden),
    )


def _pids(positions: Sequence[ProtocolPosition]) -> tuple[int, ...]:
    return tuple(p.process.pid for p in positions)
