"""Findings about the file, its name and the ring's indices. Pure."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from shmtui.diagnosis.history import SETTLED_NS, History, living
from shmtui.i18n import _
from shmtui.shm.layout import SEM_SIZE
from shmtui.snapshot import Certainty, Finding, LayoutInfo, Snapshot, Status


def bad_index(history: History) -> Iterator[Finding]:
    """``in`` or ``out`` lies outside the ring."""
    slots = history.now.layout.slots
    for name in ("in", "out"):

        def index(s: Snapshot, name: str = name) -> int | None:
            return s.in_ if name == "in" else s.out

        came_back = _came_back([index(s) for s in history.snapshots], slots)

        def outside(
            s: Snapshot,
            index: Callable[[Snapshot], int | None] = index,
            came_back: bool = came_back,
        ) -> bool:
            value = index(s)
            is_slot = value is None or 0 <= value < slots
            return not is_slot and (came_back or not s.counts_on)

        if outside(history.now) and history.agreeing(outside) >= min(2, len(history.snapshots)):
            yield Finding(
                "bad-index",
                Status.CRITICAL,
                _("{index} is {value}, outside 0…{last}").format(
                    index=name, value=index(history.now), last=slots - 1
                ),
                (_("the next process that uses it reads or writes outside the slots"),),
                Certainty.CERTAIN,
                _(
                    "check that the layout is the program's (--header); if it is, something "
                    "overwrote the index"
                ),
                subject=name,
            )


def _came_back(values: Sequence[int | None], slots: int) -> bool:
    """Whether an index was past the slots and then among them: it is reduced, but too late.

    >>> _came_back([3, 5, 0], 5), _came_back([3, 5, 6], 5), _came_back([2**32 - 1, 0], 5)
    (True, False, False)
    """
    return any(
        a is not None and b is not None and slots <= a < 2 * slots and 0 <= b < slots
        for a, b in pairwise(values)
    )


def file_events(history: History) -> Iterator[Finding]:
    """The file is too short, has lost its name, or another file has the name."""
    segment, needed = history.now.segment, _needed(history.now.layout)
    if segment.size < needed:
        yield Finding(
            "truncated",
            Status.CRITICAL,
            _("the segment is {size} bytes and its layout needs {needed}").format(
                size=segment.size, needed=needed
            ),
            (_("a process that reads or writes the missing part dies by SIGBUS"),),
            Certainty.CERTAIN,
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
            ),
            Certainty.CERTAIN,
            _("restart the programs that map the old segment"),
        )
    elif segment.unlinked:
        yield Finding(
            "unlinked",
            Status.WARNING,
            _("the name {name} was unlinked; the segment stays while a process maps it").format(
                name=segment.name
            ),
            ("st_nlink = 0",),
            Certainty.CERTAIN,
            _(
                "a program that starts now cannot open it: restart all programs, and unlink the "
                "name last"
            ),
        )


def _needed(layout: LayoutInfo) -> int:
    """Bytes of a segment of that layout."""
    offsets = layout.offsets
    semaphores = (offsets.mutex, offsets.empty, offsets.full)
    ends = [at + SEM_SIZE for at in semaphores if at is not None]
    return max(offsets.data + layout.slots * layout.item_size, *ends, 0)


def orphan(history: History) -> Iterator[Finding]:
    """No live process maps it, and no shmtui looks after it."""

    def alone(s: Snapshot) -> bool:
        return not living(s) and not s.supervised and not s.hidden

    lasted = history.lasted_ns(alone)
    if alone(history.now) and (lasted >= SETTLED_NS or len(history.snapshots) == 1):
        yield Finding(
            "orphan",
            Status.WARNING,
            _("no live process maps it"),
            (_("no line of /proc/*/maps shows this file"), *history.assumptions),
            history.certainty,
            _("if no program needs its content: shmtui rm {name}").format(
                name=history.now.segment.name
            ),
        )
