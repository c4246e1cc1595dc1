"""The cells of the process table: what a process shows in each column. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from shmtui.events import Severity
from shmtui.i18n import N_, _
from shmtui.sanitize import inert
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
from shmtui.tui.process_rows import Group
from shmtui.tui.spans import Span

_STATE_STYLES = {
    ProcessState.STARTING: "muted",
    ProcessState.RUNNING: "good",
    ProcessState.PACING: "good",
    ProcessState.BLOCKED: "bad",
    ProcessState.PAUSED: "warn",
    ProcessState.STEPPING: "accent",
    ProcessState.STOPPED: "warn",
    ProcessState.ENDED: "muted",
    ProcessState.UNKNOWN: "muted",
}

ROLE_STYLES = {Role.PRODUCER: "producer", Role.CONSUMER: "consumer"}

_STEP_NUMBERS = {
    step_name(role, step): at + 1
    for role in (Role.PRODUCER, Role.CONSUMER)
    for at, step in enumerate(PROTOCOL_STEPS)
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its title, its width in cells, its alignment, and its cell for a process."""

    title: str
    width: int
    align: str
    cell: Callable[[Process, Glyphs], Span]
    total: Callable[[Group, Glyphs], str] | None = None


def _pid(process: Process, _glyphs: Glyphs) -> Span:
    return Span(str(process.pid), "muted")


def _state(process: Process, glyphs: Glyphs) -> Span:
    text = f"{glyphs.states[process.state]} {word(process.state)}"
    return Span(text, _STATE_STYLES[process.state])


def _state_and_cause(process: Process, glyphs: Glyphs) -> Span:
    """For narrow tables: the semaphore in the place of the word *blocked*."""
    if process.blocked_on is None:
        return _state(process, glyphs)
    stuck = f" {glyphs.severities[Severity.BAD]}" if process.wakeable is False else ""
    return Span(f"{glyphs.states[process.state]} {process.blocked_on}{stuck}", "bad")


def _state_long(process: Process, glyphs: Glyphs) -> Span:
    """For narrow tables: what it is blocked on, and whether it can be woken."""
    if process.blocked_on is None:
        return _state(process, glyphs)
    blocked = _blocked_long(process, glyphs)
    return Span(f"{glyphs.states[process.state]} {blocked.text}", blocked.style)


def _blocked(process: Process, glyphs: Glyphs) -> Span:
    """The semaphore, and for how long, or that no process can wake it.

    >>> from shmtui.tui.glyphs import UNICODE
    >>> from shmtui.shm.protocol import SemaphoreRole
    >>> p = Process(1, "produtor", Role.PRODUCER, ProcessState.BLOCKED, wakeable=False,
    ...     blocked_on=SemaphoreRole.EMPTY)
    >>> [cell(p, UNICODE).text for cell in (_blocked_short, _blocked, _blocked_long)]
    ['✗ empty', 'empty ✗stuck', "empty ✗ can't wake"]
    """
    return _blocked_on(process, _("stuck"), glyphs)


def _blocked_short(process: Process, glyphs: Glyphs) -> Span:
    if process.blocked_on is not None and process.wakeable is False:
        return Span(f"{glyphs.severities[Severity.BAD]} {process.blocked_on}", "bad")
    return _blocked(process, glyphs)


def _blocked_long(process: Process, glyphs: Glyphs) -> Span:
    return _blocked_on(process, " " + _("can't wake"), glyphs)


def _blocked_on(process: Process, unwakeable: str, glyphs: Glyphs) -> Span:
    if process.blocked_on is None:
        return Span(glyphs.dash, "faint")
    if process.wakeable is False:
        return Span(f"{process.blocked_on} {glyphs.severities[Severity.BAD]}{unwakeable}", "bad")
    waited = format_wait(process.blocked_for)
    text = f"{process.blocked_on} {waited}".rstrip()
    return Span(text, SEMAPHORE_STYLES[process.blocked_on])


