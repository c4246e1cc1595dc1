"""The words and rates of the protocol."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shmtui.shm.protocol import (
    PROTOCOL_STEPS,
    RATE_LADDER,
    UNTHROTTLED,
    Role,
    SemaphoreRole,
    Step,
    faster,
    format_rate,
    slower,
    step_name,
    waited_semaphore,
)

RATES = st.floats(0.001, 1e6) | st.just(UNTHROTTLED)


def test_steps_have_the_names_of_the_protocol() -> None:
    """Producer and consumer go through the six steps in the order that cannot deadlock."""
    for role, words in (
        (Role.PRODUCER, "wait-empty wait-mutex write post-mutex post-full pace"),
        (Role.CONSUMER, "wait-full wait-mutex read post-mutex post-empty pace"),
    ):
        assert [step_name(role, step) for step in PROTOCOL_STEPS] == words.split()


def test_only_the_two_waits_wait() -> None:
    """A permit first, the mutex second, and no other step sleeps on a semaphore."""
    for role, permit in (
        (Role.PRODUCER, SemaphoreRole.EMPTY),
        (Role.CONSUMER, SemaphoreRole.FULL),
    ):
        waits = {step: waited_semaphore(role, step) for step in Step}
        assert {step: on for step, on in waits.items() if on is not None} == {
            Step.WAIT_PERMIT: permit,
            Step.WAIT_MUTEX: SemaphoreRole.MUTEX,
        }


def test_the_ladder_is_the_one_that_people_expect() -> None:
    """From 0.1 in steps of 1, 2, 5 to 100 000, then unthrottled."""
    shown = [format_rate(rate) for rate in RATE_LADDER]
    assert shown[:7] == ["0.1", "0.2", "0.5", "1", "2", "5", "10"]
    assert shown[-3:] == ["50000", "100000", "max"]
    assert list(RATE_LADDER) == sorted(RATE_LADDER)
    assert len(set(RATE_LADDER)) == len(RATE_LADDER)


@given(RATES)
def test_a_rung_up_is_above_and_a_rung_down_below(rate: float) -> None:
    """Faster is never slower, slower is never faster, and both land on a rung."""
    assert faster(rate) in RATE_LADDER
    assert slower(rate) in RATE_LADDER
    assert faster(rate) > rate or rate == UNTHROTTLED
    assert slower(rate) < rate or rate <= RATE_LADDER[0]


@pytest.mark.parametrize("rung", RATE_LADDER[1:-1])
def test_up_and_down_is_where_it_was(rung: float) -> None:
    """From a rung, one up and one down is the same rung, whichever comes first."""
    assert slower(faster(rung)) == rung == faster(slower(rung))


@given(st.floats(0.001, 1e6))
def test_a_rate_survives_its_text(rate: float) -> None:
    """What is shown is what is meant, to fifteen digits."""
    assert math.isclose(float(format_rate(rate)), rate, rel_tol=1e-14)
