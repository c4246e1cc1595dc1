"""Findings about the lock and the permits: who holds the mutex, and what is missing. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from shmtui.diagnosis.history import (
    BETWEEN,
    HOLDING,
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
    permits_in_hand,
    position,
    seconds,
    uninitialised,
    vanished,
)
from shmtui.i18n import _, ngettext
from shmtui.shm.protocol import SemaphoreRole
from shmtui.snapshot import Certainty, Finding, Origin, Process, ProcessState, Status

STALLED_NS: Final = 3_000_000_000
"""How long somebody who may be in the critical section may let others wait for it."""
SAT_NS: Final = 1_500_000_000
"""The same for a worker that says that it is there, where it has nothing long to do."""
FLOW_LOOKS: Final = 3
"""How many looks at a moving buffer have to find something missing."""
FRESH_NS: Final = 3_000_000_000
"""How old the last of them may be."""

MUTEX, EMPTY, FULL = SemaphoreRole.MUTEX, SemaphoreRole.EMPTY, SemaphoreRole.FULL


@dataclass(frozen=True, slots=True)
class _Held:
    """A mutex at 0 while nobody moves, and who stands where."""

    history: History
    deficit: int
    waiting: tuple[Process, ...]
    """Asleep on mutex."""
    threads: int
    """How many threads that are: each has a permit in hand, in the right order."""
    behind: tuple[Process, ...]
    """Foreign ones asleep on a permit: they hold no mutex if they keep to the order."""
    facts: tuple[str, ...]


def held_mutex(history: History) -> Iterator[Finding]:
    """The mutex is 0 and stays so: its holder died, waits in the wrong order, or sits on it."""
    now, still, deficit = history.now, history.still(), deficit_of(history.now)
    if history.value(MUTEX) != 0 or still < SETTLED_NS or deficit is None or uninitialised(now):
        return
    lives = living(now)
    waiting = tuple(p for p in lives if MUTEX in p.waits)
    behind = tuple(
        p for p in lives if p.origin is not Origin.WORKER and {EMPTY, FULL} & set(p.waits)
    )
    mark = position(now)
    facts = (
        _("mutex 0 in {looks} looks over {time}, and nothing moved").format(
            looks=history.looks(lambda s: position(s) == mark), time=seconds(still)
        ),
        _("waiting for it: {who}").format(who=names(waiting) or _("nobody")),
    )
    threads = sum(p.waits.count(MUTEX) for p in waiting)
    held = _Held(history, deficit, waiting, threads, behind, facts)
    holders = [p for p in lives if may_hold_mutex(p)]
    swapped = [p for p in lives if p.holds_mutex and asleep(p)]
    if swapped:
        yield _wrong_order(held, swapped, Certainty.CERTAIN)
    elif holders:
        told = [p for p in holders if p.origin is Origin.WORKER and p.step in HOLDING]
        if still >= (SAT_NS if told else STALLED_NS) and waiting:
            yield _sat_on(held, holders, told)
    elif behind and waiting and deficit <= threads:
        yield _wrong_order(held, behind, Certainty.LIKELY)
    else:
        yield _without_holder(held)


def _sat_on(held: _Held, holders: list[Process], told: list[Process]) -> Finding:
    """Somebody has the mutex, or may have it, and keeps it; ``told`` say that they have."""
    facts = held.facts
    if told:
        claim = _("mutex is held by {who} and nothing moves").format(who=names(told))
    else:
        claim = _("mutex is not given back, and nothing moves: {who} may hold it").format(
            who=names(holders)
        )
        facts = (*facts, _("or whoever held it died, or left it without sem_post"))
    return Finding(
        "stalled",
        Status.WARNING,
        claim,
        facts,
        Certainty.CERTAIN if len(told) == 1 and told[0].step in TRANSFER else Certainty.LIKELY,
        _("see what it does there: gdb -p PID, or resume it if it is stopped"),
    )


def _wrong_order(held: _Held, who: list[Process] | tuple[Process, ...], sure: Certainty) -> Finding:
    """Who has the mutex waits for a permit that nobody can give without it."""
    facts = (
        *held.facts,
        _("blocked on a permit: {who}").format(who=names(who)),
        _("permits in hand: {count}").format(count=held.deficit),
    )
    if sure is Certainty.CERTAIN:
        claim = _("{who} took mutex before it waits for a permit: a deadlock")
    else:
        claim = _("one of {who} took mutex before it waits for a permit: a deadlock")
        facts = (*facts, _("or somebody left the critical section without sem_post(&mutex)"))
    return Finding(
        "wrong-order",
        Status.CRITICAL,
        claim.format(who=names(who)),
        facts,
        sure,
        _("wait for empty or full first, for mutex second; then start them all anew"),
    )


def _without_holder(held: _Held) -> Finding:
    """Nobody alive can post the mutex."""
    history, sure = held.history, held.history.sure
    # Whoever dies inside takes a permit along; who merely left out the post does not.
    dead = died_last(history, HOLDING) if held.deficit > held.threads else None
    gone = vanished(history) if held.deficit > held.threads else []
    facts = (*held.facts, _("no live process can hold it: each one says or shows where it waits"))
    claim = _("mutex is 0 and no live process holds it: everybody waits for ever")
    if dead is not None:
        claim = _("mutex is held by {who}, which died ({how}): everybody waits for ever").format(
            who=names([dead]), how=dead.ending or _("it is gone")
        )
        facts = (*facts, _("it died in {step}").format(step=dead.step))
    elif gone:
        facts = (*facts, _("it went a moment ago: {who}").format(who=names(gone)))
    else:
        facts = (*facts, _("its holder died, or left it without sem_post(&mutex)"))
    if held.behind:
        facts = (
            *facts,
            _("unless one of {who} took it before waiting for its permit").format(
                who=names(held.behind)
            ),
        )
        sure = Certainty.LIKELY
    if dead is not None and dead.step in TRANSFER:
        sure = Certainty.CERTAIN
    return Finding(
        "dead-holder", Status.CRITICAL, claim, facts, sure, repair_remedy(history),
    )  # fmt: skip


def repair_remedy(history: History) -> str:
    """The way out by a repair."""
    return _(
        "shmtui repair {name} says what to set and, with --yes, does it; so does r in a "
        "dashboard that may write"
    ).format(name=history.now.segment.name)


def lost_permit(history: History) -> Iterator[Finding]:
    """A permit is neither in ``empty`` nor in ``full`` nor in anybody's hand; or is too many."""
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
        facts.append(
            _("unless it is in the hand of {who}, asleep elsewhere").format(who=names(idle))
        )
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
    """What is missing while nobody moves, how sure that is, and what shows it."""
    now, deficit = history.now, deficit_of(history.now)
    if not deficit or not history.value(MUTEX) or any(may_hold_permit(p) for p in living(now)):
        return None
    still = min(
        history.still(),
        history.lasted(
            lambda s: deficit_of(s) == deficit and not any(may_hold_permit(p) for p in living(s))
        ),
    )
    if still < SETTLED_NS:
        return None
    fact = _("nothing moved for {time}, mutex is free, and nobody has a permit in hand")
    # What is too many is in nobody's hand.
    unsure = deficit > 0 and idle_elsewhere(now)
    return deficit, Certainty.LIKELY if unsure else history.sure, fact.format(time=seconds(still))


