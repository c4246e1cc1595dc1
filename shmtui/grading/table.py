"""The table of a class: a row for each submission, a column for each check. Pure."""

import csv
import io
from collections.abc import Callable, Sequence
from typing import Final

from shmtui.grading.formats import MARKS, Graded, markdown, number, summary
from shmtui.grading.rubric import CHECKS
from shmtui.i18n import _
from shmtui.sanitize import inert

_FORMULA: Final = ("=", "+", "-", "@")


def _checks(all_graded: Sequence[Graded]) -> list[str]:
    found = {result.check for graded in all_graded for result in graded.results}
    return [check for check in CHECKS if check in found]


def _points(graded: Graded) -> str:
    return "–" if graded.error else number(graded.score[0])


def as_text(all_graded: Sequence[Graded]) -> str:
    """For a terminal: one letter wide columns, with the checks named below."""
    checks = _checks(all_graded)
    width = min(max((len(inert(g.name)) for g in all_graded), default=0), 40)
    lines = []
    for graded in all_graded:
        verdicts = {result.check: MARKS[result.verdict] for result in graded.results}
        marks = " ".join(verdicts.get(check, "·") for check in checks)
        row = f"{inert(graded.name)[:width]:{width}}  {_points(graded):>5}  "
        lines.append(row + (summary(graded) if graded.error else marks))
    head = [" " * (width + 9) + "│ " * at + "┌ " + check for at, check in enumerate(checks)]
    return "\n".join([*head, *lines, "", _statistics(all_graded)]) + "\n"


def _statistics(all_graded: Sequence[Graded]) -> str:
    points = [graded.score[0] for graded in all_graded if not graded.error]
    if not points:
        return _("nobody could be graded")
    text = _("{count} graded, {mean} of {most} points on average, {failed} not graded")
    most = max(graded.score[1] for graded in all_graded)
    return text.format(
        count=len(points), mean=number(sum(points) / len(points)), most=number(most),
        failed=len(all_graded) - len(points),
    )  # fmt: skip


def as_csv(all_graded: Sequence[Graded]) -> str:
    """For a spreadsheet, to which no name is a formula."""
    checks, file = _checks(all_graded), io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["name", "points", "most", *checks, "error"])
    for graded in all_graded:
        verdicts = {result.check: result.verdict.value for result in graded.results}
        points, most = ("", "") if graded.error else map(number, graded.score)
        row = [verdicts.get(check, "") for check in checks]
        writer.writerow([_cell(graded.name), points, most, *row, _cell(graded.error)])
    return file.getvalue()


def _cell(text: str) -> str:
    text = inert(text)
    return f"'{text}" if text.startswith(_FORMULA) else text


def as_markdown(all_graded: Sequence[Graded]) -> str:
    """A page with the table, and the average below it."""
    checks = _checks(all_graded)
    lines = [
        f"| {_('name')} | {_('points')} | {' | '.join(checks)} |",
        "|---" * (len(checks) + 2) + "|",
    ]
    for graded in all_graded:
        verdicts = {result.check: MARKS[result.verdict] for result in graded.results}
        row = " | ".join(verdicts.get(check, "·") for check in checks)
        lines.append(f"| {markdown(graded.name)} | {_points(graded)} | {row} |")
    return "\n".join([*lines, "", _statistics(all_graded)]) + "\n"


TABLES: Final[dict[str, tuple[str, Callable[[Sequence[Graded]], str]]]] = {
    "text": ("txt", as_text), "csv": ("csv", as_csv), "md": ("md", as_markdown),
}  # fmt: skip
"""By name: the suffix of a file of it, and what makes it."""
