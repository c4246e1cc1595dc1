"""The formats, with text in them that means harm."""

import base64
import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from typing import Final

import pytest
from msgspec.structs import replace

from shmtui.grading.formats import (
    FORMATS,
    Graded,
    as_check50,
    as_classroom,
    as_gradescope,
    as_junit,
    as_text,
    as_vpl,
)
from shmtui.grading.hints import hint
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
FAILED: Final = Graded("x", (), error=HARM)
EMPTY: Final = Graded("", RESULTS)


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


@pytest.mark.parametrize(
    ("calls", "advice"),
    [
        (("pthread_mutex_lock(a)", "pthread_mutex_lock(b)"), "same order"),
        (("pthread_mutex_lock(a)", "pthread_cond_wait(c)"), "signal"),
        (("sem_wait(mutex)", "pthread_barrier_wait(gate)"), "pthread_barrier_init"),
        (("pthread_barrier_wait(gate)", "sem_wait(mutex)"), "mutex last"),
    ],
)
def test_the_hint_of_a_deadlock(calls: tuple[str, str], advice: str) -> None:
    """By what those who wait have come to, or by what they use."""
    order = tuple(f"*   {n}  P1    {call}      x.c:{n}" for n, call in enumerate(calls, 1))
    result = Result("no-deadlock", Verdict.FAIL, "", 0, 1, kind="deadlock", order=order)
    assert advice in hint(result, (result,))


def test_csv() -> None:
    """A name is no formula."""
    rows = list(csv.reader(io.StringIO(as_csv([Graded("=1+1", RESULTS)]))))
    assert rows[1][:4] == ["'=1+1", "2", "6", "pass"]


def test_junit() -> None:
    """Failures, and what is unknown as skipped; an error where there are no results."""
    suite = ET.fromstring(as_junit(GRADED))[0]
    assert [suite.get(key) for key in ("tests", "failures", "skipped", "errors")] == list("3110")
    cases = [[child.tag for child in case] for case in suite.iter("testcase")]
    assert cases == [[], ["failure"], ["skipped"]]
    assert "fine" in (suite.findtext("system-out") or "")
    suite = ET.fromstring(as_junit(Graded("x", (), error="no")))[0]
    assert suite.get("errors") == "1"
    assert suite.find("testcase/error") is not None


@pytest.mark.parametrize("graded", [GRADED, FAILED, EMPTY], ids=["", "error", "no name"])
def test_junit_as_its_schemas_have_it(graded: Graded) -> None:
    """The rules of the schema of Ant's reports (JUnit.xsd), which are stricter than those of Jenkins (junit-10)."""
    suites = ET.fromstring(as_junit(graded))
    assert (suites.tag, suites.attrib, [each.tag for each in suites]) == (
        "testsuites", {}, ["testsuite"],
    )  # fmt: skip
    suite = suites[0]
    rules = {
        "name": r"\S.*", "package": r"\S.*", "hostname": r"\S.*", "id": r"\d+",
        "timestamp": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", "time": r"\d{1,3}\.\d+",
        "tests": r"\d+", "failures": r"\d+", "errors": r"\d+", "skipped": r"\d+",
    }  # fmt: skip
    assert suite.attrib.keys() == rules.keys()
    assert all(re.fullmatch(rule, suite.get(name, "")) for name, rule in rules.items())
    tags = [each.tag for each in suite]
    cases = tags[1:-2]
    assert tags == ["properties", *cases, "system-out", "system-err"]
    assert set(cases) == {"testcase"}
    assert len(cases) == int(suite.get("tests", ""))
    for case in suite.iter("testcase"):
        assert case.attrib.keys() == {"name", "classname", "time"}
        assert float(case.get("time", "")) >= 0
        assert [child.tag for child in case] in ([], ["skipped"], ["error"], ["failure"])
        for child in case:
            assert child.attrib.keys() <= {"type", "message"}
            assert not list(child)
            assert child.tag == "skipped" or child.get("type")


def test_gradescope() -> None:
    """The score is the sum, and an unknown check has no status."""
    record = json.loads(as_gradescope(GRADED))
    assert record["score"] == sum(test["score"] for test in record["tests"]) == 2
    assert [test.get("status") for test in record["tests"]] == ["passed", "failed", None]


