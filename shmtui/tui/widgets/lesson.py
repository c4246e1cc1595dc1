"""The lesson beside the panels, or over them where there is no room beside."""

from functools import partial

from shmtui.i18n import N_, _
from shmtui.lessons.lesson import Lesson, Press
from shmtui.lessons.lesson_texts import lesson_beside
from shmtui.tui.lesson_progress import LessonProgress, as_bound
from shmtui.tui.panel_layout import LESSON
from shmtui.tui.spans import Line, line, wrap, wrapped
from shmtui.tui.view_model import ViewModel
from shmtui.tui.widgets.moving_panels import TextPanel

PRESS = N_("What to press")
_KEYS = 11
"""Cells of the columns of ticks and keys."""


class LessonPanel(TextPanel):
    """Its text, which scrolls."""

    def __init__(self, lesson: Lesson, progress: LessonProgress, view: ViewModel) -> None:
        text = partial(lesson_lines, lesson, progress, view)
        super().__init__(N_("Lesson"), text, "", view)
        self._lesson, self._progress = lesson, progress
        self.id = LESSON
        self.number = view.key("toggle_lesson")

    def _depends_on(self) -> object:
        return super()._depends_on(), frozenset(self._progress.done)

    def pressing(self, width: int) -> tuple[int, int]:
        """What to press, in a panel so wide: the first line to show, its heading or what was done last, and
        how many lines all of it is.
        """
        rows = self.text(max(0, width - 4))
        first = next(at for at, row in enumerate(rows) if row == line((_(PRESS), "title")))
        count = next(at for at, row in enumerate(rows[first:]) if not row)
        last = self._progress.next - 1
        if last < 1:
            return first, count
        before = (_press(p, False, width - 4, self.view) for p in self._lesson.press[:last])
        return first + 1 + sum(map(len, before)), count

    def _footer(self, *, scrolls: bool) -> str:
        text = _("{key} hides it, arrows scroll") if scrolls else _("{key} hides it")
        return text.format(key=self.view.key("toggle_lesson"))


def lesson_lines(
    lesson: Lesson, progress: LessonProgress, view: ViewModel, width: int
) -> list[Line]:
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
        *(
            row
            for at, press in enumerate(lesson.press)
            for row in _press(press, at in progress.done, width, view)
        ),
        *_following(lesson, view, width),
        *heading(_("What it is called")),
        *text(lesson.theory),
    ]


def _following(lesson: Lesson, view: ViewModel, width: int) -> list[Line]:
    """What leads to its mistake held at its step, and to the next lesson, where there are such."""
    rows: list[Line] = []
    after = lesson_beside(lesson, 1)
    if lesson.held is not None:
        rows += _row(
            view.key("lesson_held"),
            _("the mistake, held at its very step; back again"),
            width,
            view,
        )
    if after is not None:
        text = _("the next lesson: {title}").format(title=_(after.title))
        rows += _row(view.key("lesson_next"), text, width, view)
    return rows


def _press(press: Press, done: bool, width: int, view: ViewModel) -> list[Line]:
    keys = " ".join(as_bound(key, view, press.answers) for key in press.keys)
    return _row(keys, view.naming(_(press.text)), width, view, done=done)


def _row(keys: str, text: str, width: int, view: ViewModel, *, done: bool = False) -> list[Line]:
    """The keys with their effect beside them, or below them where the keys are many; ticked off once done."""
    texts = wrap(view.glyphs.inert(text), max(1, width - _KEYS))
    tick = line((f"{view.glyphs.yes if done else ' '} ", "good"))
    heads = [keys, *[""] * len(texts)]
    if len(keys) >= _KEYS - 2:
        texts = ["", *texts]
    return [
        line(
            *(tick if not at else line("  ")),
            (head.ljust(_KEYS - 2) if text else head, "key"),
            (text, "muted" if done else "text"),
        )
        for at, (head, text) in enumerate(zip(heads, texts, strict=False))
    ]
