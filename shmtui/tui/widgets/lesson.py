"""The lesson beside the panels, or over them where there is no room beside."""

from functools import partial

from shmtui.i18n import N_, _
from shmtui.lessons.lesson import Lesson, Press
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.keys import SPOKEN
from shmtui.tui.panel_layout import LESSON
from shmtui.tui.spans import Line, line, wrap, wrapped
from shmtui.tui.view_model import ViewModel
from shmtui.tui.widgets.moving_panels import TextPanel

PRESS = N_("What to press")
_KEYS = 9
"""Cells of the column of keys."""


class LessonPanel(TextPanel):
    """Its text, which scrolls."""

    number = "n"

    def __init__(self, lesson: Lesson, view: ViewModel) -> None:
        text = partial(lesson_lines, lesson, glyphs=view.glyphs)
        super().__init__(N_("Lesson"), text, "", view)
        self.id = LESSON

    def pressing(self, width: int) -> tuple[int, int]:
        """What to press, in a panel so wide: its first line, its heading, and how many lines it is."""
        rows = self.text(max(0, width - 4))
        first = next(at for at, row in enumerate(rows) if row == line((_(PRESS), "title")))
        return first, next(at for at, row in enumerate(rows[first:]) if not row)

    def _footer(self, *, scrolls: bool) -> str:
        return _("n hides it, arrows scroll") if scrolls else _("n hides it")


def lesson_lines(lesson: Lesson, width: int, glyphs: Glyphs) -> list[Line]:
    """What is to be seen, why, what to press, and the term for it."""

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
        *(row for press in lesson.press for row in _press(press, width, glyphs)),
        *heading(_("What it is called")),
        *text(lesson.theory),
    ]


def _press(press: Press, width: int, glyphs: Glyphs) -> list[Line]:
    """The keys with their effect beside them, or below them where the keys are many."""
    keys = " ".join(SPOKEN.get(key, key) for key in press.keys)
    texts = wrap(glyphs.inert(_(press.text)), max(1, width - _KEYS))
    heads = [keys, *[""] * len(texts)]
    if len(keys) >= _KEYS:
        texts = ["", *texts]
    return [
        line((head.ljust(_KEYS) if text else head, "key"), text)
        for head, text in zip(heads, texts, strict=False)
    ]
