"""The list of segments and semaphores, as rows. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from shmtui.i18n import N_, _
from shmtui.monitor.shared_object import Content, SharedObject
from shmtui.report.segment_table import (
    age_cell,
    mappers_text,
    mode_cell,
    owner_cell,
    shown_name,
    size_cell,
    why_not,
)
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.spans import Line, Span, cells, line, wrapped


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title, its width in cells, its alignment, and the text of an entry."""

    title: str
    width: int
    align: str
    text: Callable[[SharedObject], str]


NAME = Column(N_("name"), 0, "<", shown_name)
LOOKS = Column(N_("looks like"), 0, "<", lambda entry: entry.looks)
SIZE = Column(N_("size"), 8, ">", size_cell)
OWNER = Column(N_("owner"), 8, "<", owner_cell)
MODE = Column(N_("mode"), 4, "<", mode_cell)
AGE = Column(N_("age"), 6, ">", age_cell)
MAPPED = Column(N_("mapped by"), 26, "<", mappers_text)
MAPPED_NARROW = replace(MAPPED, width=16)

_CHOICES: tuple[tuple[Column, ...], ...] = (
    (SIZE, OWNER, MODE, AGE, MAPPED),
    (SIZE, OWNER, MODE, AGE, MAPPED_NARROW),
    (SIZE, OWNER, AGE, MAPPED_NARROW),
    (SIZE, MAPPED_NARROW),
    (SIZE,),
    (),
)
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
    >>> [column.title for column in columns_for(110, 28)]
    ['name', 'size', 'owner', 'mode', 'age', 'mapped by', 'looks like']
    """
    wanted = min(max(longest, _NAME_LEAST), _NAME_MOST)

    def room(fixed: tuple[Column, ...]) -> int:
        return width - sum(column.width + 2 for column in fixed) - 2

    def fits(fixed: tuple[Column, ...]) -> bool:
        return room(fixed) >= wanted + (_LOOKS_WANTED if MAPPED in fixed else _LOOKS_LEAST)

    fixed = next((columns for columns in _CHOICES if fits(columns)), ())
    left = room(fixed)
    name = max(1, min(wanted, max(left - _LOOKS_LEAST, left // 2)))
    return (replace(NAME, width=name), *fixed, replace(LOOKS, width=max(0, left - name)))


def name_width(entries: Iterable[SharedObject], glyphs: Glyphs) -> int:
    """Cells of the longest name."""
    return max((cells(glyphs.inert(shown_name(e))) for e in entries), default=0)


def header_line(width: int, glyphs: Glyphs, longest: int = 0) -> Line:
    """The titles."""
    columns = columns_for(width, longest)
    titles = "  ".join(glyphs.fit(_(c.title), c.width, c.align) for c in columns)
    return glyphs.clip_line(line((titles, "muted")), width)


def entry_line(entry: SharedObject, width: int, glyphs: Glyphs, longest: int = 0) -> Line:
    """A row; an entry that cannot be attached to is dim, an orphan is marked."""
    columns = columns_for(width, longest)
    styles = {
        NAME.title: "strong",
        SIZE.title: "text",
        MAPPED.title: "warn" if entry.orphan else "text" if entry.mappers else "muted",
        LOOKS.title: "good" if entry.content is Content.BUFFER else "text",
    }
    dim = bool(why_not(entry))
    marked = entry.orphan and not dim and not {MAPPED, MAPPED_NARROW} & {*columns}
    spans: list[Span] = []
    for at, column in enumerate(columns):
        text = glyphs.inert(column.text(entry))
        if marked and column.title == LOOKS.title:
            text = _("orphan: {what}").format(what=text)
        style = "faint" if dim else styles.get(column.title, "muted")
        text = glyphs.fit(text, column.width, column.align)
        spans.append(Span(f"  {text}" if at else text, style))
    return glyphs.clip_line(tuple(spans), width)


def entry_detail(entry: SharedObject, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """The chosen entry in full: its kind, the processes that map it, why it cannot be attached to."""
    facts = f"{shown_name(entry)}: {entry.looks}, {size_cell(entry)}, {mode_cell(entry)}, {owner_cell(entry)}"
    everyone = ", ".join(f"{pid} {name}" for pid, name in entry.mappers[:20])
    who = _("mapped by {who}").format(who=everyone) if entry.mappers else mappers_text(entry)
    rows = wrapped(glyphs.inert(facts), width)[: min(2, height - 1)]
    reason = why_not(entry)
    last = line((glyphs.inert(reason or who), "warn" if reason else "muted"))
    return [glyphs.clip_line(row, width) for row in (*rows, last)]


def filter_line(wanted: str, shown: int, total: int, width: int, glyphs: Glyphs) -> Line:
    """The filter, and how many entries match it."""
    text = line(
        (_("filter") + " ", "muted"),
        (glyphs.inert(wanted)[-max(8, width - 30) :], "strong"),
        (glyphs.full, "accent"),
        ("  " if wanted else f" {_('type to filter')}  ", "faint"),
        (_("{shown} of {total}").format(shown=shown, total=total), "muted"),
    )
    return glyphs.clip_line(text, width)
