"""What room a lesson takes of the main screen: beside the panels, over them, or above a dialog."""

from typing import TYPE_CHECKING, Any

from shmtui.tui import panel_layout

if TYPE_CHECKING:
    from textual.geometry import Size
    from textual.screen import Screen

    from shmtui.tui.lesson_progress import LessonProgress
    from shmtui.tui.widgets.lesson import LessonPanel


class LessonPlace:
    """The place of a lesson on ``screen``; without a panel there is no lesson, and it takes no room."""

    def __init__(
        self,
        screen: "Screen[Any]",
        panel: "LessonPanel | None" = None,
        progress: "LessonProgress | None" = None,
    ) -> None:
        self._screen, self._panel, self._progress = screen, panel, progress
        self.open = panel is not None
        self.small = False
        """Whether the lesson, where it would cover all panels, shows what to press alone: something was done."""
        self._first: int | None = None
        """Its first line in view before a dialog opened; None: none is open."""

    def press(self, key: str) -> bool:
        """Tick off what was done by a key, and leave room for what that does; False: it is nothing of the
        lesson's.
        """
        if self._panel is None or self._progress is None or not self._progress.press(key):
            return False
        self.small = True
        self._panel.draw()
        return True

    def toggle(self) -> bool:
        """Show its text, or hide it; False where there is no lesson."""
        if self._panel is None:
            return False
        self.open, self.small = not self.open, False
        return True

    @property
    def covers(self) -> bool:
        """Whether it lies over all panels."""
        return self._has_no_side and not self.small

    def columns_beside(self, maximised: str | None) -> int:
        """Columns that it takes beside the panels; none beside one that is maximised."""
        return (
            panel_layout.lesson_width(self._screen_size.width)
            if self.open and maximised is None
            else 0
        )

    def rows_above(self) -> int:
        """Rows of it above the panels: while a dialog is open, or once something was done."""
        return self._rows if self._has_no_side and (self.small or self._dialog_open) else 0

    def margin(self, maximised: str | None) -> tuple[int, int]:
        """Rows above and columns on the right that a dialog leaves to it."""
        return (1 + self._rows, 0) if self._has_no_side else (0, self.columns_beside(maximised))

    def show_pressing(self, pressing: bool) -> None:
        """Have it show what to press; and later again what it showed before."""
        if self._panel is None:
            return
        if pressing:
            if self._first is None:
                self._first = self._panel.first
            # At each frame: before it has its new size it takes another line for its last one.
            self._panel.first = self._panel.pressing(self._screen_size.width)[0]
        elif self._first is not None:
            self._panel.first, self._first = self._first, None

    @property
    def _screen_size(self) -> "Size":
        return self._screen.app.size

    @property
    def _has_no_side(self) -> bool:
        """Whether it is open, and there is no room for it beside the panels."""
        return self.open and not panel_layout.lesson_width(self._screen_size.width)

    @property
    def _dialog_open(self) -> bool:
        """Whether a dialog is open that leaves the lesson its place."""
        return getattr(self._screen.app.screen_stack[-1], "leaves_lesson", False)

    @property
    def _rows(self) -> int:
        """Rows that it keeps above a dialog, where there is no room beside: for what to press."""
        if self._panel is None:
            return 0
        return min(
            self._panel.pressing(self._screen_size.width)[1] + 2, self._screen_size.height // 3
        )
