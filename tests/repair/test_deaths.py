"""Whoever dies, wherever: it is found and named, the repair brings the buffer back, no item is lost."""

import pytest

from shmtui.shm.protocol import PROTOCOL_STEPS, Role, Step
from tests.compiling import require
from tests.repair.c_deaths import CCrew, c_deaths
from tests.repair.deaths import ROLES, WAYS, Crew, Outcome, deaths


def all_good(outcomes: list[Outcome]) -> None:
    """Everything is as it has to be."""
    assert not [o for o in outcomes if not o.good]


@pytest.mark.parametrize("role", ROLES)
def test_a_worker_at_each_step(name: str, role: Role) -> None:
    """One death at each, by its fault and stepped there and killed, in turn."""
    with Crew(name, 5, 2) as crew:
        all_good([crew.death(role, s, WAYS[n % 2]) for n, s in enumerate(PROTOCOL_STEPS)])


def test_named_semaphores(name: str) -> None:
    """The words of named semaphores, in files of their own, are mended too."""
    with Crew(name, 3, 2, named=True) as crew:
        all_good(
            [
                crew.death(role, step, "kill")
                for role, step in zip(ROLES, (Step.TRANSFER, Step.POST_PERMIT), strict=True)
            ]
        )


@pytest.mark.parametrize("workers", [0, 1])
def test_a_c_program(name: str, workers: int) -> None:
    """Alone and beside workers: with the mutex in hand, and with a permit."""
    require("gcc")
    with CCrew(name, 5, 1, workers) as crew:
        all_good(
            [
                crew.death(role, step)
                for role, step in zip(ROLES, (Step.POST_MUTEX, Step.WAIT_MUTEX), strict=True)
            ]
        )


@pytest.mark.slow
@pytest.mark.parametrize("slots", [3, 5, 64])
@pytest.mark.parametrize("each", [1, 2, 5])
def test_workers_twenty_times(name: str, slots: int, each: int) -> None:
    """Each role at each step twenty times."""
    all_good(list(deaths(name, slots, each, 20, slots * 10 + each)))


@pytest.mark.slow
@pytest.mark.parametrize("slots", [3, 5, 64])
@pytest.mark.parametrize(("each", "workers"), [(1, 0), (2, 0), (5, 0), (2, 2)])
def test_c_programs_four_times(name: str, slots: int, each: int, workers: int) -> None:
    """Each role at each step four times."""
    require("gcc")
    all_good(list(c_deaths(name, slots, each, 4, slots * 10 + each, workers)))
