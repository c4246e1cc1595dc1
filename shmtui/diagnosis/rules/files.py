"""Findings about the file, its name and the ring's indices. Pure."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from shmtui.diagnosis.history import SETTLED_NS, History, living
from shmtui.i18n import _
from shmtui.snapshot import Certainty, Finding, Snapshot, Status


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

        if outside(history.now) and history.looks(outside) >= min(2, len(history.snapshots)):
            yield Finding(
                "bad-index",
                Status.CRITICAL,
                _("{index} is {value}, outside 0…{last}").format(
                    index=name, value=index(history.now), last=slots - 1
                ),
                (_("whoever uses it next reads or writes beyond the slots"),),
                Certainty.CERTAIN,
                _(
                    "check that the layout is the program's own (--header); if it is, it was overwritten"
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
    """What became of the name and of the file."""
    segment, layout = history.now.segment, history.now.layout
    needed = max(
        (
            at
            for at in (
                layout.offsets.data + layout.slots * layout.item_size,
                *(
                    o + 32
                    for o in (layout.offsets.mutex, layout.offsets.empty, layout.offsets.full)
                    if o is not None
                ),
            )
        ),
        default=0,
    )
    if segment.size < needed:
        yield Finding(
            "truncated",
            Status.CRITICAL,
            _("the segment is {size} bytes and its layout needs {needed}").format(
                size=segment.size, needed=needed
            ),
            (_("touching what was cut off kills a process with SIGBUS"),),
            Certainty.CERTAIN,
            _("find who calls ftruncate with another size: two programs with different structs?"),
        )
    if segment.replaced:
        yield Finding(
            "replaced",
            Status.WARNING,
            _("another segment has taken the name {name}").format(name=segment.name),
            (_("those who mapped the old one do not meet those who open the name now"),),
            Certainty.CERTAIN,
            _("end and restart the programs that map the old one"),
        )
    elif segment.unlinked:
        yield Finding(
            "unlinked",
            Status.WARNING,
            _("the name {name} is gone; the segment lives while it is mapped").format(
                name=segment.name
            ),
            ("st_nlink = 0",),
            Certainty.CERTAIN,
            _("whoever starts now cannot find it: restart all, or unlink last"),
        )


def orphan(history: History) -> Iterator[Finding]:
    """No live process maps it, and no shmtui looks after it."""

    def alone(s: Snapshot) -> bool:
        return not living(s) and not s.supervised and not s.hidden

    if alone(history.now) and (history.lasted(alone) >= SETTLED_NS or len(history.snapshots) == 1):
        yield Finding(
            "orphan",
            Status.WARNING,
            _("no live process maps it"),
            (_("no line of /proc/*/maps shows this file"),),
            Certainty.CERTAIN,
            _("remove it with shmtui rm {name}, if nobody comes back for it").format(
                name=history.now.segment.name
            ),
        )
