"""The process table: its columns, its rows, and the positions of stepped workers. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from shmtui.i18n import _
from shmtui.sanitize import inert
from shmtui.shm.protocol import PROTOCOL_STEPS, Role, step_name
from shmtui.snapshot import Process, ProcessState, word
from shmtui.tui.cell_text import fit
from shmtui.tui.draw.process_cells import (
    BLOCKED,
    BLOCKED_LONG,
    BLOCKED_NARROW,
    CPU,
    DOTS,
    ITEMS,
    ITEMS_NARROW,
    LAST,
    LIBC,
    PID,
    RATE,
    ROLE_STYLES,
    SINCE,
    STATE,
    STATE_LONG,
    STATE_NARROW,
    STEPS,
    TARGET,
    THREADS,
    USER,
    WHOSE,
    Column,
)
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.process_rows import Group, Row
from shmtui.tui.spans import Line, Span, clip_line, width_of

_INDENT = 2
"""Cells for the cursor, left of the first column."""


@dataclass(frozen=True, slots=True)
class Table:
    """The columns that fit a width, in their order; ``name`` takes what is left."""

    before: tuple[Column, ...]
    name: int
    after: tuple[Column, ...]
    gap: int


_NAME_LEAST, _NAME_MOST = 12, 34


_WIDE = (PID, STATE, BLOCKED, TARGET, RATE, ITEMS, CPU, LAST)
_CHOICES: tuple[tuple[Column, ...], ...] = (
    (*_WIDE, USER, THREADS, SINCE, STEPS),
    (*_WIDE, STEPS),
    (*_WIDE, DOTS),
    (PID, STATE, BLOCKED, TARGET, RATE, ITEMS, CPU, DOTS),
    (PID, STATE, BLOCKED, TARGET, RATE, ITEMS_NARROW, CPU, DOTS),
    (PID, STATE, BLOCKED_NARROW, TARGET, RATE, ITEMS_NARROW, CPU),
    (PID, STATE, BLOCKED_NARROW, TARGET, RATE, ITEMS_NARROW),
    (STATE_NARROW, TARGET, RATE, ITEMS_NARROW),
    (STATE_NARROW, RATE, ITEMS_NARROW),
    (STATE_NARROW, RATE),
    (STATE_NARROW,),
    (),
)
_FOREIGN: tuple[tuple[Column, ...], ...] = (
    (PID, STATE, BLOCKED_LONG, USER, THREADS, CPU, SINCE, LIBC, WHOSE),
    (PID, STATE, BLOCKED_LONG, USER, THREADS, CPU, SINCE),
    (PID, STATE, BLOCKED_LONG, USER, CPU),
    (PID, STATE, BLOCKED_LONG, USER),
    (PID, STATE_LONG),
    (STATE_LONG,),
    (STATE_NARROW,),
    (),
)
"""For processes that count no items: columns from /proc."""


@lru_cache(maxsize=64)
def table_for(width: int, foreign: bool = False) -> Table:
    """The most useful columns that fit; ``foreign`` where no process counts items.

    >>> [c.title for c in table_for(46).after]
    ['state', 'rate/s', 'items']
    >>> [c.title for c in table_for(76).after]
    ['state', 'blocked on', 'target/s', 'rate/s', 'items']
    >>> table_for(76).before[0].title, table_for(10).name
    ('PID', 10)
    """
    gap = 2 if width >= 100 else 1
    for columns in _FOREIGN if foreign else _CHOICES:
        taken = _INDENT + sum(column.width + gap for column in columns)
        room = width - taken
        if room >= _NAME_LEAST or not columns:
            before = tuple(c for c in columns if c is PID)
            after = tuple(c for c in columns if c is not PID)
            name = min(room, _NAME_MOST) if columns else width
            return Table(before, max(0, name), after, gap)
    raise AssertionError("the last choice always fits")


def header_line(width: int, glyphs: Glyphs, foreign: bool = False) -> Line:
    """The titles of the columns."""
    table = table_for(width, foreign)
    gap = " " * table.gap
    spans = [Span(" " * _INDENT)]
    spans += [
        Span(fit(_(c.title), c.width, c.align, glyphs.ellipsis) + gap, "muted")
        for c in table.before
    ]
    spans.append(Span(fit(_("process"), table.name, "<", glyphs.ellipsis), "muted"))
    spans += [
        Span(gap + fit(_(c.title), c.width, c.align, glyphs.ellipsis), "muted") for c in table.after
    ]
    return clip_line(tuple(spans), width, glyphs.ellipsis)


def row_line(row: Row, width: int, chosen: bool, glyphs: Glyphs, foreign: bool = False) -> Line:
    """A heading with its totals, or a process. How a process died takes the rest of its line."""
    mark = Span(fit(glyphs.cursor if chosen else "", _INDENT), "accent")
    table = table_for(width, foreign)
    body = (
        _group(row, table, glyphs)
        if isinstance(row, Group)
        else _member(row.process, row.last, table, glyphs)
    )
    return clip_line((mark, *body), width, glyphs.ellipsis)


def _group(group: Group, table: Table, glyphs: Glyphs) -> Line:
    gap = " " * table.gap
    known = ROLE_STYLES.get(group.role)
    style = f"{known}-strong" if known else "strong"
    spans = [Span(" " * (column.width + table.gap)) for column in table.before]
    title = f"{_(group.key)} ({len(group.alive)})"
    room, columns = table.name, table.after
    if columns and columns[0].total is None:
        # The first column is empty in a heading, and words are long in some languages.
        room, columns = room + table.gap + columns[0].width, columns[1:]
    spans.append(Span(fit(title, room, "<", glyphs.ellipsis), style))
    for column in columns:
        text = column.total(group, glyphs) if column.total and group.members else ""
        spans.append(Span(gap + fit(text, column.width, column.align, glyphs.ellipsis), "strong"))
    return tuple(spans)


def _member(process: Process, last: bool, table: Table, glyphs: Glyphs) -> Line:
    gap = " " * table.gap
    spans: list[Span] = []
    for column in table.before:
        cell = column.cell(process, glyphs)
        spans.append(
            Span(fit(cell.text, column.width, column.align, glyphs.ellipsis) + gap, cell.style)
        )
    branch = glyphs.last if last else glyphs.tee
    name = fit(inert(process.name, glyphs.ascii_only), table.name - 2, "<", glyphs.ellipsis)
    ended = process.state is ProcessState.ENDED
    style = "muted" if ended else ROLE_STYLES.get(process.role, "text")
    spans += [Span(branch + " ", "faint"), Span(name, style)]
    for at, column in enumerate(table.after):
        cell = column.cell(process, glyphs)
        if ended and at == 1 and process.ending != word(process.state):
            spans.append(Span(gap + inert(process.ending or "", glyphs.ascii_only), "bad"))
            break
        text = fit(cell.text, column.width, column.align, glyphs.ellipsis)
        spans.append(Span(gap + text, cell.style))
    return tuple(spans)


_STEPPED = (Role.PRODUCER, Role.CONSUMER)


def protocol_lines(processes: Sequence[Process], width: int, glyphs: Glyphs) -> list[Line]:
    """The protocol as a line of steps, for each role that has stepped workers.

    The numbers of the workers that wait before a step are written before it.
    """
    lines = []
    for role in _STEPPED:
        standing = [
            p for p in processes if p.role is role and p.state is ProcessState.STEPPING and p.step
        ]
        if standing:
            whole = _whole(role, standing, glyphs)
            lines.append(whole if width_of(whole) <= width else _short(standing, width, glyphs))
    return lines


def _whole(role: Role, standing: Sequence[Process], glyphs: Glyphs) -> Line:
    spans = [Span(f"  {word(role)}", f"{role}-strong")]
    for step in PROTOCOL_STEPS:
        name = step_name(role, step)
        there = [p.name.rpartition(" ")[2] for p in standing if p.step == name]
        spans.append(Span("  "))
        if there:
            spans.append(Span(f"{','.join(there)}{glyphs.states[ProcessState.STEPPING]}", "accent"))
        spans.append(Span(name, "strong" if there else "muted"))
    return tuple(spans)


def _short(standing: Sequence[Process], width: int, glyphs: Glyphs) -> Line:
    """The stepped workers, each with the step that it waits before: for narrow tables."""
    mark = glyphs.states[ProcessState.STEPPING]
    spans = [Span("  ")]
    for process in standing:
        number = process.name.rpartition(" ")[2]
        spans += [
            Span(f"{word(process.role)} {number}", f"{process.role}-strong"),
            Span(f" {mark}", "accent"),
            Span(f"{process.step}  ", "strong"),
        ]
    return clip_line(tuple(spans), width, glyphs.ellipsis)
