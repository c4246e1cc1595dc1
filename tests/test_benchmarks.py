"""The benchmarks can be started, and their tables say what was measured. Speed is not judged."""

import importlib
import os
import time
from collections.abc import Callable
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks import machine, programs
from tests.benchmarks.__main__ import NAMES
from tests.benchmarks.effort import Effort, interleaved
from tests.benchmarks.tables import MISSING, Figures, Table, markdown, number, row
from tests.benchmarks.workers import NAMES as WAYS
from tests.benchmarks.workers import standing, throughput

POSITIVE = st.floats(1e-6, 1e12)


@pytest.mark.parametrize("name", NAMES)
def test_each_can_be_started(name: str) -> None:
    """What the command offers is there."""
    assert callable(importlib.import_module(f"tests.benchmarks.{name}").run)


@given(st.lists(POSITIVE, min_size=1))
def test_figures_are_the_median_and_the_ends(values: list[float]) -> None:
    """Whatever the order of the measurements."""
    figures = Figures(tuple(values))
    assert figures.median == median(values)
    text = figures.text()
    assert text.startswith(number(median(values)))
    if len(values) > 1:
        assert text.endswith(f"({number(min(values))}…{number(max(values))})")


@given(st.lists(st.tuples(POSITIVE, POSITIVE), min_size=1))
def test_ratios_are_of_pairs(pairs: list[tuple[float, float]]) -> None:
    """Each measurement is divided by its neighbour, not by the others' median."""
    mine, others = zip(*pairs, strict=True)
    ratios = Figures(mine).over(Figures(others)).values
    assert ratios == tuple(a / b for a, b in pairs)


@given(st.floats(1e-3, 1e12))
def test_three_digits_tell_the_number(value: float) -> None:
    """What is printed is the number but for half a unit of its third digit."""
    assert float(number(value).replace(",", "")) == pytest.approx(value, rel=0.0051)


def test_what_was_not_measured_is_said_to_be_missing() -> None:
    """No figure is made up, in a ratio neither."""
    assert Figures().text() == MISSING
    assert Figures().over(Figures((1.0,))).text() == MISSING
    with pytest.raises(ValueError, match="nothing was measured"):
        _ = Figures().median


def test_measured_in_turns_and_without_who_fails() -> None:
    """Everybody once, then everybody once more; who fails has no figures, and fails nobody else."""
    order: list[str] = []

    def contender(name: str, values: list[float | None]) -> Callable[[], float | None]:
        def measure() -> float | None:
            order.append(name)
            return values.pop(0)

        return measure

    found = interleaved(2, {"a": contender("a", [1.0, 2.0]), "b": contender("b", [3.0, None])})
    assert order == ["a", "b", "a", "b"]
    assert found == {"a": Figures((1.0, 2.0)), "b": Figures()}


def test_a_table_has_a_cell_for_each_column() -> None:
    """Also where a text has a bar in it."""
    lines = markdown(Table("t", ("a", "b"), (("1|2", "3"),), ("n",))).splitlines()
    assert lines == ["### t", "", "| a | b |", "|---|--:|", "| 1\\|2 | 3 |", "", "n"]
    assert row(("x", "y")) == "| x | y |"


def test_workers_stand_beside_each_other() -> None:
    """The rates go into their columns, and the ratios are those of the goals."""
    rates = dict.fromkeys(WAYS, Figures((1000.0,)))
    rates |= {"embedded": Figures((8000.0,)), "named": Figures((4000.0,)), "c": Figures()}
    table = throughput({(1, 5): rates})
    assert table.rows == (("1+1, 5 slots", "8.00", "4.00", "1.00", "1.00", "1.00", "1.00", "–"),)
    assert standing({(1, 5): rates}).rows == (
        ("1+1, 5 slots", "8.00", "8.00", "4.00", "2.00", "8.00", "–"),
    )


def test_the_short_form_does_less() -> None:
    """Fewer rounds and shorter ones, and never none."""
    assert Effort(short=True).rounds(9) < Effort().rounds(9) == 9
    assert 0 < Effort(short=True).seconds(4.0) < Effort().seconds(4.0) == 4.0
    assert Effort(short=True).rounds(1) == 1


def test_the_machine_is_described() -> None:
    """Kernel and Python stand in the table, and so does a tool that is missing."""
    rows = {cells[0]: cells[1] for cells in machine.table(1.5).rows}
    assert os.uname().release in rows["kernel"]
    assert "1.5 at the start" in rows["load average"]
    assert programs.find("no-such-tool") is None
    assert machine.tool("no-such-tool", "-V") == "not installed"


def test_processor_time_is_that_of_the_process() -> None:
    """What is burnt is counted, in all threads."""
    before, own = programs.cpu_seconds(os.getpid()), time.process_time()
    while time.process_time() - own < 0.2:
        pass
    burnt = time.process_time() - own
    assert programs.cpu_seconds(os.getpid()) - before == pytest.approx(burnt, abs=0.05)
