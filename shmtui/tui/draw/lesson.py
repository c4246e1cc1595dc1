"""A lesson's text, as lines for a width. Pure."""

from shmtui.i18n import _
from shmtui.lessons.lesson import Lesson, Press
from shmtui.sanitize import inert
from shmtui.tui.cell_text import wrap
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.spans import Line, line

_SHOWN = {"escape": "esc", "plus": "+", "minus": "-"}
_KEYS = 9
"""Cells of the column of keys."""


def lesson_lines(lesson: Lesson, width: int, glyphs: Glyphs) -> list[Line]:
    """What is to be seen, why, what to press, and the term for it."""
    rows: list[Line] = [line((text, "strong")) for text in _wrapped(lesson.title, width, glyphs)]
    rows += _part(_("What you see"), lesson.see, width, glyphs)
    rows += _part(_("Why"), lesson.why, width, glyphs)
    rows += [(), line((_("What to press"), "title"))]
    for press in lesson.press:
        rows += _press(press, width, glyphs)
    rows += _part(_("What it is called"), lesson.theory, width, glyphs)
    return rows


def _part(title: str, text: str, width: int, glyphs: Glyphs) -> list[Line]:
    return [(), line((title, "title")), *(line(row) for row in _wrapped(text, width, glyphs))]


def _press(press: Press, width: int, glyphs: Glyphs) -> list[Line]:
    """The keys with their effect beside them, or below them where the keys are many."""
    keys = " ".join(_SHOWN.get(key, key) for key in press.keys)
    texts = _wrapped(press.text, max(1, width - _KEYS), glyphs)
    if len(keys) >= _KEYS:
        return [line((keys, "key")), *(line(" " * _KEYS, text) for text in texts)]
    heads = [keys.ljust(_KEYS), *[" " * _KEYS] * (len(texts) - 1)]
    return [line((head, "key"), text) for head, text in zip(heads, texts, strict=True)]


def _wrapped(text: str, width: int, glyphs: Glyphs) -> list[str]:
    return wrap(inert(_(text), glyphs.ascii_only), width)
