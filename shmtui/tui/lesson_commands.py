"""The keys of a lesson: those that its text says are ticked off, and those that leave it for another."""

from typing import TYPE_CHECKING, Final

from shmtui.i18n import _
from shmtui.lessons.lesson import Leave, Lesson
from shmtui.lessons.lesson_texts import lesson_beside
from shmtui.tui.key_availability import why_off

if TYPE_CHECKING:
    from shmtui.tui.app import DashboardApp

_BY: Final = {"next": 1, "before": -1}


def note_key(app: "DashboardApp", key: str) -> None:
    """A key is pressed: tick it off, unless it is off here."""
    view = app.dashboard.view
    keys = view.keys if len(app.screen_stack) == 1 else ()
    pressed = [each for each in keys if key in each.keys.split(",")]
    if not pressed or None in [why_off(each.action, view) for each in pressed]:
        app.main.note_pressed(key)


def leave_for(app: "DashboardApp", lesson: Lesson, name: str) -> None:
    """Leave for the next lesson, the one before, or the same one held step by step."""
    by = _BY.get(name)
    if by is not None and lesson_beside(lesson, by) is None:
        app.tell(_("this is the last lesson") if by > 0 else _("this is the first lesson"))
    elif by is None and lesson.held is None:
        app.tell(_("this lesson has one form only"))
    else:
        app.leave(Leave[name.upper()])
