"""The estimator: what samples of a ring prove of its throughput, and nothing more."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from shmtui.monitor.ring_reader import RUN, RingSample
from shmtui.monitor.ring_throughput import ThroughputEstimator, moved
from shmtui.shm.item_counts import Method
from shmtui.shm.layout import ITEM_TYPES

INT = ITEM_TYPES["int32"]
SECOND = 1_000_000_000


class Model:
    """A ring whose samples the estimator gets."""

    def __init__(self, slots: int, payload: str) -> None:
        self.slots = slots
        self.payload = payload
        self.values = [0] * slots
        self.produced = 0

    def produce(self, count: int) -> None:
        """Write so many items; consumers keep up."""
        for _ in range(count):
            number = self.produced
            value = {
                "consecutive": number,
                "random": (number * 2654435761 + 17) % 2**31,
                "constant": 7,
                "periodic": number % 10,
            }[self.payload]
            self.values[self.produced % self.slots] = value
            self.produced += 1

    def sample(self, at_ns: int) -> RingSample:
        """What a reader reads now."""
        at = self.produced % self.slots
        newest = tuple(
            self.values[(at - n) % self.slots] for n in range(1, min(RUN, self.slots) + 1)
        )
        data = struct.pack(f"={self.slots}i", *self.values)
        return RingSample(at_ns, at, at, 0, data, newest)


def test_a_ring_that_is_empty_at_each_look_counts_alike_in_both_directions() -> None:
    """Whichever index is which, as many come as go; once one was ahead that is not so."""
    model, estimator = Model(5, "consecutive"), ThroughputEstimator(5, INT)
    turned = ThroughputEstimator(5, INT)
    for look in range(48):
        sample = model.sample(look * SECOND // 4)
        estimator.add(sample)
        turned.add(replace(sample, in_=sample.out, out=sample.in_))
        model.produce(look % 4 == 0)
    assert (estimator.alike, turned.alike) == (True, True)
    assert estimator.throughput() == turned.throughput()
    assert estimator.throughput().produced_per_s == pytest.approx(1.0)
    estimator.add(replace(model.sample(12 * SECOND), out=0))
    assert not estimator.alike


@given(
    st.sampled_from([3, 5, 16, 64]),
    st.sampled_from(["consecutive", "random", "constant"]),
    st.lists(st.integers(0, 400), min_size=1, max_size=30),
)
def test_no_step_is_ever_overstated(slots: int, payload: str, steps: list[int]) -> None:
    """A proven step is the true one; an unproven one is never above it."""
    model = Model(slots, payload)
    model.produce(2 * slots)
    before = model.sample(0)
    for number, step in enumerate(steps, 1):
        model.produce(step)
        after = model.sample(number)
        counted, method = moved(before, after, slots, INT)
        assert counted <= step or (method is not Method.LOWER_BOUND and counted == step)
        if method is Method.SEQUENCE:
            assert counted == step
        if method is Method.INDEX and payload == "random":
            assert counted == step
        before = after


def test_consecutive_numbers_prove_any_speed() -> None:
    """At a hundred thousand a second through five slots the shown rate is the true one."""
    model, estimator = Model(5, "consecutive"), ThroughputEstimator(5, INT)
    model.produce(9)
    for tick in range(31):
        estimator.add(model.sample(tick * SECOND // 10))
        model.produce(10_000)
    rates = estimator.throughput()
    assert rates.method is Method.SEQUENCE
    assert rates.produced_per_s == 100_000
    assert rates.consumed_per_s == 100_000


def test_an_index_that_counts_on_is_exact() -> None:
    """Where ``in`` is never reduced it is the number of items, whatever the payload."""
    model, estimator = Model(5, "constant"), ThroughputEstimator(5, INT)
    model.produced = 2**32 - 40_000
    for tick in range(31):
        estimator.add(replace(model.sample(tick * SECOND // 10), made=model.produced % 2**32))
        model.produce(5_000)
    rates = estimator.throughput()
    assert (rates.produced_per_s, rates.method) == (50_000, Method.INDEX)


def test_what_may_have_gone_round_is_a_bound() -> None:
    """A constant payload proves nothing: the rate is a bound, below the truth."""
    model, estimator = Model(5, "constant"), ThroughputEstimator(5, INT)
    for tick in range(31):
        estimator.add(model.sample(tick * SECOND // 10))
        model.produce(7)
    rates = estimator.throughput()
    assert rates.method is Method.LOWER_BOUND
    assert rates.produced_per_s is not None
    assert rates.produced_per_s <= 70


@pytest.mark.parametrize("seconds_each", [1, 2])
def test_slow_flow_becomes_exact_with_time(seconds_each: int) -> None:
    """The course's rates are bounds at first, and numbers once one sample more or less changes little."""
    model, estimator = Model(64, "consecutive"), ThroughputEstimator(64, INT)
    model.produce(100)
    methods = []
    for tick in range(300):
        estimator.add(model.sample(tick * SECOND // 10))
        if tick % (10 * seconds_each) == 9:
            model.produce(1)
        methods.append(estimator.throughput().method)
    rates = estimator.throughput()
    assert Method.LOWER_BOUND in methods
    assert rates.method is Method.SEQUENCE
    assert rates.produced_per_s is not None
    assert abs(rates.produced_per_s * seconds_each - 1) < 0.01


def test_zero_is_said_late() -> None:
    """Ten seconds without an item may be a slow worker's pace; twenty are standstill."""
    model, estimator = Model(64, "consecutive"), ThroughputEstimator(64, INT)
    model.produce(100)
    shown = []
    for tick in range(201):
        estimator.add(model.sample(tick * SECOND // 10))
        shown.append(estimator.throughput())
    assert shown[110].method is Method.LOWER_BOUND
    assert shown[-1].method is Method.SEQUENCE
    assert shown[-1].produced_per_s == 0


def test_a_counter_that_starts_anew_proves_nothing() -> None:
    """0…9 again and again, ten items a sample and sometimes eleven: the rate stays a bound."""
    model, estimator = Model(5, "periodic"), ThroughputEstimator(5, INT)
    for tick in range(60):
        estimator.add(model.sample(tick * SECOND // 10))
        model.produce(10 + (tick % 3 == 0))
    assert estimator.throughput().method is Method.LOWER_BOUND


def test_two_looks_are_needed() -> None:
    """One sample proves nothing: unknown, not zero."""
    estimator = ThroughputEstimator(5, INT)
    estimator.add(Model(5, "random").sample(0))
    assert estimator.throughput().produced_per_s is None


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5)), min_size=2, max_size=30))
def test_no_row_of_looks_is_too_odd(seen: list[tuple[int, int]]) -> None:
    """An occupancy may have been caught in passing: whatever comes out is no negative rate."""
    estimator = ThroughputEstimator(5, INT)
    for tick, (in_, full) in enumerate(seen):
        estimator.add(RingSample(tick * SECOND // 4, in_, 0, full, None, None))
        rates = estimator.throughput()
        assert (rates.produced_per_s or 0) >= 0
        assert (rates.consumed_per_s or 0) >= 0
