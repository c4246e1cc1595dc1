"""The columns of the process table: their cells, and which of them fit a width. Pure."""

from collections.abc import Callable
from functools import lru_cache, partial

import msgspec
from msgspec.structs import replace

from shmtui.events import Severity
from shmtui.i18n import N_, _
from shmtui.shm.protocol import PROTOCOL_STEPS, Role, step_name
from shmtui.snapshot import Origin, Process, ProcessState, word
from shmtui.tui.draw.semaphores import STYLES as SEMAPHORE_STYLES
from shmtui.tui.formatting import (
    format_count,
    format_date,
    format_rate,
    format_target,
    format_value,
    format_wait,
)
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.process_rows import PROCESS_COLUMNS, Group
from shmtui.tui.spans import Span

_STATE_STYLES = {
    ProcessState.RUNNING: "good",
    ProcessState.PACING: "good",
    ProcessState.BLOCKED: "bad",
    ProcessState.PAUSED: "warn",
    ProcessState.STEPPING: "accent",
    ProcessState.STOPPED: "warn",
    ProcessState.SPINNING: "good",
    ProcessState.POLLING: "good",
}
"""Those of the others are muted."""
ROLE_STYLES = {Role.PRODUCER: "producer", Role.CONSUMER: "consumer"}
_STEP_NUMBERS = {
    step_name(role, step): at + 1
    for role in (Role.PRODUCER, Role.CONSUMER)
    for at, step in enumerate(PROTOCOL_STEPS)
}
_LONG = "{on} {no} {long}"


def _state(process: Process, glyphs: Glyphs) -> Span:
    style = _STATE_STYLES.get(process.state, "muted")
    return Span(f"{glyphs.states[process.state]} {word(process.state)}", style)


def _cause(process: Process, glyphs: Glyphs, *, long: bool) -> Span:
    """For narrow tables: what it is blocked on in the place of the word *blocked*."""
    if process.blocked_on is None:
        if not (process.sleeps_on or process.one_of):
            return _state(process, glyphs)
        return Span(f"{glyphs.states[process.state]} {_elsewhere(process, glyphs)}", "accent")
    text, style = _blocked(process, glyphs, _LONG)
    if not long:
        stuck = f" {glyphs.severities[Severity.BAD]}" if process.wakeable is False else ""
        text, style = f"{glyphs.inert(process.blocked_word)}{stuck}", "bad"
    return Span(f"{glyphs.states[process.state]} {text}", style)


def _blocked(process: Process, glyphs: Glyphs, stuck: str) -> Span:
    """The semaphore, and for how long; or, by the pattern ``stuck``, that nobody can wake it."""
    on, word_ = process.blocked_on, glyphs.inert(process.blocked_word)
    if on is None and (process.sleeps_on or process.one_of):
        waited = waited_for(process, glyphs)
        return Span(f"{_elsewhere(process, glyphs)} {waited}".rstrip(), "accent")
    if on is None:
        return Span(glyphs.dash, "faint")
    if process.wakeable is False:
        words = {
            "no": glyphs.severities[Severity.BAD],
            "stuck": _("stuck"),
            "long": _("can't wake"),
        }
        return Span(stuck.format(on=word_, **words), "bad")
    return Span(f"{word_} {waited_for(process, glyphs)}".rstrip(), SEMAPHORE_STYLES[on])


def waited_for(process: Process, glyphs: Glyphs) -> str:
    """How long it has waited, marked where it is a lower bound: ``≥12s``; empty for the first second."""
    waited = format_wait(process.blocked_for)
    if not waited or not process.blocked_before:
        return waited
    return glyphs.at_least + waited.replace(" ", "")


def _elsewhere(process: Process, glyphs: Glyphs) -> str:
    """What it sleeps on beside the three roles, by the program's own names; or those of the three that it may be."""
    return glyphs.inert(process.blocked_word or ", ".join(process.sleeps_on))


