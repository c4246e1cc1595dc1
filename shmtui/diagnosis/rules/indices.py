"""Findings about indices: outside of the ring, or another number of items than the permits allow. Pure."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Final

from shmtui.diagnosis.history import SETTLED_NS, History, deficit_of
from shmtui.i18n import _
from shmtui.shm.protocol import SemaphoreRole
from shmtui.snapshot import Certainty, Finding, Snapshot, Status

FIT_SAMPLES: Final = 3
"""In how many samples the indices and the permits have to contradict each other."""
_STILL_SAMPLES: Final = 8
"""In so many samples an index has to stand still that permits say has moved."""
_TELLING_SLOTS: Final = 2
"""The index of a smaller ring has no other place to go to."""
_PERMITS: Final = (SemaphoreRole.EMPTY, SemaphoreRole.FULL)


def bad_index(history: History) -> Iterator[Finding]:
    """``in`` or ``out`` lies outside the ring."""
    slots, ours = history.now.layout.slots, history.workers_only
    for name in ("in", "out"):

        def index(s: Snapshot, name: str = name) -> int | None:
            return s.in_ if name == "in" else s.out

        def outside(s: Snapshot, index: Callable[[Snapshot], int | None] = index) -> bool:
            value = index(s)
            is_slot = value is None or 0 <= value < slots
            return not is_slot and (ours or not _plausible(s, slots))

        if outside(history.now) and history.agreeing(outside) >= min(2, len(history.snapshots)):
            yield Finding(
                "bad-index",
                Status.CRITICAL if ours else Status.WARNING,
                _("{index} is {value}, outside 0…{last}").format(
                    index=name, value=index(history.now), last=slots - 1
                ),
                (
                    _("a process that uses it as it is reads or writes outside the slots"),
                    *history.assumptions,
                ),
                Certainty.CERTAIN if ours else Certainty.LIKELY,
                _(
                    "check that the layout is the program's (--header); if it is, something "
                    "overwrote the index"
                ),
                subject=name,
            )


def unfitting_indices(history: History) -> Iterator[Finding]:
    """``in`` and ``out`` say another number of items than the permits allow.

    ``full`` items are in the ring at the least, and N - ``empty`` at the most, wherever the
    processes are: for a program that moves an index before it posts, and after it has waited.
    """
    if history.workers_only:
        return
    wrong, looks = _compared(history.steady)
    now = history.now
    # Beside an index that never moves, the one that does passes the right number now and then.
    stuck = _stuck(history.steady) if 2 * len(wrong) > looks else ""
    by_chance = looks - len(wrong)
    if (by_chance and not stuck) or len(wrong) < FIT_SAMPLES:
        return
    if (deficit_of(now) or 0) < 0 or not _words_known(now):
        return
    if any(map(_counts_past_the_slots, history.snapshots)):
        return  # Counters that are never reduced are often moved outside of the posts.
    if wrong[-1].monotonic_ns - wrong[0].monotonic_ns < SETTLED_NS:
        return
    then = wrong[-1]
    values = {role: then.semaphores[role].value for role in then.semaphores}
    yield Finding(
        "bad-index",
        Status.WARNING,
        _("in and out do not fit the permits: {items} items by in {in_} and out {out}").format(
            items=_resident(then), in_=then.in_, out=then.out
        ),
        (
            _("{full} is {items} and {empty} {room} of {slots}; so it was in {count} samples").format(**now.own_names,
                items=values[SemaphoreRole.FULL], room=values[SemaphoreRole.EMPTY],
                slots=now.layout.slots, count=len(wrong),
            ),
            *((stuck,) if stuck else ()),
            _(
                "an index was not moved, the semaphores were set anew while items were there, or "
                "one of the programs is built with another number of slots"
            ),
            _("unless the program moves an index long before or after the posts"),
            *history.assumptions,
        ),
        Certainty.LIKELY,
        _("compare the programs' structs; then end all of them, and start with a new segment"),
    )  # fmt: skip


def unfitting_samples(history: History) -> tuple[int, int]:
    """In how many samples the indices did not fit the permits, and in how many they could be
    compared. Counters that are never reduced are often moved outside of the posts: none.
    """
    if any(_counts_past_the_slots(s) and _resident(s) is not None for s in history.steady):
        return 0, 0
    wrong, looks = _compared(history.steady)
    return len(wrong), looks


def standing_still(history: History) -> Iterator[str]:
    """Permits were posted again and again, and no index has moved: the programs have their indices elsewhere,
    or move none and write over items. Undecided: one that goes round between any two samples looks the same.
    """
    samples = history.steady
    known = history.now.in_ is not None and history.now.layout.slots >= _TELLING_SLOTS
    if history.workers_only or history.items_moved or not known or len(samples) < _STILL_SAMPLES:
        return
    posts = max(_posts(samples, role) for role in _PERMITS)
    if posts >= FIT_SAMPLES:
        yield _(
            "permits were posted again and again, between {count} of {samples} samples, and neither in nor out "
            "moved: the programs keep their indices elsewhere, or move none and overwrite items; say where they "
            "are with --map or --index-segment"
        ).format(count=posts, samples=len(samples))


def _posts(samples: Sequence[Snapshot], role: SemaphoreRole) -> int:
    """Between how many samples a semaphore was posted: it has grown, or who waits for it has begun to anew."""
    return sum(_posted(before, after, role) for before, after in pairwise(samples))


def _posted(before: Snapshot, after: Snapshot, role: SemaphoreRole) -> bool:
    values = [s.semaphores[role].value or 0 for s in (before, after) if role in s.semaphores]
    waited = {p.pid for p in before.processes if role in p.waits}
    between_s = (after.monotonic_ns - before.monotonic_ns) / 2e9
    return values != sorted(values, reverse=True) or any(
        p.pid in waited
        and role in p.waits
        and p.blocked_for is not None
        and p.blocked_for < between_s
        and not (p.timed_waits or p.catches_signals)
        for p in after.processes
    )


def _compared(samples: Sequence[Snapshot]) -> tuple[list[Snapshot], int]:
    """The samples whose indices do not fit the permits, and how many could be compared."""
    looks = [(s, items) for s in samples if (items := _resident(s)) is not None]
    return [s for s, items in looks if not _fits(s, items)], len(looks)


def _counts_past_the_slots(s: Snapshot) -> bool:
    return max(s.in_ or 0, s.out or 0) >= s.layout.slots


def _stuck(samples: Sequence[Snapshot]) -> str:
    """That an index was never seen to move, while the other passed more slots than were free for it;
    empty where it is not so. An index that goes round between any two samples looks the same.
    """
    for moving, still, role in (
        ("slot_in", "slot_out", SemaphoreRole.FULL),
        ("slot_out", "slot_in", SemaphoreRole.EMPTY),
    ):
        moves: list[int] = [getattr(s, moving) for s in samples if _words_known(s)]
        stays = {getattr(s, still) for s in samples if _words_known(s)}
        if len(stays) != 1:
            continue
        slots = samples[0].layout.slots
        passed = sum((after - before) % slots for before, after in pairwise(moves))
        taken = next(s.semaphores[role].value or 0 for s in samples if _words_known(s))
        if passed > slots - taken:
            return _("{still} was never seen to move, while {moving} passed {count} slots").format(
                still=still.removeprefix("slot_"), moving=moving.removeprefix("slot_"), count=passed
            )
    return ""


def _resident(s: Snapshot) -> int | None:
    slots = s.layout.slots
    slot_in, slot_out = s.slots_next
    if slot_in is None or slot_out is None or not slots:
        return None
    return (slot_in - slot_out) % slots


def _words_known(s: Snapshot) -> bool:
    return deficit_of(s) is not None and _resident(s) is not None


def _fits(s: Snapshot, items: int) -> bool:
    """Whether the permits allow this many items; the indices of an empty and of a full ring are equal."""
    deficit, slots = deficit_of(s), s.layout.slots
    if deficit is None:
        return True
    empty, full = (s.semaphores[r].value or 0 for r in (SemaphoreRole.EMPTY, SemaphoreRole.FULL))
    return any(full <= n <= slots - empty for n in ({0, slots} if not items else {items}))


def _plausible(s: Snapshot, slots: int) -> bool:
    """Whether indices of somebody else's program may be as they are in a healthy one.

    One may be N for as long as the program reduces it before it uses it, and both may be counters
    that are never reduced, moved before or after the posts.

    >>> from msgspec.structs import replace
    >>> from shmtui.snapshot import EMPTY
    >>> [_plausible(replace(EMPTY, in_=i, out=o), 5) for i, o in ((5, 2), (900, 897), (900, 3))]
    [True, True, False]
    """
    if s.counts_on or s.in_ is None or s.out is None:
        return True
    return min(s.in_, s.out) >= 0 and abs(s.in_ - s.out) <= slots
