"""The keys in text: the key bar with its buttons, and the help screen. Pure."""

from dataclasses import dataclass

from shmtui.i18n import N_, _
from shmtui.snapshot import ProcessState
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.keys import MOUSE, ROW_KEYS, Key, available, shown_key
from shmtui.tui.spans import Line, Span, fit_line, line


@dataclass(frozen=True, slots=True)
class Button:
    """Cells ``start`` to ``stop`` press the key with this action."""

    start: int
    stop: int
    action: str


def chosen_keys(
    width: int, read_only: bool, glyphs: Glyphs, missing: frozenset[str] = frozenset()
) -> tuple[Key, ...]:
    """The keys that fit, in the order of the table; those of the highest rank are left out first."""
    keys = [key for key in available(read_only, missing) if key.label]
    while keys and sum(_cells(key, glyphs) for key in keys) > width:
        worst = max(key.rank for key in keys)
        keys.remove(next(key for key in reversed(keys) if key.rank == worst))
    return tuple(keys)


def key_bar(
    width: int, read_only: bool, glyphs: Glyphs, missing: frozenset[str] = frozenset()
) -> tuple[Line, tuple[Button, ...]]:
    """The key bar, ``width`` cells wide, and its buttons."""
    spans: list[Span] = []
    buttons: list[Button] = []
    x = 0
    for key in chosen_keys(width, read_only, glyphs, missing):
        cells = _cells(key, glyphs)
        spans += [Span(f" {shown_key(key, glyphs)}", "key"), Span(f" {_(key.label)} ", "text")]
        buttons.append(Button(x, x + cells, key.action))
        x += cells
    return fit_line(tuple(spans), max(0, width), glyphs.ellipsis), tuple(buttons)


def _cells(key: Key, glyphs: Glyphs) -> int:
    return len(shown_key(key, glyphs)) + len(_(key.label)) + 3


_STATE_WORDS = {
    ProcessState.STARTING: N_("starting"),
    ProcessState.RUNNING: N_("running: somewhere in the protocol"),
    ProcessState.PACING: N_("pacing: asleep until its next item is due"),
    ProcessState.BLOCKED: N_("blocked: waits on a semaphore"),
    ProcessState.PAUSED: N_("paused by you"),
    ProcessState.STEPPING: N_("waits before its next step: s does it"),
    ProcessState.STOPPED: N_("stopped by a signal"),
    ProcessState.ENDED: N_("ended"),
    ProcessState.UNKNOWN: N_("not known"),
}

_STATE_STYLES = {
    ProcessState.RUNNING: "good",
    ProcessState.PACING: "good",
    ProcessState.BLOCKED: "bad",
    ProcessState.PAUSED: "warn",
    ProcessState.STEPPING: "accent",
    ProcessState.STOPPED: "warn",
}


def help_lines(
    read_only: bool, glyphs: Glyphs, missing: frozenset[str] = frozenset()
) -> list[Line]:
    """All lines of the help screen, at any width; they are clipped where they are shown."""
    steering = [key for key in available(read_only, missing) if key.changes]
    looking = [key for key in available(read_only, missing) if not key.changes]
    rows: list[Line] = []
    if steering:
        rows += _section(_("On the chosen row; a group row stands for all of its processes"))
        rows += [_entry(_names(key.keys, key.shown), _(key.help)) for key in steering]
    rows += _section(_("View"))
    rows += [_entry(keys, _(words)) for keys, words in ROW_KEYS]
    rows += [_entry(_names(key.keys, key.shown), _(key.help)) for key in looking]
    rows += _section(_("Mouse"))
    rows += [_entry(_(keys), _(words)) for keys, words in MOUSE]
    rows += _section(_("States"))
    rows += [
        _entry(glyphs.states[state], _(words), _STATE_STYLES.get(state, "muted"))
        for state, words in _STATE_WORDS.items()
    ]
    rows += _section(_("Ring and throughput"))
    rows += [
        _entry(f"{glyphs.up} in", _("the slot that the next item is written to"), "producer"),
        _entry(f"out {glyphs.up}", _("the slot that the next item is read from"), "consumer"),
        _entry(glyphs.shades[4], _("full; shades between are groups partly full"), "good"),
        _entry(glyphs.pip, _("protocol: ") + _protocol_words(glyphs), "producer"),
        _entry(glyphs.at_least, _("a lower bound: it may be more"), "strong"),
        _entry(glyphs.about, _("an estimate, within a tenth"), "strong"),
    ]
    return rows[1:]


def _protocol_words(glyphs: Glyphs) -> str:
    words = (
        _("wait permit"),
        _("wait mutex"),
        _("transfer"),
        _("post mutex"),
        _("post permit"),
        _("pace"),
    )
    return f" {glyphs.dot} ".join(words)


def _section(title: str) -> list[Line]:
    return [(), line((title, "title"))]


def _entry(keys: str, words: str, style: str = "key") -> Line:
    return line((f"  {keys:<12} ", style), (words, "text"))


_SPOKEN = {
    "plus": "+",
    "minus": "-",
    "equals_sign": "=",
    "question_mark": "?",
    "escape": "esc",
}


def _names(keys: str, shown: str) -> str:
    """All keys of a binding as people know them.

    >>> _names("plus,equals_sign,right", "+"), _names("p", "p")
    ('+ = right', 'p')
    """
    names = [_SPOKEN.get(key, key) for key in keys.split(",")]
    return " ".join(dict.fromkeys((shown, *names)))
