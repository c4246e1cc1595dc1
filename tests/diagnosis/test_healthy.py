"""None of the findings may fire on a healthy run."""

import pytest

from tests.compiling import require
from tests.diagnosis.healthy import MIXES, healthy


def test_a_few_seconds(name: str) -> None:
    """Four mixes, with C programs and without: no finding in any sample."""
    require("gcc")
    alarms, samples = healthy(name, 4, 1, MIXES[1:5])
    assert samples > 20
    assert not alarms


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_ten_minutes(name: str, seed: int) -> None:
    """All mixes for ten minutes."""
    require("gcc")
    alarms, _samples = healthy(name, 600, seed)
    assert not alarms
