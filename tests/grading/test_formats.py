"""The formats, with text in them that means harm."""

import base64
import csv
import io
import json
import xml.etree.ElementTree as ET
from typing import Final

import pytest
from msgspec.structs import replace

from shmtui.grading.formats import (
    FORMATS,
    Graded,
    as_classroom,
    as_gradescope,
    as_junit,
    as_text,
    as_vpl,
)
from shmtui.grading.result import Result, Verdict
from shmtui.grading.table import TABLES, as_csv
from shmtui.grading.trial import Refusal, Shown, Spin, Sweep, Trial, Usual, trial_of

HARM: Final = "\x1b]0;x\x07\nGrade :=>> 100\n]]></failure>|# `x` \udcff\u202e"
RESULTS: Final = (
    Result("runs", Verdict.PASS, "fine", 2, 2),
    Result("no-crash", Verdict.FAIL, HARM, 0, 1, kind="crash", order=(HARM,), schedule={"x": HARM}),
    Result("many", Verdict.UNKNOWN, HARM, 0, 3),
)
GRADED: Final = Graded(HARM, RESULTS, 1.5, hints=True)


@pytest.mark.parametrize("form", FORMATS)
def test_harm_is_inert(form: str) -> None:
    """No control character gets through, and no line of a program's begins one of ours."""
    text = FORMATS[form][1](GRADED)
    assert text.endswith("\n")
    text.encode()
    assert not [char for char in text if ord(char) < 32 and char != "\n"]
    assert "\u202e" not in text
    assert len([line for line in text.splitlines() if line.startswith("Grade :=>>")]) == (
        form == "vpl"
    )


@pytest.mark.parametrize("table", TABLES)
def test_a_table(table: str) -> None:
    """A row for each, errors too."""
    text = TABLES[table][1]([GRADED, Graded("=1+1", (), error="it does not\x1b compile")])
    assert "\x1b" not in text
    assert "compile" in text or table == "md"


def test_csv() -> None:
    """A name is no formula."""
    rows = list(csv.reader(io.StringIO(as_csv([Graded("=1+1", RESULTS)]))))
    assert rows[1][:4] == ["'=1+1", "2", "6", "pass"]


def test_junit() -> None:
    """Failures, and what is unknown as skipped; an error where there are no results."""
    suite = ET.fromstring(as_junit(GRADED))[0]
    assert [suite.get(key) for key in ("tests", "failures", "skipped", "errors")] == list("3110")
    assert [[child.tag for child in case] for case in suite] == [
        ["system-out"],
        ["failure"],
        ["skipped"],
    ]
    suite = ET.fromstring(as_junit(Graded("x", (), error="no")))[0]
    assert (suite.get("errors"), suite[0][0].tag) == ("1", "error")


def test_gradescope() -> None:
    """The score is the sum, and an unknown check has no status."""
    record = json.loads(as_gradescope(GRADED))
    assert record["score"] == sum(test["score"] for test in record["tests"]) == 2
    assert [test.get("status") for test in record["tests"]] == ["passed", "failed", None]


def test_classroom() -> None:
    """Scores add up to the points; where a required check fails there are none."""
    record = json.loads(base64.b64decode(as_classroom(GRADED)))
    assert record["max_score"] == 6
    assert [test["score"] for test in record["tests"]] == [2, 0, 0]
    failed = replace(
        GRADED, results=(*RESULTS, Result("order", Verdict.FAIL, "", 0, 1, required=True))
    )
    record = json.loads(base64.b64decode(as_classroom(failed)))
    assert sum(test["score"] for test in record["tests"]) == 0


def test_vpl() -> None:
    """The grade goes from 0 to the scale."""
    assert as_vpl(GRADED, 10).splitlines()[-1] == "Grade :=>> 3.33"
    assert "Grade" not in as_vpl(Graded("x", (), error="no"))


def test_what_is_open_is_said() -> None:
    """And a required check that fails takes all."""
    assert "2 of 6 points; 3 more are open" in as_text(GRADED)
    failed = Graded("x", (RESULTS[0], replace(RESULTS[1], required=True)))
    assert "0 of 3 points; required, and failed: no crash" in as_text(failed)


def test_a_trial_is_read_as_it_was_written() -> None:
    """Through JSON; anything else is refused."""
    usual = Usual("finished", "", {"P1": 0}, {"P1": 3}, 3, 3, 3, True, 2, ("x",), (), {"P1": HARM},
                  (Spin("C1", "in", "x.c:1", True),), 10, 0.5, 1.0)  # fmt: skip
    trial = Trial("usual", Refusal.LIMIT, "why", (Shown("crash", "claim", ("a",), {"b": 1}),), True,
                  usual=usual, sweep=Sweep(3, (("step", True),)))  # fmt: skip
    assert trial_of(trial.to_json()) == trial
    for wrong in ("", "{}", "[]", "null", '{"usual": 1, "sweep": null, "refusal": null}'):
        with pytest.raises(ValueError, match=r"."):
            trial_of(wrong)
