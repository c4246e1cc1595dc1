"""Rubrics: the default one, and what is wrong with others, in a line."""

from pathlib import Path

import pytest

from shmtui.errors import ShmtuiError
from shmtui.grading.checks import judged
from shmtui.grading.result import TITLES, Facts
from shmtui.grading.rubric import CHECKS, DEFAULT, Weight, read_rubric


def test_the_default_rubric() -> None:
    """It gives points, and a required check is required."""
    rubric = read_rubric(DEFAULT)
    assert sum(weight.points for weight in rubric.checks.values()) > 20
    assert rubric.checks["runs"] == Weight(2, required=True)
    assert "prints" not in rubric.checks


def test_each_check_has_a_title_and_a_judge(tmp_path: Path) -> None:
    """And without any trial each one is unknown."""
    file = tmp_path / "all.toml"
    checks = [f"{name} = 1" for name in CHECKS if name != "prints"]
    file.write_text("[checks]\n" + "\n".join(checks) +
                    "\n[checks.prints]\nproduced = '(.)'\nconsumed = '(.)'\n")  # fmt: skip
    results = judged(Facts({}), read_rubric(file))
    assert (
        {result.check for result in results} == set(CHECKS) - {"builds"} == set(TITLES) - {"builds"}
    )
    assert {result.verdict.value for result in results} == {"unknown"}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "no check counts"),
        ("[checks]\nruns = -1", "has to be from 0"),
        ("[checks]\nruns = '1'", "cannot be"),
        ("[checks]\nnothing = 1", "has no 'nothing'"),
        ("[checks]\nruns = { point = 1 }", "has no 'point'"),
        ("[check]\nruns = 1", "has no 'check'"),
        ("[checks]\nrestart = { points = 1, demand = 'x' }", "demand"),
        ("[checks]\nprints = 1", "needs the patterns"),
        ("[checks.prints]\nproduced = '('\nconsumed = '(.)'", "not a pattern"),
        ("[checks.prints]\nproduced = '.'\nconsumed = '(.)'", "one group"),
        ("[checks]\nruns = 1\n[trials]\nmemory = '64 MB'", "such as 64M"),
        ("[checks]\nruns = 1\n[trials]\nitems = true", "cannot be"),
        ("[checks]\nruns = 1\n[programs]\nproducer = [1]", "cannot be"),
        ("[", "is not TOML"),
        ("\x00", "is not TOML"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, wrong: str) -> None:
    """In a line, with the entry."""
    file = tmp_path / "rubric.toml"
    file.write_text(text)
    with pytest.raises(ShmtuiError) as error:
        read_rubric(file)
    assert wrong in str(error.value)
    assert "\n" not in str(error.value)
