"""The lesson beside the panels, or over them where there is no room beside."""

from shmtui.i18n import N_, _
from shmtui.lessons.lesson import Lesson
from shmtui.tui.draw.lesson import lesson_lines
from shmtui.tui.spans import Line
from shmtui.tui.view_model import ViewModel
from shmtui.tui.widgets.text_panel import TextPanel


class LessonPanel(TextPanel):
    """Its text, which scrolls."""

    number = "n"

    def __init__(self, lesson: Lesson, view: ViewModel) -> None:
        super().__init__(N_("Lesson"), [], "", view)
        self._lesson = lesson

    def lines(self, width: int, height: int) -> list[Line]:
        """The lines in view."""
        self._text = lesson_lines(self._lesson, width, self.view.glyphs)
        return super().lines(width, height)

    def footer(self, width: int, height: int) -> str:
        """How to hide it, and whether it scrolls."""
        del width
        more = len(self._text) > height
        return _("n hides it, arrows scroll") if more else _("n hides it")
