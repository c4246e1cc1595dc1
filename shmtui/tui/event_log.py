"""What happened, newest first: what a supervisor tells, and what two looks in a row show."""

from collections import deque
from collections.abc import Iterable

from shmtui.events import Event, Severity
from shmtui.monitor.changes import health_events, segment_events
from shmtui.snapshot import Health, Snapshot

EVENTS_KEPT = 1000


class EventLog:
    """Collects events, and finds those that a look at the segment makes known."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque(maxlen=EVENTS_KEPT)
        self._newest: tuple[Event, ...] | None = ()
        self._previous: Snapshot | None = None
        self._limits_reported: set[str] = set()

    def add(self, event: Event) -> None:
        """One more event."""
        self._events.appendleft(event)
        self._newest = None

    def extend(self, events: Iterable[Event]) -> None:
        """Several, in the order in which they happened."""
        for event in events:
            self.add(event)

    def start_over(self) -> None:
        """The next look is the first one at another segment. Events stay."""
        self._previous = None
        self._limits_reported.clear()

    def add_snapshot(self, snapshot: Snapshot, *, workers_too: bool) -> None:
        """Take a look in; ``workers_too`` where no supervisor tells of workers."""
        before, self._previous = self._previous, snapshot
        if before is not None:
            self.extend(segment_events(before, snapshot, workers_too=workers_too))
            if before.health != snapshot.health:
                self.extend(health_events(before.health, snapshot.health, snapshot.time))
        else:
            self.extend(health_events(Health(), snapshot.health, snapshot.time))
        for limit in snapshot.limits:
            if limit not in self._limits_reported:
                self._limits_reported.add(limit)
                self.add(Event(snapshot.time, Severity.WARN, limit))

    def newest(self) -> tuple[Event, ...]:
        """All events, the newest first; the same tuple while nothing happened."""
        if self._newest is None:
            self._newest = tuple(self._events)
        return self._newest
