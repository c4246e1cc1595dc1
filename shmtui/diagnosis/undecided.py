"""What the samples leave undecided of a buffer without findings. Pure.

``ok`` is said only where nothing is left undecided: what was not judged is not ok.
"""

from collections.abc import Iterator
from typing import Final

from shmtui.diagnosis.at_rest import (
    LONGER_S,
    full_or_empty,
    hidden_at_rest,
    in_vain,
    left_to_others,
    lock_kept,
    nobody_posts,
    permits_gone,
    stopped,
    watched_s,
    way_on,
)
from shmtui.diagnosis.history import AT_REST_NS, SETTLED_NS, History, deficit_of, living, lock_taken
from shmtui.diagnosis.left_waiting import ceased, left_behind, left_beside, left_to_mend
from shmtui.diagnosis.rules import conditions, lock_free
from shmtui.diagnosis.rules.files import by_words_beside
from shmtui.diagnosis.rules.indices import FIT_SAMPLES, standing_still, unfitting_samples
from shmtui.diagnosis.rules.initialisation import by_own_futex
from shmtui.diagnosis.rules.permits import no_semaphore
from shmtui.diagnosis.rules.process_private import of_one_process
from shmtui.diagnosis.wording import names, seconds
from shmtui.i18n import _, ngettext
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.shm.segment_info import LayoutSource
from shmtui.snapshot import Origin, Snapshot

ENOUGH: Final = 4
"""So many samples a rule may need to agree."""


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
    if strangers := by_words_beside(history):
        yield _(
            "{who} waits by a futex of its own, on byte {bytes}, where its types have nothing to wait on: how that word is "
            "given back is not known, and so nothing of the ring is judged"
        ).format(
            who=names(strangers),
            bytes=", ".join(
                str(at) for at in sorted({a for p in strangers for a in p.unexplained_words})
            ),
        )
        return
    if strangers := by_own_futex(now):
        yield _(
            "waiting as no sem_wait does, on a word that is private to a process: {who}; these are no sem_t, "
            "and it is not known how they are posted"
        ).format(who=names(strangers))
    yield from left_to_mend(history)
    if not now.layout.has_ring:
        yield _(
            "its locks are known, and no ring: whether those that wait can go on is not judged; say "
            "the ring's members with --map, if it has one"
        )
        yield from left_beside(history)
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
        ).format(count=len(history.snapshots), time=max(LONGER_S, 2 * watched_s(history)))
    if now.layout.lock_free or conditions.by_conditions(now):
        yield from left_beside(history)
        yield from _of_lock_free(history) if now.layout.lock_free else _of_conditions(history)
        return
    yield from _let_several_in(history)
    yield from left_behind(history)
    yield from _uneven_count(history)
    if history.items_moved and not history.at_rest:
        yield from _missing_in_flow(history)
        yield from _unfitting_in_flow(history)
        yield from of_one_process(history)
        return
    yield from standing_still(history)
    yield from ceased(history)
    if history.at_rest and not history.workers_only:
        yield from permits_gone(history)
        yield from left_to_others(history)
        yield from in_vain(history)
    yield from lock_kept(history)
    yield from hidden_at_rest(now) if history.at_rest else ()


def _unknown_members(now: Snapshot) -> Iterator[str]:
    """Which parts of the ring are not known, and how to say them."""
    if conditions.by_conditions(now):
        if now.count is None:
            yield _("the member that counts its items is not known: say it with --map count=MEMBER")
    elif not (now.semaphores or now.layout.lock_free or conditions.lock_of(now)):
        yield _("none of its semaphores is known: say them with --mutex, --empty and --full")
    if now.in_ is None or now.out is None:
        yield _("in and out are not known: say them with --map or --index-segment")
    if role := no_semaphore(now):
        yield _(
            "{semaphore} holds {value}, and no semaphore has so high a value: it is another field, or of "
            "another C library"
        ).format(semaphore=now.own_names[role], value=now.semaphores[SemaphoreRole(role)].value)


def _of_lock_free(history: History) -> Iterator[str]:
    """What is left open of a ring without a lock."""
    yield from lock_free.undecided(history, way_on(history), AT_REST_NS)
    yield from stopped(living(history.now))


def _uneven_count(history: History) -> Iterator[str]:
    """The program's own count of items is none that its indices allow."""
    wrong, samples = conditions.misfits(history)
    if wrong >= conditions.FIT_SAMPLES:
        yield _(
            "the count of items did not fit in and out in {count} of {samples} samples: it counts "
            "something else, or is out of step"
        ).format(count=wrong, samples=samples)


def _of_conditions(history: History) -> Iterator[str]:
    """What is left open of a ring of a lock and condition variables."""
    now = history.now
    yield from _uneven_count(history)
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
    if not history.at_rest:
        return
    if history.agreeing(lock_taken) == len(history.snapshots):
        yield _("{mutex} was held in all {count} samples; {way}").format(
            **now.own_names, count=len(history.snapshots), way=way_on(history)
        )
    crew = living(now)
    yield from stopped(crew)
    others = [p for p in crew if not p.sleeps_on]
    known = {p.role for p in others if p.goes_on}
    wanted = Role.CONSUMER if now.count else Role.PRODUCER
    if late and wanted not in known:
        yield nobody_posts(history, conditions.waiters_of(now), others)
    if not late:
        yield from full_or_empty(history, crew)
        yield from in_vain(history)
    yield from hidden_at_rest(now)


def _let_several_in(history: History) -> Iterator[str]:
    """Mutex was above 1 in some samples, if not in the last ones, as a finding has it."""
    values = [s.semaphores.get(SemaphoreRole.MUTEX) for s in history.snapshots]
    above = sum(1 for state in values if state is not None and (state.value or 0) > 1)
    if above:
        yield _(
            "{mutex} was above 1 in {count} of {samples} samples: if it is a lock, several can be in the "
            "critical section at once"
        ).format(**history.names, count=above, samples=len(values))


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
            "index outside of its posts, or they are out of step; watching does not tell which, the source of its programs "
            "does"
        ).format(count=wrong, samples=samples)


def _missing_in_flow(history: History) -> Iterator[str]:
    """Permits that were never seen while items move: programs that run hold them, or they are lost."""
    if all(p.origin is Origin.WORKER for p in living(history.now)):
        return  # What workers hold is known.
    deficits = [d for s in history.snapshots if (d := deficit_of(s)) is not None]
    missing = min(deficits, default=0)
    if missing > 0:
        yield ngettext(
            "{count} permit was in neither {empty} nor {full} in all {samples} samples: a process keeps "
            "it, or it is lost; watching does not tell which, the source of its programs does",
            "{count} permits were in neither {empty} nor {full} in all {samples} samples: processes keep "
            "them, or they are lost; watching does not tell which, the source of its programs does",
            missing,
        ).format(**history.names, count=missing, samples=len(deficits))
