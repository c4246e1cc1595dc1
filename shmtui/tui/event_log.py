"""The event log: events of supervisors, and those that two samples in a row show."""

from collections import deque
from collections.abc import Iterable

from shmtui.events import Event, Severity
from shmtui.monitor.changes import health_events, segment_events
from shmtui.snapshot import Health, Snapshot

EVENTS_KEPT = 1000


class EventLog:
    """Keeps the last `EVENTS_KEPT` events, and derives events from samples."""

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
        """Several events, the oldest first."""
        for event in events:
            self.add(event)

    def start_over(self) -> None:
        """The next sample is the first of another segment. The events stay."""
        self._previous = None
        self._limits_reported.clear()

    def add_snapshot(self, snapshot: Snapshot, *, workers_too: bool) -> None:
        """Add the events that a sample shows; those of workers only if ``workers_too``.

        A supervisor reports its workers itself, and knows more about them.
        """
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
        """All events, the newest first; the same tuple until there is a new one."""
        if self._newest is None:
            self._newest = tuple(self._events)
        return self._newest
