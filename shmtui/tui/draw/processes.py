"""The process table: its rows, and the positions of stepped workers. Pure."""

from collections.abc import Iterable, Sequence

from shmtui.i18n import _
from shmtui.shm.protocol import PROTOCOL_STEPS, Role, step_name
from shmtui.snapshot import Process, ProcessState, word
from shmtui.tui.draw.process_columns import INDENT, ROLE_STYLES, ProcessColumn, Table, table_for
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.process_rows import Group, Row
from shmtui.tui.spans import Line, Span, width_of


def header_line(
    width: int, glyphs: Glyphs, foreign: bool = False, columns: tuple[str, ...] = ()
) -> Line:
    """The titles of the columns."""
    table = table_for(width, foreign, columns)
    titles = [glyphs.fit(_(c.title), c.width, c.align) for c in (*table.before, *table.after)]
    titles.insert(len(table.before), glyphs.fit(_("process"), table.name))
    return glyphs.clip_line((Span("  "), Span(table.gap.join(titles), "muted")), width)


def title_at(
    x: int, width: int, foreign: bool = False, columns: tuple[str, ...] = ()
) -> str | None:
    """The title, untranslated, in the cell ``x`` of :func:`header_line`; None where there is none.

    >>> [title_at(x, 76) for x in (0, 5, 12, 30)]
    [None, 'PID', 'process', 'state']
    """
    table = table_for(width, foreign, columns)
    titles = [(c.title, c.width) for c in (*table.before, *table.after)]
    titles.insert(len(table.before), ("process", table.name))
    start = INDENT
    for title, cells in titles:
        if start <= x < start + cells:
            return title
        start += cells + len(table.gap)
    return None


def row_line(
    row: Row,
    width: int,
    chosen: bool,
    glyphs: Glyphs,
    foreign: bool = False,
    columns: tuple[str, ...] = (),
) -> Line:
    """A heading with its totals, or a process. How a process died takes the rest of its line."""
    mark = Span(f"{glyphs.cursor if chosen else '':<{INDENT}}", "accent")
    table = table_for(width, foreign, columns)
    body = (
        _group(row, table, glyphs)
        if isinstance(row, Group)
        else _member(row.process, row.last, table, glyphs)
    )
    return glyphs.clip_line((mark, *body), width)


def _group(group: Group, table: Table, glyphs: Glyphs) -> list[Span]:
    known = ROLE_STYLES.get(group.role)
    room, columns = table.name, table.after
    if columns and columns[0].total is None:
        # The first column is empty in a heading, and words are long in some languages.
        room, columns = room + len(table.gap) + columns[0].width, columns[1:]
    title = glyphs.fit(f"{_(group.key)} ({len(group.alive)})", room)
    before = "".join(" " * column.width + table.gap for column in table.before)
    spans = [Span(before), Span(title, f"{known}-strong" if known else "strong")]
    for column in columns:
        text = column.total(group, glyphs) if column.total and group.members else ""
        spans.append(Span(table.gap + glyphs.fit(text, column.width, column.align), "strong"))
    return spans


def _member(process: Process, last: bool, table: Table, glyphs: Glyphs) -> list[Span]:
    def cells(columns: Iterable[ProcessColumn]) -> list[Span]:
        made = [(column, *column.cell(process, glyphs)) for column in columns]
        return [Span(glyphs.fit(text, c.width, c.align), style) for c, text, style in made]

    gap, ending = Span(table.gap), glyphs.inert(process.ending or "")
    name = glyphs.fit(glyphs.inert(process.name), table.name - 2)
    after = cells(table.after)
    if not process.alive and process.ending != word(process.state):
        after[1:] = [Span(ending, "bad")] if after[1:] else []
    return [
        *(each for cell in cells(table.before) for each in (cell, gap)),
        Span(f"{glyphs.last if last else glyphs.tee} ", "faint"),
        Span(name, ROLE_STYLES.get(process.role, "text") if process.alive else "muted"),
        *(each for cell in after for each in (gap, cell)),
    ]


def protocol_lines(processes: Sequence[Process], width: int, glyphs: Glyphs) -> list[Line]:
    """The protocol as a line of steps, for each role that has stepped workers.

    The numbers of the workers that wait before a step are written before it. In narrow tables
    there are the workers alone, each with its step.
    """
    mark = glyphs.states[ProcessState.STEPPING]
    lines: list[Line] = []
    for role in (Role.PRODUCER, Role.CONSUMER):
        stepped = [
            (p.name.rpartition(" ")[2], p.step)
            for p in processes
            if p.role is role and p.state is ProcessState.STEPPING and p.step
        ]
        whole, short = [Span(f"  {word(role)}", f"{role}-strong")], [Span("  ")]
        for name in (step_name(role, step) for step in PROTOCOL_STEPS):
            there = ",".join(number for number, step in stepped if step == name)
            whole += [Span("  "), Span(there and there + mark, "accent")]
            whole.append(Span(name, "strong" if there else "muted"))
        for number, step in stepped:
            short += [
                Span(f"{word(role)} {number}", f"{role}-strong"),
                Span(f" {mark}", "accent"),
                Span(f"{step}  ", "strong"),
            ]
        if stepped:
            fits = width_of(whole) <= width
            lines.append(tuple(whole) if fits else glyphs.clip_line(tuple(short), width))
    return lines
