"""Rates from counts: exact where they can be, falling where nothing comes, unknown before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shmtui.monitor.counted_rates import SILENCE_NS, Count, RateWindow, rate

SECOND = 1_000_000_000


def steady(per_second: float, seconds: float) -> list[Count]:
    """The counts of a process that is looked at ten times a second."""
    period = SECOND / per_second
    seen: list[Count] = []
    for look in range(1, int(seconds * 10) + 1):
        items = int(look * SECOND / 10 / period) + 1
        count = Count(items, int((items - 1) * period))
        if not seen or count.items > seen[-1].items:
            seen.append(count)
    return seen


@given(st.floats(0.2, 50_000))
def test_a_steady_rate_is_exact(per_second: float) -> None:
    """The rate is right whenever the samples are taken between the items."""
    counts = steady(per_second, 30)
    found = rate(counts, counts[-1].last_ns)
    assert found is not None
    assert found == pytest.approx(per_second, rel=1e-3)


def test_unknown_before_two_counts() -> None:
    """One item says nothing about a rate."""
    assert rate([], 0) is None
    assert rate([Count(5, SECOND)], 2 * SECOND) is None


@given(st.floats(0.2, 1000), st.lists(st.integers(0, 60 * SECOND), min_size=2, max_size=20))
def test_silence_only_lowers_it(per_second: float, waits: list[int]) -> None:
    """While nothing comes the rate never rises, and ends at zero."""
    counts = steady(per_second, 20)
    last = counts[-1].last_ns
    found = [rate(counts, last + wait) for wait in sorted(waits)]
    known = [value for value in found if value is not None]
    assert known == sorted(known, reverse=True)
    assert rate(counts, last + max(SILENCE_NS, int(4 * SECOND / per_second)) + 1) == 0.0


@given(
    st.lists(
        st.tuples(st.integers(0, 100), st.integers(0, 10 * SECOND), st.integers(0, 20 * SECOND)),
        max_size=40,
    )
)
def test_never_negative_nor_an_error(steps: list[tuple[int, int, int]]) -> None:
    """Whatever counts come, even those of a record used again, a rate is no less than zero."""
    window = RateWindow(0)
    now = 0
    for items, last, later in steps:
        window.add(items, last)
        now += later
        found = window.rate(now)
        assert found is None or found >= 0


@given(st.floats(0.2, 500), st.floats(0.2, 500))
def test_a_window_forgets_the_rate_before(before: float, now: float) -> None:
    """Three items and a second after a change the rate is the new one, whatever it was before."""
    window, at, items = RateWindow(0), 0, 0
    for per_second, moved in ((before, 10), (now, max(4, int(1.2 * now) + 1))):
        for _ in range(moved):
            at, items = at + round(SECOND / per_second), items + 1
            window.add(items, at)
    assert window.rate(at) == pytest.approx(now, rel=1e-3)


def test_a_window_starts_anew_with_a_new_worker() -> None:
    """A count that goes back belongs to another worker: its rate is not the old one's."""
    window = RateWindow(0)
    for second in range(1, 4):
        window.add(100 * second, second * SECOND)
    assert window.rate(3 * SECOND) == 100
    window.add(1, 4 * SECOND)
    assert window.rate(4 * SECOND) is None


def test_nothing_at_all_is_zero_after_a_second() -> None:
    """A worker that never moved an item has the rate 0, once it has been given a second."""
    window = RateWindow(SECOND)
    window.add(0, 0)
    assert window.rate(SECOND + 1) is None
    assert window.rate(2 * SECOND + 1) == 0.0


@given(st.integers(2, 10**9), st.integers(1, 10**10), st.integers(0, 10**10))
def test_a_rate_has_no_more_digits_than_are_measured(
    items: int, elapsed: int, silence: int
) -> None:
    """Noise of the clock would be a third of a recording."""
    found = rate([Count(1, 0), Count(items, elapsed)], elapsed + silence)
    assert found is not None
    assert found == float(f"{found:.6g}")
