"""The keys of the table as the user's configuration binds them. Pure; loads nothing that draws."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.tui.keys import KEYS, PAIR, REPLAY, SPOKEN, Key

_NAMED: Final = (
    "space", "enter", "tab", "escape", "backspace", "delete", "insert", "home", "end", "pageup",
    "pagedown", "up", "down", "left", "right", *(f"f{number}" for number in range(1, 25)),
)  # fmt: skip
_WRITTEN: Final = {written: name for name, written in SPOKEN.items()}
_SHORTER: Final = {"solidus": "slash", "reverse_solidus": "backslash", "commercial_at": "at",
                   "hyphen_minus": "minus", "plus_sign": "plus", "low_line": "underscore"}  # fmt: skip
"""Names of characters that Textual shortens."""
MOVING: Final = {"up", "down", "j", "k", "enter"}
"""Keys that a panel takes before the dashboard gets them."""


def key_name(text: str) -> str | None:
    """What Textual calls a key; None where it is none.

    >>> key_name("X"), key_name("+"), key_name("#"), key_name("ctrl+k"), key_name("esc")
    ('X', 'plus', 'number_sign', 'ctrl+k', 'escape')
    >>> key_name("hyper+x"), key_name("")
    (None, None)
    """
    if text in _WRITTEN:
        return _WRITTEN[text]
    if len(text) == 1:
        return _character(text)
    *modifiers, key = text.lower().split("+")
    if not set(modifiers) <= {"ctrl", "shift", "alt"}:
        return None
    if key in _NAMED or (modifiers and re.fullmatch("[a-z0-9]", key)):
        return "+".join((*modifiers, key))
    return None


def _character(text: str) -> str | None:
    if text.isalnum():
        return text
    name = unicodedata.name(text, "").lower().replace("-", "_").replace(" ", "_")
    if not text.isprintable() or not name:
        return None
    return _SHORTER.get(name, name)


def bound(chosen: Mapping[str, tuple[str, ...]]) -> tuple[Key, ...]:
    """The table with other keys for some actions, which are given by their names; keys as `key_name`
    gives them. ShmtuiError: a key would do two things, or moves in the panels.
    """
    table = tuple(
        replace(key, keys=",".join(chosen[key.name]), as_shown=_shown(chosen[key.name]))
        if key.name in chosen
        else key
        for key in KEYS
    )
    for name, keys in chosen.items():
        for each in sorted(MOVING & {*keys}):
            wrong = _("keys.{name}: {key} moves in the panels: give it another key")
            raise ShmtuiError(wrong.format(name=name, key=_spoken(each)))
    for replayed in (True, False):
        _require_one_each(
            [key for key in table if (key.needs in {REPLAY, PAIR}) is replayed], chosen
        )
    return table


def _require_one_each(table: Iterable[Key], chosen: Mapping[str, tuple[str, ...]]) -> None:
    """ShmtuiError: two of these keys are the same, by what was chosen."""
    users: dict[str, list[str]] = {}
    for key in table:
        for each in key.keys.split(","):
            users.setdefault(each, []).append(key.name)
    for each, names in users.items():
        ours = [name for name in names if name in chosen]
        if ours and len(names) > 1:
            other = next(name for name in names if name != ours[0])
            wrong = _("keys.{name}: {key} is the key of {other} already: give one of them another")
            raise ShmtuiError(wrong.format(name=ours[0], key=_spoken(each), other=other))


def _shown(keys: tuple[str, ...]) -> str:
    return _spoken(keys[0])


def _spoken(key: str) -> str:
    """A key as people write it."""
    if key in SPOKEN:
        return SPOKEN[key]
    back = {short: long for long, short in _SHORTER.items()}.get(key, key)
    for name in (back, back.replace("_", " "), back.replace("_", "-")):
        try:
            return unicodedata.lookup(name.upper())
        except KeyError:
            continue
    return key
