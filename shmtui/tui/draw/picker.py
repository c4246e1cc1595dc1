"""The list of segments and semaphores, as rows. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from shmtui.i18n import N_, _
from shmtui.monitor.discovery import Entry, Kind
from shmtui.report.segment_table import age_text, mappers_text, size_text, why_not
from shmtui.sanitize import inert
from shmtui.tui.cell_text import cells, fit, wrap
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.spans import Line, Span, clip_line, line


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title, its width in cells, its alignment, and the text of an entry."""

    title: str
    width: int
    align: str
    text: Callable[[Entry], str]


NAME = Column(N_("name"), 0, "<", lambda entry: entry.name)
LOOKS = Column(N_("looks like"), 0, "<", lambda entry: entry.looks)
SIZE = Column(N_("size"), 8, ">", lambda entry: size_text(entry.size))
OWNER = Column(N_("owner"), 8, "<", lambda entry: entry.owner)
MODE = Column(N_("mode"), 4, "<", lambda entry: f"{entry.mode:04o}")
AGE = Column(N_("age"), 6, ">", lambda entry: age_text(entry.age))
MAPPED = Column(N_("mapped by"), 26, "<", mappers_text)
MAPPED_NARROW = Column(N_("mapped by"), 16, "<", mappers_text)

_NAME_LEAST, _NAME_MOST, _LOOKS_LEAST = 16, 34, 18
_LOOKS_WANTED = 33
"""*bounded buffer of 4,096 × double* fits; more than that goes to the names of mappers."""


@lru_cache(maxsize=32)
def columns_for(width: int, longest: int = 0) -> tuple[Column, ...]:
    """The most useful columns that fit; name and kind share what is left.

    ``longest``: how wide the longest name is. Names are often alike at the start, so other columns
    go before one of up to ``_NAME_MOST`` is cut.

    >>> [column.title for column in columns_for(44)]
    ['name', 'looks like']
    >>> [column.title for column in columns_for(130)]
    ['name', 'size', 'owner', 'mode', 'age', 'mapped by', 'looks like']
    >>> [column.title for column in columns_for(110, 28)]
    ['name', 'size', 'owner', 'mode', 'age', 'mapped by', 'looks like']
    """
    choices: tuple[tuple[Column, ...], ...] = (
        (SIZE, OWNER, MODE, AGE, MAPPED),
        (SIZE, OWNER, MODE, AGE, MAPPED_NARROW),
        (SIZE, OWNER, AGE, MAPPED_NARROW),
        (SIZE, MAPPED_NARROW),
        (SIZE,),
        (),
    )
    wanted = min(max(longest, _NAME_LEAST), _NAME_MOST)
    for fixed in choices:
        room = width - sum(column.width + 2 for column in fixed) - 2
        least = _LOOKS_WANTED if MAPPED in fixed else _LOOKS_LEAST
        if room >= wanted + least or not fixed:
            name = max(1, min(wanted, max(room - _LOOKS_LEAST, room // 2)))
            looks = max(0, room - name)
            return (
                Column(NAME.title, name, NAME.align, NAME.text),
                *fixed,
                Column(LOOKS.title, looks, LOOKS.align, LOOKS.text),
            )
    raise AssertionError("the last choice always fits")


def name_width(entries: Iterable[Entry], glyphs: Glyphs) -> int:
    """Cells of the longest name."""
    return max((cells(inert(e.name, glyphs.ascii_only)) for e in entries), default=0)


def header_line(width: int, glyphs: Glyphs, longest: int = 0) -> Line:
    """The titles."""
    titles = "  ".join(
        fit(_(c.title), c.width, c.align, glyphs.ellipsis) for c in columns_for(width, longest)
    )
    return clip_line(line((titles, "muted")), width, glyphs.ellipsis)


def entry_line(entry: Entry, width: int, glyphs: Glyphs, longest: int = 0) -> Line:
    """A row; an entry that cannot be attached to is dim, an orphan is marked."""
    columns = columns_for(width, longest)
    dim = bool(why_not(entry))
    spans: list[Span] = []
    for at, column in enumerate(columns):
        text = inert(column.text(entry), glyphs.ascii_only)
        style = "faint" if dim else "strong" if at == 0 else "text" if at == 1 else "muted"
        if column.title == MAPPED.title and not dim:
            style = "warn" if entry.orphan else "text" if entry.mappers else "muted"
        if column.title == LOOKS.title and not dim:
            style = "good" if entry.kind is Kind.BUFFER else "text"
            if entry.orphan and MAPPED.text not in [c.text for c in columns]:
                text = _("orphan: {what}").format(what=text)
        gap = "  " if at else ""
        spans.append(Span(gap + fit(text, column.width, column.align, glyphs.ellipsis), style))
    return clip_line(tuple(spans), width, glyphs.ellipsis)


def entry_detail(entry: Entry, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """The chosen entry in full: its kind, the processes that map it, why it cannot be attached to."""
    ascii_only = glyphs.ascii_only
    facts = f"{entry.name}: {entry.looks}, {size_text(entry.size)}, {entry.mode:04o}, {entry.owner}"
    everyone = ", ".join(f"{pid} {name}" for pid, name in entry.mappers[:20])
    who = _("mapped by {who}").format(who=everyone) if entry.mappers else mappers_text(entry)
    rows = [line((text, "text")) for text in wrap(inert(facts, ascii_only), width)[:2]]
    reason = why_not(entry)
    last = (
        line((inert(reason, ascii_only), "warn"))
        if reason
        else line((inert(who, ascii_only), "muted"))
    )
    return [clip_line(row, width, glyphs.ellipsis) for row in (*rows[: height - 1], last)]


def filter_line(wanted: str, shown: int, total: int, width: int, glyphs: Glyphs) -> Line:
    """The filter, and how many entries match it."""
    typed = inert(wanted, glyphs.ascii_only)
    left = line(
        (_("filter") + " ", "muted"),
        (typed[-max(8, width - 30) :], "strong"),
        (glyphs.full, "accent"),
    )
    hint = "" if wanted else _("type to filter")
    count = _("{shown} of {total}").format(shown=shown, total=total)
    return clip_line(
        line(*left, (f" {hint}  " if hint else "  ", "faint"), (count, "muted")),
        width,
        glyphs.ellipsis,
    )
