"""Healthy programs: nothing that is said of them is sure, nothing is critical, nothing is repaired."""

import os
import shutil
from collections.abc import Callable, Sequence
from typing import Final

import pytest

from tests.compiling import require
from tests.zoo import minute
from tests.zoo.animals import BRIEFLY, Animal, Cage, animals
from tests.zoo.watching import watched

TOGETHER: Final = 15
"""How many are watched at a time: most of them sleep most of the time."""


@pytest.fixture(scope="session")
def cage(tmp_path_factory: pytest.TempPathFactory) -> Cage:
    """The compiled programs, which all processes of a parallel run share."""
    own = tmp_path_factory.getbasetemp()
    return Cage((own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "zoo")


BUSY: Final = {"unthrottled"}
"""Programs that would take the processors from all that are watched beside them."""


def groups(size: int) -> list[list[Animal]]:
    """Those that are watched in every run, spread so that those of one source are not all in one group."""
    found = [a for a in animals() if str(a) in BRIEFLY and a.mode not in BUSY]
    count = -(-len(found) // size)
    return [found[at::count] for at in range(count)]


def _present(group: Sequence[Animal]) -> list[Animal]:
    """Those whose compilers are here."""
    return [animal for animal in group if all(map(shutil.which, animal.tools))]


def wrong(group: Sequence[Animal], cage: Cage, prefix: str, seconds: float) -> list[str]:
    """What was wrong with a group, a line each."""
    require("gcc")
    visits = watched(_present(group), cage, prefix, seconds)
    return [f"{visit.animal}: {text}" for visit in visits for text in visit.wrong]


@pytest.mark.parametrize("group", list(groups(TOGETHER)), ids=lambda group: f"{group[0]}…")
def test_a_few_seconds(group: list[Animal], cage: Cage, new_name: Callable[[], str]) -> None:
    """In no sample of four seconds, and no byte by ``repair --yes``; all go on to their ends."""
    assert not wrong(group, cage, new_name(), 4)


def test_busy_programs(cage: Cage, new_name: Callable[[], str]) -> None:
    """The same of programs that never wait for the clock, for two seconds."""
    busy = [a for a in animals() if str(a) in BRIEFLY and a.mode in BUSY]
    assert not wrong(busy, cage, new_name(), 2)


@pytest.mark.slow
@pytest.mark.parametrize("group", minute.groups(), ids=lambda group: f"{group[0]}…")
def test_a_minute(group: list[Animal], cage: Cage, new_name: Callable[[], str]) -> None:
    """The same for a minute, by ``shmtui check`` and the dashboard's screen, and by ``shmtui repair``."""
    require("gcc")
    found = minute.watched(_present(group), cage, new_name(), 60)
    assert not [each.row() for each in found if each.visit.wrong]
