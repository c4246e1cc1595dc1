"""What was before a frame: the rates for the graph, and the last events.

A jump reads this anew, so it costs little: of the lines of a minute only some are parsed, and of the
members before those only the lines that have events.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from shmtui.events import Event
from shmtui.recording.codec import decoder
from shmtui.recording.gzip_member_cache import MemberCache
from shmtui.recording.reader import Recording
from shmtui.recording.schema import Json, events_of
from shmtui.shm.item_counts import Throughput

SPACING: Final = 0.5
"""Seconds between two frames that are read for their rates, which are means over longer times. Those
between them have the rates of the one before."""
_MEMBERS: Final = 128
"""Most members that are read for the rates before a frame: a minute at 60 Hz has 72."""
_EVENT_MEMBERS: Final = 8
"""Most members that are read for the events before a frame: a jump shall not read them all."""
_KEPT, _EVENTS_KEPT = 256, 50_000
_EVENTS_KEY: Final = b'"events":'
"""In each line that has events. A text may hold it too: then the line is parsed in vain."""

_decode_ns = decoder(int)
_decode_rates = decoder(Throughput)


class Rates(msgspec.Struct, frozen=True):
    """The rates at a frame."""

    number: int
    seconds: float
    """On the time line."""
    produced: float | None
    consumed: float | None


class Past:
    """Reads the past of frames of a recording. RecordingError, at each read: it is damaged there."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._index = recording.index
        self._rates: MemberCache[tuple[Rates, ...]] = MemberCache(_KEPT, _KEPT * 1000)
        self._events: MemberCache[tuple[tuple[int, tuple[Event, ...]], ...]] = MemberCache(
            _KEPT, _EVENTS_KEPT
        )

    def rates(self, number: int, seconds: float) -> Iterator[Rates]:
        """The rates of the last ``seconds`` before that frame, the oldest first, and the frame's own at the end."""
        index, own = self._index, self._rates_at(number)
        last, since = index.member_of(number), own.seconds - seconds
        first = max(last + 1 - _MEMBERS, min(last, index.member_at(since)))
        for member in range(first, last + 1):
            for each in self._rates_of(member):
                if since <= each.seconds and each.number < number:
                    yield each
        yield own

    def _rates_of(self, member: int) -> tuple[Rates, ...]:
        """Of the frames of a member, by those that are `SPACING` apart."""
        found = self._rates.get(member)
        if found is None:
            first, end = self._index.firsts[member : member + 2]
            length = self._index.ends[member] - self._index.starts[member]
            step = max(1, round(SPACING * (end - first) / length)) if length > 0 else end - first
            read = [self._rates_at(number) for number in range(first, end, step)]
            found = tuple(
                [
                    each
                    for rates in read
                    for each in self._spread(
                        rates, min(step, end - rates.number), length / (end - first)
                    )
                ]
            )
            self._rates.add(member, found, len(found))
        return found

    @staticmethod
    def _spread(rates: Rates, count: int, distance: float) -> Iterator[Rates]:
        """The rates of so many frames from this one on, that many seconds apart."""
        yield rates
        for more in range(1, count):
            seconds = rates.seconds + more * distance
            yield Rates(rates.number + more, seconds, rates.produced, rates.consumed)

    def _rates_at(self, number: int) -> Rates:
        index, member = self._index, self._index.member_of(number)

        def decode(record: Json) -> Rates:
            rates: Throughput = _decode_rates(record.get("throughput", {}))
            first_ns, last_ns = index.first_ns[member], index.last_ns[member]
            now_ns = max(first_ns, min(_decode_ns(record.get("monotonic_ns")), last_ns))
            seconds = index.starts[member] + (now_ns - first_ns) / 1e9
            return Rates(number, seconds, rates.produced_per_s, rates.consumed_per_s)

        line = self._recording.lines(member)[number - index.firsts[member]]
        return self._recording.decoded(member, line, decode)

    def events(self, number: int) -> tuple[Event, ...]:
        """The last events up to a frame, the newest first: those of the last few members that have
        any, which the panel shows.
        """
        found: list[Event] = []
        member: int | None = self._index.member_of(number)
        for _member in range(_EVENT_MEMBERS):
            if member is None:
                break
            for at, events in reversed(self._events_of(member)):
                if at <= number:
                    found.extend(reversed(events))
            member = self._index.member_with(self._index.events.__getitem__, member, -1)
        return tuple(found)

    def _events_of(self, member: int) -> tuple[tuple[int, tuple[Event, ...]], ...]:
        """By the number of their frame."""
        found = self._events.get(member)
        if found is None:
            first, recording = self._index.firsts[member], self._recording
            found = tuple(
                (number, recording.decoded(member, line, events_of))
                for number, line in enumerate(recording.lines(member), first)
                if _EVENTS_KEY in line
            )
            self._events.add(member, found, sum(len(events) for _number, events in found))
        return found