def _target(process: Process, glyphs: Glyphs) -> Span:
    known = process.target_rate is not None
    return Span(format_target(process.target_rate, glyphs), "text" if known else "faint")


def _rate(process: Process, glyphs: Glyphs) -> Span:
    return Span(format_rate(process.rate, glyphs), "text" if process.rate else "muted")


def _items(process: Process, glyphs: Glyphs) -> Span:
    return Span(format_count(process.items, glyphs), "text" if process.items else "muted")


def _cpu_text(cpu: float | None, glyphs: Glyphs) -> str:
    return glyphs.dash if cpu is None else f"{cpu:.0f} %"


def _cpu(process: Process, glyphs: Glyphs) -> Span:
    return Span(_cpu_text(process.cpu, glyphs), "muted")


def _last(process: Process, glyphs: Glyphs) -> Span:
    if process.last_item is None:
        return Span(glyphs.dash, "faint")
    return Span(format_value(process.last_item, glyphs.ascii_only), "muted")


def protocol_dots(process: Process, glyphs: Glyphs, spaced: bool = False) -> Span:
    """A pip for each step up to the current one; for other programs whose they are."""
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
    return Span(" ".join(pips) if spaced else pips, style)


def _dots(process: Process, glyphs: Glyphs) -> Span:
    return protocol_dots(process, glyphs)


def _steps(process: Process, glyphs: Glyphs) -> Span:
    """Spaced dots and the name of the step."""
    dots = protocol_dots(process, glyphs, spaced=True)
    if (process.step or "") not in _STEP_NUMBERS:
        return dots
    return Span(f"{dots.text}  {process.step}", dots.style)


def _user(process: Process, glyphs: Glyphs) -> Span:
    return Span(inert(process.user or glyphs.dash, glyphs.ascii_only), "muted")


def _threads(process: Process, glyphs: Glyphs) -> Span:
    return Span(glyphs.dash if process.threads is None else str(process.threads), "muted")


def _since(process: Process, glyphs: Glyphs) -> Span:
    known = process.since is not None
    return Span(
        format_date(process.since) if process.since else glyphs.dash, "muted" if known else "faint"
    )


def _libc(process: Process, glyphs: Glyphs) -> Span:
    return Span(process.libc or glyphs.dash, "muted")


def _whose(process: Process, _glyphs: Glyphs) -> Span:
    """Whether shmtui started it."""
    return Span(_("yours") if process.origin is Origin.PROGRAM else _("foreign"), "muted")


STATE = Column(N_("state"), 11, "<", _state)
STATE_NARROW = Column(N_("state"), 10, "<", _state_and_cause)
STATE_LONG = Column(N_("state"), 20, "<", _state_long)
RATE = Column(N_("rate/s"), 8, ">", _rate, lambda g, y: format_rate(g.rate, y))
ITEMS = Column(N_("items"), 11, ">", _items, lambda g, y: format_count(g.items, y))
ITEMS_NARROW = Column(N_("items"), 9, ">", _items, lambda g, y: format_count(g.items, y))
TARGET = Column(N_("target/s"), 8, ">", _target)
BLOCKED = Column(N_("blocked on"), 12, "<", _blocked)
BLOCKED_NARROW = Column(N_("blocked on"), 10, "<", _blocked_short)
BLOCKED_LONG = Column(N_("blocked on"), 18, "<", _blocked_long)
PID = Column("PID", 7, ">", _pid)
CPU = Column("CPU", 6, ">", _cpu, lambda g, y: _cpu_text(g.cpu, y))
LAST = Column(N_("last item"), 11, ">", _last)
DOTS = Column(N_("protocol"), 8, "<", _dots)
STEPS = Column(N_("protocol"), 23, "<", _steps)
USER = Column(N_("user"), 8, "<", _user)
THREADS = Column(N_("threads"), 7, ">", _threads)
SINCE = Column(N_("since"), 11, "<", _since)
LIBC = Column("libc", 5, "<", _libc)
WHOSE = Column(N_("whose"), 7, "<", _whose)
