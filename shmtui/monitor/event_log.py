"""The log of what happened: what supervisors report, and what two samples in a row show."""

from collections import deque
from collections.abc import Iterable
from itertools import islice

from shmtui.diagnosis.history import lock_taken
from shmtui.events import Event, Severity
from shmtui.monitor.changes import exact_events, health_events, segment_events
from shmtui.snapshot import Health, Snapshot, Status

EVENTS_KEPT = 1000
_OF_A_LOCK = frozenset({"dead-holder", "wrong-order", "stalled"})
"""Findings about a lock that is kept."""


class EventLog:
    """The last `EVENTS_KEPT` events."""

    def __init__(self) -> None:
        self.newest: deque[Event] = deque(maxlen=EVENTS_KEPT)
        """The newest first."""
        self._unseen = 0
        self._previous: Snapshot | None = None
        self._found: Snapshot | None = None
        """The last sample with findings, where no event has said yet that they are over."""
        self._limits_reported: set[str] = set()

    def start_over(self) -> None:
        """The next sample is the first of another segment. The events stay."""
        self._previous = self._found = None
        self._limits_reported.clear()

    def add(self, event: Event) -> None:
        """Add an event; it is the newest."""
        self.newest.appendleft(event)
        self._unseen += 1

    def extend(self, events: Iterable[Event]) -> None:
        """Add events, the oldest first."""
        for event in events:
            self.add(event)

    @property
    def has_new(self) -> bool:
        """Whether there are any that `take_new` has not returned."""
        return self._unseen > 0

    def take_new(self) -> tuple[Event, ...]:
        """The events since the last call, as far as they are kept, the oldest first."""
        count, self._unseen = self._unseen, 0
        return tuple(islice(self.newest, count))[::-1]

    def add_snapshot(self, snapshot: Snapshot, *, workers_too: bool) -> None:
        """Add the events that a sample shows; those of workers only if ``workers_too``.

        A supervisor reports its workers itself, and knows more about them.
        """
        before, self._previous = self._previous, snapshot
        if before is not None:
            self.extend(segment_events(before, snapshot, workers_too=workers_too))
        exact = None if before is None else before.exact
        self.extend(exact_events(exact, snapshot.exact, snapshot.time))
        if self._found is None or not _not_over(self._found, snapshot):
            health = Health() if self._found is None else self._found.health
            self.extend(health_events(health, snapshot.health, snapshot.time))
            self._found = snapshot if snapshot.health.findings else None
        for limit in snapshot.limits:
            if limit not in self._limits_reported:
                self._limits_reported.add(limit)
                self.add(Event(snapshot.time, Severity.WARN, limit))


def _not_over(found: Snapshot, now: Snapshot) -> bool:
    """Whether what was found of a lock is merely not judged anew yet: it is still taken, and no item has
    moved. One that comes to wait for it, too, begins the time anew in which nothing has to move.
    """
    codes = {finding.code for finding in found.health.findings}
    unjudged = now.health.status is Status.UNKNOWN and not now.health.findings
    still = (now.in_, now.out) == (found.in_, found.out)
    return unjudged and still and lock_taken(now) and bool(codes & _OF_A_LOCK)
