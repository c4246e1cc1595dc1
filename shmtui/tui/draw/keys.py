"""The keys in text: the key bar with its buttons, and the help screen. Pure."""

from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest

import msgspec
from msgspec.structs import replace

from shmtui.i18n import N_, _
from shmtui.snapshot import ProcessState, Status
from shmtui.tui.chosen_keys import spoken
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.key import REPAIR, Key
from shmtui.tui.key_availability import available
from shmtui.tui.keys import MOUSE
from shmtui.tui.object_rows import Change
from shmtui.tui.other_keys import DIALOG, LIST, ROWS
from shmtui.tui.spans import Line, Span, line, width_of, wrapped
from shmtui.tui.view_model import ViewModel


class Button(msgspec.Struct, frozen=True):
    """Cells ``start`` to ``stop`` press the key with this action."""

    start: int
    stop: int
    action: str


def key_bar(width: int, view: ViewModel) -> tuple[Line, tuple[Button, ...]]:
    """The keys that fit, in the order of the table, ``width`` cells wide; and their buttons.

    Those of the highest rank are left out first; what repairs stays as long as something is critical.
    """
    glyphs = view.glyphs
    critical = view.snapshot.health.status is Status.CRITICAL
    keys = _fitting(
        (
            replace(key, rank=0) if critical and key.action == REPAIR else key
            for key in available(view)
            if key.label
        ),
        lambda keys: sum(len(_button_text(key, glyphs)) for key in keys) <= width,
    )
    spans: list[Span] = []
    buttons: list[Button] = []
    x = 0
    for key in keys:
        name, text = _key_name(key, glyphs), _button_text(key, glyphs)
        spans += [Span(f" {name}", "key"), Span(text[len(name) + 1 :], "text")]
        buttons.append(Button(x, x + len(text), key.action))
        x += len(text)
    return glyphs.fit_line(tuple(spans), max(0, width)), tuple(buttons)


def _key_name(key: Key, glyphs: Glyphs) -> str:
    return glyphs.space_key if key.shown == "space" else key.shown.replace("ctrl+", "^")


def _button_text(key: Key, glyphs: Glyphs) -> str:
    return f" {_key_name(key, glyphs)} {_(key.label)} "


def list_footer(width: int, view: ViewModel) -> str:
    """The keys of the list that fit; those of the highest rank are left out first."""

    def text(keys: Sequence[Key]) -> str:
        return "  ".join(f"{key.shown} {_(key.label)}" for key in keys)

    opens = replace(view.bound("rows.open"), label=N_("opens"), rank=0)
    keys = [opens, *(key for key in _keys_of(LIST, view) if key.label)]
    return text(_fitting(keys, lambda keys: len(text(keys)) <= width))


def _keys_of(where: str, view: ViewModel) -> list[Key]:
    """The keys that are on in a place."""
    return [
        key
        for key in view.other_keys
        if key.where == where and not (view.served and key.stays_here)
    ]


def _fitting(keys: Iterable[Key], fits: Callable[[Sequence[Key]], bool]) -> list[Key]:
    """The keys that fit: those of the highest rank are left out first."""
    left = list(keys)
    while left and not fits(left):
        worst = max(key.rank for key in left)
        left.remove(next(key for key in reversed(left) if key.rank == worst))
    return left


def list_help(view: ViewModel) -> list[Line]:
    """The keys of the list in full."""
    return [line((_("In the list of shared memory"), "title")), *_list_entries(view)]


def _list_entries(view: ViewModel) -> list[Line]:
    typing = (_("letters"), _("Filter by words in any column"))
    opens = _entry(view.key("rows.open"), _("Open it; fold or unfold a group"))
    keys = (opens, *(_entry(_names(key), _(key.help)) for key in _keys_of(LIST, view)))
    marks = " ".join(change.value for change in Change if change.value)
    return [
        _entry(*typing),
        *keys,
        _entry(marks, _("New, grown, gone within the last five seconds")),
        _entry("ok", _("Health: several looks found nothing, and left nothing open")),
        _entry("?", _("Health: not decided by the looks so far; after a finding: likely")),
        _entry(view.glyphs.no_character, _("Health: there is nothing to judge")),
    ]


