"""The rows of the process table, and which of them is chosen. Pure."""

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

import msgspec
from msgspec.structs import replace

from shmtui.i18n import N_
from shmtui.shm.protocol import Role
from shmtui.snapshot import Origin, Process, Snapshot, word

RowKey = str | int
"""What the cursor follows: the name of a group, or a PID."""

PRODUCERS, CONSUMERS = N_("producers"), N_("consumers")
OTHERS, EVERYONE = N_("others"), N_("processes")


Figure = TypeVar("Figure", int, float)


def _sum(figures: Iterable[Figure | None]) -> Figure | None:
    known = [figure for figure in figures if figure is not None]
    return sum(known[1:], known[0]) if known else None


class Group(msgspec.Struct, frozen=True):
    """A heading for the processes under it; a key on it applies to all of them."""

    key: str
    role: Role
    members: tuple[Process, ...]

    @property
    def alive(self) -> tuple[Process, ...]:
        return tuple(p for p in self.members if p.alive)

    @property
    def rate(self) -> float | None:
        """The sum over the members that have not ended; None where no rate is known."""
        return _sum(p.rate for p in self.alive)

    @property
    def rate_is_whole(self) -> bool:
        """Whether the rate of each of them is known, so that the sum is no bound from below."""
        return all(p.rate is not None for p in self.alive)

    @property
    def items_are_whole(self) -> bool:
        """The same of their items."""
        return all(p.items is not None for p in self.members)

    @property
    def items(self) -> int | None:
        """The sum over all members, the ended ones included; None where none is known."""
        return _sum(p.items for p in self.members)

    @property
    def cpu(self) -> float | None:
        """Per cent of a core, all members together."""
        return _sum(p.cpu for p in self.alive)


class GroupMember(msgspec.Struct, frozen=True):
    """A process under its group."""

    process: Process
    last: bool

    @property
    def key(self) -> int:
        return self.process.pid


Row = Group | GroupMember


def table_rows(snapshot: Snapshot) -> tuple[Row, ...]:
    """Producers and consumers with their headings, then other processes if there are any.

    Without a known layout nobody is a producer or consumer: all are under one heading.
    """
    if snapshot.segment.name and not snapshot.layout.has_ring:
        groups = [Group(EVERYONE, Role.UNKNOWN, snapshot.processes)]
    else:
        groups = [
            Group(PRODUCERS, Role.PRODUCER, snapshot.producers),
            Group(CONSUMERS, Role.CONSUMER, snapshot.consumers),
        ]
        taken = {Role.PRODUCER, Role.CONSUMER}
        others = tuple(p for p in snapshot.processes if p.role not in taken)
        if others:
            groups.append(Group(OTHERS, Role.UNKNOWN, others))
    rows: list[Row] = []
    for group in groups:
        rows.append(group)
        rows += [GroupMember(p, p is group.members[-1]) for p in group.members]
    return tuple(rows)


def _largest(figure: float | None) -> tuple[bool, float]:
    """Sorts the largest first, and what is not known last."""
    return figure is None, -(figure or 0)


PROCESS_COLUMNS: Final = (
    "pid", "state", "blocked", "target", "rate", "items", "cpu", "last", "user", "threads", "since",
    "libc", "whose", "protocol",
)  # fmt: skip
"""The columns beside the name, as the configuration calls them."""


def switched(columns: tuple[str, ...], name: str) -> tuple[str, ...]:
    """The columns without one that they have; else with it, after the last that usually stands before it.

    >>> switched(("pid", "rate", "cpu"), "state"), switched(("pid", "rate"), "pid")
    (('pid', 'state', 'rate', 'cpu'), ('rate',))
    """
    if name in columns:
        return tuple(each for each in columns if each != name)
    before = PROCESS_COLUMNS[: PROCESS_COLUMNS.index(name)]
    place = max((at + 1 for at, each in enumerate(columns) if each in before), default=0)
    return (*columns[:place], name, *columns[place:])


PROCESS_ORDERS: Final[dict[str, Callable[[Process], Any]]] = {
    "": lambda _process: 0,
    N_("process"): lambda p: p.name,
    "PID": lambda p: p.pid,
    N_("state"): lambda p: p.state,
    N_("blocked on"): lambda p: _largest(p.blocked_for),
    N_("target/s"): lambda p: _largest(p.target_rate),
    N_("rate/s"): lambda p: _largest(p.rate),
    N_("items"): lambda p: _largest(p.items),
    "CPU": lambda p: _largest(p.cpu),
    N_("user"): lambda p: (p.user is None, p.user or ""),
    N_("threads"): lambda p: _largest(p.threads),
    N_("since"): lambda p: (p.since is None, p.since or 0),
}
"""The orders within a group, by the title of the column; empty: as they came."""


def narrowed(snapshot: Snapshot, wanted: str, order: str, *, backwards: bool = False) -> Snapshot:
    """A snapshot with the processes that have all words of ``wanted``, in one of `PROCESS_ORDERS`, or
    in that ``backwards``: what is not known stays last.
    """
    words = wanted.casefold().split()

    def has_words(p: Process) -> bool:
        columns = (
            p.name,
            p.pid,
            word(p.state),
            p.blocked_word,
            *p.sleeps_on,
            p.user,
            p.step,
            p.ending,
        )
        text = " ".join(str(each) for each in columns if each is not None).casefold()
        return all(each in text for each in words)

    if not words and not order and not backwards:
        return snapshot
    key = PROCESS_ORDERS[order]
    found = sorted(filter(has_words, snapshot.processes), key=key)
    if backwards:
        found.reverse()
        found.sort(key=lambda p: isinstance(key(p), tuple) and key(p)[0])
    return replace(snapshot, processes=tuple(found))


def without_workers(rows: tuple[Row, ...]) -> bool:
    """Whether there are processes, and no worker of shmtui among them."""
    origins = [row.process.origin for row in rows if isinstance(row, GroupMember)]
    return bool(origins) and Origin.WORKER not in origins
