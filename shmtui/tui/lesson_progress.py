"""What has been done of a lesson: the keys that its text says are told from those that were pressed. Pure."""

from typing import TYPE_CHECKING

from shmtui.tui.key import PAIR, REPLAY, SPOKEN
from shmtui.tui.keys import KEYS
from shmtui.tui.other_keys import DIALOG_KEYS, OTHER_KEYS

if TYPE_CHECKING:
    from shmtui.lessons.lesson import Lesson
    from shmtui.tui.view_model import ViewModel


class LessonProgress:
    """Ticks off what to press, in any order; an answer only after what it answers.

    >>> from shmtui.lessons.lesson_texts import BY_NAME
    >>> from shmtui.tui.view_model import ViewModel
    >>> progress = LessonProgress(BY_NAME["killed"], ViewModel())
    >>> [progress.press(key) for key in ("y", "5", "down", "enter", "r", "y")]
    [False, False, False, True, True, True]
    >>> sorted(progress.done), progress.next
    ([0, 1, 2], 3)
    """

    def __init__(self, lesson: "Lesson", view: "ViewModel") -> None:
        self._presses = lesson.press
        self._view = view
        self._reached = [0] * len(lesson.press)
        """How many of its keys have been pressed, of each."""
        self.done: set[int] = set()
        """The numbers of those that are ticked off."""

    @property
    def next(self) -> int:
        """The first one that is not; their count where all are."""
        return next(
            (at for at in range(len(self._presses)) if at not in self.done), len(self._presses)
        )

    def press(self, key: str) -> bool:
        """A key was pressed, by the name that Textual has for it; whether that ticks something off."""
        pressed = SPOKEN.get(key, key)
        for at, press in enumerate(self._presses):
            if at in self.done or (press.answers and at - 1 not in self.done):
                continue
            wanted = as_bound(press.keys[self._reached[at]], self._view, press.answers)
            if pressed == SPOKEN.get(wanted, wanted):
                self._reached[at] += 1
                if self._reached[at] == len(press.keys):
                    self.done.add(at)
                    return True
                return False
        return False


def as_bound(key: str, view: "ViewModel", answers: bool = False) -> str:
    """What to press where a usual key is another one now; ``answers``: in a dialog.

    >>> from shmtui.tui.view_model import ViewModel
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
