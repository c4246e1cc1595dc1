"""The screen that the panels stand on, and the short way from a changed row to the terminal."""

from collections.abc import Iterator
from contextlib import contextmanager

from textual.geometry import Region
from textual.screen import Screen
from textual.widget import Widget


class Ground(Screen[None]):
    """Nothing is drawn beneath the panels, and Textual need not look for it."""

    BLANK = True

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._stale: set[Widget] | None = None

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Whatever the panels change in the block is painted at its end.

        Textual sends each changed widget a message, has each tell the screen once it is idle, and
        waits for a timer: five more turns of the event loop a frame, which cost as much as looking
        and drawing. Beneath a dialogue, or while many changes are held back, it is left to that.
        """
        if self._stale is not None or not self.is_active or self.app._batch_count:
            yield
            return
        self._stale = set()
        try:
            yield
        finally:
            stale, self._stale = self._stale, None
        if stale:
            # With those that came by messages meanwhile: painting takes them for done.
            self._compositor.update_widgets(stale | self._dirty_widgets)
            self._compositor_refresh()

    def repaint(self, widget: Widget, regions: list[Region]) -> None:
        """Have regions of a widget painted: at the end of the block, or when Textual comes to it."""
        if self._stale is None:
            widget.refresh(*regions)
        else:
            widget._set_dirty(*regions)
            self._stale.add(widget)
