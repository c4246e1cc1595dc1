"""Findings about the lock: mutex is 0, and its holder died, waits for a permit, or keeps it. Pure."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

from shmtui.diagnosis.at_rest import stopped
from shmtui.diagnosis.history import (
    SETTLED_NS,
    History,
    deficit_of,
    living,
    mutex_taken,
    position,
    vanished,
)
from shmtui.diagnosis.holders import (
    HOLDS_MUTEX,
    TRANSFER,
    asleep,
    asleep_elsewhere,
    by_handler,
    died_last,
    forked_since_free,
    killed_since_free,
    lent_since_free,
    may_hold_mutex,
    may_post,
    slept_since,
    unaccounted_threads,
)
from shmtui.diagnosis.rules.holder_evidence import (
    changed_last,
    death,
    holders_death,
    placed,
    slept,
)
from shmtui.diagnosis.rules.initialisation import forgotten, uninitialised
from shmtui.diagnosis.rules.process_private import stuck_privately
from shmtui.diagnosis.rules.wrong_order import (
    HeldMutex,
    inferred_wrong_order,
    recorded_wrong_order,
    waits_behind,
)
from shmtui.diagnosis.wording import names, nobody, repair_remedy, seconds
from shmtui.i18n import _
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.snapshot import Certainty, Finding, Origin, Process, ProcessState, Snapshot, Status

STALLED_NS: Final = 3_000_000_000
"""How long a process that may be in the critical section may keep others waiting for it."""
GOES_ON_NS: Final = 10_000_000_000
"""The same for one that runs, or sleeps for a time: it goes on by itself."""
KEPT_NS: Final = 1_500_000_000
"""The same for a worker whose record says that it is there: it has nothing long to do there."""


MUTEX, EMPTY, FULL = SemaphoreRole.MUTEX, SemaphoreRole.EMPTY, SemaphoreRole.FULL


def held_mutex(history: History) -> Iterator[Finding]:
    """Mutex is 0 and stays 0: its holder died, waits for a permit, or keeps it."""
    now, deficit = history.now, deficit_of(history.now)
    swapped = [p for p in living(now) if p.holds_mutex and asleep(p)]
    quiet = _sleep_with_it(now, swapped) if swapped else partial(_stands_as, now)
    unmoved = history.lasted_ns(quiet)
    if history.value(MUTEX) != 0 or unmoved < SETTLED_NS or uninitialised(now):
        return
    if MUTEX in forgotten(now) and any(MUTEX in p.waits for p in stuck_privately(history)):
        return  # Nobody need have taken what nobody initialised.
    processes = living(now)
    waiting = tuple(p for p in processes if MUTEX in p.waits)
    behind = tuple(
        p
        for p in processes
        if p.origin is not Origin.WORKER and _may_wait_for_a_permit(p, now) and not slept_since(p)
    )
    text = _("{mutex} was 0 in {count} samples over {time}, and nothing changed")
    if swapped:
        text = _("{mutex} was 0 in {count} samples over {time}, and no item moved")
    facts = (
        text.format(**now.own_names, count=history.agreeing(quiet), time=seconds(unmoved)),
        _("waiting for {mutex}: {who}").format(**now.own_names, who=names(waiting) or nobody(now)),
    )
    threads = sum(p.waits.count(MUTEX) for p in waiting)
    held = HeldMutex(history, deficit, waiting, threads, behind, facts)
    holders = [p for p in processes if may_hold_mutex(p) and not slept_since(p)]
    if deficit is not None and deficit > threads:
        # A permit is gone with the holder: who waits for one with a timeout is no likelier one.
        holders = [p for p in holders if p not in behind or unaccounted_threads(p)]
    if swapped:
        yield recorded_wrong_order(held, swapped)
    elif holders:
        recorded = [p for p in holders if p.origin is Origin.WORKER and p.step in HOLDS_MUTEX]
        if unmoved >= (KEPT_NS if recorded else STALLED_NS) and waiting:
            yield from _by_holders(held, holders, recorded)
    elif now.rest.come_and_gone and not (_deaths_seen(history) or history.workers_only):
        return  # Who has it may be nowhere to be seen.
    elif held.explained_by_wrong_order and not killed_since_free(now):
        yield inferred_wrong_order(held)
    elif not (now.elsewhere or hidden_alone(now)) and (waiting or _missing(history, deficit)):
        # Somebody who is seen nowhere and has the file open for writing may hold it.
        yield _without_holder(held)


def _stands_as(now: Snapshot, before: Snapshot) -> bool:
    """Whether nothing has moved since."""
    return position(before) == position(now)


def _sleep_with_it(now: Snapshot, swapped: Sequence[Process]) -> Callable[[Snapshot], bool]:
    """Whether those whose records say that they hold mutex waited with it then, and no item has moved since:
    what the others do up to their own wait for it sets nobody free.
    """
    pids = {p.pid for p in swapped}

    def holds(before: Snapshot) -> bool:
        waits = (p for p in living(before) if p.state is ProcessState.BLOCKED)
        held = {p.pid for p in waits if p.holds_mutex}
        still = (before.in_, before.out) == (now.in_, now.out)
        return mutex_taken(before) and still and held == pids

    return holds


def _may_wait_for_a_permit(process: Process, now: Snapshot) -> bool:
    """Whether it sleeps on a permit, or one of those does whose waits are shared out among it and others."""
    shared_out = [p for p in living(now) if p.one_of] if process.one_of else [process]
    return any({EMPTY, FULL} & set(p.waits) for p in shared_out)


def _by_holders(
    held: HeldMutex, holders: list[Process], recorded: list[Process]
) -> Iterator[Finding]:
    """What is likely where some of the living may hold mutex."""
    signs = () if recorded else tuple(_signs_of_death(held, holders))
    # One that sleeps for a time may sit inside, and post it when it wakes.
    waited = held.history.unmoved_ns() >= GOES_ON_NS or not any(p.goes_on for p in holders)
    if signs and held.explained_by_wrong_order:
        if waited:
            yield inferred_wrong_order(held, holders)
    elif signs:
        yield _seems_dead(held, holders, signs)
    elif recorded or waited:
        yield _kept(held, holders, recorded)


def _deaths_seen(history: History) -> bool:
    """Whether one that used the segment was seen to end."""
    return any(not p.alive for p in history.now.processes)


def hidden_alone(snapshot: Snapshot) -> bool:
    """Whether all that may use the segment are hidden: they may do well with it."""
    return bool(snapshot.unseen) and not living(snapshot)


def _missing(history: History, deficit: int | None) -> bool:
    """Whether somebody who held mutex is missing, though nobody waits for it.

    Who died inside had a permit as well. Where none is missing, another program may leave mutex
    at 0 unused, or hold it while it waits for its permit.
    """
    return deficit is not None and (deficit > 0 or history.workers_only)


def _kept(held: HeldMutex, holders: list[Process], recorded: list[Process]) -> Finding:
    """A live process holds mutex, or may, and does not post it; ``recorded``: workers whose
    records say that they hold it.
    """
    facts = (*held.facts, *changed_last(held.history.now))
    if recorded:
        claim = _("{mutex} is held by {who}, and nothing moves").format(
            **held.history.names, who=names(recorded)
        )
    else:
        claim = _("{mutex} stays 0 and nothing moves: {who} may hold it").format(
            **held.history.names, who=names(holders)
        )
        facts = (
            *facts,
            _("or its holder died, or went on without posting {mutex}").format(
                **held.history.names
            ),
        )
    sure = len(recorded) == 1 and recorded[0].step in TRANSFER
    where = _("see where it is, and what it waits for: gdb -p {pid}")
    meant = recorded or holders
    return Finding(
        "stalled",
        Status.WARNING,
        claim,
        facts,
        Certainty.CERTAIN if sure else Certainty.LIKELY,
        next(stopped(meant), where.format(pid=meant[0].pid)),
    )


def _signs_of_death(held: HeldMutex, holders: Sequence[Process]) -> Iterator[str]:
    """Why it is likely that the holder died, and is none of those that may hold mutex.

    Each of these sleeps in another call. Somebody ended, or is a child that was killed; or they
    are what started those that wait, and nobody has seen them take part, as in a server whose
    children do the work. Who sleeps on something else of the segment may as well have gone there with mutex:
    it takes one that was killed since mutex was free.
    """
    killed = killed_since_free(held.history.now) or []
    if not all(asleep_elsewhere(p) or (killed and asleep(p)) for p in holders):
        return
    # Of one that ended long ago no snapshot is left in which it lived.
    gone = vanished(held.history) or killed
    if gone:
        yield from death(held.history.now, None, gone)
    for p in living(held.history.now):
        for child in p.failed_children:
            yield _("a child of {who} has died, and was not waited for: {child}").format(
                who=names([p]), child=child
            )
    parents = {p.parent for p in held.waiting}
    if all(p.pid in parents and p.role is Role.UNKNOWN for p in holders):
        yield _("not seen to take part, and the parent of those that wait: {who}").format(
            who=names(holders)
        )


def _seems_dead(held: HeldMutex, holders: Sequence[Process], signs: tuple[str, ...]) -> Finding:
    """The holder of mutex seems to be dead; ``holders`` are the living that may hold it after all."""
    return Finding(
        "dead-holder",
        Status.WARNING,
        _("{mutex} stays 0 and nothing moves: its holder died, unless it is {who}").format(
            **held.history.names, who=names(holders)
        ),
        (
            *held.facts,
            *signs,
            _(
                "asleep in another call, so that it cannot be told whether it holds {mutex}: {who}"
            ).format(**held.history.names, who=names(holders)),
            *waits_behind(held),
            *held.history.assumptions,
        ),
        Certainty.LIKELY,
        repair_remedy(
            held.history, " ".join(("--yes --lock", *(f"--assume-idle {p.pid}" for p in holders)))
        ),
    )


def _without_holder(held: HeldMutex) -> Finding:
    """No live process can post mutex.

    That its holder died is certain where its own record says so, and where all that ended since
    mutex was free were killed, and nobody else goes on by himself. Else one may have taken it and
    ended, for another to post it later.
    """
    history, crew = held.history, living(held.history.now)
    # A process that dies inside has taken a permit; one that only left out the post has not.
    # Where they add up, who waits for mutex may hold none, as a viewer: then one that was killed is the likelier holder.
    inside = held.deficit is None or held.deficit > held.threads or held.explained_by_wrong_order
    dead = died_last(history, HOLDS_MUTEX) if inside else None
    killed = killed_since_free(history.now) if inside else None
    recorded = dead is not None and dead.step in TRANSFER
    doubts = []
    if history.now.unseen:
        doubts.append(_("unless a process that cannot be seen holds it"))
    witnessed = killed is not None and (killed or dead is not None)
    if witnessed and not history.workers_only and forked_since_free(history.now):
        doubts.append(
            _(
                "unless it is held by a child that was forked after {mutex} was seen free and let go of the segment at once: processes have started since"
            ).format(**history.names)
        )
    if witnessed and not history.workers_only and lent_since_free(history.now):
        doubts.append(
            _(
                "unless a process holds it that got the segment by another's open descriptor (SCM_RIGHTS, "
                "pidfd_getfd) after {mutex} was seen free, and has let go of it: that opens no file"
            ).format(**history.names)
        )
    if not (witnessed or history.workers_only):
        doubts.append(_("unless a process took it and ended, and another is to post it"))
    timed = [p for p in crew if MUTEX in p.timed_waits]
    if timed:
        doubts.append(
            _("unless a wait for {mutex} that has a timeout takes over then: {who}").format(
                **history.names, who=names(timed)
            )
        )
    if posters := [p for p in crew if may_post(p) and p not in held.behind]:
        doubts.append(
            _(
                "unless one that does not hold it, and goes on by itself or once some input comes, is to post it: {who}"
            ).format(who=names(posters))
        )
    if handlers := by_handler(history.now):
        doubts.append(_("unless a signal handler of {who} posts it").format(who=names(handlers)))
    if any(slept_since(p) and not p.idle_since_free and MUTEX not in p.waits for p in crew):
        doubts.append(
            _("assumed: each program moves the indices while it holds {mutex}").format(
                **history.names
            )
        )
    doubts += waits_behind(held)
    seen = recorded or (witnessed and not (doubts or history.now.waits_hidden))
    doubts += history.assumptions
    sure = recorded or (not doubts and history.certainty is Certainty.CERTAIN)
    others = timed or posters or handlers or held.behind
    facts = (
        *held.facts,
        placed(held),
        *slept(history.now),
        *changed_last(history.now),
        *death(history.now, dead, vanished(history) if inside else []),
        *(() if recorded else doubts),
    )
    return Finding(
        "dead-holder",
        Status.CRITICAL if sure or ((dead or killed) and not others) else Status.WARNING,
        holders_death(held, dead, killed),
        facts,
        Certainty.CERTAIN if sure else Certainty.LIKELY,
        # The command has seen no death; a dead worker's record is still there.
        repair_remedy(history, "--yes" if recorded or history.workers_only else "--yes --lock"),
        death_seen=seen,
    )