def _muted(known: object, text: str, glyphs: Glyphs) -> Span:
    """``text``, or a dash where what it says is not known."""
    return Span(glyphs.dash, "faint") if known is None else Span(text, "muted")


def _target(process: Process, glyphs: Glyphs) -> Span:
    known = process.target_rate is not None
    return Span(format_target(process.target_rate, glyphs), "text" if known else "faint")


def _cpu(cpu: float | None, glyphs: Glyphs) -> str:
    return glyphs.dash if cpu is None else f"{cpu:.0f} %"


def _whose(process: Process, _glyphs: Glyphs) -> Span:
    return Span(_("yours") if process.origin is Origin.PROGRAM else _("foreign"), "muted")


def _protocol(process: Process, glyphs: Glyphs, spaced: bool) -> Span:
    """A pip for each step up to the current one, and in the wide form its name; for other programs
    whose they are.
    """
    number = _STEP_NUMBERS.get(process.step or "")
    if number is None:
        words = {Origin.FOREIGN: _("foreign"), Origin.PROGRAM: _("program")}
        return Span(process.step or words.get(process.origin, glyphs.dash), "faint")
    pips = glyphs.pip * number + glyphs.no_pip * (len(PROTOCOL_STEPS) - number)
    style = ROLE_STYLES.get(process.role, "text")
    if process.state in {ProcessState.PAUSED, ProcessState.STOPPED}:
        style = "warn"
    elif process.state is ProcessState.BLOCKED:
        style = "bad"
    return Span(f"{' '.join(pips)}  {process.step}" if spaced else pips, style)


class ProcessColumn(msgspec.Struct, frozen=True):
    """One column: its title, its width in cells, its alignment, and its cell for a process."""

    title: str
    width: int
    align: str
    cell: Callable[[Process, Glyphs], Span]
    total: Callable[[Group, Glyphs], str] | None = None


PID = ProcessColumn("PID", 7, ">", lambda p, g: _muted(p.pid, f"{p.pid}", g))
STATE = ProcessColumn(N_("state"), 11, "<", _state)
STATE_NARROW = ProcessColumn(N_("state"), 10, "<", partial(_cause, long=False))
STATE_LONG = ProcessColumn(N_("state"), 20, "<", partial(_cause, long=True))


def _bound(text: str, value: float | None, whole: bool, glyphs: Glyphs) -> str:
    """A sum, marked as a bound from below where it leaves out what is not known."""
    return text if whole or value is None else glyphs.at_least + text


