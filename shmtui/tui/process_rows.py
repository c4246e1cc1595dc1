"""The rows of the process table, and which of them is chosen. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from shmtui.i18n import N_
from shmtui.shm.protocol import Role
from shmtui.snapshot import Origin, Process, Snapshot

RowKey = str | int
"""What the cursor follows: the name of a group, or a PID."""

PRODUCERS, CONSUMERS = N_("producers"), N_("consumers")
OTHERS, EVERYONE = N_("others"), N_("processes")


Figure = TypeVar("Figure", int, float)


def _sum(figures: Iterable[Figure | None]) -> Figure | None:
    known = [figure for figure in figures if figure is not None]
    return sum(known[1:], known[0]) if known else None


@dataclass(frozen=True, slots=True)
class Group:
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


@dataclass(frozen=True, slots=True)
class Member:
    """A process under its group."""

    process: Process
    last: bool

    @property
    def key(self) -> int:
        return self.process.pid


Row = Group | Member


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
        rows += [Member(p, p is group.members[-1]) for p in group.members]
    return tuple(rows)


def without_workers(rows: tuple[Row, ...]) -> bool:
    """Whether there are processes, and no worker of shmtui among them."""
    origins = [row.process.origin for row in rows if isinstance(row, Member)]
    return bool(origins) and Origin.WORKER not in origins
