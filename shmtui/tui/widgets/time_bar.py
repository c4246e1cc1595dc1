"""The line of a replay, above the keys; a click in its bar goes there."""

from dataclasses import dataclass

from textual import events
from textual.message import Message

from shmtui.tui.draw.time_bar import pair_bars, time_bar
from shmtui.tui.widgets.panel import Content, Panel


class TimeBar(Panel):
    """One line: speed, position, findings, time. Of two recordings one line each."""

    framed = False
    _start, _cells = 0, 0

    @dataclass
    class Chosen(Message):
        """A part of the recording was clicked, from 0 to 1."""

        part: float

    def _depends_on(self) -> object:
        view = self.view
        return view.replay, view.comparison, view.snapshot.time, view.glyphs.ascii_only

    def _content(self, width: int, _height: int) -> Content:
        view = self.view
        if view.replay is None:
            return Content([])
        if view.comparison is None:
            bars = [time_bar(view.replay, view.snapshot.time, width, view.glyphs)]
        else:
            bars = [*pair_bars(view.comparison, width, view.glyphs)]
        self._start, self._cells = bars[-1].start, bars[-1].cells
        return Content([bar.line for bar in bars])

    def on_click(self, event: events.Click) -> None:
        event.stop()
        at = event.x - self._start
        if 0 <= at < self._cells:
            self.post_message(self.Chosen(at / max(1, self._cells - 1)))
