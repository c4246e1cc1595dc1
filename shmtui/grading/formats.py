"""A graded submission in the formats that people and graders' programs read. Pure.

What comes from a student's program is made inert first, and nothing of it can begin a line of ours.
"""

import base64
import json
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
from msgspec import to_builtins

from shmtui import __version__
from shmtui.grading.hints import hint
from shmtui.grading.result import TITLES, Result, Verdict, score
from shmtui.i18n import _
from shmtui.sanitize import inert

_MOST_STEPS: Final = 60
"""Steps of an order that are shown; its schedule has all."""
MARKS: Final = {Verdict.PASS: "✓", Verdict.FAIL: "✗", Verdict.UNKNOWN: "?"}


class Graded(msgspec.Struct, frozen=True):
    """A submission, with what was found."""

    name: str
    results: tuple[Result, ...]
    seconds: float = 0
    """How long that took."""
    hints: bool = False
    """Whether what to change is told."""
    error: str = ""
    """Why it could not be graded at all."""
    schedules: tuple[tuple[str, str], ...] = ()
    """Of checks that failed: the file that repeats the order which shows it."""
    began: float = 0
    """When it began, in seconds since the epoch."""

    @property
    def score(self) -> tuple[float, float]:
        """The points, and how many there are."""
        return score(self.results)


def number(value: float) -> str:
    """Points without needless digits.

    >>> number(2.0), number(0.5), number(10)
    ('2', '0.5', '10')
    """
    return f"{round(value, 2):g}"


def evidence_lines(graded: Graded, result: Result) -> Iterator[str]:
    """Why a check has its verdict: what was seen, a hint, the order that shows it, the schedule's file."""
    yield from map(inert, result.evidence.splitlines())
    advice = hint(result, graded.results) if graded.hints else ""
    if advice:
        yield _("hint: {text}").format(text=advice)
    order = result.order
    if order:
        yield ""
        yield from map(inert, order[:_MOST_STEPS])
        if len(order) > _MOST_STEPS:
            yield _("… {count} lines more").format(count=len(order) - _MOST_STEPS)
    for check, file in graded.schedules:
        if check == result.check:
            yield _("to see it again: shmtui explore --replay {file}").format(file=inert(file))


def _title(result: Result) -> str:
    return _(TITLES[result.check])


def _worth(result: Result) -> str:
    if not result.most:
        return _("not counted")
    return f"{number(result.points)}/{number(result.most)}"


def summary(graded: Graded) -> str:
    """The points in a line."""
    if graded.error:
        return _("not graded: {error}").format(error=inert(graded.error))
    points, most = graded.score
    text = _("{points} of {most} points").format(points=number(points), most=number(most))
    missed = [_title(r) for r in graded.results if r.required and r.verdict is Verdict.FAIL]
    if missed:
        text += _("; required, and failed: {checks}").format(checks=", ".join(missed))
    open_points = sum(r.most for r in graded.results if r.verdict is Verdict.UNKNOWN)
    if open_points and not missed:
        text += _("; {points} more are open: neither proved nor disproved").format(
            points=number(open_points)
        )
    return text