_STATES = {
    ProcessState.STARTING: (N_("starting"), "muted"),
    ProcessState.RUNNING: (N_("running: somewhere in the protocol"), "good"),
    ProcessState.PACING: (N_("pacing: asleep until its next item is due"), "good"),
    ProcessState.BLOCKED: (N_("blocked: waits on a semaphore"), "bad"),
    ProcessState.PAUSED: (N_("paused by you"), "warn"),
    ProcessState.STEPPING: (N_("waits before its next step: {key} does it"), "accent"),
    ProcessState.STOPPED: (N_("stopped by a signal or a debugger, or frozen"), "warn"),
    ProcessState.ENDED: (N_("ended"), "muted"),
    ProcessState.UNKNOWN: (N_("not known"), "muted"),
    ProcessState.SPINNING: (
        N_("spinning: on a processor all the time, in a ring without a lock"),
        "good",
    ),
    ProcessState.POLLING: (N_("polling: sleeps for short times, in a ring without a lock"), "good"),
    ProcessState.ASLEEP: (N_("asleep, and not on anything of this segment"), "muted"),
}


_STEPS = (
    N_("wait permit"),
    N_("wait mutex"),
    N_("transfer"),
    N_("post mutex"),
    N_("post permit"),
    N_("pace"),
)


def help_lines(view: ViewModel) -> list[Line]:
    """All lines of the help screen; :func:`folded` fits them to a width."""
    glyphs, keys = view.glyphs, available(view)
    steering = [_entry(_names(key), _(key.help)) for key in keys if key.changes]
    looking = [_entry(_names(key), _(key.help)) for key in keys if not key.changes]
    steps = [_(step) for step in _STEPS]
    protocol = _("protocol: ") + f" {glyphs.dot} ".join(steps)
    where = _("On the chosen row; a group row stands for all of its processes")
    sections = {
        where: steering,
        _("View"): [*_row_entries(view), *looking],
        _("In the list of shared memory"): _list_entries(view),
        _("In dialogs"): [_entry(_names(key), _(key.help)) for key in _keys_of(DIALOG, view)],
        _("Mouse"): [_entry(_(shown), _(text)) for shown, text in MOUSE],
        _("States"): [
            _entry(glyphs.states[state], _(text).format(key=view.key("step")), style)
            for state, (text, style) in _STATES.items()
        ],
        _("Ring and throughput"): [
            _entry(f"{glyphs.up} in", _("the slot that the next item is written to"), "producer"),
            _entry(f"out {glyphs.up}", _("the slot that the next item is read from"), "consumer"),
            _entry(glyphs.shades[4], _("full; shades between are groups partly full"), "good"),
            _entry(glyphs.pip, protocol, "producer"),
            _entry(glyphs.at_least, _("a lower bound: it may be more"), "strong"),
            _entry(glyphs.about, _("an estimate, within a tenth"), "strong"),
        ],
    }
    rows: list[Line] = []
    for title, entries in sections.items():
        if entries:
            rows += [(), line((title, "title")), *entries]
    return rows[1:]


def _row_entries(view: ViewModel) -> list[Line]:
    # A key of the dashboard goes before that of a row, such as g in a recording.
    taken = {name for key in available(view) for name in _names(key).split()}

    def both(*names: str) -> str:
        keys = (_names(view.bound(f"{ROWS}.{name}")).split() for name in names)
        pairs = zip_longest(*keys, fillvalue="")
        return " ".join(key for pair in pairs for key in pair if key and key not in taken)

    opens = _entry(both("open"), _("In full: a process, a finding with its remedy, the slots"))
    if view.held is None:
        moves = _("Choose a row; a group stands for all of its processes")
        rows = [_entry(both("up", "down"), moves), opens]
    else:
        rows = [_entry(both("up", "down"), _("A step back, a step on"))]
    return [
        *rows,
        _entry(both("page_up", "page_down"), _("A page at a time")),
        _entry(both("first", "last"), _("First row, last row")),
    ]


def folded(rows: Iterable[Line], width: int) -> list[Line]:
    """The lines of a help in at most ``width`` cells: words that have no room go on below them."""
    found: list[Line] = []
    for row in rows:
        if len(row) < 2 or width_of(row) <= width:
            found.append(row)
            continue
        keys, words = row
        indent = width_of([keys])
        first, *rest = wrapped(words.text, max(1, width - indent), words.style)
        found += [(keys, *first), *((Span(" " * indent), *each) for each in rest)]
    return found


def _entry(keys: str, words: str, style: str = "key") -> Line:
    return line((f"  {keys:<12} ", style), words)


def _names(key: Key) -> str:
    """All keys of a binding as people know them: ``+ = right``."""
    names = [spoken(name) for name in key.keys.split(",")]
    return " ".join(dict.fromkeys((key.shown, *names)))
