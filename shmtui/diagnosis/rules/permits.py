"""Findings about the lock and the permits: who holds mutex, and which permits are missing. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from shmtui.diagnosis.history import (
    HOLDS_MUTEX,
    MAY_HOLD_PERMIT,
    SETTLED_NS,
    TRANSFER,
    History,
    asleep,
    deficit_of,
    died_last,
    idle_elsewhere,
    living,
    may_hold_mutex,
    may_hold_permit,
    mutex_taken,
    names,
    permits_held,
    position,
    seconds,
    uninitialised,
    vanished,
)
from shmtui.i18n import _, ngettext
from shmtui.shm.protocol import SemaphoreRole
from shmtui.snapshot import Certainty, Finding, Origin, Process, ProcessState, Status

STALLED_NS: Final = 3_000_000_000
"""How long a process that may be in the critical section may keep others waiting for it."""
KEPT_NS: Final = 1_500_000_000
"""The same for a worker whose record says that it is there: it has nothing long to do there."""
FLOW_SAMPLES: Final = 3
"""In how many samples of a moving buffer a permit has to be missing."""
FRESH_NS: Final = 3_000_000_000
"""How old the last of them may be."""

MUTEX, EMPTY, FULL = SemaphoreRole.MUTEX, SemaphoreRole.EMPTY, SemaphoreRole.FULL


@dataclass(frozen=True, slots=True)
class _Held:
    """A mutex at 0 while nothing moves, and what every process waits on."""

    history: History
    deficit: int
    waiting: tuple[Process, ...]
    """Asleep on mutex."""
    threads: int
    """How many threads those are: each has taken a permit, if it keeps to the order."""
    behind: tuple[Process, ...]
    """Foreign processes asleep on a permit: they do not hold mutex, if they keep to the order."""
    facts: tuple[str, ...]


def held_mutex(history: History) -> Iterator[Finding]:
    """Mutex is 0 and stays 0: its holder died, waits for a permit, or keeps it."""
    now, unmoved, deficit = history.now, history.unmoved_ns(), deficit_of(history.now)
    if history.value(MUTEX) != 0 or unmoved < SETTLED_NS or deficit is None or uninitialised(now):
        return
    processes = living(now)
    waiting = tuple(p for p in processes if MUTEX in p.waits)
    behind = tuple(
        p for p in processes if p.origin is not Origin.WORKER and {EMPTY, FULL} & set(p.waits)
    )
    mark = position(now)
    facts = (
        _("mutex was 0 in {count} samples over {time}, and nothing changed").format(
            count=history.agreeing(lambda s: position(s) == mark), time=seconds(unmoved)
        ),
        _("waiting for mutex: {who}").format(who=names(waiting) or _("nobody")),
    )
    threads = sum(p.waits.count(MUTEX) for p in waiting)
    held = _Held(history, deficit, waiting, threads, behind, facts)
    holders = [p for p in processes if may_hold_mutex(p)]
    swapped = [p for p in processes if p.holds_mutex and asleep(p)]
    if swapped:
        yield _wrong_order(held, swapped, Certainty.CERTAIN)
    elif holders:
        recorded = [p for p in holders if p.origin is Origin.WORKER and p.step in HOLDS_MUTEX]
        if unmoved >= (KEPT_NS if recorded else STALLED_NS) and waiting:
            yield _kept(held, holders, recorded)
    elif behind and waiting and deficit <= threads:
        yield _wrong_order(held, behind, Certainty.LIKELY)
    else:
        yield _without_holder(held)


def _kept(held: _Held, holders: list[Process], recorded: list[Process]) -> Finding:
    """A live process holds mutex, or may, and does not post it; ``recorded``: workers whose
    records say that they hold it.
    """
    facts = held.facts
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


def _wrong_order(held: _Held, who: list[Process] | tuple[Process, ...], sure: Certainty) -> Finding:
    """The holder of mutex waits for a permit that no process can post without mutex."""
    facts = (
        *held.facts,
        _("waiting for a permit: {who}").format(who=names(who)),
        _("permits taken and not posted on: {count}").format(count=held.deficit),
    )
    if sure is Certainty.CERTAIN:
        claim = _("deadlock: {who} holds mutex and waits for a permit")
    else:
        claim = _("deadlock: one of {who} holds mutex and waits for a permit")
        facts = (*facts, _("or a process left the critical section without sem_post(&mutex)"))
    return Finding(
        "wrong-order",
        Status.CRITICAL,
        claim.format(who=names(who)),
        facts,
        sure,
        _(
            "in the program, wait for empty or full first and for mutex second; then restart all "
            "programs"
        ),
    )


def _without_holder(held: _Held) -> Finding:
    """No live process can post mutex."""
    history = held.history
    # A process that dies inside has taken a permit; one that only left out the post has not.
    dead = died_last(history, HOLDS_MUTEX) if held.deficit > held.threads else None
    gone = vanished(history) if held.deficit > held.threads else []
    facts = (
        *held.facts,
        _("no live process can hold mutex: it is known where each one waits"),
        *_death(dead, gone),
    )
    claim = _("mutex is 0 and no live process holds it: everybody waits for ever")
    if dead is not None:
        claim = _("mutex is held by {who}, which died ({how}): everybody waits for ever").format(
            who=names([dead]), how=dead.ending or _("it is gone")
        )
    proved = dead is not None and dead.step in TRANSFER
    sure = Certainty.CERTAIN if proved else history.certainty
    if held.behind:
        facts = (
            *facts,
            _("unless one of {who} took mutex before it waited for its permit").format(
                who=names(held.behind)
            ),
        )
        sure = sure if proved else Certainty.LIKELY
    if not proved:
        facts = (*facts, *history.assumptions)
    return Finding(
        "dead-holder", Status.CRITICAL, claim, facts, sure, repair_remedy(history),
    )  # fmt: skip


def _death(dead: Process | None, gone: list[Process]) -> Iterator[str]:
    """How mutex may have lost its holder."""
    if dead is not None:
        yield _("it died in {step}").format(step=dead.step)
    elif gone:
        yield _("ended a moment ago: {who}").format(who=names(gone))
    else:
        yield _("its holder died, or went on without sem_post(&mutex)")


def repair_remedy(history: History) -> str:
    """The repair, as a command."""
    return _(
        "shmtui repair {name} shows what to set, and sets it with --yes; the key r does the same "
        "in a dashboard that may write"
    ).format(name=history.now.segment.name)


def lost_permit(history: History) -> Iterator[Finding]:
    """A permit is neither in ``empty`` nor in ``full`` nor held by a process; or there are too
    many.
    """
    found = _at_rest(history) or _in_flow(history)
    if found is None:
        return
    missing, sure, fact = found
    what = ngettext("{count} permit lost", "{count} permits lost", missing)
    if missing < 0:
        what = ngettext("{count} permit too many", "{count} permits too many", -missing)
    slots = history.now.layout.slots
    facts = [fact, *_causes(history, missing)]
    if sure is Certainty.LIKELY and missing > 0 and (idle := idle_elsewhere(history.now)):
        facts.append(_("unless {who}, asleep in another call, holds it").format(who=names(idle)))
    facts += history.assumptions
    yield Finding(
        "lost-permit",
        Status.CRITICAL if missing < 0 else Status.WARNING,
        _("{what}: {sum} are left, and the buffer has {slots} slots").format(
            what=what.format(count=abs(missing)), sum=slots - missing, slots=slots
        ),
        tuple(facts),
        sure,
        repair_remedy(history),
    )


def _at_rest(history: History) -> tuple[int, Certainty, str] | None:
    """What is missing while nothing moves, how sure that is, and its evidence."""
    now, deficit = history.now, deficit_of(history.now)
    if not deficit or not history.value(MUTEX) or any(may_hold_permit(p) for p in living(now)):
        return None
    unmoved = min(
        history.unmoved_ns(),
        history.lasted_ns(
            lambda s: deficit_of(s) == deficit and not any(may_hold_permit(p) for p in living(s))
        ),
    )
    if unmoved < SETTLED_NS:
        return None
    fact = _("nothing changed for {time}, mutex is free, and no process holds a permit")
    # Permits that are too many are held by no process.
    doubt = deficit > 0 and idle_elsewhere(now)
    sure = Certainty.LIKELY if doubt else history.certainty
    return deficit, sure, fact.format(time=seconds(unmoved))


def _in_flow(history: History) -> tuple[int, Certainty, str] | None:
    """What is missing while workers move: in each sample more than they can hold."""
    if any(p.origin is not Origin.WORKER for p in living(history.now)):
        return None
    if history.lasted_ns(mutex_taken) >= SETTLED_NS:
        return None
    lost = _shown(history, lambda deficit, held: (deficit - held[1], deficit - held[0]))
    spare = _shown(history, lambda deficit, held: (held[0] - deficit, held[1] - deficit))
    found = lost or spare
    if found is None:
        return None
    missing, samples = (found[0] if lost else -found[0]), found[1]
    slots = history.now.layout.slots
    fact = _("in {count} samples, empty + full + permits held by workers came to {sum} of {slots}")
    return (
        missing,
        history.certainty,
        fact.format(count=samples, sum=slots - missing, slots=slots),
    )


def _shown(
    history: History, bounds: Callable[[int, tuple[int, int]], tuple[int, int]]
) -> tuple[int, int] | None:
    """What is missing at least, and in how many samples; None where those are too few.

    A sample during which workers are in the middle of a step may leave it open. A sample in
    which nothing can be missing ends the search: what was missing before is there again.
    """
    found, samples, newest, oldest = 0, 0, 0, 0
    for s in reversed(history.snapshots):
        deficit, held = deficit_of(s), permits_held(s)
        if deficit is None or held is None:
            continue
        least, most = bounds(deficit, held)
        if most <= 0:
            break
        if least > 0:
            age = history.now.monotonic_ns - s.monotonic_ns
            newest, oldest = (newest if samples else age), age
            found, samples = (min(found, least) if samples else least), samples + 1
    enough = samples >= FLOW_SAMPLES and oldest >= SETTLED_NS and newest <= FRESH_NS
    return (found, samples) if enough else None


def _causes(history: History, missing: int) -> Iterator[str]:
    """The deaths that may have led to it; where there are none, what usually does."""
    dead: dict[int, Process] = {}
    for snapshot in history.snapshots:
        for p in snapshot.processes:
            if p.state is ProcessState.ENDED and p.step in MAY_HOLD_PERMIT:
                dead[p.pid] = p
    if missing > 0:
        for p in dead.values():
            yield _("{who} died in {step}").format(who=names([p]), step=p.step)
        gone = vanished(history)
        if gone:
            yield _("ended a moment ago: {who}").format(who=names(gone))
        if dead or gone:
            return
        yield _("a process left out a sem_post, or died before it")
    else:
        yield _("a process called sem_post twice, or without the sem_wait before it")
