"""The list of what processes share, as rows. Pure."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from shmtui.i18n import _
from shmtui.monitor.shared_object import Content, SharedObject
from shmtui.report.object_cells import (
    finding_of,
    health_cell,
    health_of,
    health_words,
    in_use_cell,
    judged_well,
    mappers_text,
    mode_cell,
    owner_cell,
    shown_name,
    size_cell,
    why_not,
)
from shmtui.report.object_groups import GROUPINGS, ObjectGroup
from shmtui.report.segment_table import COLUMNS as CELLS
from shmtui.snapshot import Status
from shmtui.tui.draw.object_columns import COLUMNS, ObjectColumn
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.object_rows import ORDERS, Change, GroupRow, ListChoices, ObjectRow, Row
from shmtui.tui.spans import Line, Span, cells, line, wrapped

CHANGE_STYLES: Final = {Change.NEW: "good", Change.GROWN: "accent", Change.GONE: "muted"}


def name_width(rows: Iterable[Row], glyphs: Glyphs) -> int:
    """Cells of the longest name."""
    return max((cells(_name(row, glyphs)) for row in rows), default=0)


def _name(row: Row, glyphs: Glyphs) -> str:
    """The name of a row, and where it stands in the tree."""
    if isinstance(row, GroupRow):
        return f"{glyphs.folded if row.folded else glyphs.down} {glyphs.inert(row.group.title)}"
    name = glyphs.inert(shown_name(row.each))
    return name if row.last is None else f"{glyphs.last if row.last else glyphs.tee} {name}"


def header_line(
    columns: tuple[ObjectColumn, ...], width: int, glyphs: Glyphs, order: str = ""
) -> Line:
    """The titles; that of the column that the rows are in the order of stands out."""
    spans = []
    for at, column in enumerate(columns):
        text = glyphs.fit(_(column.title), column.width, column.align)
        style = "strong" if column.order == order else "muted"
        spans.append(Span(f"  {text}" if at else text, style))
    return glyphs.clip_line(tuple(spans), width)


def object_line(row: Row, columns: tuple[ObjectColumn, ...], width: int, glyphs: Glyphs) -> Line:
    """A row. What cannot be attached to is dim, an orphan is marked, and so is what changed."""
    if isinstance(row, GroupRow):
        return _group_line(row, columns, width, glyphs)
    each = row.each
    styles = {
        "name": "strong",
        "size": "text",
        "in-use": "accent" if row.change is Change.GROWN else "text",
        "mappers": "warn" if each.orphan else "text" if each.mappers else "muted",
        "waiting": "warn" if each.waiting else "muted",
        "health": _health_style(each),
        "looks": "good" if each.content is Content.BUFFER else "text",
    }
    dim = bool(why_not(each)) or row.change is Change.GONE
    cells = tuple(
        (
            _cell(row, column, columns, glyphs),
            column.width,
            column.align,
            "faint" if dim else styles.get(column.key, "muted"),
        )
        for column in columns
    )
    return _cells_line(cells, width, glyphs)


def _cell(
    row: ObjectRow, column: ObjectColumn, columns: tuple[ObjectColumn, ...], glyphs: Glyphs
) -> str:
    if column.key == "name":
        return _name(row, glyphs)
    text = CELLS[column.key].text(row.each)
    return _noted(row, text, columns) if column.key == "looks" else text


@lru_cache(maxsize=256)
def _cells_line(cells: tuple[tuple[str, int, str, str], ...], width: int, glyphs: Glyphs) -> Line:
    """Of texts with widths, alignments and styles. Most rows are as they were a second ago."""
    spans: list[Span] = []
    for text, wide, align, style in cells:
        fitted = glyphs.fit(glyphs.inert(text), wide, align)
        spans.append(Span(f"  {fitted}" if spans else fitted, style))
    return glyphs.clip_line(tuple(spans), width)


def _health_style(each: SharedObject) -> str:
    found = finding_of(each)
    if found is not None and found.severity is Status.CRITICAL:
        return "bad"
    return "warn" if health_of(each) else "good" if judged_well(each) else "muted"


def _group_line(
    row: GroupRow, columns: tuple[ObjectColumn, ...], width: int, glyphs: Glyphs
) -> Line:
    """The line of a group: its sums in the columns of its objects, and its words behind the last."""
    group = row.group
    texts = {"name": _name(row, glyphs), "in-use": group.in_use}
    if group.pids:
        texts["mappers"] = group.processes
    keys = [column.key for column in columns]
    filled = 1 + max(at for at, key in enumerate(keys) if key in texts)
    parts = [
        glyphs.fit(glyphs.inert(texts.get(column.key, "")), column.width, column.align)
        for column in columns[:filled]
    ]
    parts.append(glyphs.inert(group.words(memory="in-use" not in keys)))
    return glyphs.clip_line(line(("  ".join(parts), "title")), width)


def _noted(row: ObjectRow, text: str, columns: tuple[ObjectColumn, ...]) -> str:
    """What it looks like, behind what no column says of it."""
    keys = {column.key for column in columns}
    if row.each.orphan and not {"mappers", "health"} & keys:
        text = _("orphan: {what}").format(what=text)
    elif health_of(row.each) and not row.each.orphan and "health" not in keys:
        text = f"{health_cell(row.each)}: {text}"
    if row.change is Change.NEW:
        return _("new: {what}").format(what=text)
    return _("gone: {what}").format(what=text) if row.change is Change.GONE else text


def object_detail(each: SharedObject, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """The chosen object in full: what it is, who has it, why it cannot be attached to."""
    facts = ", ".join(
        (
            f"{shown_name(each)}: {each.looks}", each.kind, size_cell(each),
            _("{size} in use").format(size=in_use_cell(each)), mode_cell(each), owner_cell(each),
        )
    )  # fmt: skip
    everyone = ", ".join(f"{pid} {name}" for pid, name in each.mappers[:20])
    who = _("mapped by {who}").format(who=everyone) if each.mappers else mappers_text(each)
    judged = health_words(each)
    more = [line((glyphs.inert(judged), _health_style(each)))] if judged else []
    rows = wrapped(glyphs.inert(facts), width)[: max(0, min(2, height - 1 - len(more)))]
    reason = why_not(each)
    last = line((glyphs.inert(reason or who), "warn" if reason else "muted"))
    return [glyphs.clip_line(row, width) for row in (*rows, *more, last)]


def group_detail(group: ObjectGroup, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """A group in full: its sums, its processes, and what of its memory other programs have too."""
    facts = [f"{group.title}: {group.words(memory=True)}"]
    if group.pids:
        facts.append("PID " + ", ".join(map(str, group.pids[:20])))
    rows = wrapped(glyphs.inert("; ".join(facts)), width)[: min(2, height - 1)]
    if group.with_others:
        text = _(
            "each object counts once in the totals above, under however many programs it stands"
        )
        rows.append(line((text, "muted")))
    return [glyphs.clip_line(row, width) for row in rows]


def filter_line(
    wanted: str,
    shown: int,
    total: int,
    width: int,
    glyphs: Glyphs,
    choices: ListChoices | None = None,
) -> Line:
    """The filter, how many entries match it, and in which order and groups they are, where that is not
    the usual one.
    """
    choices = choices or ListChoices()
    by = next((_(c.title) for c in COLUMNS.values() if c.order == choices.order != ORDERS[0]), "")
    sorted_by = f" {glyphs.dot} " + _("by {column}").format(column=by) if by else ""
    if choices.group:
        words = _("in groups by {what}").format(what=_(GROUPINGS[choices.group]))
        sorted_by += f" {glyphs.dot} {words}"
    text = line(
        (_("filter") + " ", "muted"),
        (glyphs.inert(wanted)[-max(8, width - 30) :], "strong"),
        (glyphs.full, "accent"),
        ("  " if wanted else f" {_('type to filter')}  ", "faint"),
        (_("{shown} of {total}").format(shown=shown, total=total), "muted"),
        (sorted_by, "muted"),
    )
    return glyphs.clip_line(text, width)
