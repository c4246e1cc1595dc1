"""What the samples leave undecided of a buffer without findings. Pure.

``ok`` is said only where nothing is left undecided: what was not judged is not ok.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from shmtui.diagnosis.history import (
    AT_REST_NS,
    POSTERS,
    SETTLED_NS,
    History,
    deficit_of,
    living,
    mutex_taken,
)
from shmtui.diagnosis.holders import unaccounted_threads
from shmtui.diagnosis.left_waiting import ceased, left_behind, left_beside, left_to_mend
from shmtui.diagnosis.rules import conditions, lock_free
from shmtui.diagnosis.rules.indices import FIT_SAMPLES, standing_still, unfitting_samples
from shmtui.diagnosis.rules.initialisation import by_own_futex
from shmtui.diagnosis.rules.permits import no_semaphore
from shmtui.diagnosis.wording import names, seconds, target
from shmtui.i18n import _, ngettext
from shmtui.procfs.target import has_name
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.shm.segment_info import LayoutSource
from shmtui.snapshot import Origin, Process, Snapshot

LONGER_S: Final = 12
"""The watch that is proposed where a shorter one left something open, in seconds."""
_VOUCHED: Final = 8
"""So many processes are named in a command."""
ENOUGH: Final = 4
"""So many samples a rule may need to agree."""


def _watched_s(history: History) -> int:
    return round(history.watched_ns / 1e9)


def _way_on(history: History) -> str:
    """What settles what the samples leave open: a longer watch, or what only the program's text or
    its programmer can tell.
    """
    if _watched_s(history) < LONGER_S:
        return _("watch it longer: --for {time}").format(time=LONGER_S)
    crew = living(history.now)
    if not crew or not has_name(history.now.segment.name):
        return _("watching does not settle it, the text of its program does")
    words = " ".join(f"--assume-idle {p.pid}" for p in crew[:_VOUCHED])
    return _(
        "watching does not settle it; if none of them holds a lock or a permit, say so: {command}"
    ).format(command=f"shmtui repair {target(history.now)} {words}")


def undecided(history: History) -> Iterator[str]:
    """What could not be judged, and what would settle it, a clause each."""
    now = history.now
    if now.alone is not None:
        yield _("it is a semaphore alone: check the segment of the programs that use it")
        return
    if not now.segment.size:
        yield _("it has 0 bytes: look again once a program has called ftruncate")
        return
    if now.layout.source is LayoutSource.RAW:
        yield _("its layout is not known: say it with --header, --slots or --layout")
        return
    if now.layout.disputed:
        yield from now.layout.assumptions
    if strangers := by_own_futex(now):
        yield _(
            "waiting as no sem_wait does, on a word that is private to a process: {who}; these are no sem_t, "
            "and it is not known how they are posted"
        ).format(who=names(strangers))
    yield from left_to_mend(now)
    if not now.layout.has_ring:
        yield _(
            "its locks are known, and no ring: whether those that wait can go on is not judged; say "
            "the ring's members with --map, if it has one"
        )
        return
    yield from _unknown_members(now)
    if history.watched_ns < SETTLED_NS:
        yield _("it was watched for {time} only; watch it longer: --for 3").format(
            time=seconds(history.watched_ns)
        )
        return
    if len(history.snapshots) < ENOUGH:
        yield _(
            "{count} samples are too few to tell, as on a busy machine; watch it longer: --for {time}"
        ).format(count=len(history.snapshots), time=max(LONGER_S, 2 * _watched_s(history)))
    if now.layout.lock_free or conditions.by_conditions(now):
        yield from left_beside(history)
        yield from _of_lock_free(history) if now.layout.lock_free else _of_conditions(history)
        return
    yield from _let_several_in(history)
    yield from left_behind(history)
    still = history.flow_unmoved_ns >= min(AT_REST_NS, history.watched_ns)
    if history.items_moved and not still:
        yield from _missing_in_flow(history)
        yield from _unfitting_in_flow(history)
        return
    yield from standing_still(history)
    yield from ceased(history)
    if still and not history.workers_only:
        yield from _at_rest(history)
        yield from _left_to_others(history)
    yield from _lock_kept(history)
    yield from _hidden_at_rest(now) if still else ()


def _unknown_members(now: Snapshot) -> Iterator[str]:
    """Which parts of the ring are not known, and how to say them."""
    if conditions.by_conditions(now):
        if now.count is None:
            yield _("the member that counts its items is not known: say it with --map count=MEMBER")
    elif not now.semaphores and not now.layout.lock_free:
        yield _("none of its semaphores is known: say them with --mutex, --empty and --full")
    if now.in_ is None or now.out is None:
        yield _("in and out are not known: say them with --map or --index-segment")
    if role := no_semaphore(now):
        yield _(
            "{semaphore} holds {value}, and no semaphore has so high a value: it is another field, or of "
            "another C library"
        ).format(semaphore=role, value=now.semaphores[SemaphoreRole(role)].value)


def _of_lock_free(history: History) -> Iterator[str]:
    """What is left open of a ring without a lock."""
    yield from lock_free.undecided(history, _way_on(history), AT_REST_NS)
    yield from _stopped(living(history.now))


def _of_conditions(history: History) -> Iterator[str]:
    """What is left open of a ring of a lock and condition variables."""
    now = history.now
    wrong, samples = conditions.misfits(history)
    if wrong >= conditions.FIT_SAMPLES:
        yield _(
            "the count of items did not fit in and out in {count} of {samples} samples: it counts "
            "something else, or is out of step"
        ).format(count=wrong, samples=samples)
    late = {
        p.pid: p
        for waiting in conditions.waiters_of(now).values()
        for p in waiting
        if (p.blocked_for or 0.0) * 1e9 >= history.watched_ns / 2 and not p.sleeps_timed
    }
    half_full = all(0 < (s.count or 0) < now.layout.slots for s in history.snapshots)
    if late and half_full:
        yield _(
            "{who} waited all the while, and the ring had both items and room in all {count} samples: "
            "a signal may be lost, or it waits for something else"
        ).format(who=names(list(late.values())), count=len(history.snapshots))
    if not _nothing_moved(history):
        return
    if history.agreeing(conditions.lock_taken) == len(history.snapshots):
        yield _("mutex was held in all {count} samples; {way}").format(
            count=len(history.snapshots), way=_way_on(history)
        )
    crew = living(now)
    yield from _stopped(crew)
    others = [p for p in crew if not p.sleeps_on]
    known = {p.role for p in others if p.goes_on}
    wanted = Role.CONSUMER if now.count else Role.PRODUCER
    if late and wanted not in known:
        yield _nobody_posts(history, conditions.waiters_of(now), others)
    yield from _hidden_at_rest(now)


def _nobody_posts(history: History, waited: Iterable[str], others: Sequence[Process]) -> str:
    """That all wait for these, and only ``others`` could post, who were not seen to."""
    return _(
        "no item moved, all that wait do so for {semaphore}, and nobody was seen who posts it and goes on "
        "by itself: unless it comes from {who}, they wait for ever; {way}"
    ).format(
        semaphore=", ".join(waited), who=names(others) or _("another process"), way=_way_on(history)
    )


def _hidden_at_rest(now: Snapshot) -> Iterator[str]:
    """Where nothing moved: that a participant is not seen, which may be why."""
    if now.hidden and (living(now) or now.elsewhere):
        yield _("nothing moved, and not all that may take part can be seen: {limits}").format(
            limits="; ".join(now.limits)
        )


def _nothing_moved(history: History) -> bool:
    """Whether nothing has moved for long enough to ask why, or since the first sample."""
    return history.unmoved_ns() >= min(AT_REST_NS, history.watched_ns)


def _lock_kept(history: History) -> Iterator[str]:
    """Mutex was 0 all the while."""
    if history.lasted_ns(mutex_taken) >= min(AT_REST_NS, history.watched_ns):
        yield _("mutex was 0 in {count} samples, up to the last; {way}").format(
            count=history.agreeing(mutex_taken), way=_way_on(history)
        )


def _left_to_others(history: History) -> Iterator[str]:
    """All that wait do so for permits that are not there, and nobody is known who posts them: there
    is no other process, or those that there are sleep elsewhere and were never seen to. They may be
    what started the others, or idle for ever. Where nobody sleeps on a semaphore, one that is awake may
    look again and again for the permits that are not there.
    """
    crew = living(history.now)
    waited = {role for p in crew for role in p.waits}
    if history.lasted_ns(mutex_taken) < history.flow_unmoved_ns:
        waited -= {SemaphoreRole.MUTEX}  # Then it was free meanwhile.
    if not waited:
        yield from _may_be_polled(history, crew)
        return
    if any(role not in POSTERS or history.value(role) != 0 for role in waited):
        return
    slow = [
        p
        for p in crew
        if not p.waits
        and p.role in {POSTERS[role] for role in waited}
        and (p.origin is Origin.WORKER or p.goes_on)
    ]
    others = [p for p in crew if unaccounted_threads(p)]
    if not slow:
        yield _nobody_posts(history, sorted(waited), others)


def _may_be_polled(history: History, crew: Sequence[Process]) -> Iterator[str]:
    """There are no permits of a kind, and no process is known that posts them and goes on by itself."""
    awake = [p for p in crew if p.goes_on]
    for role, poster in POSTERS.items():
        if awake and history.value(role) == 0 and all(p.role is not poster for p in awake):
            yield _(
                "no item moved, {semaphore} is 0, and nobody was seen who posts it: if one looks for it again "
                "and again ({who}), that may never end; {way}"
            ).format(semaphore=role, who=names(awake), way=_way_on(history))


def _let_several_in(history: History) -> Iterator[str]:
    """Mutex was above 1 in some samples, if not in the last ones, as a finding has it."""
    values = [s.semaphores.get(SemaphoreRole.MUTEX) for s in history.snapshots]
    above = sum(1 for state in values if state is not None and (state.value or 0) > 1)
    if above:
        yield _(
            "mutex was above 1 in {count} of {samples} samples: if it is a lock, several can be in the "
            "critical section at once"
        ).format(count=above, samples=len(values))


def _at_rest(history: History) -> Iterator[str]:
    """No item moved, and not all permits are seen, so that it is not known why."""
    crew = living(history.now)
    if not crew:
        return
    stopped = list(_stopped(crew))
    yield from stopped
    if stopped:
        return
    start = history.now.monotonic_ns - history.flow_unmoved_ns
    in_hand = max(
        sum(p.waits.count(SemaphoreRole.MUTEX) for p in living(s))
        for s in history.snapshots
        if s.monotonic_ns >= start
    )
    missing = (deficit_of(history.now) or 0) - in_hand
    if missing > 0:
        yield ngettext(
            "no item moved, and {count} permit is in neither empty nor full: a process keeps it, or it "
            "is lost; {way}",
            "no item moved, and {count} permits are in neither empty nor full: processes keep them, or "
            "they are lost; {way}",
            missing,
        ).format(count=missing, way=_way_on(history))


def _stopped(crew: Sequence[Process]) -> Iterator[str]:
    """That some of those that take part are stopped, and how they go on."""
    stopped = [p for p in crew if p.letter in {"T", "t"}]
    if stopped:
        text = _("stopped: {who}; resume with kill -CONT {pids}, and check again")
        yield text.format(who=names(stopped), pids=" ".join(str(p.pid) for p in stopped))


def _unfitting_in_flow(history: History) -> Iterator[str]:
    """The indices do not always fit the permits while items move: a program moves one outside of its
    posts, or the ring is out of step.
    """
    if history.workers_only:
        return
    wrong, samples = unfitting_samples(history)
    if wrong >= FIT_SAMPLES:
        yield _(
            "in and out did not fit the permits in {count} of {samples} samples: a program moves an "
            "index outside of its posts, or they are out of step; pause the programs and check again"
        ).format(count=wrong, samples=samples)


def _missing_in_flow(history: History) -> Iterator[str]:
    """Permits that were never seen while items move: programs that run hold them, or they are lost."""
    if all(p.origin is Origin.WORKER for p in living(history.now)):
        return  # What workers hold is known.
    deficits = [d for s in history.snapshots if (d := deficit_of(s)) is not None]
    missing = min(deficits, default=0)
    if missing > 0:
        yield ngettext(
            "{count} permit was in neither empty nor full in all {samples} samples: a process keeps "
            "it, or it is lost; pause the programs and check again",
            "{count} permits were in neither empty nor full in all {samples} samples: processes keep "
            "them, or they are lost; pause the programs and check again",
            missing,
        ).format(count=missing, samples=len(deficits))
