"""Findings about permits: some are lost, or there are too many. Pure."""

from collections.abc import Callable, Iterator
from typing import Final

from shmtui.diagnosis.history import SETTLED_NS, History, deficit_of, living, mutex_taken, vanished
from shmtui.diagnosis.holders import MAY_HOLD_PERMIT, idle_elsewhere, may_hold_permit, permits_held
from shmtui.diagnosis.wording import names, repair_remedy, seconds
from shmtui.i18n import _, ngettext
from shmtui.shm.libc import SEM_VALUE_MAX
from shmtui.shm.protocol import SemaphoreRole
from shmtui.snapshot import Certainty, Finding, Origin, Process, Snapshot, Status

FLOW_SAMPLES: Final = 3
"""In how many samples of a moving buffer a permit has to be missing."""
FRESH_NS: Final = 3_000_000_000
"""How old the last of them may be."""


def permits(history: History) -> Iterator[Finding]:
    """A permit is neither in ``empty`` nor in ``full`` nor held by a process; or there are too
    many. In a program of somebody else this is likely at most: a batch taken at once, a permit
    kept aside or an extra one that ends the stream are no mistakes.
    """
    if no_semaphore(history.now):
        return
    found = _above(history) or _at_rest(history) or _in_flow(history) or _spare(history)
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
            _("unless it is held by {who}, asleep in another call").format(who=names(idle))
        )
    facts += history.protocol_assumed
    grave = missing < 0 and sure is Certainty.CERTAIN
    yield Finding(
        "lost-permit" if missing > 0 else "extra-permits",
        Status.CRITICAL if grave else Status.WARNING,
        _("{what}: {sum} in all, and the buffer has {slots} slots").format(
            what=what.format(count=abs(missing)), sum=slots - missing, slots=slots
        ),
        tuple(facts),
        sure,
        _remedy(history, missing),
    )


def _remedy(history: History, missing: int) -> str:
    """The repair; or what mends the program, where no permit and no index tells what the ring holds."""
    now = history.now
    lost = missing >= now.layout.slots and now.in_ == now.out and now.in_ is not None
    if lost and not history.workers_only:
        return _(
            "in the program, post {full} after each item that is put in, and {empty} after each that is taken; then "
            "end every process that maps it, and start them again: no permit is left that tells whether the ring "
            "is empty or full"
        ).format(**history.names)
    if missing < 0 and _passed(history):
        return _(
            "end every process that maps it, and start them again: a permit too many was used, and in and out no "
            "longer say how many items there are"
        )
    return repair_remedy(history, "--yes" if history.workers_only else "--yes --permits")


def _passed(history: History) -> bool:
    """Whether one index has passed the other: by them there are more items or free slots than permits for these,
    with one more in the hand of each process.
    """
    now, empty, full = history.now, *map(history.value, (SemaphoreRole.EMPTY, SemaphoreRole.FULL))
    if now.in_ is None or now.out is None or empty is None or full is None:
        return False
    slots, held = now.layout.slots, len(living(now))
    resident = (now.in_ - now.out) % slots
    return not any(
        items <= full + held and slots - items <= empty + held
        for items in {resident, resident or slots}
    )


def no_semaphore(s: Snapshot) -> str:
    """The name of a semaphore whose value none can have: its word is something else. Empty: none."""
    return next((role for role, x in s.semaphores.items() if (x.value or 0) > SEM_VALUE_MAX), "")


def _at_rest(history: History) -> tuple[int, Certainty, str] | None:
    """What is missing while nothing moves, how sure that is, and its evidence."""
    now, deficit = history.now, deficit_of(history.now)
    if (
        not deficit
        or not history.value(SemaphoreRole.MUTEX)
        or any(may_hold_permit(p) for p in living(now))
    ):
        return None
    unmoved = min(
        history.unmoved_ns(),
        history.lasted_ns(
            lambda s: deficit_of(s) == deficit and not any(may_hold_permit(p) for p in living(s))
        ),
    )
    if unmoved < SETTLED_NS:
        return None
    # Permits that are too many are held by no process.
    doubt = deficit > 0 and idle_elsewhere(now)
    fact = _("nothing changed for {time}, {mutex} is free, and no process holds a permit")
    if doubt:
        fact = _("nothing changed for {time}, and {mutex} is free")
    sure = Certainty.LIKELY if doubt else history.by_protocol
    return deficit, sure, fact.format(**history.names, time=seconds(unmoved))


def _above(history: History) -> tuple[int, Certainty, str] | None:
    """The permits of one semaphore beyond the slots, moving or not: those are too many at least."""
    slots = history.now.layout.slots

    def beyond(s: Snapshot) -> int:
        states = (s.semaphores.get(role) for role in (SemaphoreRole.EMPTY, SemaphoreRole.FULL))
        # The program may have more slots now than it had then.
        return max([(x.value or 0) - s.layout.slots for x in states if x is not None], default=0)

    samples = history.agreeing(lambda s: beyond(s) > 0)
    if not slots or samples < min(2, len(history.snapshots)) or not samples:
        return None
    fact = _("in {count} samples a semaphore had more permits than there are slots")
    total = -(deficit_of(history.now) or 0)
    return -max(beyond(history.now), total), history.by_protocol, fact.format(count=samples)


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
    fact = _(
        "in {count} samples, {empty} + {full} + permits held by workers came to {sum} of {slots}"
    )
    return (
        missing,
        history.certainty,
        fact.format(**history.names, count=samples, sum=slots - missing, slots=slots),
    )


def _spare(history: History) -> tuple[int, Certainty, str] | None:
    """Permits that are too many while other programs move items, in samples of one moment."""
    deficits = [deficit_of(s) or 0 for s in history.steady]
    spare = [-deficit for deficit in deficits if deficit < 0]
    if len(spare) < FLOW_SAMPLES or history.unmoved_ns() >= SETTLED_NS:
        return None
    # Those in somebody's hand are in neither: so many are too many at the least.
    fact = _("in {count} samples, {empty} + {full} came to {sum} of {slots} at the most")
    slots = history.now.layout.slots
    text = fact.format(**history.names, count=len(spare), sum=slots + max(spare), slots=slots)
    return -max(spare), Certainty.LIKELY, text


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
            if not p.alive and p.step in MAY_HOLD_PERMIT:
                dead[p.pid] = p
    if missing > 0:
        for p in dead.values():
            yield _("{who} died in {step}").format(who=names([p]), step=p.step)
        gone = vanished(history)
        if gone:
            yield _("ended a moment ago: {who}").format(who=names(gone))
        if dead or gone:
            return
        yield _(
            "a process left out a sem_post, or died before it; or {empty} was initialised with fewer than the slots"
        ).format(**history.names)
    else:
        yield _(
            "a process called sem_post twice, or without the sem_wait before it; or {empty} was initialised with "
            "more than the slots"
        ).format(**history.names)
