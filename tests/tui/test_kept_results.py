"""What Textual and Rich keep of results: few, and the same results as before."""

from typing import Any

import pytest
import rich.cells
import rich.segment
from rich.cells import cell_len
from rich.segment import Segment
from textual.geometry import Region

from shmtui.tui.kept_results import MOST, bound_kept_results

OWNERS: tuple[Any, ...] = (Segment, Region, rich.cells, rich.segment)


def caches() -> dict[str, Any]:
    """The functions that keep results, by name."""
    return {
        f"{owner.__name__}.{name}": getattr(owner, name)
        for owner in OWNERS
        for name, found in vars(owner).items()
        if hasattr(getattr(found, "__func__", found), "cache_info")
    }


@pytest.fixture(autouse=True)
def bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a dashboard. The test ends with what was there before it."""
    for owner in OWNERS:
        for name, found in [*vars(owner).items()]:
            if hasattr(getattr(found, "__func__", found), "cache_info"):
                monkeypatch.setattr(owner, name, found)
    bound_kept_results()


def test_all_are_bounded() -> None:
    """Those that kept thousands are among them."""
    kept = caches()
    assert {"Segment._split_cells", "Region.intersection", "Region.translate"} <= kept.keys()
    assert {"rich.cells.cached_cell_len", "rich.segment.cached_cell_len"} <= kept.keys()
    sizes = {name: each.cache_info().maxsize for name, each in kept.items()}
    # The tables of widths: one for each version of Unicode that is asked for.
    assert [name for name, most in sizes.items() if most is None] == ["rich.cells.load_cell_table"]
    assert max(filter(None, sizes.values())) == MOST


def test_a_second_time_changes_nothing() -> None:
    """Each dashboard of a process does it."""
    before = caches()
    bound_kept_results()
    assert caches() == before


def test_figures_that_change_are_not_kept() -> None:
    """Texts that are cut and measured, and places of what changed."""
    for number in range(3 * MOST):
        first, rest = Segment(f"✗ {number} 日本").split_cells(2)
        assert (first.text, rest.text) == ("✗ ", f"{number} 日本")
        assert cell_len(f"✗{number}") == 1 + len(str(number))
        assert Region(0, 0, number, 1).intersection(Region(1, 0, 1, 1)).width == (number > 1)
    kept = {name: each.cache_info().currsize for name, each in caches().items()}
    assert kept["Segment._split_cells"] == kept["Region.intersection"] == MOST
    assert max(kept.values()) <= MOST
