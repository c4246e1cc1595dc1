"""The lesson beside the panels, or over them where there is no room beside."""

from functools import partial

from shmtui.i18n import N_, _
from shmtui.lessons.lesson import Lesson, Press
from shmtui.tui.keys import KEYS, PAIR, REPLAY, SPOKEN
from shmtui.tui.other_keys import DIALOG_KEYS, OTHER_KEYS
from shmtui.tui.panel_layout import LESSON
from shmtui.tui.spans import Line, line, wrap, wrapped
from shmtui.tui.view_model import ViewModel
from shmtui.tui.widgets.moving_panels import TextPanel

PRESS = N_("What to press")
_KEYS = 9
"""Cells of the column of keys."""


class LessonPanel(TextPanel):
    """Its text, which scrolls."""

    def __init__(self, lesson: Lesson, view: ViewModel) -> None:
        super().__init__(N_("Lesson"), partial(lesson_lines, lesson, view), "", view)
        self.id = LESSON
        self.number = view.key("toggle_lesson")

    def pressing(self, width: int) -> tuple[int, int]:
        """What to press, in a panel so wide: its first line, its heading, and how many lines it is."""
        rows = self.text(max(0, width - 4))
        first = next(at for at, row in enumerate(rows) if row == line((_(PRESS), "title")))
        return first, next(at for at, row in enumerate(rows[first:]) if not row)

    def _footer(self, *, scrolls: bool) -> str:
        text = _("{key} hides it, arrows scroll") if scrolls else _("{key} hides it")
        return text.format(key=self.view.key("toggle_lesson"))


def lesson_lines(lesson: Lesson, view: ViewModel, width: int) -> list[Line]:
    """What is to be seen, why, what to press, and the term for it; keys as they are bound."""
    glyphs = view.glyphs

    def text(words: str) -> list[Line]:
        return wrapped(glyphs.inert(_(words)), width)

    def heading(title: str) -> list[Line]:
        return [(), line((title, "title"))]

    return [
        *wrapped(glyphs.inert(_(lesson.title)), width, "strong"),
        *heading(_("What you see")),
        *text(lesson.see),
        *heading(_("Why")),
        *text(lesson.why),
        *heading(_(PRESS)),
        *(row for press in lesson.press for row in _press(press, width, view)),
        *heading(_("What it is called")),
        *text(lesson.theory),
    ]


def as_bound(key: str, view: ViewModel, answers: bool = False) -> str:
    """What to press where a usual key is another one now; ``answers``: in a dialog.

    >>> as_bound("r", ViewModel()), as_bound("escape", ViewModel()), as_bound("-", ViewModel())
    ('r', 'esc', '-')
    """
    name = next((name for name, written in SPOKEN.items() if written == key), key)
    tables = DIALOG_KEYS if answers else (*KEYS, *OTHER_KEYS)
    usual = (each for each in tables if each.needs not in {REPLAY, PAIR})
    found = next((each for each in usual if name in each.keys.split(",")), None)
    if found is None or view.bound(found.id).keys == found.keys:
        return SPOKEN.get(key, key)
    return view.key(found.id)


def _press(press: Press, width: int, view: ViewModel) -> list[Line]:
    """The keys with their effect beside them, or below them where the keys are many."""
    keys = " ".join(as_bound(key, view, press.answers) for key in press.keys)
    texts = wrap(view.glyphs.inert(view.naming(_(press.text))), max(1, width - _KEYS))
    heads = [keys, *[""] * len(texts)]
    if len(keys) >= _KEYS:
        texts = ["", *texts]
    return [
        line((head.ljust(_KEYS) if text else head, "key"), text)
        for head, text in zip(heads, texts, strict=False)
    ]
