"""Findings about the file, its name and the ring's indices. Pure."""

import shlex
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Final

from shmtui.diagnosis.history import SETTLED_NS, History, deficit_of, living, names
from shmtui.i18n import _
from shmtui.shm.layout import SEM_SIZE
from shmtui.shm.protocol import SemaphoreRole
from shmtui.snapshot import (
    Access,
    Certainty,
    Finding,
    LayoutInfo,
    Process,
    Snapshot,
    Status,
)

FIT_SAMPLES: Final = 3
"""In how many samples the indices and the permits have to contradict each other."""
_NARROW: Final = 32


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
    wrong, looks = _compared(history.steady)
    now = history.now
    # Beside an index that never moves, the one that does passes the right number now and then.
    stuck = _stuck(history.steady) if 2 * len(wrong) > looks else ""
    by_chance = looks - len(wrong)
    if (by_chance and not stuck) or len(wrong) < FIT_SAMPLES or history.workers_only:
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
            _("full is {full} and empty {empty} of {slots}; so it was in {count} samples").format(
                full=values[SemaphoreRole.FULL], empty=values[SemaphoreRole.EMPTY],
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
    if any(_counts_past_the_slots(s) for s in history.steady if _resident(s) is not None):
        return 0, 0
    wrong, looks = _compared(history.steady)
    return len(wrong), looks


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
    if s.slot_in is None or s.slot_out is None or not s.layout.slots:
        return None
    return (s.slot_in - s.slot_out) % s.layout.slots


def _words_known(s: Snapshot) -> bool:
    return deficit_of(s) is not None and _resident(s) is not None


def _fits(s: Snapshot, items: int) -> bool:
    """Whether the permits allow so many items; of an empty or a full ring the indices are equal."""
    deficit, slots = deficit_of(s), s.layout.slots
    if deficit is None:
        return True
    empty, full = (s.semaphores[r].value or 0 for r in (SemaphoreRole.EMPTY, SemaphoreRole.FULL))
    return any(full <= n <= slots - empty for n in ({0, slots} if not items else {items}))


def _plausible(s: Snapshot, slots: int) -> bool:
    """Whether indices of somebody else's program may be as they are in a healthy one.

    One may be N for as long as the program reduces it before it uses it, and both may be counters
    that are never reduced, moved before or after the posts.

    >>> from dataclasses import replace
    >>> from shmtui.snapshot import EMPTY
    >>> [_plausible(replace(EMPTY, in_=i, out=o), 5) for i, o in ((5, 2), (900, 897), (900, 3))]
    [True, True, False]
    """
    if s.counts_on or s.in_ is None or s.out is None:
        return True
    return min(s.in_, s.out) >= 0 and abs(s.in_ - s.out) <= slots


def file_events(history: History) -> Iterator[Finding]:
    """The file is too short, has lost its name, or another file has the name."""
    segment, needed = history.now.segment, _needed(history.now.layout)
    if segment.size < needed:
        ours = history.ours
        yield Finding(
            "truncated",
            Status.CRITICAL if ours else Status.WARNING,
            _("the segment is {size} bytes and its layout needs {needed}").format(
                size=segment.size, needed=needed
            ),
            (
                _("a process that reads or writes the missing part dies by SIGBUS"),
                *(() if ours else (_("unless the program itself makes its ring smaller"),)),
            ),
            Certainty.CERTAIN if ours else Certainty.LIKELY,
            _(
                "look for a program that calls ftruncate with another size, such as one built "
                "with another struct"
            ),
        )
    if segment.replaced:
        yield Finding(
            "replaced",
            Status.WARNING,
            _("another segment has the name {name} now").format(name=segment.name),
            (
                _(
                    "processes that map the old segment share nothing with processes that open "
                    "the name now"
                ),
                _("unless a program makes a new one now and then, and the old one is used up"),
            ),
            Certainty.LIKELY,
            _("restart the programs that map the old segment"),
        )
    elif segment.unlinked and (users := _users(history.now)):
        yield Finding(
            "unlinked",
            Status.WARNING,
            _("a program that starts now cannot open {name}: its name was unlinked").format(
                name=segment.name
            ),
            (
                "st_nlink = 0",
                _("it stays for those that map it: {who}").format(who=names(users)),
            ),
            Certainty.LIKELY,  # Programs that need nobody else unlink the name early.
            _("if another program is to join, restart all of them, and unlink the name last"),
        )


def private_mapping(history: History) -> Iterator[Finding]:
    """A process writes to a copy of its own."""
    who = [p for p in _users(history.now) if p.access is Access.PRIVATE]
    if who and history.agreeing(lambda s: any(p.access is Access.PRIVATE for p in s.processes)) > 1:
        yield Finding(
            "private-mapping",
            Status.WARNING,
            _("{who}: what it writes to the segment stays its own").format(who=names(who)),
            (_("its lines in /proc/PID/maps say rw-p: mmap was called with MAP_PRIVATE"),),
            Certainty.LIKELY,  # A program may want a copy to work on.
            _("in the program, pass MAP_SHARED to mmap"),
        )


def other_width(history: History) -> Iterator[Finding]:
    """A 32-bit program takes part: its sem_t has 16 bytes, and its struct is another."""
    narrow = [p for p in _users(history.now) if p.bits == _NARROW and p.access is Access.WRITE]
    wide = [p for p in _users(history.now) if p.bits not in {None, _NARROW}]
    embedded = history.now.layout.semaphores == "embedded"
    if narrow and embedded:
        yield Finding(
            "other-struct",
            Status.WARNING,
            _("{who}: a 32-bit program, whose struct differs from the layout").format(
                who=names(narrow)
            ),
            (
                _("sem_t has 16 bytes there and 32 in a 64-bit program (its ELF class tells)"),
                _("64-bit programs that map it: {who}").format(who=names(wide) or _("nobody")),
            ),
            Certainty.LIKELY,
            _("build all of them for one word size (without -m32)"),
            subject="32",
        )


def other_struct(history: History) -> Iterator[Finding]:
    """A process uses another struct than the layout: it sleeps on a word that is none of its."""

    def strangers(s: Snapshot) -> list[Process]:
        return [p for p in living(s) if p.unexplained_words]

    if history.agreeing(lambda s: bool(strangers(s))) < min(2, len(history.snapshots)):
        return
    for process in strangers(history.now):
        yield Finding(
            "other-struct",
            Status.WARNING,
            _("{who} waits on byte {bytes}, where this layout has nothing to wait on").format(
                who=names([process]), bytes=", ".join(map(str, process.unexplained_words))
            ),
            (
                _(
                    "nothing else is concluded from a layout that is not, or not all of, the program's"
                ),
            ),
            Certainty.LIKELY,
            _("say the struct of that program: --header FILE:STRUCT, or --layout"),
            subject=str(process.pid),
        )


def _users(snapshot: Snapshot) -> list[Process]:
    """The live processes that have something of the segment, observers too."""
    return [p for p in snapshot.processes if p.alive]


def _needed(layout: LayoutInfo) -> int:
    """Bytes of a segment of that layout."""
    offsets = layout.offsets
    semaphores = (offsets.mutex, offsets.empty, offsets.full)
    ends = [at + SEM_SIZE for at in semaphores if at is not None]
    return max(offsets.data + layout.slots * layout.item_size, *ends, 0)


def no_size(history: History) -> Iterator[Finding]:
    """The segment has no bytes."""

    def empty(s: Snapshot) -> bool:
        return s.segment.size == 0

    lasted = history.lasted_ns(empty)
    if lasted >= SETTLED_NS or (lasted >= 0 and len(history.snapshots) == 1):
        yield Finding(
            "no-size",
            Status.WARNING,
            _("the segment has 0 bytes: a process that maps it and touches it dies by SIGBUS"),
            (
                _("nobody called ftruncate after shm_open, or somebody cut it to 0"),
                _("unless a program is about to, or only locks the file"),
            ),
            Certainty.LIKELY,
            _(
                "in the program, call ftruncate(fd, sizeof(struct)) right after shm_open(…, O_CREAT)"
            ),
        )


def orphan(history: History) -> Iterator[Finding]:
    """No live process maps it, and no shmtui looks after it."""

    def alone(s: Snapshot) -> bool:
        return not _users(s) and not s.supervised and not s.hidden

    lasted = history.lasted_ns(alone)
    if (
        history.items_moved
        or history.now.segment.replaced
        or history.now.segment.unlinked
        or not alone(history.now)
        or (lasted < SETTLED_NS and len(history.snapshots) > 1)
    ):
        return
    ours = history.ours
    doubt = _("unless a program maps it for a moment only, each time that it needs it")
    yield Finding(
        "orphan",
        Status.WARNING,
        _("no live process maps it"),
        (
            _("no line of /proc/*/maps shows this file"),
            *(() if ours else (doubt,)),
            *history.assumptions,
        ),
        history.certainty if ours else Certainty.LIKELY,
        _("if no program needs its content: shmtui rm {name}").format(
            name=shlex.quote(history.now.segment.name)
        ),
    )
