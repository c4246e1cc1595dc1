"""Throughput over the last minute, in buckets of fixed length.

`SPAN` seconds are kept in `BUCKETS` buckets, at any refresh rate and however long it runs. A
bucket keeps its place in time, so a part of the graph looks the same while it moves left.
"""

import msgspec

SPAN = 60.0
"""Seconds that the graph shows."""

BUCKETS = 480
"""Eight a second: two to a dot of the widest graph that shows them all apart."""

FILLED = 24
"""Three seconds: where little moves the samples are that rare."""

_BUCKET_NS = round(SPAN * 1e9 / BUCKETS)


class _Bucket(msgspec.Struct):
    number: int = -1
    samples: int = 0
    produced: float = 0.0
    consumed: float = 0.0


Pair = tuple[float, float] | None
"""Produced and consumed per second; None where neither is known."""


class RateHistory:
    """A ring of buckets, each the mean of the samples that fell into it."""

    def __init__(self) -> None:
        self._buckets = [_Bucket() for _number in range(BUCKETS)]
        self.version = 0
        """Rises with each new bucket. The graph is drawn again only then."""
        self._newest = -1
        self._known = -1
        """The bucket of the last sample; -1: there was none, or it had no rates."""
        self._past: dict[int, Pair] = {}
        """Means of past columns by their number, for the number of columns that was drawn last."""
        self._columns = 0

    def add(self, monotonic_ns: int, produced: float | None, consumed: float | None) -> None:
        """Add one sample. A sample without both rates leaves a gap; of two with rates, that lie
        `FILLED` buckets apart at the most, the later one stands for the time between them as well.
        """
        number = monotonic_ns // _BUCKET_NS
        before = self._known
        if number != self._newest:
            self._newest = max(self._newest, number)
            self.version += 1
        self._known = -1
        if produced is None and consumed is None:
            return
        self._known = number
        first = before + 1 if 0 <= before < number <= before + FILLED else number
        for each in range(first, number + 1):
            self._add_to(each, produced, consumed)

    def _add_to(self, number: int, produced: float | None, consumed: float | None) -> None:
        bucket = self._buckets[number % BUCKETS]
        if bucket.number != number:
            bucket = self._buckets[number % BUCKETS] = _Bucket(number)
        bucket.samples += 1
        bucket.produced += ((produced or 0.0) - bucket.produced) / bucket.samples
        bucket.consumed += ((consumed or 0.0) - bucket.consumed) / bucket.samples

    def series(self, columns: int, group: int = 1) -> tuple[Pair, ...]:
        """The last `SPAN` seconds as ``columns`` means, the oldest first.

        Columns begin at multiples of their own length, and leave on the left ``group`` at a time
        (a braille cell holds two), so a cell keeps its content while it moves. The newest of a
        group may be in the future, and is None until then.
        """
        if columns <= 0 or self._newest < 0:
            return (None,) * max(0, columns)
        last = self._newest * columns // BUCKETS
        last += group - 1 - last % group
        if columns != self._columns:
            self._columns, self._past = columns, {}
        first = last - columns + 1
        self._past = {at: mean for at, mean in self._past.items() if at >= first}
        return tuple([self._mean(at, columns) for at in range(first, last + 1)])

    def _mean(self, column: int, columns: int) -> Pair:
        if column in self._past:
            return self._past[column]
        start = -(-column * BUCKETS // columns)
        stop = max(start + 1, -(-(column + 1) * BUCKETS // columns))
        found = [
            bucket
            for number in range(start, stop)
            if (bucket := self._buckets[number % BUCKETS]).number == number
        ]
        mean = None
        if found:
            produced, consumed = sum(b.produced for b in found), sum(b.consumed for b in found)
            mean = produced / len(found), consumed / len(found)
        if stop <= self._newest:
            self._past[column] = mean
        return mean

    def peak(self) -> tuple[float, float]:
        """The highest bucket of produced and of consumed in the last `SPAN` seconds."""
        live = [b for b in self._buckets if b.number > max(-1, self._newest - BUCKETS)]
        return (
            max((bucket.produced for bucket in live), default=0.0),
            max((bucket.consumed for bucket in live), default=0.0),
        )