def _in_flow(history: History) -> tuple[int, Certainty, str] | None:
    """What is missing while workers move: at each look more than they can have in hand."""
    if any(p.origin is not Origin.WORKER for p in living(history.now)):
        return None
    if history.lasted(mutex_taken) >= SETTLED_NS:
        return None
    lost = _shown(history, lambda deficit, held: (deficit - held[1], deficit - held[0]))
    spare = _shown(history, lambda deficit, held: (held[0] - deficit, held[1] - deficit))
    found = lost or spare
    if found is None:
        return None
    missing, looks = (found[0] if lost else -found[0]), found[1]
    fact = _("in {looks} looks, empty + full and what is in hand made up {sum} of {slots} permits")
    slots = history.now.layout.slots
    return missing, history.sure, fact.format(looks=looks, sum=slots - missing, slots=slots)


def _shown(
    history: History, bounds: Callable[[int, tuple[int, int]], tuple[int, int]]
) -> tuple[int, int] | None:
    """What is missing at least, and how many looks show it; None where those are too few.

    A look at which workers stand in the middle of it may leave it open. One at which nothing
    can be missing ends it: whatever was seen before is mended.
    """
    found, looks, newest, oldest = 0, 0, 0, 0
    for s in reversed(history.snapshots):
        deficit, held = deficit_of(s), permits_in_hand(s)
        if deficit is None or held is None:
            continue
        least, most = bounds(deficit, held)
        if most <= 0:
            break
        if least > 0:
            age = history.now.monotonic_ns - s.monotonic_ns
            newest, oldest = (newest if looks else age), age
            found, looks = (min(found, least) if looks else least), looks + 1
    enough = looks >= FLOW_LOOKS and oldest >= SETTLED_NS and newest <= FRESH_NS
    return (found, looks) if enough else None


def _causes(history: History, missing: int) -> Iterator[str]:
    """Whose death may have led to it; else what can lead to it."""
    dead: dict[int, Process] = {}
    for snapshot in history.snapshots:
        for p in snapshot.processes:
            if p.state is ProcessState.ENDED and p.step in BETWEEN:
                dead[p.pid] = p
    if missing > 0:
        for p in dead.values():
            yield _("{who} died in {step}").format(who=names([p]), step=p.step)
        gone = vanished(history)
        if gone:
            yield _("it went a moment ago: {who}").format(who=names(gone))
        if dead or gone:
            return
        yield _("a post was left out, or its process died before it")
    else:
        yield _("a post was done twice, or without its wait")
