"""A System V set of semaphores in full, as ``stat`` prints it, for as long as it is open."""

import asyncio
from typing import Final

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.monitor.semaphore_set import look_at_set
from shmtui.report.semaphore_set_text import set_lines
from shmtui.tui.screens.text_screens import DetailScreen
from shmtui.tui.spans import Line, line, wrapped
from shmtui.tui.view_model import ViewModel

LOOK_SECONDS: Final = 1.0
"""How often it is read."""


class SemaphoreSetScreen(DetailScreen):
    """Values, who waits for which by how much, who used each last."""

    def __init__(self, number: int, view: ViewModel) -> None:
        super().__init__(_("System V semaphores"), self._lines, view)
        self._number = number
        self._view = view
        self._said: tuple[str, ...] = (_("looking") + view.glyphs.ellipsis,)

    def on_mount(self) -> None:
        """Look in a thread: it asks all processes."""
        self._look()
        self.set_interval(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        self.run_worker(self._draw(), exclusive=True, group="set")

    async def _draw(self) -> None:
        try:
            found = await asyncio.to_thread(look_at_set, self._number)
            self._said = tuple(set_lines(found))
        except ShmtuiError as error:
            self._said = (str(error),)
        self.show_anew()

    def _lines(self, width: int) -> list[Line]:
        rows: list[Line] = []
        for at, text in enumerate(self._said):
            body = self._view.glyphs.inert(text.lstrip())
            indent = "  " if at else ""
            style = "text" if at else "strong"
            rows += [
                line(indent + ("  " if part else ""), *words)
                for part, words in enumerate(wrapped(body, width - 4, style))
            ]
        return rows
