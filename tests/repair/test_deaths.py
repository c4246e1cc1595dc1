"""A death at any step: it is found and named, the repair brings the buffer back, no item is lost.

Most of a death's time is waiting, so several happen at once, each in a buffer of its own.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from shmtui.shm.protocol import PROTOCOL_STEPS, Role, Step
from tests.compiling import require
from tests.repair.c_deaths import CCrew, c_deaths
from tests.repair.deaths import ROLES, WAYS, Crew, Outcome, deaths


def all_good(outcomes: list[Outcome]) -> None:
    """Everything is as it has to be."""
    assert not [o for o in outcomes if not o.good]


def at_once(*deaths: Callable[[], Outcome]) -> None:
    """Everything is as it has to be in each. A thread lives as long as its workers, as they ask."""
    with ThreadPoolExecutor(len(deaths)) as pool:
        all_good([future.result() for future in [pool.submit(death) for death in deaths]])


def of_a_worker(name: str, slots: int, role: Role, step: Step, way: str) -> Outcome:
    """One death among two producers and two consumers."""
    with Crew(name, slots, 2, named=way == "named") as crew:
        return crew.death(role, step, "kill" if way == "named" else way)


def of_a_program(name: str, role: Role, step: Step, workers: int) -> Outcome:
    """One death of a C program, with another of each side and ``workers`` of ours beside it."""
    with CCrew(name, 5, 1, workers) as crew:
        return crew.death(role, step)


@pytest.mark.parametrize("role", ROLES)
def test_a_worker_at_each_step(new_name: Callable[[], str], role: Role) -> None:
    """One death at each, by its fault and stepped there and killed, in turn."""
    at_once(
        *(
            partial(of_a_worker, new_name(), 5, role, step, WAYS[n % 2])
            for n, step in enumerate(PROTOCOL_STEPS)
        )
    )


def test_named_semaphores(new_name: Callable[[], str]) -> None:
    """The words of named semaphores, in files of their own, are set too."""
    at_once(
        *(
            partial(of_a_worker, new_name(), 3, role, step, "named")
            for role, step in zip(ROLES, (Step.TRANSFER, Step.POST_PERMIT), strict=True)
        )
    )


def test_a_c_program(new_name: Callable[[], str]) -> None:
    """Alone and beside workers: with the mutex in hand, and with a permit."""
    require("gcc")
    at_once(
        *(
            partial(of_a_program, new_name(), role, step, workers)
            for workers in (0, 1)
            for role, step in zip(ROLES, (Step.POST_MUTEX, Step.WAIT_MUTEX), strict=True)
        )
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
