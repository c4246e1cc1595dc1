"""The help screen: every key, the mouse, and what the glyphs mean. Pure."""

from shmtui.observe.snapshot import ProcessState
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.keys import MOUSE, ROW_KEYS, available
from shmtui.tui.lines import Line, line

_STATE_WORDS = {
    ProcessState.STARTING: "starting",
    ProcessState.RUNNING: "running: somewhere in the protocol",
    ProcessState.PACING: "pacing: asleep until its next item is due",
    ProcessState.BLOCKED: "blocked: waits on a semaphore",
    ProcessState.PAUSED: "paused by you",
    ProcessState.STEPPING: "stands before its step: s lets it do it",
    ProcessState.STOPPED: "stopped by a signal",
    ProcessState.ENDED: "ended",
    ProcessState.UNKNOWN: "not known",
}

_STATE_ROLES = {
    ProcessState.RUNNING: "good",
    ProcessState.PACING: "good",
    ProcessState.BLOCKED: "bad",
    ProcessState.PAUSED: "warn",
    ProcessState.STEPPING: "accent",
    ProcessState.STOPPED: "warn",
}


def help_lines(read_only: bool, glyphs: Glyphs, lacks: frozenset[str] = frozenset()) -> list[Line]:
    """All lines; whoever shows them scrolls and clips."""
    steering = [key for key in available(read_only, lacks) if key.changes]
    looking = [key for key in available(read_only, lacks) if not key.changes]
    rows: list[Line] = []
    if steering:
        rows += _section("On the chosen row; a group row stands for all of its processes")
        rows += [_entry(_names(key.keys, key.shown), key.help) for key in steering]
    rows += _section("Looking")
    rows += [_entry(keys, words) for keys, words in ROW_KEYS]
    rows += [_entry(_names(key.keys, key.shown), key.help) for key in looking]
    rows += _section("Mouse")
    rows += [_entry(keys, words) for keys, words in MOUSE]
    rows += _section("States")
    rows += [
        _entry(glyphs.states[state], words, _STATE_ROLES.get(state, "muted"))
        for state, words in _STATE_WORDS.items()
    ]
    rows += _section("Ring and throughput")
    rows += [
        _entry(f"{glyphs.up} in", "the slot that the next item is written to", "producer"),
        _entry(f"out {glyphs.up}", "the slot that the next item is read from", "consumer"),
        _entry(glyphs.shades[4], "full; shades between are groups partly full", "good"),
        _entry(glyphs.pip, "protocol: " + _protocol_words(glyphs), "producer"),
        _entry(glyphs.at_least, "a lower bound: it may be more", "strong"),
    ]
    return rows[1:]


def _protocol_words(glyphs: Glyphs) -> str:
    words = ("wait permit", "wait mutex", "transfer", "post mutex", "post permit", "pace")
    return f" {glyphs.dot} ".join(words)


def _section(title: str) -> list[Line]:
    return [(), line((title, "title"))]


def _entry(keys: str, words: str, role: str = "key") -> Line:
    return line((f"  {keys:<12} ", role), (words, "text"))


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