@pytest.mark.parametrize("graded", [GRADED, FAILED, EMPTY], ids=["", "error", "no name"])
def test_gradescope_as_it_is_read(graded: Graded) -> None:
    """The fields of ``results.json`` that its documentation has, of their kinds, and no others."""
    record = json.loads(as_gradescope(graded))
    kinds: dict[str, type | tuple[type, ...]] = {
        "score": (int, float), "execution_time": int, "output": str, "output_format": str,
        "visibility": str, "tests": list,
    }  # fmt: skip
    assert record.keys() == kinds.keys()
    assert all(isinstance(record[name], kind) for name, kind in kinds.items())
    of_test: dict[str, type | tuple[type, ...]] = {
        "name": str, "number": str, "score": (int, float), "max_score": (int, float), "output": str,
        "output_format": str, "visibility": str, "extra_data": dict, "status": str,
    }  # fmt: skip
    for test in record["tests"]:
        assert of_test.keys() - {"status"} <= test.keys() <= of_test.keys()
        assert all(isinstance(value, of_test[name]) for name, value in test.items())
        assert 0 <= test["score"] <= test["max_score"]
        assert test.get("status") in {"passed", "failed", None}
    for each in (record, *record["tests"]):
        assert each["visibility"] in {"hidden", "after_due_date", "after_published", "visible"}
        assert each["output_format"] in {"text", "html", "simple_format", "md", "ansi"}


@pytest.mark.parametrize("graded", [GRADED, FAILED, EMPTY], ids=["", "error", "no name"])
def test_classroom_as_it_is_read(graded: Graded) -> None:
    """A runner's result: one line of base64, and in it JSON of version 1."""
    line = as_classroom(graded)
    assert re.fullmatch(r"[A-Za-z0-9+/]+=*\n", line)
    record = json.loads(base64.b64decode(line.strip(), validate=True))
    assert record.keys() == {"version", "status", "max_score", "tests"}
    assert record["version"] == 1
    assert record["status"] in {"pass", "fail", "error"}
    for test in record["tests"]:
        assert test["status"] in {"pass", "fail", "error"}
        assert isinstance(test["line_no"], int)
        assert all(
            isinstance(test[key], str) for key in ("name", "message", "test_code", "filename")
        )
        assert 0 <= test["score"] <= record["max_score"]


@pytest.mark.parametrize("graded", [GRADED, FAILED, EMPTY], ids=["", "error", "no name"])
def test_check50_as_it_is_read(graded: Graded) -> None:
    """Its results: ``passed`` is true, false or null, and what did not pass has a cause."""
    record = json.loads(as_check50(graded))
    assert record.keys() == {"slug", "version", "error" if graded.error else "results"}
    if graded.error:
        assert record["error"].keys() == {"type", "value", "traceback", "data"}
        return
    names = [result["name"] for result in record["results"]]
    assert len(set(names)) == len(names)
    for result in record["results"]:
        assert result.keys() == {
            "name", "description", "passed", "log", "cause", "data", "dependency",
        }  # fmt: skip
        assert result["name"].isidentifier()
        assert result["passed"] in {True, False, None}
        assert all(isinstance(each, str) for each in result["log"])
        assert (result["cause"] is None) == (result["passed"] is True)
        if result["cause"]:
            assert isinstance(result["cause"]["rationale"], str)


@pytest.mark.parametrize("graded", [GRADED, FAILED, EMPTY], ids=["", "error", "no name"])
def test_vpl_as_it_is_read(graded: Graded) -> None:
    """Each line is a comment, or the one grade: a number with a point."""
    lines = as_vpl(graded).splitlines()
    grades = [line for line in lines if not line.startswith("Comment :=>>")]
    assert len(grades) == (not graded.error)
    assert all(re.fullmatch(r"Grade :=>> \d+(\.\d+)?", line) for line in grades)


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
    """The grade goes from 0 to 100."""
    assert as_vpl(GRADED).splitlines()[-1] == "Grade :=>> 33.33"
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
