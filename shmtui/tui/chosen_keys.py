"""The keys of the tables as the user's configuration binds them. Pure; loads nothing that draws."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec.structs import replace

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.tui.key import ALONE, IN_LESSON, PAIR, REPLAY, SPOKEN, STEPS, Key
from shmtui.tui.keys import KEYS
from shmtui.tui.other_keys import DIALOG, LIST, OTHER_KEYS, ROWS, SECTIONS

_NAMED: Final = (
    "space", "enter", "tab", "escape", "backspace", "delete", "insert", "home", "end", "pageup",
    "pagedown", "up", "down", "left", "right", *(f"f{number}" for number in range(1, 25)),
)  # fmt: skip
_WRITTEN: Final = {written: name for name, written in SPOKEN.items()}
_SHORTER: Final = {"solidus": "slash", "reverse_solidus": "backslash", "commercial_at": "at",
                   "hyphen_minus": "minus", "plus_sign": "plus", "low_line": "underscore"}  # fmt: skip
"""Names of characters that Textual shortens."""
_ANSWERS: Final = frozenset("plioc")
"""What the dialog of a repair takes as answers."""


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


def bound(chosen: Mapping[str, tuple[str, ...]]) -> tuple[tuple[Key, ...], tuple[Key, ...]]:
    """The tables of the dashboard and of all else, with other keys for some actions, which are given by
    their identifiers; keys as `key_name` gives them. ShmtuiError: a key would do two things in one
    place, or would be typed into a text.
    """
    ours, others = (tuple(_with(key, chosen) for key in table) for table in (KEYS, OTHER_KEYS))
    for key in others:
        if key.id in chosen:
            _require_no_text(key)
    rows = [key for key in others if key.where == ROWS]
    closing = [key for key in others if key.id == "dialog.close"]
    replayed = [key for key in ours if key.needs in {REPLAY, PAIR}]
    always = [key for key in ours if key.priority]
    for place in (
        [*rows, *(key for key in ours if key not in replayed)],
        [*rows, *replayed],
        [*rows, *closing, *always, *(key for key in others if key.where == LIST)],
        [*rows, *always, *(key for key in others if key.where == DIALOG)],
    ):
        _require_one_each(place, chosen)
    return ours, others


def _with(key: Key, chosen: Mapping[str, tuple[str, ...]]) -> Key:
    if key.id not in chosen:
        return key
    keys = chosen[key.id]
    return replace(key, keys=",".join(keys), as_shown=spoken(keys[0]))


def _label(key: Key) -> str:
    """Where the configuration file has it: ``list_keys.close``."""
    return f"{SECTIONS[key.where]}.{key.name}"


def _is_typed(key: str) -> bool:
    """Whether a key writes a character.

    >>> [_is_typed(key) for key in ("x", "space", "number_sign", "f2", "ctrl+k", "escape")]
    [True, True, True, False, False, False]
    """
    return key == "space" or (key not in _NAMED and "+" not in key)


def _require_no_text(key: Key) -> None:
    """ShmtuiError: no key is left where text is typed, or one is an answer of the dialog of a repair."""
    keys = key.keys.split(",")
    typed = [each for each in keys if _is_typed(each)]
    if key.where == LIST and typed:
        wrong = _("{name}: {key} is typed into the filter of the list: give it another key")
        raise ShmtuiError(wrong.format(name=_label(key), key=spoken(typed[0])))
    if (key.where == ROWS or key.id == "dialog.close") and typed == keys:
        wrong = _(
            "{name}: {key} is typed where there is text: give it a key that is not a letter as well"
        )
        raise ShmtuiError(wrong.format(name=_label(key), key=spoken(typed[0])))
    answers = sorted(_ANSWERS & {*keys})
    if key.where in {ROWS, DIALOG} and answers:
        wrong = _("{name}: {key} is an answer in the dialog of a repair: give it another key")
        raise ShmtuiError(wrong.format(name=_label(key), key=answers[0]))


def _require_one_each(place: Iterable[Key], chosen: Mapping[str, tuple[str, ...]]) -> None:
    """ShmtuiError: two of these keys are the same, by what was chosen, and usually are not."""
    users: dict[str, list[Key]] = {}
    for key in place:
        for each in key.keys.split(","):
            users.setdefault(each, []).append(key)
    for each, keys in users.items():
        mine = next((key for key in keys if key.id in chosen), None)
        if mine is None:
            continue
        usual = each in _usual(mine)
        others = [k for k in keys if k is not mine and not (usual and each in _usual(k))]
        if others:
            # One that is always there is known to everybody.
            other = min(
                others, key=lambda key: key.needs in {REPLAY, PAIR, STEPS, ALONE, IN_LESSON}
            )
            wrong = _("{name}: {key} is the key of {other} already: give one of them another")
            its = other.name if other.where == mine.where else _label(other)
            raise ShmtuiError(wrong.format(name=_label(mine), key=spoken(each), other=its))


def _usual(key: Key) -> list[str]:
    """Its keys in the table."""
    return next(each for each in (*KEYS, *OTHER_KEYS) if each.id == key.id).keys.split(",")


def spoken(key: str) -> str:
    """A key as people write it.

    >>> spoken("number_sign"), spoken("escape"), spoken("ctrl+k"), spoken("tab"), spoken("space")
    ('#', 'esc', 'ctrl+k', 'tab', 'space')
    """
    # Unicode has a control character by the names of some of them, such as tab and delete.
    if key in SPOKEN or key in _NAMED:
        return SPOKEN.get(key, key)
    back = {short: long for long, short in _SHORTER.items()}.get(key, key)
    for name in (back, back.replace("_", " "), back.replace("_", "-")):
        try:
            return unicodedata.lookup(name.upper())
        except KeyError:
            continue
    return key
