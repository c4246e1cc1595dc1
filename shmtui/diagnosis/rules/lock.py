"""Findings about the lock: mutex is 0, and its holder died, waits for a permit, or keeps it. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from shmtui.diagnosis.history import (
    HOLDS_MUTEX,
    SETTLED_NS,
    TRANSFER,
    History,
    asleep,
    asleep_elsewhere,
    by_handler,
    deficit_of,
    died_last,
    living,
    may_hold_mutex,
    may_still_post,
    names,
    position,
    repair_remedy,
    seconds,
    slept_since,
    target,
    unaccounted_threads,
    uninitialised,
    vanished,
)
from shmtui.i18n import _
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.snapshot import Certainty, Finding, Origin, Process, Snapshot, Status

STALLED_NS: Final = 3_000_000_000
"""How long a process that may be in the critical section may keep others waiting for it."""
KEPT_NS: Final = 1_500_000_000
"""The same for a worker whose record says that it is there: it has nothing long to do there."""

OWNER_SAMPLES: Final = 3
"""In how many samples an owner has to be gone: a TID can be given back between two reads."""

MUTEX, EMPTY, FULL = SemaphoreRole.MUTEX, SemaphoreRole.EMPTY, SemaphoreRole.FULL


@dataclass(frozen=True, slots=True)
class _Held:
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


def held_mutex(history: History) -> Iterator[Finding]:
    """Mutex is 0 and stays 0: its holder died, waits for a permit, or keeps it."""
    now, unmoved, deficit = history.now, history.unmoved_ns(), deficit_of(history.now)
    if history.value(MUTEX) != 0 or unmoved < SETTLED_NS or uninitialised(now):
        return
    processes = living(now)
    waiting = tuple(p for p in processes if MUTEX in p.waits)
    behind = tuple(
        p
        for p in processes
        if p.origin is not Origin.WORKER and {EMPTY, FULL} & set(p.waits) and not slept_since(p)
    )
    mark = position(now)
    facts = (
        _("mutex was 0 in {count} samples over {time}, and nothing changed").format(
            count=history.agreeing(lambda s: position(s) == mark), time=seconds(unmoved)
        ),
        _("waiting for mutex: {who}").format(who=names(waiting) or _nobody(now)),
    )
    threads = sum(p.waits.count(MUTEX) for p in waiting)
    held = _Held(history, deficit, waiting, threads, behind, facts)
    holders = [p for p in processes if may_hold_mutex(p) and not slept_since(p)]
    if deficit is not None and deficit > threads:
        # A permit is gone with the holder: who waits for one with a timeout is no likelier one.
        holders = [p for p in holders if p not in behind or unaccounted_threads(p)]
    swapped = [p for p in processes if p.holds_mutex and asleep(p)]
    if swapped:
        yield _recorded_wrong_order(held, swapped)
    elif holders:
        recorded = [p for p in holders if p.origin is Origin.WORKER and p.step in HOLDS_MUTEX]
        if unmoved >= (KEPT_NS if recorded else STALLED_NS) and waiting:
            signs = () if recorded else tuple(_signs_of_death(held, holders))
            if signs and held.explained_by_wrong_order:
                yield _inferred_wrong_order(held, holders)
            elif signs:
                yield _seems_dead(held, holders, signs)
            else:
                yield _kept(held, holders, recorded)
    elif held.explained_by_wrong_order:
        yield _inferred_wrong_order(held)
    elif not now.elsewhere and (waiting or _missing(history, deficit)):
        # Somebody who is seen nowhere and has the file open for writing may hold it.
        yield _without_holder(held)


def _nobody(s: Snapshot) -> str:
    return _("nobody that can be seen") if s.hidden else _("nobody")


def _missing(history: History, deficit: int | None) -> bool:
    """Whether somebody who held mutex is missing, though nobody waits for it.

    Who died inside had a permit as well. Where none is missing, another program may leave mutex
    at 0 unused, or hold it while it waits for its permit.
    """
    return deficit is not None and (deficit > 0 or history.workers_only)


def _kept(held: _Held, holders: list[Process], recorded: list[Process]) -> Finding:
    """A live process holds mutex, or may, and does not post it; ``recorded``: workers whose
    records say that they hold it.
    """
    facts = (*held.facts, *_changed_last(held.history.now))
    if recorded:
        claim = _("mutex is held by {who}, and nothing moves").format(who=names(recorded))
    else:
        claim = _("mutex stays 0 and nothing moves: {who} may hold it").format(who=names(holders))
        facts = (*facts, _("or its holder died, or went on without sem_post(&mutex)"))
    sure = len(recorded) == 1 and recorded[0].step in TRANSFER
    return Finding(
        "stalled",
        Status.WARNING,
        claim,
        facts,
        Certainty.CERTAIN if sure else Certainty.LIKELY,
        _("if it is stopped, resume it (kill -CONT PID); else see where it is: gdb -p PID"),
    )


def _signs_of_death(held: _Held, holders: Sequence[Process]) -> Iterator[str]:
    """Why it is likely that the holder died, and is none of those that may hold mutex.

    Each of these sleeps in another call. Somebody ended, or is a child that was killed; or they
    are what started those that wait, and nobody has seen them take part, as in a server whose
    children do the work.
    """
    if not all(asleep_elsewhere(p) for p in holders):
        return
    gone = vanished(held.history)
    if gone:
        yield from _death(None, gone)
    for p in living(held.history.now):
        for child in p.failed_children:
            yield _("a child of {who} has died, and was not waited for: {child}").format(
                who=names([p]), child=child
            )
    parents = {p.parent for p in held.waiting}
    if all(p.pid in parents and p.role is Role.UNKNOWN for p in holders):
        yield _("{who} started those that wait, and was not seen to take part").format(
            who=names(holders)
        )


def _seems_dead(held: _Held, holders: Sequence[Process], signs: tuple[str, ...]) -> Finding:
    """The holder of mutex seems to be dead; ``holders`` are the living that may hold it after all."""
    return Finding(
        "dead-holder",
        Status.WARNING,
        _("mutex stays 0 and nothing moves: its holder died, unless {who} holds it").format(
            who=names(holders)
        ),
        (
            *held.facts,
            *signs,
            _(
                "asleep in another call, so that it cannot be told whether it holds mutex: {who}"
            ).format(who=names(holders)),
            *_behind(held),
            *held.history.assumptions,
        ),
        Certainty.LIKELY,
        repair_remedy(held.history),
    )


def _behind(held: _Held) -> Iterator[str]:
    if held.behind:
        yield _("unless one of {who} took mutex before it waited for its permit").format(
            who=names(held.behind)
        )


def _recorded_wrong_order(held: _Held, swapped: list[Process]) -> Finding:
    """The records of ``swapped`` say that they wait for a permit while they hold mutex."""
    history = held.history
    others = [p for p in living(history.now) if p not in swapped and may_still_post(p)]
    claim = _("deadlock: {who} holds mutex and waits for a permit").format(who=names(swapped))
    facts = history.assumptions
    if others:
        facts = (_("unless {who} still posts that permit").format(who=names(others)), *facts)
    sure = Certainty.LIKELY if others else history.certainty
    return _wrong_order(held, swapped, claim, facts, Status.CRITICAL, sure)


def _inferred_wrong_order(held: _Held, others: Sequence[Process] = ()) -> Finding:
    """One of the foreign processes asleep on a permit holds mutex: no other process that is seen
    can, or only ``others`` might, which sleep in another call. A warning: who has the lock may have
    let go of the segment meanwhile, and come back to post it.
    """
    claim = _("deadlock: one of {who} holds mutex and waits for a permit")
    facts = [
        _("or a process left the critical section without sem_post(&mutex)"),
        _("unless a process took it and ended, and another is to post it"),
    ]
    if others:
        facts.append(_("unless {who}, asleep in another call, holds it").format(who=names(others)))
    sides = {p.role for p in (*held.behind, *held.waiting)} - {Role.UNKNOWN}
    if len(sides) < 2:
        facts.append(_("or those of the other side, none of whom is known to wait, need no mutex"))
    claim = claim.format(who=names(held.behind))
    return _wrong_order(held, held.behind, claim, tuple(facts), Status.WARNING, Certainty.LIKELY)


def _wrong_order(
    held: _Held,
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
            "in the program, wait for empty or full first and for mutex second; then restart all "
            "programs"
        ),
    )


def _without_holder(held: _Held) -> Finding:
    """No live process can post mutex.

    That its holder died is certain where its own record says so, and where all that ended since
    mutex was free were killed. Else one may have taken it and ended, for another to post it later.
    """
    history, crew = held.history, living(held.history.now)
    # A process that dies inside has taken a permit; one that only left out the post has not.
    inside = held.deficit is None or held.deficit > held.threads
    dead = died_last(history, HOLDS_MUTEX) if inside else None
    killed = _killed_since_free(history.now) if inside else None
    recorded = dead is not None and dead.step in TRANSFER
    if dead is not None:
        claim = _("mutex is held by {who}, which died ({how}): everybody waits for ever").format(
            who=names([dead]), how=dead.ending or _("it is gone")
        )
    elif killed:
        claim = _("mutex was taken by {who}, which died ({how}): no live process holds it").format(
            who=names(killed), how=", ".join(sorted({str(p.ending) for p in killed}))
        )
    else:
        claim = _("mutex is 0 and no live process holds it")
    doubts = []
    witnessed = killed is not None and (killed or dead is not None)
    if not (witnessed or history.workers_only):
        doubts.append(_("unless a process took it and ended, and another is to post it"))
    timed = [p for p in crew if MUTEX in p.timed_waits]
    if timed:
        doubts.append(
            _("unless {who}, whose wait for mutex has a timeout, takes over then").format(
                who=names(timed)
            )
        )
    if handlers := by_handler(history.now):
        doubts.append(_("unless a signal handler of {who} posts it").format(who=names(handlers)))
    if any(slept_since(p) and not p.idle_since_free and MUTEX not in p.waits for p in crew):
        doubts.append(_("assumed: each program moves the indices while it holds mutex"))
    doubts += (*_behind(held), *history.assumptions)
    sure = recorded or (not doubts and history.certainty is Certainty.CERTAIN)
    facts = (
        *held.facts,
        _("no process that can be seen holds mutex: it is known where each one waits")
        if history.now.unseen
        else _("no live process can hold mutex: it is known where each one waits"),
        *_slept(crew),
        *_changed_last(history.now),
        *_death(dead, vanished(history) if inside else []),
        *(() if recorded else doubts),
    )
    return Finding(
        "dead-holder",
        Status.CRITICAL if sure or ((dead or killed) and not timed) else Status.WARNING,
        claim,
        facts,
        Certainty.CERTAIN if sure else Certainty.LIKELY,
        repair_remedy(history),
    )


def _changed_last(s: Snapshot) -> Iterator[str]:
    """Who changed mutex last, where it is of a System V set: at 0 he is the one that took it."""
    for each in s.sync:
        if each.role is MUTEX and each.last is not None:
            text = (
                _("changed last by PID {pid}, which has ended (GETPID): at 0 that is who took it")
                if each.last_dead
                else _("changed last by PID {pid} (GETPID): at 0 that is who took it")
            )
            yield text.format(pid=each.last)


def _killed_since_free(s: Snapshot) -> list[Process] | None:
    """The foreign processes that a signal ended since mutex was free; None where it was not seen
    free, where one of those that ended did so by itself, or where somebody has opened the segment
    since then, or let go of it and lives on: he may have mutex in hand.
    """
    if s.mutex_free_ns is None or s.joined_ns is None or s.joined_ns >= s.mutex_free_ns:
        return None
    ended = [p for p in s.processes if p.died_ns is not None and p.died_ns > s.mutex_free_ns]
    return ended if all(p.killed for p in ended) else None


def _slept(processes: Sequence[Process]) -> Iterator[str]:
    """The processes that cannot hold mutex since they have not run."""
    free = [p for p in processes if p.idle_since_free and MUTEX not in p.waits]
    moved = [p for p in processes if slept_since(p) and p not in free and MUTEX not in p.waits]
    if free:
        yield _("has not run since mutex was free: {who}").format(who=names(free))
    if moved:
        yield _("has not run since an index moved: {who}").format(who=names(moved))


def _death(dead: Process | None, gone: list[Process]) -> Iterator[str]:
    """How mutex may have lost its holder."""
    if dead is not None:
        yield _("it died in {step}").format(step=dead.step)
    elif gone:
        who = [f"{names([p])}: {p.ending}" if p.ending else names([p]) for p in gone]
        yield _("ended a moment ago: {who}").format(who="; ".join(who))
    else:
        yield _("its holder died, or went on without sem_post(&mutex)")


def dead_owner(history: History) -> Iterator[Finding]:
    """A pthread lock is held by a thread that no longer exists. The kernel passes a robust one on."""
    now = history.now
    for each in now.sync:
        if not each.owner_dead or each.robust:
            continue

        def held(s: Snapshot, name: str = each.name, owner: int | None = each.owner) -> bool:
            return any(o.name == name and o.owner == owner and o.owner_dead for o in s.sync)

        lasted = history.lasted_ns(held)
        waiting = [p for p in living(now) if p.waits_for(each)]
        if lasted < SETTLED_NS or history.agreeing(held) < OWNER_SAMPLES:
            continue
        killed = [p for p in now.processes if p.killed and p.pid == each.owner]
        yield Finding(
            "dead-owner",
            Status.CRITICAL if killed and waiting else Status.WARNING,
            _("{lock} is held by thread {tid}, which no longer exists").format(
                lock=each.name, tid=each.owner
            ),
            (
                _("the owner's TID is in the {kind} (byte {offset}), and no thread has it").format(
                    kind=each.kind, offset=each.offset
                ),
                _("it was so for {time}").format(time=seconds(lasted)),
                _("waiting for it: {who}").format(who=names(waiting) or _nobody(now)),
                _("killed: {who}").format(who=names(killed))
                if killed
                else _("unless a child of the owner, or the program that it became, unlocks it"),
                *((_("unless the owner is a process that cannot be seen"),) if now.unseen else ()),
            ),
            Certainty.LIKELY if now.unseen else Certainty.CERTAIN,
            _(
                "shmtui repair {name} shows what to set, and sets it with --yes; a robust mutex "
                "(pthread_mutexattr_setrobust) tells the next one to lock it that its owner died"
            ).format(name=target(now)),
            subject=each.name,
        )