def as_text(graded: Graded) -> str:
    """For a terminal."""
    lines = [f"{inert(graded.name)}: {summary(graded)}"]
    width = max((len(_title(result)) for result in graded.results), default=0)
    for result in graded.results:
        lines.append(f"{MARKS[result.verdict]} {_title(result):{width}}  {_worth(result)}")
        if result.verdict is Verdict.PASS:
            lines += [f"    {inert(line)}" for line in result.evidence.splitlines()]
        else:
            lines += [f"    {line}" for line in evidence_lines(graded, result)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def as_markdown(graded: Graded) -> str:
    """For a person, as a page."""
    lines = [f"# {markdown(graded.name)}", "", markdown(summary(graded)), ""]
    if graded.results:
        lines += [f"| | {_('check')} | {_('points')} |", "|---|---|---|"]
        lines += [
            f"| {MARKS[r.verdict]} | {markdown(_title(r))} | {_worth(r)} |" for r in graded.results
        ]
    for result in graded.results:
        if result.verdict is not Verdict.PASS:
            lines += ["", f"## {MARKS[result.verdict]} {markdown(_title(result))}", ""]
            lines += [f"    {line}".rstrip() for line in evidence_lines(graded, result)]
    return "\n".join(lines) + "\n"


def markdown(text: str) -> str:
    """Text that Markdown takes as it is."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>#|!&~" else c for c in inert(text))


def record_of(graded: Graded) -> dict[str, Any]:
    """The whole as a record, schedules included."""
    points, most = graded.score
    results = [to_builtins(each) for each in graded.results]
    for each, result in zip(results, graded.results, strict=True):
        each["title"] = _title(result)
        each["hint"] = (hint(result, graded.results) if graded.hints else "") or None
    return {
        "schema": 1, "name": graded.name, "error": graded.error or None, "points": points, "most": most,
        "seconds": round(graded.seconds, 1), "results": results,
    }  # fmt: skip


def as_json(graded: Graded) -> str:
    """For programs."""
    return json.dumps(record_of(graded), indent=1) + "\n"


def as_junit(graded: Graded) -> str:
    """JUnit's XML: a check that is unknown is skipped, a submission that cannot be graded an error.

    It is what the schema of Ant's reports takes, the strictest there is, and that of Jenkins: what a check that
    passed has seen stands in the suite's output, since a test case has none in Ant's.
    """
    counts = [r.verdict for r in graded.results]
    name = inert(graded.name) or _("submission")
    suites = ET.Element("testsuites")
    suite = ET.SubElement(
        suites,
        "testsuite",
        {
            "name": name, "package": "shmtui.grade", "id": "0", "hostname": "localhost",
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(graded.began)),
            "tests": str(len(counts) or 1), "failures": str(counts.count(Verdict.FAIL)),
            "errors": str(int(bool(graded.error))), "skipped": str(counts.count(Verdict.UNKNOWN)),
            "time": f"{graded.seconds:.1f}",
        },
    )  # fmt: skip
    ET.SubElement(suite, "properties")
    said = [summary(graded)]
    if graded.error:
        case = ET.SubElement(
            suite, "testcase", name=_("graded"), classname="shmtui.grade", time="0"
        )
        ET.SubElement(case, "error", message=inert(graded.error), type="error")
    for result in graded.results:
        case = ET.SubElement(
            suite,
            "testcase",
            name=_title(result),
            classname=f"shmtui.grade.{result.check}",
            time="0",
        )
        lines = list(evidence_lines(graded, result))
        first, whole = lines[0] if lines else "", "\n".join(lines)
        if result.verdict is Verdict.FAIL:
            kind = result.kind or result.check
            ET.SubElement(case, "failure", message=first, type=kind).text = whole
        elif result.verdict is Verdict.UNKNOWN:
            ET.SubElement(case, "skipped", message=first)
        else:
            said += [f"{_title(result)}: {line}" for line in lines]
    ET.SubElement(suite, "system-out").text = "\n".join(said)
    ET.SubElement(suite, "system-err")
    ET.indent(suites)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suites, encoding="unicode") + "\n"
    )


def as_gradescope(graded: Graded) -> str:
    """Gradescope's ``results.json``."""
    points, _most = graded.score
    status = {Verdict.PASS: "passed", Verdict.FAIL: "failed"}
    tests = []
    for at, result in enumerate(graded.results, 1):
        test: dict[str, Any] = {
            "name": _title(result), "number": str(at), "score": result.points, "max_score": result.most,
            "output": "\n".join(evidence_lines(graded, result)), "output_format": "text",
            "visibility": "visible", "extra_data": {"verdict": result.verdict.value},
        }  # fmt: skip
        if result.verdict in status:
            test["status"] = status[result.verdict]
        tests.append(test)
    record = {
        "score": points, "execution_time": round(graded.seconds), "output": summary(graded),
        "output_format": "text", "visibility": "visible", "tests": tests,
    }  # fmt: skip
    return json.dumps(record, indent=1) + "\n"


def as_classroom(graded: Graded) -> str:
    """The ``result`` of a runner of GitHub Classroom: JSON in base64."""
    status = {Verdict.PASS: "pass", Verdict.FAIL: "fail", Verdict.UNKNOWN: "error"}
    tests = [
        {
            "name": _title(result), "status": status[result.verdict], "score": result.points,
            "message": "" if result.verdict is Verdict.PASS else "\n".join(evidence_lines(graded, result)),
            "test_code": result.check, "filename": "", "line_no": 0, "duration": 0,
        }
        for result in graded.results
        if result.most
    ]  # fmt: skip
    points, most = graded.score
    if points < sum(result.points for result in graded.results):
        tests = [{**test, "score": 0, "status": "fail"} for test in tests]
    whole = "error" if graded.error else "pass" if points == most else "fail"
    record = {"version": 1, "status": whole, "max_score": most, "tests": tests}
    return base64.b64encode(json.dumps(record).encode()).decode() + "\n"


def as_check50(graded: Graded) -> str:
    """What check50 -o json prints: ``passed`` is null where it is unknown."""
    passed = {Verdict.PASS: True, Verdict.FAIL: False, Verdict.UNKNOWN: None}
    results = []
    for result in graded.results:
        lines = list(evidence_lines(graded, result))
        cause = None
        if result.verdict is not Verdict.PASS:
            advice = hint(result, graded.results) if graded.hints else ""
            cause = {"rationale": lines[0] if lines else "", "help": advice or None}
        results.append(
            {
                "name": result.check.replace("-", "_"), "description": _title(result),
                "passed": passed[result.verdict], "log": lines, "cause": cause,
                "data": {"points": result.points, "most": result.most}, "dependency": None,
            }
        )  # fmt: skip
    record: dict[str, Any] = {
        "slug": graded.name,
        "results": results,
        "version": f"shmtui {__version__}",
    }
    if graded.error:
        del record["results"]
        error = {"type": "Error", "value": graded.error, "traceback": [], "data": {}}
        record["error"] = error
    return json.dumps(record, indent=1) + "\n"


def as_vpl(graded: Graded) -> str:
    """The lines that Moodle's Virtual Programming Lab reads; the grade goes from 0 to 100."""
    points, most = graded.score
    lines = [f"Comment :=>> {summary(graded)}"]
    for result in graded.results:
        lines.append(f"Comment :=>>- {MARKS[result.verdict]} {_title(result)} ({_worth(result)})")
        if result.verdict is not Verdict.PASS:
            lines += [f"Comment :=>>> {line}".rstrip() for line in evidence_lines(graded, result)]
    if not graded.error:
        lines.append(f"Grade :=>> {number(100 * points / most if most else 0)}")
    return "\n".join(lines) + "\n"


FORMATS: Final[dict[str, tuple[str, Callable[[Graded], str]]]] = {
    "text": ("txt", as_text), "json": ("json", as_json), "junit": ("xml", as_junit),
    "gradescope": ("json", as_gradescope), "classroom": ("txt", as_classroom),
    "check50": ("json", as_check50), "vpl": ("txt", as_vpl), "md": ("md", as_markdown),
}  # fmt: skip
"""By name: the suffix of a file of it, and what makes it."""
