"""The line of a replay, above the keys; a click in its bar goes there."""

from dataclasses import dataclass

from textual import events
from textual.message import Message

from shmtui.tui.draw.time_bar import time_bar
from shmtui.tui.widgets.panel import Content, Panel


class TimeBar(Panel):
    """One line: speed, position, findings, time."""

    framed = False
    _start, _cells = 0, 0

    @dataclass
    class Chosen(Message):
        """A part of the recording was clicked, from 0 to 1."""

        part: float

    def _depends_on(self) -> object:
        return self.view.replay, self.view.snapshot.time, self.view.glyphs.ascii_only

    def _content(self, width: int, _height: int) -> Content:
        view = self.view
        if view.replay is None:
            return Content([])
        bar = time_bar(view.replay, view.snapshot.time, width, view.glyphs)
        self._start, self._cells = bar.start, bar.cells
        return Content([bar.line])

    def on_click(self, event: events.Click) -> None:
        event.stop()
        at = event.x - self._start
        if 0 <= at < self._cells:
            self.post_message(self.Chosen(at / max(1, self._cells - 1)))