BLOCKED = ProcessColumn(N_("blocked on"), 12, "<", partial(_blocked, stuck="{on} {no}{stuck}"))
BLOCKED_NARROW = ProcessColumn(N_("blocked on"), 10, "<", partial(_blocked, stuck="{no} {on}"))
BLOCKED_LONG = ProcessColumn(N_("blocked on"), 18, "<", partial(_blocked, stuck=_LONG))
TARGET = ProcessColumn(N_("target/s"), 8, ">", _target)
RATE = ProcessColumn(
    N_("rate/s"),
    8,
    ">",
    lambda p, g: Span(format_rate(p.rate, g), "text" if p.rate else "muted"),
    lambda group, g: _bound(format_rate(group.rate, g), group.rate, group.rate_is_whole, g),
)
ITEMS = ProcessColumn(
    N_("items"),
    11,
    ">",
    lambda p, g: Span(format_count(p.items, g), "text" if p.items else "muted"),
    lambda group, g: _bound(format_count(group.items, g), group.items, group.items_are_whole, g),
)
ITEMS_NARROW = replace(ITEMS, width=9)
CPU = ProcessColumn(
    "CPU", 6, ">", lambda p, g: Span(_cpu(p.cpu, g), "muted"), lambda group, g: _cpu(group.cpu, g)
)
LAST = ProcessColumn(
    N_("last item"),
    11,
    ">",
    lambda p, g: _muted(p.last_item, format_value(p.last_item, g.ascii_only), g),
)
DOTS = ProcessColumn(N_("protocol"), 8, "<", partial(_protocol, spaced=False))
STEPS = ProcessColumn(N_("protocol"), 23, "<", partial(_protocol, spaced=True))
USER = ProcessColumn(N_("user"), 8, "<", lambda p, g: _muted(p.user, g.inert(p.user or ""), g))
THREADS = ProcessColumn(N_("threads"), 7, ">", lambda p, g: _muted(p.threads, f"{p.threads}", g))
SINCE = ProcessColumn(
    N_("since"), 11, "<", lambda p, g: _muted(p.since, format_date(p.since or 0), g)
)
LIBC = ProcessColumn("libc", 5, "<", lambda p, g: _muted(p.libc, f"{p.libc}", g))
WHOSE = ProcessColumn(N_("whose"), 7, "<", _whose)
_WIDE = (PID, STATE, BLOCKED, TARGET, RATE, ITEMS, CPU, LAST)
_CHOICES: tuple[tuple[ProcessColumn, ...], ...] = (
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
)
_FOREIGN: tuple[tuple[ProcessColumn, ...], ...] = (
    (PID, STATE, BLOCKED_LONG, USER, THREADS, CPU, SINCE, LIBC, WHOSE),
    (PID, STATE, BLOCKED_LONG, USER, THREADS, CPU, SINCE),
    (PID, STATE, BLOCKED_LONG, USER, CPU),
    (PID, STATE, BLOCKED_LONG, USER),
    (PID, STATE_LONG),
    (STATE_LONG,),
    (STATE_NARROW,),
)
"""For processes that count no items: columns from /proc."""
COLUMNS: dict[str, ProcessColumn] = dict(
    zip(
        PROCESS_COLUMNS,
        (
            PID,
            STATE,
            BLOCKED,
            TARGET,
            RATE,
            ITEMS,
            CPU,
            LAST,
            USER,
            THREADS,
            SINCE,
            LIBC,
            WHOSE,
            DOTS,
        ),
        strict=True,
    )
)
"""What can be chosen."""
INDENT = 2
"""Cells for the cursor, left of the first column."""
_NAME_LEAST, _NAME_MOST = 12, 34


class Table(msgspec.Struct, frozen=True):
    """The columns that fit a width, in their order; ``name`` takes what is left."""

    before: tuple[ProcessColumn, ...]
    name: int
    after: tuple[ProcessColumn, ...]
    gap: str

    @property
    def titles(self) -> frozenset[str]:
        """Those of its columns, untranslated."""
        return frozenset(column.title for column in (*self.before, *self.after))

    @property
    def keys(self) -> tuple[str, ...]:
        """Its columns by their names in `COLUMNS`."""
        titles = self.titles
        return tuple(name for name, column in COLUMNS.items() if column.title in titles)


@lru_cache(maxsize=64)
def table_for(width: int, foreign: bool = False, chosen: tuple[str, ...] = ()) -> Table:
    """Those of the ``chosen`` columns that fit, the last ones left out; where none are chosen, the most
    useful: ``foreign`` where no process counts items.

    >>> [[c.title for c in table_for(width).after] for width in (46, 76)]
    [['state', 'rate/s', 'items'], ['state', 'blocked on', 'target/s', 'rate/s', 'items']]
    >>> table_for(76).before[0].title, table_for(10).name
    ('PID', 10)
    >>> [c.title for c in table_for(46, chosen=("cpu", "user", "threads", "since")).after]
    ['CPU', 'user', 'threads']
    """
    gap = "  " if width >= 100 else " "
    every = tuple(COLUMNS[name] for name in chosen)
    fewer = [every[:count] for count in range(len(every), 0, -1)]
    for columns in fewer or (_FOREIGN if foreign else _CHOICES):
        room = width - INDENT - sum(column.width + len(gap) for column in columns)
        if room >= _NAME_LEAST:
            before = columns[:1] if columns[0] is PID else ()
            return Table(before, min(room, _NAME_MOST), columns[len(before) :], gap)
    return Table((), max(0, width), (), gap)
